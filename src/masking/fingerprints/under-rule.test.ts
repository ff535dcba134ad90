import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Finding, FingerprintFinder } from '../contract.ts'
import { maskRule } from '../testing/rig.ts'
import { underRule } from './under-rule.ts'

const learned: string[] = []
const finder: FingerprintFinder = {
  mayHold: () => true,
  find: (_, found) => void found.push({ start: 2, end: 4, rule: maskRule('set') }),
  match: value => (value === 'known' ? maskRule('set') : undefined),
  learn: value => void learned.push(value),
}

test('values are found under the rule in force, whatever stood in the list before', () => {
  const mine = maskRule('mine', { action: 'fingerprint' })
  const under = underRule(finder, mine)
  const other = { start: 0, end: 1, rule: maskRule('other') }
  const found: Finding[] = [other]
  under.find('text', found)
  assert.deepEqual(found, [other, { start: 2, end: 4, rule: mine }])
  assert.equal(under.match('known'), mine)
  assert.equal(under.match('unknown'), undefined)
  assert.ok(under.mayHold(Buffer.from('x'), 0, 1))
})

test('where they are switched off nothing is found, and all the same learned', () => {
  const off = underRule(finder, null)
  const found: Finding[] = []
  off.find('text', found)
  assert.deepEqual(found, [])
  assert.equal(off.match('known'), undefined)
  assert.ok(!off.mayHold(Buffer.from('x'), 0, 1))
  off.learn('value', maskRule('secret-data'), 'prod/shop')
  assert.deepEqual(learned, ['value'])
})
