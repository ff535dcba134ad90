import assert from 'node:assert/strict'
import { test } from 'node:test'
import { maybeSame, type Person } from '../audit/person.ts'
import { personDocumentSchema } from '../documents/schema/person.ts'
import { linkAccounts } from './linked-accounts.ts'

const one = (username: string, more: Partial<Person> = {}): Person => ({
  ...{ issuer: 'https://i.example.com', subject: username, username },
  ...more,
})
const document = (accounts: string[]) => ({
  apiVersion: 'sallyport.dev/v1' as const,
  kind: 'Person' as const,
  metadata: { name: 'bob' },
  spec: { accounts },
})

test('accounts of one document are one human, in any case; those of others are not', () => {
  const linked = linkAccounts([
    document(['corp:bob', 'local:root', 'system:serviceaccount:ci:bob-*']),
    document(['corp:ann', 'local:ann']),
  ])
  assert.ok(linked(one('corp:Bob'), one('local:root')))
  assert.ok(linked(one('system:serviceaccount:ci:bob-runner'), one('corp:bob')))
  assert.equal(linked(one('corp:bob'), one('local:ann')), false)
  assert.equal(linked(one('corp:bobby'), one('local:root')), false)
})

test('a run belongs to the linked accounts of who started it', () => {
  const linked = linkAccounts([document(['corp:robert', 'github:bobby'])])
  const run = one('github:repo:shop/web', { startedBy: ['github:bobby'] })
  assert.ok(linked(run, one('corp:robert')))
  assert.equal(linked(run, one('corp:carol')), false)
})

test('who started a run is told by his bare name as well, and by his mail address', () => {
  const run = one('github:repo:shop/web', { startedBy: ['github:Bob'] })
  assert.ok(maybeSame(run, one('corp:bob')))
  assert.ok(maybeSame(one('corp:bob@example.com'), run))
  assert.ok(maybeSame(run, one('corp:4711', { email: 'bob@example.com' })))
  assert.equal(maybeSame(run, one('corp:bobby')), false)
  const mailed = one('gitlab:project', { startedBy: ['bob@example.com'] })
  assert.ok(maybeSame(mailed, one('corp:1', { email: 'BOB@example.com' })))
  // Two machines of one person, or two people whose names are alike, are not made one.
  assert.equal(maybeSame(one('corp:bob'), one('local:bob')), false)
})

test('a document that would make everybody one human is refused', () => {
  for (const name of ['*', 'corp:*', '**', '*:*']) {
    assert.equal(personDocumentSchema.safeParse(document([name])).success, false, name)
  }
  assert.ok(personDocumentSchema.safeParse(document(['corp:bob'])).success)
})
