import assert from 'node:assert/strict'
import { readJson } from '../../../src/kubernetes/json/read-json.ts'
import { decodeProtobuf } from '../../../src/kubernetes/protobuf/decode-protobuf.ts'
import {
  builtInKinds,
  type FieldSpec,
  type MessageSpec,
  messageOf,
} from '../../../src/kubernetes/protobuf/field-table.ts'
import type { Random } from '../../parity/random.ts'
import { mutate } from '../mutate.ts'
import { eachByItself, type FuzzTarget } from '../target.ts'

const kinds = [...builtInKinds()]
const TEXTS = ['', 'a', 'default', '\u0000', '\u2028', '"', '\\', '😀', 'x'.repeat(200)]
const VARINTS = [0n, 1n, 2n, 127n, 128n, 2n ** 31n, 2n ** 32n, 2n ** 53n + 1n, 2n ** 63n, 2n ** 64n - 1n]

function varint(value: bigint): Buffer {
  const bytes: number[] = []
  let rest = value
  for (; rest > 127n; rest >>= 7n) bytes.push(Number(rest & 127n) | 128)
  return Buffer.from([...bytes, Number(rest)])
}

function field(number: number, content: Buffer): Buffer {
  return Buffer.concat([varint(BigInt(number * 8 + 2)), varint(BigInt(content.length)), content])
}

/** A message of a type of the table, as Go would write one, only that its values are odd. */
function message(spec: MessageSpec, random: Random, depth: number): Buffer {
  const parts: Buffer[] = []
  for (const each of spec.fields) {
    if (!random.chance(depth > 4 ? 0.03 : 0.25)) continue
    const times = each.repeated || each.map ? random.below(3) : 1
    for (let i = 0; i < times; i++) parts.push(oneField(each, random, depth))
  }
  return Buffer.concat(parts)
}

function oneField(spec: FieldSpec, random: Random, depth: number): Buffer {
  if (spec.map) {
    const entry = [field(1, Buffer.from(random.pick(TEXTS)))]
    if (random.chance(0.9)) entry.push(scalarOrMessage({ ...spec, number: 2 }, random, depth))
    return field(spec.number, Buffer.concat(entry))
  }
  return scalarOrMessage(spec, random, depth)
}

function scalarOrMessage(spec: FieldSpec, random: Random, depth: number): Buffer {
  if (spec.message !== null)
    return field(spec.number, depth > 8 ? Buffer.alloc(0) : message(spec.message, random, depth + 1))
  switch (spec.scalar) {
    case 'bool':
      return Buffer.concat([varint(BigInt(spec.number * 8)), varint(random.chance(0.95) ? 1n : 2n)])
    case 'int32':
    case 'int64':
      return Buffer.concat([varint(BigInt(spec.number * 8)), varint(random.pick(VARINTS))])
    case 'double': {
      const bytes = Buffer.alloc(8)
      bytes.writeDoubleLE(random.pick([0, 1.5, -1, Number.NaN, Number.POSITIVE_INFINITY, 1e308]))
      return Buffer.concat([varint(BigInt(spec.number * 8 + 1)), bytes])
    }
    default:
      return field(spec.number, Buffer.from(random.pick(TEXTS)))
  }
}

function envelope(apiVersion: string, kind: string, raw: Buffer): Buffer {
  const type = Buffer.concat([field(1, Buffer.from(apiVersion)), field(2, Buffer.from(kind))])
  return Buffer.concat([Buffer.from([0x6b, 0x38, 0x73, 0]), field(1, type), field(2, raw)])
}

/** Refused, or JSON with one reading that names the type of the envelope; bounded in size. */
function look(input: Buffer): string {
  const decoded = decodeProtobuf(input)
  if (decoded.refused) {
    assert.match(decoded.check, /^protobuf-/)
    return decoded.check
  }
  const document = readJson(decoded.json)
  if ('refused' in document) {
    // The reader's own limits come after the decoder's.
    assert.match(document.check, /^json-(too-large|too-many-values|depth)$/, document.detail)
    return document.check
  }
  const again = decodeProtobuf(input)
  assert.ok(!again.refused && Buffer.compare(again.json, decoded.json) === 0, 'two readings differ')
  for (const name of ['kind', 'apiVersion']) {
    const said = document.text(document.member(0, name))
    if (said !== undefined && said !== '')
      assert.ok(input.includes(said), `${name} ${said} comes from nowhere`)
  }
  return 'decoded'
}

export const target: FuzzTarget = {
  name: 'protobuf',
  batch: 100,
  generate(random, corpus) {
    let base: Buffer
    if (corpus.length > 0 && random.chance(0.1)) base = random.pick(corpus)
    else {
      const name = random.pick(kinds)
      const at = name.lastIndexOf('/')
      const [apiVersion, kind] = [name.slice(0, at), name.slice(at + 1)]
      base = envelope(apiVersion, kind, message(messageOf(apiVersion, kind)!, random, 0))
    }
    return random.chance(0.4) ? base : mutate(base, random, [], 3)
  },
  open: async () => eachByItself(look),
}
