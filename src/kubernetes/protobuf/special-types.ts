import { readJson } from '../json/read-json.ts'
import type { MessageSpec } from './field-table.ts'
import { ProtobufFault, WIRE_BYTES, WIRE_FIXED64, WIRE_VARINT, type WireReader } from './wire.ts'

/**
 * The types whose JSON form is code in Go (`MarshalJSON`) rather than tags. One function each; the sources are the
 * methods of that name in apimachinery (meta/v1, util/intstr, api/resource, runtime) and apiextensions.
 */
type Nested = (spec: MessageSpec, start: number, end: number) => string

interface Parts {
  /** Texts of numbers and strings by field number; spans of bytes and messages. */
  readonly text: (string | undefined)[]
  readonly span: ({ readonly start: number; readonly end: number } | undefined)[]
  readonly spans: { readonly start: number; readonly end: number }[]
}

/** Years 1 to 9999, which RFC 3339 can say. */
const FIRST_SECOND = -62_135_596_800
const LAST_SECOND = 253_402_300_799

export function isSpecial(spec: MessageSpec): boolean {
  return spec.form === 'special'
}

/** JSON of the zero value: a field of this type that is no pointer and was absent. */
export function zeroSpecial(spec: MessageSpec): string {
  switch (localName(spec)) {
    case 'Duration':
      return '"0s"'
    case 'Quantity':
      return '"0"'
    case 'IntOrString':
      return '0'
    case 'JSONSchemaPropsOrBool':
      return 'false'
    default:
      return 'null'
  }
}

/** JSON of a value. `nested` renders a message that stands inside. */
export function specialJson(spec: MessageSpec, reader: WireReader, nested: Nested): string {
  const bytes = reader.bytes
  const isEmpty = reader.done
  const parts = readParts(spec, reader)
  switch (localName(spec)) {
    case 'Time':
      return isEmpty ? 'null' : timeJson(parts, 0)
    case 'MicroTime':
      return isEmpty ? 'null' : timeJson(parts, 6)
    case 'Duration':
      return JSON.stringify(durationText(BigInt(parts.text[1] ?? '0')))
    case 'Quantity':
      return JSON.stringify(parts.text[1] === undefined || parts.text[1] === '' ? '0' : parts.text[1])
    case 'IntOrString':
      return intOrStringJson(parts)
    case 'RawExtension':
    case 'FieldsV1':
    case 'JSON':
      return rawJson(spec, bytes, parts.span[1])
    case 'JSONSchemaPropsOrBool': {
      const schema = parts.span[2]
      if (schema !== undefined) return nested(messageOfField(spec, 2), schema.start, schema.end)
      return parts.text[1] === 'true' ? 'true' : 'false'
    }
    case 'JSONSchemaPropsOrArray': {
      if (parts.spans.length > 0) {
        const item = messageOfField(spec, 2)
        return `[${parts.spans.map(s => nested(item, s.start, s.end)).join(',')}]`
      }
      const schema = parts.span[1]
      return schema === undefined ? 'null' : nested(messageOfField(spec, 1), schema.start, schema.end)
    }
    case 'JSONSchemaPropsOrStringArray': {
      if (parts.spans.length > 0) {
        return `[${parts.spans.map(s => JSON.stringify(bytes.toString('utf8', s.start, s.end))).join(',')}]`
      }
      const schema = parts.span[1]
      return schema === undefined ? 'null' : nested(messageOfField(spec, 1), schema.start, schema.end)
    }
    default:
      throw new ProtobufFault(
        'protobuf-unknown-kind',
        `${spec.name} has a form that this version does not know`,
      )
  }
}

function localName(spec: MessageSpec): string {
  return spec.name.slice(spec.name.indexOf('.') + 1)
}

function messageOfField(spec: MessageSpec, number: number): MessageSpec {
  return spec.fields[spec.positions[number]!]!.message!
}

function readParts(spec: MessageSpec, reader: WireReader): Parts {
  const parts: Parts = { text: [], span: [], spans: [] }
  while (!reader.done) {
    const tag = reader.tag()
    const number = tag >>> 3
    const field = spec.fields[spec.positions[number] ?? -1]
    if (field === undefined) {
      throw new ProtobufFault(
        'protobuf-unknown-field',
        `${spec.name} has no field ${number} that this version knows`,
      )
    }
    if (!field.repeated && (parts.text[number] !== undefined || parts.span[number] !== undefined)) {
      throw new ProtobufFault('protobuf-duplicate-field', `${spec.name} has field ${number} twice`)
    }
    const isSpan = field.message !== null || field.scalar === 'string' || field.scalar === 'bytes'
    if ((tag & 7) !== (isSpan ? WIRE_BYTES : field.scalar === 'double' ? WIRE_FIXED64 : WIRE_VARINT)) {
      throw new ProtobufFault(
        'protobuf-wire-type',
        `field ${number} of ${spec.name} is written in the wrong way`,
      )
    }
    if (field.scalar === 'string') {
      parts.text[number] = reader.string()
      if (field.repeated) parts.spans.push({ start: reader.spanStart, end: reader.spanEnd })
    } else if (isSpan) {
      reader.length()
      const span = { start: reader.spanStart, end: reader.spanEnd }
      if (field.repeated) parts.spans.push(span)
      else parts.span[number] = span
    } else {
      parts.text[number] =
        field.scalar === 'bool' ? reader.bool() : field.scalar === 'int32' ? reader.int32() : reader.int64()
    }
  }
  return parts
}

/** metav1.Time has seconds (its nanoseconds are dropped by Go as well), metav1.MicroTime six digits of fraction. */
function timeJson(parts: Parts, digits: 0 | 6): string {
  const seconds = Number(parts.text[1] ?? '0')
  const nanos = Number(parts.text[2] ?? '0')
  if (seconds < FIRST_SECOND || seconds > LAST_SECOND || nanos < 0 || nanos > 999_999_999) {
    throw new ProtobufFault('protobuf-value', 'a time is outside of the years 1 to 9999')
  }
  if (seconds === FIRST_SECOND && (digits === 0 || nanos < 1000)) return 'null'
  const text = new Date(seconds * 1000).toISOString().slice(0, 19)
  if (digits === 0) return `"${text}Z"`
  return `"${text}.${String(Math.trunc(nanos / 1000)).padStart(6, '0')}Z"`
}

function intOrStringJson(parts: Parts): string {
  const type = parts.text[1] ?? '0'
  if (type === '0') return parts.text[2] ?? '0'
  if (type === '1') return JSON.stringify(parts.text[3] ?? '')
  throw new ProtobufFault('protobuf-value', 'a value is neither a number nor a string')
}

/**
 * Bytes that are JSON already. They are read on their own, so that they cannot end the value that they
 * stand in; what is not JSON (protobuf or CBOR inside of protobuf) is refused.
 */
function rawJson(
  spec: MessageSpec,
  bytes: Buffer,
  span: { readonly start: number; readonly end: number } | undefined,
): string {
  if (span === undefined || span.start === span.end) return 'null'
  const document = readJson(bytes.subarray(span.start, span.end))
  if ('refused' in document) {
    throw new ProtobufFault(
      'protobuf-embedded-json',
      `${spec.name} holds something other than plain JSON: ${document.check}`,
    )
  }
  return bytes.toString('utf8', span.start, span.end)
}

/** Go's time.Duration.String: `1h2m3.5s`, below a second `1.5ms`, `2µs`, `3ns`. */
function durationText(nanoseconds: bigint): string {
  if (nanoseconds === 0n) return '0s'
  const sign = nanoseconds < 0n ? '-' : ''
  const n = nanoseconds < 0n ? -nanoseconds : nanoseconds
  if (n < 1000n) return `${sign}${n}ns`
  if (n < 1_000_000n) return `${sign}${fraction(n, 1000n)}µs`
  if (n < 1_000_000_000n) return `${sign}${fraction(n, 1_000_000n)}ms`
  const minutes = n / 60_000_000_000n
  const seconds = `${fraction(n % 60_000_000_000n, 1_000_000_000n)}s`
  if (minutes === 0n) return sign + seconds
  if (minutes < 60n) return `${sign}${minutes}m${seconds}`
  return `${sign}${minutes / 60n}h${minutes % 60n}m${seconds}`
}

function fraction(value: bigint, unit: bigint): string {
  const rest = (value % unit)
    .toString()
    .padStart(unit.toString().length - 1, '0')
    .replace(/0+$/, '')
  return rest === '' ? `${value / unit}` : `${value / unit}.${rest}`
}
