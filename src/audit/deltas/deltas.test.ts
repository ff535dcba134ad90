import assert from 'node:assert/strict'
import { createDecipheriv, createSecretKey, hash, randomBytes } from 'node:crypto'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import type { CapturedBody, DeltaField } from '../entry.ts'
import { SALT_BYTES } from '../heads/seal.ts'
import type { DataKey } from '../keys/datakeys.ts'
import { HEADER_BYTES, LENGTH_BYTES, RecordType, recordContext } from '../segments/record.ts'
import { openSlab } from '../segments/slab.ts'
import { isDelta } from './check-delta.ts'
import { ORIGINAL_SALT_BYTES } from './format.ts'
import { type OpenedDelta, openValue, readDelta, restore, type ValueKey } from './read-delta.ts'
import { sealDelta } from './seal-delta.ts'

const SEQ = 70_000
const TYPE = RecordType.responseDelta

function key(flags: number): DataKey {
  const bytes = randomBytes(32)
  const context = recordContext('test/log', 's-1')
  return {
    kid: randomBytes(16),
    secret: createSecretKey(bytes),
    flags,
    aad: Buffer.concat([context, Buffer.alloc(32)]),
    contextBytes: context.length,
    nonce: Buffer.concat([randomBytes(4), Buffer.alloc(8, 0xfe)]),
    epoch: { id: 'sealed-2026-01-02', key: randomBytes(32) },
    session: 's-1',
    bytes,
    wrapping: bytes,
    writtenIn: -1,
  }
}

/** Seals, and opens the record under the shown key as a reader of the trail does. */
function sealed(
  chunks: Uint8Array[],
  fields: DeltaField[],
): { delta: OpenedDelta; plain: Buffer; by: ValueKey } {
  const shown = { ...key(0), secret: createSecretKey(Buffer.alloc(32, 7)) }
  const secret = key(2)
  const out = openSlab()
  const body: CapturedBody = { chunks, mediaType: 'a/b', keyClass: 'shown', delta: { fields } }
  assert.ok(isDelta(body))
  const salts = randomBytes(SALT_BYTES + ORIGINAL_SALT_BYTES)
  const seals = fields.some(one => one.keep === 'raw') ? secret : null
  const leaf = sealDelta(out, { shown, sealed: seals }, 'test/log', TYPE, SEQ, salts, {
    ...body,
    delta: { fields },
  })
  assert.equal(leaf.n, fields.length)
  const plain = decrypted(Buffer.concat(out.buffers()))
  const by = { key: secret.bytes, origin: 'test/log', session: 's-1', type: TYPE, seq: SEQ }
  return { delta: readDelta(plain.subarray(SALT_BYTES)), plain, by }
}

function decrypted(records: Buffer): Buffer {
  const pieces: Buffer[] = []
  for (let at = 0; at < records.length; ) {
    const payload = records.subarray(at + LENGTH_BYTES, at + LENGTH_BYTES + records.readUInt32BE(at))
    pieces.push(openWith(Buffer.alloc(32, 7), payload))
    at += LENGTH_BYTES + payload.length
  }
  return Buffer.concat(pieces)
}

function openWith(secret: Buffer, payload: Buffer): Buffer {
  const cipher = createDecipheriv('aes-256-gcm', secret, payload.subarray(32, HEADER_BYTES))
  cipher.setAAD(Buffer.concat([recordContext('test/log', 's-1'), payload.subarray(0, 32)]))
  cipher.setAuthTag(payload.subarray(-16))
  return Buffer.concat([cipher.update(payload.subarray(HEADER_BYTES, -16)), cipher.final()])
}

const field = (
  at: number,
  length: number,
  original: string,
  extra: Partial<DeltaField> = {},
): DeltaField => ({
  at,
  length,
  pointer: '/data/p',
  rule: 'secret-data',
  keep: 'raw',
  original: Buffer.from(original),
  ...extra,
})

describe('a delta', () => {
  test('gives any original back, however body and chunks are cut', () => {
    const piece = fc.record({
      plain: fc.uint8Array({ maxLength: 40 }),
      original: fc.uint8Array({ maxLength: 30 }),
      replacement: fc.uint8Array({ maxLength: 30 }),
    })
    fc.assert(
      fc.property(
        fc.array(piece, { minLength: 1, maxLength: 8 }),
        fc.uint8Array({ maxLength: 20 }),
        fc.array(fc.nat(200), { maxLength: 6 }),
        (pieces, end, cuts) => {
          const original = Buffer.concat([...pieces.flatMap(one => [one.plain, one.original]), end])
          const fields: DeltaField[] = []
          let at = 0
          for (const one of pieces) {
            at += one.plain.length
            fields.push({ ...field(at, one.replacement.length, ''), original: one.original })
            at += one.replacement.length
          }
          const masked = Buffer.concat([...pieces.flatMap(one => [one.plain, one.replacement]), end])
          const edges = [...cuts.map(cut => Math.min(cut, masked.length)), 0, masked.length].sort(
            (a, b) => a - b,
          )
          const chunks = edges.slice(1).map((edge, number) => masked.subarray(edges[number], edge))
          const { delta, by } = sealed(chunks, fields)
          assert.equal(delta.facts.original!.bytes, original.length)
          assert.deepEqual(restore(delta, masked, by), original)
          for (const [number, one] of fields.entries()) {
            assert.deepEqual(openValue(delta, number, by), Buffer.from(one.original))
          }
        },
      ),
      { numRuns: 300 },
    )
  })

  test('shows a reader of the trail where and by which rule, and nothing of a value, not even to guesses', () => {
    const { delta, plain } = sealed(
      [Buffer.from('{"pin":"XXXX"}')],
      [field(8, 4, '4711', { pointer: '/pin', rule: 'pin', fingerprint: 'fp-1' })],
    )
    assert.deepEqual(delta.facts.fields, [[8, 4, 4, 0, 'raw', '/pin', 'fp-1']])
    assert.deepEqual(delta.facts.rules, ['pin'])
    assert.equal(plain.includes('4711'), false)
    // The salt of the digest is not in what he has: no piece of the plaintext, tried as salt, gives the digest.
    for (let at = 0; at + 32 <= plain.length; at += 1) {
      const guess = Buffer.concat([plain.subarray(at, at + 32), Buffer.from('{"pin":"4711"}')])
      assert.notEqual(hash('sha256', guess, 'base64url'), delta.facts.original!.digest)
    }
  })

  test('of which not all was kept has no digest and cannot be restored; what was kept opens', () => {
    for (const keep of ['fingerprint', 'none'] as const) {
      const fields = [
        field(0, 1, 'first'),
        field(1, 1, 'second-value', { keep, fingerprint: 'fp2' }),
        field(2, 1, 'third'),
      ]
      const { delta, plain, by } = sealed([Buffer.from('abc')], fields)
      assert.equal(delta.facts.original, undefined)
      assert.equal(restore(delta, Buffer.from('abc'), by), null)
      assert.equal(openValue(delta, 1, by), null)
      assert.equal(openValue(delta, 2, by)!.toString(), 'third')
      assert.equal(delta.facts.fields[1]![6], keep === 'none' ? undefined : 'fp2')
      assert.equal(plain.includes('second-value'), false)
    }
  })

  test('opens nothing with another key, at another place, or when a byte was changed', () => {
    const { delta, by } = sealed([Buffer.from('ab')], [field(0, 1, 'one-value'), field(1, 1, 'two-value')])
    assert.equal(openValue(delta, 1, by)!.toString(), 'two-value')
    for (const other of [
      { ...by, key: randomBytes(32) },
      { ...by, session: 's-2' },
      { ...by, origin: 'other/log' },
      { ...by, seq: SEQ + 1 },
      { ...by, type: RecordType.requestDelta },
    ])
      assert.throws(() => openValue(delta, 0, other))
    const swapped = { ...delta, facts: { ...delta.facts, fields: delta.facts.fields.toReversed() } }
    const values = Buffer.from(delta.values)
    values.set(delta.values.subarray(48 + 25, 48 + 50), 48)
    values.set(delta.values.subarray(48, 48 + 25), 48 + 25)
    assert.throws(() => openValue({ ...swapped, values }, 0, by), 'values cannot change places')
    assert.throws(() => restore(delta, Buffer.from('aX!'), by), /not the committed one/)
    for (let at = 0; at < delta.values.length; at += 1) {
      const changed = Buffer.from(delta.values)
      changed[at]! ^= 1
      assert.throws(() => restore({ ...delta, values: changed }, Buffer.from('ab'), by), `byte ${at}`)
    }
  })

  test('that is no list of places inside the body is refused before anything is written', () => {
    const body = (fields: unknown, keyClass: 'shown' | 'sealed' = 'shown') =>
      ({ chunks: [Buffer.from('0123456789')], mediaType: '', keyClass, delta: { fields } }) as CapturedBody
    assert.equal(isDelta(body([field(0, 10, 'x')])), true)
    const wrong = [
      body([field(0, 11, 'x')]),
      body([field(5, 2, 'x'), field(6, 1, 'x')]),
      body([field(5, 2, 'x'), field(1, 1, 'x')]),
      body([field(-1, 2, 'x')]),
      body([field(0.5, 1, 'x')]),
      body([field(0, Number.NaN, 'x')]),
      body([field(0, 1, 'x', { rule: 'Bad Rule' })]),
      body([field(0, 1, 'x', { keep: 'all' as 'raw' })]),
      body([field(0, 1, 'x', { fingerprint: 'a b' })]),
      body([field(0, 1, 'x', { original: 'x' as unknown as Uint8Array })]),
      body('fields'),
      body([field(0, 1, 'x')], 'sealed'),
    ]
    for (const one of wrong) assert.equal(isDelta(one), false, JSON.stringify(one.delta))
  })
})
