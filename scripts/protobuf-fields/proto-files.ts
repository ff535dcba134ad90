/** The part of proto2 that go-to-protobuf writes: flat messages of optional, required, repeated and map fields. */
export interface ProtoField {
  readonly label: 'single' | 'repeated' | 'map'
  /** A scalar's name, a message of the same package, or `.full.name`. For maps the type of the values. */
  readonly type: string
  /** Type of the keys; empty unless `label` is `map`. */
  readonly key: string
  readonly name: string
  readonly number: number
}

export interface ProtoFile {
  readonly package: string
  readonly messages: ReadonlyMap<string, readonly ProtoField[]>
}

const FIELD = /^(optional|required|repeated)\s+([\w.]+)\s+(\w+)\s*=\s*(\d+)\s*(?:\[[^\]]*\])?;$/
const MAP_FIELD = /^map<\s*(\w+)\s*,\s*([\w.]+)\s*>\s+(\w+)\s*=\s*(\d+)\s*;$/

/** Reads one generated.proto. Throws on anything that it does not understand. */
export function readProto(text: string): ProtoFile {
  let pkg = ''
  let current: ProtoField[] | null = null
  const messages = new Map<string, ProtoField[]>()
  for (const raw of text.replace(/\/\*[\s\S]*?\*\//g, '').split('\n')) {
    const line = raw.replace(/\/\/.*$/, '').trim()
    if (line === '' || /^(syntax|import|option)\b/.test(line)) continue
    const opened = /^message (\w+) \{$/.exec(line)
    if (opened) {
      current = []
      messages.set(opened[1]!, current)
    } else if (line === '}') {
      current = null
    } else if (line.startsWith('package ')) {
      pkg = line.slice(8, -1).trim()
    } else if (current !== null) {
      current.push(readField(line))
    } else {
      throw new Error(`cannot read: ${line}`)
    }
  }
  return { package: pkg, messages }
}

function readField(line: string): ProtoField {
  const plain = FIELD.exec(line)
  if (plain) {
    const label = plain[1] === 'repeated' ? 'repeated' : 'single'
    return { label, type: plain[2]!, key: '', name: plain[3]!, number: Number(plain[4]) }
  }
  const map = MAP_FIELD.exec(line)
  if (map) return { label: 'map', type: map[2]!, key: map[1]!, name: map[3]!, number: Number(map[4]) }
  throw new Error(`cannot read the field: ${line}`)
}
