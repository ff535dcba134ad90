import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

/** One field of a Go struct, as its tags describe it. */
export interface GoField {
  readonly name: string
  /** Go's own spelling: `*int32`, `[]Container`, `metav1.ObjectMeta`. */
  readonly type: string
  /** Name in JSON; empty for an inlined member, `-` for one that JSON never shows. */
  readonly json: string
  readonly inline: boolean
  readonly omitempty: boolean
  readonly omitzero: boolean
  /** Protobuf field number; 0 when protobuf does not carry the field (TypeMeta travels in the envelope). */
  readonly number: number
}

export interface GoPackage {
  readonly structs: ReadonlyMap<string, readonly GoField[]>
  /** `type X = v1.X` and `type X v1.X`: the same shape, defined in another package. */
  readonly aliases: ReadonlyMap<string, { readonly importPath: string; readonly type: string }>
  /** Structs that embed metav1.TypeMeta: what can stand at the top of a body. */
  readonly kinds: ReadonlySet<string>
  /** Types with a MarshalJSON method. */
  readonly customJson: ReadonlySet<string>
  /** API group of the package (`register.go`); undefined when it has none. */
  readonly group: string | undefined
}

const STRUCT = /^type (\w+) struct ?\{(\})?$/
const ALIAS = /^type (\w+) (?:= )?(\w+)\.(\w+)$/
const IMPORT = /^(?:import )?\s*(?:(\w+) )?"([^"]+)"$/
const FIELD = /^\t(?:(\w+)\s+)?([*\w.[\]]+)\s+`([^`]*)`/
const METHOD = /^func \(\w+ \*?(\w+)\) MarshalJSON\(\)/

/** Reads the struct types of one Go package directory (a line-wise reading: gofmt's layout is the grammar). */
export function readGoPackage(dir: string): GoPackage {
  const structs = new Map<string, GoField[]>()
  const aliases = new Map<string, { importPath: string; type: string }>()
  const kinds = new Set<string>()
  const customJson = new Set<string>()
  let group: string | undefined
  for (const file of readdirSync(dir)) {
    if (
      !file.endsWith('.go') ||
      file.endsWith('_test.go') ||
      file.startsWith('generated.') ||
      file.startsWith('zz_')
    )
      continue
    let current: GoField[] | null = null
    let name = ''
    const imports = new Map<string, string>()
    for (const line of readFileSync(join(dir, file), 'utf8').split('\n')) {
      const opened = STRUCT.exec(line)
      if (opened) {
        name = opened[1]!
        current = opened[2] === undefined ? [] : null
        structs.set(name, current ?? [])
      } else if (line === '}') {
        current = null
      } else if (current !== null) {
        const field = readField(line)
        if (field === undefined) continue
        if (field.name === 'TypeMeta' && field.inline && field.number === 0) kinds.add(name)
        current.push(field)
      } else {
        customJson.add(METHOD.exec(line)?.[1] ?? '')
        group = /^const GroupName = "([^"]*)"/.exec(line)?.[1] ?? group
        const imported = IMPORT.exec(line)
        if (imported)
          imports.set(imported[1] ?? imported[2]!.slice(imported[2]!.lastIndexOf('/') + 1), imported[2]!)
        const alias = ALIAS.exec(line)
        const importPath = imports.get(alias?.[2] ?? '')
        if (alias && importPath !== undefined) aliases.set(alias[1]!, { importPath, type: alias[3]! })
      }
    }
  }
  customJson.delete('')
  return { structs, aliases, kinds, customJson, group }
}

function readField(line: string): GoField | undefined {
  const match = FIELD.exec(line)
  if (!match) return undefined
  const type = match[2]!
  const json = tag(match[3]!, 'json')
  const protobuf = tag(match[3]!, 'protobuf')
  const [jsonName = '', ...options] = json.split(',')
  const embedded = match[1] === undefined
  return {
    name: match[1] ?? type.slice(type.lastIndexOf('.') + 1).replace('*', ''),
    type,
    json: jsonName,
    inline: embedded && jsonName === '',
    omitempty: options.includes('omitempty'),
    omitzero: options.includes('omitzero'),
    number: Number(protobuf.split(',')[1] ?? 0),
  }
}

function tag(tags: string, key: string): string {
  return new RegExp(`(?:^|\\s)${key}:"([^"]*)"`).exec(tags)?.[1] ?? ''
}
