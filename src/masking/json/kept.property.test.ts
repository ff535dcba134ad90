import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { FINGERPRINT_RULE } from '../fingerprints/rule.ts'
import { shippedEngine } from '../testing/shipped.ts'
import { JsonMasker } from './json-masker.ts'
import { createMaskEngine, type MaskEngine } from './mask-engine.ts'

/** What an engine keeps from one answer to the next (names, verdicts, kinds) may not change what is masked. */

const KNOWN = 'q7Zx-81mmP-known-value-3c'
const HARMLESS = [
  'web',
  'serviceAccountName',
  'a-name-of-some-length',
  'eyJhIjoiYiJ9eyJhIjoiYiJ9',
  '{"a":"b c"}',
]
const TELLING = [
  'password',
  'clientSecret',
  'f:password',
  'v:"element-of-a-set"',
  KNOWN,
  btoa(KNOWN),
  `x=${KNOWN}`,
]
const VALUES = [
  'nothing to see',
  'line one\nline two',
  `token: ${KNOWN}\n`,
  'password=hunter2-9f',
  'a "quoted" password: hunter2-9f\n',
  JSON.stringify({ password: 'hunter2-9f', [KNOWN]: 'x' }),
  btoa('password=hunter2-9f'),
  `postgres://app:hunter2-9f@db/x`,
]

const name = fc.constantFrom(...HARMLESS, ...TELLING)
const value = fc.oneof(fc.constantFrom(...VALUES), fc.integer(), fc.constant(null))
const object = fc.letrec(tie => ({
  any: fc.oneof(
    { depthSize: 'small' },
    value,
    fc.array(tie('any'), { maxLength: 3 }),
    fc.dictionary(name, tie('any'), { maxKeys: 4 }),
  ),
}))
const answer = fc.record({
  kind: fc.constantFrom('ConfigMap', 'Secret', 'Pod'),
  apiVersion: fc.constant('v1'),
  metadata: fc.record({
    uid: fc.constantFrom('u-1', 'u-2'),
    managedFields: fc.array(fc.record({ fieldsV1: object.any }), { maxLength: 2 }),
  }),
  data: fc.dictionary(name, fc.constantFrom(...VALUES), { maxKeys: 4 }),
  spec: object.any,
})

/** Compiled rules are dear: only what is kept is made anew. */
const shipped = shippedEngine()
function freshEngine(): MaskEngine {
  const { rules, placeholders, fingerprints } = shipped
  const { plausible, fingerprintOf } = shipped
  return createMaskEngine({ rules, placeholders, fingerprints, plausible, fingerprintOf })
}

/** In chunks of `size`. */
function mask(engine: MaskEngine, text: string, size: number): string {
  const masker = new JsonMasker(engine, { group: '', kind: '', sequence: true })
  const bytes = Buffer.from(text)
  const parts: Uint8Array[] = []
  for (let at = 0; at < bytes.length; at += size)
    parts.push(...masker.push(bytes.subarray(at, at + size)).bytes)
  parts.push(...masker.end().bytes)
  assert.equal(masker.fault, null)
  return Buffer.concat(parts).toString()
}

test('an engine that has read much masks as a new one does, before and after values were learned', () => {
  const engine = freshEngine()
  // It stands in Secrets here: else the second reading would know more than the first.
  shipped.fingerprints.learn('password=hunter2-9f', FINGERPRINT_RULE)
  const round = () =>
    fc.assert(
      fc.property(answer, fc.integer({ min: 1, max: 4000 }), (one, size) => {
        const text = JSON.stringify(one)
        const masked = mask(engine, text, size)
        assert.equal(masked, mask(freshEngine(), text, text.length * 4))
        assert.equal(mask(engine, text, size), masked)
      }),
      { numRuns: 250 },
    )
  round()
  assert.ok(mask(engine, JSON.stringify({ spec: { [KNOWN]: 'x' } }), 4096).includes(KNOWN))
  shipped.fingerprints.learn(KNOWN, FINGERPRINT_RULE)
  assert.ok(!mask(engine, JSON.stringify({ spec: { [KNOWN]: 'x' } }), 4096).includes(KNOWN))
  round()
})
