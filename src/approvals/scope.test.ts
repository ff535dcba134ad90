import assert from 'node:assert/strict'
import { test } from 'node:test'
import { compilePolicies } from '../policy/compile.ts'
import { standIn } from '../policy/stand-in.ts'
import { ALL, alice, ask, policies, STAR } from '../policy/testing/ask.ts'
import { type GrantScope, isWithin, judgeScope } from './scope.ts'

const here = standIn(alice, 'prod', 0)
const scope = (more: Partial<GrantScope>): GrantScope => ({
  ...{ verbs: ['delete'], resources: [], namespaces: [], names: [] },
  ...more,
})
const set = compilePolicies(
  policies(
    STAR,
    `guarded hold {${ALL}, verbs: [delete, patch], apiGroups: [""], resources: [configmaps], namespaces: [payments]}`,
    `closed deny {verbs: [delete], apiGroups: [apps], resources: [deployments]}`,
  ),
)
const judged = (one: GrantScope) => judgeScope(one, set.rules, action => set.decide(action, here))

test('names the rules that hold something in it', () => {
  const { held, denied } = judged(scope({ verbs: ['delete', 'get'], namespaces: ['payments'] }))
  assert.deepEqual(
    held.map(one => one.holds),
    [['p/guarded']],
  )
  assert.deepEqual(denied, [])
  assert.deepEqual(judged(scope({ namespaces: ['shop'] })).held, [])
})

test('what is denied cannot be asked for by name', () => {
  const { denied } = judged(
    scope({ resources: ['deployments.apps', 'configmaps'], namespaces: ['payments'] }),
  )
  assert.equal(denied.length, 1)
  assert.equal(denied[0]?.action.resource, 'deployments')
})

test('a request is within a scope only as a whole', () => {
  const payments = scope({
    verbs: ['delete', 'patch'],
    resources: ['configmaps', 'pods/log'],
    namespaces: ['payments'],
  })
  const rows: [string, boolean][] = [
    ['delete configmaps payments/a', true],
    ['patch configmaps payments/a', false], // an apply may create what is missing, and nobody granted that
    ['delete configmaps shop/a', false],
    ['delete configmaps -/a', false],
    ['delete pods payments/a', false],
    ['delete pods/log payments/a', true],
    ['deletecollection configmaps payments/-', false],
    ['delete apps/configmaps payments/a', false],
  ]
  for (const [action, within] of rows) {
    const more = action.startsWith('patch') ? { body: { form: 'apply-patch' } } : {}
    assert.equal(isWithin(payments, ask(action, more), here), within, action)
  }
  const named = scope({ verbs: ['delete'], names: ['a'] })
  assert.equal(isWithin(named, ask('delete configmaps shop/a'), here), true)
  assert.equal(isWithin(named, ask('delete configmaps shop/b'), here), false)
})
