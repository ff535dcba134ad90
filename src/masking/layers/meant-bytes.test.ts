import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { meantBytes } from './meant-bytes.ts'

/** Characters as JSON may write them: themselves, by a letter, by their number. */
const written = fc.oneof(
  fc.constantFrom('\\"', '\\/', '\\\\', '\\b', '\\f', '\\n', '\\r', '\\t', '\\u0041', '\\u00e4', '\\u20AC'),
  fc.constantFrom('\\ud83d\\ude00', 'a', 'u', 'n', ' ', 'ä', '€', '😀', '{', '='),
)

test('what a JSON string means is what JSON.parse makes of it', () => {
  fc.assert(
    fc.property(fc.array(written, { maxLength: 60 }), parts => {
      const raw = Buffer.from(`"${parts.join('')}"`)
      const meant = meantBytes(raw, 1, raw.length - 1)
      assert.equal(meant.toString(), JSON.parse(raw.toString()))
    }),
  )
})
