import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { AuditRow } from '../../audit/search/contract.ts'
import { Observer } from './observed.ts'
import { suggest } from './suggest.ts'

function suggested(...rows: { action: object; part?: object[] }[]) {
  const observer = new Observer()
  for (const { action, part } of rows) {
    const decision = { effect: 'allow', rules: [], reason: '', ...(part === undefined ? {} : { part }) }
    const head = {
      connection: 'prod',
      action: { verb: 'list', resource: 'pods', ...action },
      decision,
      result: { code: 200 },
      upstream: { mode: 'principal', user: 'u', groups: [] },
    }
    observer.add({ head } as unknown as AuditRow)
  }
  return suggest(observer.seen(), { users: ['u'] }, 'seen')
}

const matches = (suggestion: ReturnType<typeof suggest>) =>
  suggestion.policy!.spec.rules!.map(({ filter, match }) => {
    const { principals: _, connections: __, apiGroups: ___, ...rest } = match
    return { ...(filter === undefined ? {} : { filter }), ...rest }
  })

test('what was shown in part is suggested as that part, and takes no second word for what lies in it', () => {
  const part = [{ namespaces: ['shop', 'shop-*'] }]
  const both = suggested(
    { action: {}, part },
    { action: { namespace: 'shop-1' } },
    { action: { namespace: 'bank' } },
    { action: { verb: 'get', namespace: 'shop', name: 'x' } },
  )
  assert.deepEqual(matches(both), [
    { filter: true, namespaces: ['shop', 'shop-*'], verbs: ['list'], resources: ['pods'] },
    { namespaces: ['bank'], verbs: ['list'], resources: ['pods'] },
    { namespaces: ['shop'], verbs: ['get'], resources: ['pods'] },
  ])
  // The cluster was asked for the whole list.
  assert.deepEqual(
    both.roles.filter(role => role.kind === 'ClusterRole').map(role => role.rules),
    [[{ apiGroups: [''], resources: ['pods'], verbs: ['list'] }]],
  )
})

test('names and labels are those that were shown, in the namespace that was asked for', () => {
  const names = suggested({ action: { namespace: 'a' }, part: [{ resourceNames: ['one'] }] })
  assert.deepEqual(matches(names), [
    { filter: true, namespaces: ['a'], resourceNames: ['one'], verbs: ['list'], resources: ['pods'] },
  ])
  const labels = suggested({ action: {}, part: [{ labels: 'app=x,team.io/of=blue' }] })
  assert.deepEqual(matches(labels), [
    { filter: true, labels: { app: 'x', 'team.io/of': 'blue' }, verbs: ['list'], resources: ['pods'] },
  ])
  const one = suggested({ action: { verb: 'get', namespace: 'a', name: 'x' }, part: [{ labels: 'app=x' }] })
  assert.deepEqual(matches(one), [
    { namespaces: ['a'], labels: { app: 'x' }, verbs: ['get'], resources: ['pods'] },
  ])
})
