import assert from 'node:assert/strict'
import { test } from 'node:test'
import { alice, ask } from '../policy/testing/ask.ts'
import { type IntentFacts, intentOf, targetOf } from './intent.ts'

const facts: IntentFacts = {
  principal: alice,
  connection: 'prod',
  action: ask('delete configmaps shop/a'),
  query: [],
  body: Buffer.from('{"a":1}'),
}

test('what a client changes when it tries again makes no other intent', () => {
  const intent = intentOf(facts)
  assert.equal(intentOf({ ...facts, query: [['timeout', '3s']] }), intent)
  assert.equal(intentOf({ ...facts, principal: { ...alice, groups: [], username: 'renamed' } }), intent)
})

test('anything else does', () => {
  const intent = intentOf(facts)
  const others: Partial<IntentFacts>[] = [
    { principal: { ...alice, subject: '2' } },
    { principal: { ...alice, issuer: 'https://other.example.com' } },
    { connection: 'staging' },
    { action: ask('patch configmaps shop/a') },
    { action: ask('delete secrets shop/a') },
    { action: ask('delete configmaps shop/b') },
    { action: ask('delete configmaps pay/a') },
    { action: ask('delete configmaps shop/a', { as: { user: 'root' } }) },
    { query: [['propagationPolicy', 'Orphan']] },
    { query: [['dryRun', 'All']] },
    { body: Buffer.from('{"a":1 }') },
    { body: null },
  ]
  const seen = new Set([intent, ...others.map(other => intentOf({ ...facts, ...other }))])
  assert.equal(seen.size, others.length + 1)
})

test('the target of a timed grant leaves out the body, and nothing of what it is done to', () => {
  const target = targetOf(facts)
  assert.equal(
    targetOf({ ...facts, action: ask('delete configmaps shop/a', { body: { name: 'x' } }) }),
    target,
  )
  for (const action of ['delete configmaps shop/b', 'patch configmaps shop/a', 'delete pods shop/a'])
    assert.notEqual(targetOf({ ...facts, action: ask(action) }), target)
})
