import type { ErrorCode } from '../../errors/catalogue.ts'
import { BODY_LIMITS } from '../json/read-json.ts'
import { type FieldSpec, type MessageSpec, messageOf } from './field-table.ts'
import { isSpecial, specialJson, zeroSpecial } from './special-types.ts'
import { ProtobufFault, WIRE_BYTES, WIRE_FIXED64, WIRE_VARINT, WireReader } from './wire.ts'

export interface DecodedProtobuf {
  readonly refused: false
  /** What Go's JSON encoder would write for the same object (no more escapes than JSON needs). */
  readonly json: Buffer
  /** As the envelope says; either may be empty, the request then decides. */
  readonly apiVersion: string
  readonly kind: string
}

export interface RefusedProtobuf {
  readonly refused: true
  readonly code: ErrorCode
  readonly check: string
  readonly detail: string
}

/** What the request's URL expects, for an envelope that leaves its type open (apimachinery fills it in alike). */
export interface ExpectedType {
  readonly apiVersion: string
  readonly kind: string
}

const MAXIMUM_DEPTH = 100
const ENVELOPE_TYPE = 1
const ENVELOPE_RAW = 2
const ENVELOPE_CONTENT_TYPE = 4

/**
 * Decodes a request body of `application/vnd.kubernetes.protobuf` (`k8s\0` and a runtime.Unknown, apimachinery
 * `pkg/runtime/serializer/protobuf`) to JSON. Strict where Go is lenient: unknown fields, wrong wire types and
 * repeated singular fields are refused, so that nothing is dropped or overridden unseen.
 */
export function decodeProtobuf(body: Uint8Array, expected?: ExpectedType): DecodedProtobuf | RefusedProtobuf {
  try {
    return decodeEnvelope(Buffer.from(body.buffer, body.byteOffset, body.byteLength), expected)
  } catch (error) {
    if (!(error instanceof ProtobufFault)) throw error
    const code =
      error.check === 'protobuf-too-large' || error.check === 'protobuf-depth'
        ? 'request-too-large'
        : error.check === 'protobuf-unknown-kind' || error.check === 'protobuf-unknown-field'
          ? 'media-type-unsupported'
          : 'request-ambiguous'
    return { refused: true, code, check: error.check, detail: error.message }
  }
}

function decodeEnvelope(bytes: Buffer, expected: ExpectedType | undefined): DecodedProtobuf {
  if (bytes.length > BODY_LIMITS.maximumBytes)
    throw new ProtobufFault('protobuf-too-large', 'the body is too large')
  if (bytes.length < 4 || bytes.readUInt32BE(0) !== 0x6b_38_73_00) {
    throw new ProtobufFault(
      'protobuf-envelope',
      'the body does not begin with the mark of Kubernetes protobuf',
    )
  }
  const reader = new WireReader(bytes, 4, bytes.length)
  let apiVersion = ''
  let kind = ''
  let rawStart = bytes.length
  let rawEnd = bytes.length
  let seen = 0
  while (!reader.done) {
    const tag = reader.tag()
    const number = tag >>> 3
    if (number > ENVELOPE_CONTENT_TYPE || (tag & 7) !== WIRE_BYTES) {
      throw new ProtobufFault('protobuf-envelope', 'the envelope has a field that it must not have')
    }
    if ((seen & (1 << number)) !== 0)
      throw new ProtobufFault('protobuf-envelope', 'the envelope repeats a field')
    seen |= 1 << number
    if (number === ENVELOPE_TYPE) {
      reader.length()
      const inner = new WireReader(bytes, reader.spanStart, reader.spanEnd)
      const names = ['', '', '']
      for (let had = 0; !inner.done; ) {
        const field = inner.tag()
        const which = field >>> 3
        if ((field & 7) !== WIRE_BYTES || which > 2 || (had & (1 << which)) !== 0) {
          throw new ProtobufFault('protobuf-envelope', 'the envelope names its type in an unknown way')
        }
        had |= 1 << which
        names[which] = inner.string()
      }
      apiVersion = names[1]!
      kind = names[2]!
    } else if (number === ENVELOPE_RAW) {
      reader.length()
      rawStart = reader.spanStart
      rawEnd = reader.spanEnd
    } else {
      const text = reader.string()
      const harmless =
        text === '' || (number === ENVELOPE_CONTENT_TYPE && text === 'application/vnd.kubernetes.protobuf')
      if (!harmless)
        throw new ProtobufFault(
          'protobuf-envelope',
          `the envelope says that its content is encoded otherwise`,
        )
    }
  }
  if ((seen & (1 << ENVELOPE_RAW)) === 0)
    throw new ProtobufFault('protobuf-envelope', 'the envelope is empty')
  const typeVersion = apiVersion === '' ? (expected?.apiVersion ?? '') : apiVersion
  const typeKind = kind === '' ? (expected?.kind ?? '') : kind
  const spec = messageOf(typeVersion, typeKind)
  if (spec === undefined || spec.form !== 'struct') {
    throw new ProtobufFault(
      'protobuf-unknown-kind',
      `${typeVersion} ${typeKind} is no built-in kind; send it as JSON`,
    )
  }
  const output = new Output()
  let head = ''
  if (kind !== '') head += `"kind":${JSON.stringify(kind)}`
  if (apiVersion !== '') head += `${head === '' ? '' : ','}"apiVersion":${JSON.stringify(apiVersion)}`
  output.spend(head.length)
  const members = messageMembers(spec, new WireReader(bytes, rawStart, rawEnd), 0, output)
  const json = Buffer.from(`{${head}${head !== '' && members !== '' ? ',' : ''}${members}}`)
  return { refused: false, json, apiVersion, kind }
}

/** Counts what has been written: two bytes of protobuf can stand for a hundred of JSON. */
class Output {
  #left = BODY_LIMITS.maximumBytes
  spend(length: number): void {
    this.#left -= length
    if (this.#left < 0) throw new ProtobufFault('protobuf-too-large', 'the body is too large as JSON')
  }
}

/** The members of a message as JSON text without its braces, so that an inlined message can stand in its parent. */
function messageMembers(spec: MessageSpec, reader: WireReader, depth: number, output: Output): string {
  if (depth > MAXIMUM_DEPTH) throw new ProtobufFault('protobuf-depth', 'the body is nested too deeply')
  const values = new Array<string | string[] | undefined>(spec.fields.length)
  while (!reader.done) {
    const tag = reader.tag()
    const position = spec.positions[tag >>> 3] ?? -1
    if (position < 0) {
      throw new ProtobufFault(
        'protobuf-unknown-field',
        `${spec.name} has no field ${tag >>> 3} that this version knows; send it as JSON`,
      )
    }
    const field = spec.fields[position]!
    if (field.map) {
      expectWire(spec, field, tag & 7, WIRE_BYTES)
      reader.length()
      values[position] = mapEntry(field, reader, values[position] as string[] | undefined, depth, output)
    } else if (field.repeated) {
      let list = values[position] as string[] | undefined
      if (list === undefined) {
        list = []
        values[position] = list
      }
      if ((tag & 7) === WIRE_BYTES && isPackable(field)) {
        reader.length()
        const packed = new WireReader(reader.bytes, reader.spanStart, reader.spanEnd)
        while (!packed.done) list.push(scalarJson(field, packed, output))
      } else {
        expectWire(spec, field, tag & 7, wireOf(field))
        list.push(fieldJson(field, reader, depth, output))
      }
    } else {
      expectWire(spec, field, tag & 7, wireOf(field))
      if (values[position] !== undefined) {
        throw new ProtobufFault('protobuf-duplicate-field', `${spec.name} has field ${field.number} twice`)
      }
      values[position] = fieldJson(field, reader, depth, output)
    }
  }
  return joinMembers(spec, values, output)
}

function joinMembers(
  spec: MessageSpec,
  values: readonly (string | string[] | undefined)[],
  output: Output,
): string {
  let text = ''
  for (let i = 0; i < spec.fields.length; i++) {
    const field = spec.fields[i]!
    const member = memberJson(field, values[i])
    if (member === undefined || member === '') continue
    output.spend(field.label.length + 1)
    if (values[i] === undefined) output.spend(member.length)
    text += `${text === '' ? '' : ','}${field.name === '' ? member : field.label + member}`
  }
  return text
}

/** The value's JSON text, or undefined when Go would leave the member out. */
function memberJson(field: FieldSpec, value: string | string[] | undefined): string | undefined {
  if (field.map) {
    if (value === undefined) return field.omitempty ? undefined : 'null'
    return `{${sortedEntries(value as string[])}}`
  }
  if (field.repeated) {
    if (value === undefined || value.length === 0) return field.omitempty ? undefined : 'null'
    return `[${(value as string[]).join(',')}]`
  }
  if (value === undefined) {
    if (field.pointer) return field.omitempty ? undefined : 'null'
    const zero = zeroJson(field)
    if (field.omitempty && isEmptyScalar(field, zero)) return undefined
    return field.omitzero ? undefined : zero
  }
  if (field.pointer) return value as string
  if (field.omitempty && isEmptyScalar(field, value as string)) return undefined
  if (field.omitzero && value === zeroJson(field)) return undefined
  return value as string
}

/** Go's `omitempty`: false, 0, "" and empty slices; never structs. */
function isEmptyScalar(field: FieldSpec, json: string): boolean {
  if (field.message !== null) return field.message.form === 'list' && (json === '[]' || json === 'null')
  return json === '0' || json === '""' || json === 'false' || json === 'null'
}

const zeroes = new Map<MessageSpec, string>()

/** What Go writes for a field that the wire did not hold. */
function zeroJson(field: FieldSpec): string {
  if (field.scalar !== null) {
    return field.scalar === 'string'
      ? '""'
      : field.scalar === 'bool'
        ? 'false'
        : field.scalar === 'bytes'
          ? 'null'
          : '0'
  }
  const spec = field.message!
  let zero = zeroes.get(spec)
  if (zero === undefined) {
    if (spec.form === 'list') zero = 'null'
    else if (isSpecial(spec)) zero = zeroSpecial(spec)
    else zero = joinMembers(spec, [], new Output())
    zeroes.set(spec, zero)
  }
  return spec.form === 'struct' && field.name !== '' ? `{${zero}}` : zero
}

function wireOf(field: FieldSpec): number {
  if (field.message !== null || field.scalar === 'string' || field.scalar === 'bytes') return WIRE_BYTES
  return field.scalar === 'double' ? WIRE_FIXED64 : WIRE_VARINT
}

function isPackable(field: FieldSpec): boolean {
  return field.message === null && field.scalar !== 'string' && field.scalar !== 'bytes'
}

function expectWire(spec: MessageSpec, field: FieldSpec, wire: number, expected: number): void {
  if (wire !== expected) {
    throw new ProtobufFault(
      'protobuf-wire-type',
      `field ${field.number} of ${spec.name} is written in the wrong way`,
    )
  }
}

function fieldJson(field: FieldSpec, reader: WireReader, depth: number, output: Output): string {
  if (field.message === null) return scalarJson(field, reader, output)
  reader.length()
  const members = valueJson(
    field.message,
    new WireReader(reader.bytes, reader.spanStart, reader.spanEnd),
    depth,
    output,
  )
  return field.message.form === 'struct' && field.name !== '' ? `{${members}}` : members
}

/** A message's JSON; of a struct the members only. */
function valueJson(spec: MessageSpec, reader: WireReader, depth: number, output: Output): string {
  if (spec.form === 'struct') return messageMembers(spec, reader, depth + 1, output)
  if (spec.form === 'list') {
    const members = messageMembers(spec, reader, depth + 1, output)
    return members === '' || members === '"items":null' ? '[]' : members.slice(spec.fields[0]!.label.length)
  }
  const json = specialJson(spec, reader, (schema, start, end) => {
    return `{${messageMembers(schema, new WireReader(reader.bytes, start, end), depth + 1, output)}}`
  })
  output.spend(json.length)
  return json
}

function scalarJson(field: FieldSpec, reader: WireReader, output: Output): string {
  const json = scalarText(field, reader)
  output.spend(json.length)
  return json
}

function scalarText(field: FieldSpec, reader: WireReader): string {
  switch (field.scalar) {
    case 'string':
      return JSON.stringify(reader.string())
    case 'bytes':
      reader.length()
      return `"${reader.bytes.toString('base64', reader.spanStart, reader.spanEnd)}"`
    case 'bool':
      return reader.bool()
    case 'int32':
      return reader.int32()
    case 'int64':
      return reader.int64()
    default:
      return reader.double()
  }
}

/** Adds one map entry, as name and value one after the other. */
function mapEntry(
  field: FieldSpec,
  reader: WireReader,
  entries: string[] | undefined,
  depth: number,
  output: Output,
): string[] {
  const entry = new WireReader(reader.bytes, reader.spanStart, reader.spanEnd)
  let key: string | undefined
  let value: string | undefined
  while (!entry.done) {
    const tag = entry.tag()
    if (tag === 0x0a && key === undefined) {
      key = entry.string()
    } else if (tag >>> 3 === 2 && value === undefined && (tag & 7) === wireOf(field)) {
      value = fieldJson(field, entry, depth, output)
    } else {
      throw new ProtobufFault('protobuf-syntax', `an entry of ${field.name} is written in the wrong way`)
    }
  }
  const list = entries ?? []
  const name = key ?? ''
  output.spend(name.length + 4)
  list.push(name, value ?? absentMapValue(field))
  return list
}

/** Go begins a map value as an empty slice, where a field begins as nil. */
function absentMapValue(field: FieldSpec): string {
  if (field.scalar === 'bytes') return '""'
  return field.message?.form === 'list' ? '[]' : zeroJson(field)
}

/** Go sorts map keys by their UTF-8 bytes. */
function sortedEntries(flat: readonly string[]): string {
  const entries: { key: Buffer; json: string }[] = []
  for (let i = 0; i < flat.length; i += 2) {
    entries.push({ key: Buffer.from(flat[i]!), json: `${JSON.stringify(flat[i])}:${flat[i + 1]}` })
  }
  entries.sort((a, b) => Buffer.compare(a.key, b.key))
  for (let i = 1; i < entries.length; i++) {
    if (entries[i]!.key.equals(entries[i - 1]!.key)) {
      throw new ProtobufFault('protobuf-duplicate-field', 'a map holds one key twice')
    }
  }
  return entries.map(e => e.json).join(',')
}
