import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { indentJson } from './indent-json.ts'

test('what is read stays the same, however it was written', () => {
  fc.assert(
    fc.property(fc.json(), fc.constantFrom(undefined, 1, '\t'), (text, space) => {
      const value: unknown = JSON.parse(text)
      assert.deepEqual(JSON.parse(indentJson(JSON.stringify(value, null, space))), value)
      assert.equal(indentJson(text), JSON.stringify(value, null, 2))
    }),
  )
})

test('numbers and duplicate keys are not touched', () => {
  assert.equal(indentJson('{"a":9007199254740993,"a":1.0}'), '{\n  "a": 9007199254740993,\n  "a": 1.0\n}')
})

test('any text comes out without an error, in time', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), text => {
      indentJson(text)
    }),
  )
  assert.ok(indentJson('['.repeat(20_000)).length < 3_000_000)
})
