import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { Principal } from '../identity/principal.ts'
import { bindingConditionErrors, rolesOf, type WrittenBindingRule } from './binding-rule.ts'
import { connectionOf } from './testing/connection-of.ts'

const alice: Principal = {
  issuer: 'https://idp.example.com',
  subject: 'alice',
  kind: 'person',
  username: 'corp:alice',
  groups: ['corp:devs', 'corp:oncall'],
  email: 'alice@example.com',
  authentication: { method: 'oidc', provider: 'corp', validUntil: 0, credentialDigest: '' },
}

const given = (principal: Principal, ...bindings: readonly WrittenBindingRule[]): string[] =>
  rolesOf(connectionOf(bindings), principal, Date.parse('2026-03-02T10:00:00Z')).map(
    ({ kind, name, namespace }) => `${kind} ${name} ${namespace}`,
  )

describe('who gets which role', () => {
  test('by group, exactly as it is written', () => {
    const edit = { clusterRole: 'edit', namespaces: ['a', 'b'] }
    assert.deepEqual(given(alice, { group: 'corp:devs', ...edit }), [
      'ClusterRole edit a',
      'ClusterRole edit b',
    ])
    for (const group of ['corp:dev', 'devs', 'corp:*', '*', 'CORP:DEVS']) {
      assert.deepEqual(given(alice, { group, ...edit }), [], group)
    }
  })

  test('by principals as in a policy, and by a condition', () => {
    const view = { clusterRole: 'view', clusterWide: true } as const
    assert.deepEqual(given(alice, { principals: { users: ['corp:*'] }, ...view }), ['ClusterRole view '])
    assert.deepEqual(given(alice, { principals: { kinds: ['job'] }, ...view }), [])
    assert.deepEqual(given(alice, { when: "principal.email.endsWith('@example.com')", ...view }).length, 1)
    assert.deepEqual(given(alice, { when: "connection.name == 'test'", ...view }), [])
    assert.equal(given(alice, { when: 'now.getHours() < 12', ...view }).length, 1)
  })

  test('of several all must hold, and a condition without an answer is a no', () => {
    const view = { clusterRole: 'view', clusterWide: true } as const
    assert.deepEqual(given(alice, { group: 'corp:devs', when: 'false', ...view }), [])
    assert.deepEqual(given(alice, { group: 'corp:ops', when: 'true', ...view }), [])
    assert.deepEqual(
      given(alice, { group: 'corp:devs', principals: { users: ['corp:bob'] }, when: 'true', ...view }),
      [],
    )
    const failing = "principal.serviceAccount.namespace == 'x'"
    assert.deepEqual(given(alice, { group: 'corp:devs', when: failing, ...view }), [])
    assert.deepEqual(given(alice, view), [], 'whom nothing names is nobody')
  })

  test("another cluster's service account of the same name is somebody else", () => {
    const account = { connection: 'other', namespace: 'ci', name: 'bot' }
    const bot: Principal = {
      ...alice,
      kind: 'serviceaccount',
      username: 'system:serviceaccount:ci:bot',
      groups: [],
      serviceAccount: account,
    }
    const rule = { principals: { serviceAccounts: ['ci:bot'] }, role: 'deployer', namespaces: ['ci'] }
    assert.deepEqual(given(bot, rule), [])
    const here = { ...bot, serviceAccount: { ...account, connection: 'prod' } }
    assert.deepEqual(given(here, rule), ['Role deployer ci'])
  })

  test('each role in a place once, in one order, whatever the order of the rules', () => {
    const rules = [
      { group: 'corp:devs', clusterRole: 'edit', namespaces: ['b', 'a'] },
      { group: 'corp:oncall', clusterRole: 'edit', namespaces: ['a'] },
      { group: 'corp:oncall', clusterRole: 'view', clusterWide: true as const },
    ]
    const expected = ['ClusterRole view ', 'ClusterRole edit a', 'ClusterRole edit b']
    assert.deepEqual(given(alice, ...rules), expected)
    assert.deepEqual(given(alice, ...rules.toReversed()), expected)
  })
})

test('a condition may look at who, where and when, not at an action that is not there yet', () => {
  assert.deepEqual(bindingConditionErrors("'corp:devs' in principal.groups && connection.name != ''"), [])
  for (const wrong of [
    "action.verb == 'get'",
    "session.opened == 'explicitly'",
    'principal.emial == ""',
    'principal.groups ==',
    '1 + 1',
    'principal.username.matches("(")',
  ]) {
    assert.ok(bindingConditionErrors(wrong).length > 0, wrong)
  }
})
