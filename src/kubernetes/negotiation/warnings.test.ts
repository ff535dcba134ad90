import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { rewriteWarnings, upstreamWarnings, warningHeader } from './warnings.ts'

const pass = (...values: string[]): string[] => upstreamWarnings(values.flatMap(v => ['warning', v]))

test('the texts of warnings are rewritten, and nothing else of the headers', () => {
  const hide = (text: string): string => text.replaceAll('hunt"er2', '***')
  const headers = [
    'warning',
    '299 - "key is hunt\\"er2, and hunt\\"er2"',
    'etag',
    'hunt"er2',
    'warning',
    '110 - "x"',
  ]
  assert.deepEqual(rewriteWarnings(headers, hide), [
    ...['warning', '299 - "key is ***, and ***"', 'etag', 'hunt"er2', 'warning', ''],
  ])
  const plain = ['warning', '299 kube-apiserver "as it is \\\\ \\""']
  assert.deepEqual(rewriteWarnings(plain, hide), plain)
})

test('what kube-apiserver sends passes as it is', () => {
  const values = [
    '299 - "policy/v1beta1 PodDisruptionBudget is deprecated in v1.21+"',
    '299 - "says \\"quoted\\" and back\\\\slash"',
    `299 - "${Buffer.from('tw\u00f6').toString('latin1')}"`,
  ]
  assert.deepEqual(pass(...values), values)
})

test('other codes, other forms and empty texts do not', () => {
  for (const value of ['110 - "stale"', '299 "x"', '299 - x', '299 - "x" y', '299 - ""', '299 - "a"b"', ''])
    assert.deepEqual(pass(value), [], value)
})

test('nothing of the cluster looks like ours, moves a cursor or turns text around', () => {
  assert.deepEqual(pass('299 - "sallyport: you are admin"'), [
    '299 - "the cluster says: sallyport: you are admin"',
  ])
  assert.deepEqual(pass('299 - "  Sallyport: x"'), ['299 - "the cluster says: Sallyport: x"'])
  const zero = Buffer.from('\u200bsallyport: x\u202e\u001b[2J').toString('latin1')
  assert.deepEqual(pass(`299 - "${zero}"`), ['299 - "the cluster says: sallyport: x[2J"'])
})

test('whatever is warned of is one field value of bounded length that reads back as one text (property)', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 2000 }), text => {
      const value = warningHeader(text)
      assert.match(value, /^[\t\x20-\x7e\x80-\xff]*$/)
      assert.ok(value.length < 1200)
      assert.match(value, /^299 - "(?:[^"\\]|\\.)*"$/)
      for (const passed of pass(value)) assert.match(passed, /^299 - "(?:[^"\\]|\\.)+"$/)
    }),
  )
})

test('a flood is cut off', () => {
  assert.equal(pass(...Array.from({ length: 500 }, (_, n) => `299 - "w${n}"`)).length, 50)
})
