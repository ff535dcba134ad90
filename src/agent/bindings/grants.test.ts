import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { compileBindingRule, rolesOf } from '../../connections/binding-rule.ts'
import type { Connection } from '../../connections/connection.ts'
import type { Principal } from '../../identity/principal.ts'
import { bindingObject, isSame, sessionOf } from './binding.ts'
import { grantsOf, mayGive } from './grants.ts'
import { mayBindOf } from './may-bind.ts'
import { probesOf } from './probes.ts'

const name = fc.constantFrom('view', 'edit', 'admin', 'reader')
const places = fc.uniqueArray(fc.constantFrom('a', 'b', 'c'), { minLength: 1 })
const rule = fc.oneof(
  fc.record({ group: fc.constant('g'), clusterRole: name, namespaces: places }),
  fc.record({ group: fc.constant('g'), clusterRole: name, clusterWide: fc.constant(true as const) }),
  fc.record({ group: fc.constant('g'), role: name, namespaces: places }),
)
const somebody = { groups: ['g'] } as unknown as Principal

test('what is derived from a mapping covers exactly what the mapping can give', () => {
  fc.assert(
    fc.property(fc.array(rule, { minLength: 1, maxLength: 6 }), written => {
      const bindings = written.map(compileBindingRule)
      const given = rolesOf({ bindings } as unknown as Connection, somebody, 0)
      const grants = grantsOf(mayBindOf(bindings)!)
      for (const role of given) assert.ok(mayGive(grants, role), JSON.stringify(role))
      for (const kind of ['ClusterRole', 'Role'] as const) {
        for (const one of ['view', 'edit', 'admin', 'reader', 'cluster-admin']) {
          for (const namespace of ['', 'a', 'b', 'c', 'd']) {
            const asked = { kind, name: one, namespace }
            const wide = given.some(
              each =>
                each.kind === kind && each.name === one && each.namespace === '' && kind === 'ClusterRole',
            )
            const mapped = given.some(
              each => each.kind === kind && each.name === one && each.namespace === namespace,
            )
            // Who may bind a role everywhere may bind it in a namespace.
            assert.equal(mayGive(grants, asked), mapped || wide, JSON.stringify(asked))
          }
        }
      }
    }),
  )
  assert.equal(mayBindOf([]), undefined)
})

test('a role without places is bound nowhere, and contradictions are errors', () => {
  const nowhere = grantsOf({ grants: [{ role: 'reader' }] })
  assert.equal(mayGive(nowhere, { kind: 'Role', name: 'reader', namespace: 'a' }), false)
  assert.throws(() => grantsOf({ namespaces: ['a'], roles: [{ namespace: 'b', name: 'x' }] }), /not among/)
})

test('an object is ours only with name, labels and the one subject of one session', () => {
  const session = `s-${'a'.repeat(26)}`
  const role = { kind: 'ClusterRole', name: 'view', namespace: 'a' } as const
  const ours = bindingObject(session, 'User', role, '2026-01-01T00:00:00.000Z')
  assert.equal(sessionOf(ours), session)
  const account = bindingObject(session, 'ServiceAccount', role, '2026-01-01T00:00:00.000Z')
  assert.equal(sessionOf(account), session)
  assert.ok(!isSame(ours, account))
  const { metadata } = ours
  const [subject] = ours.subjects!
  for (const wrong of [
    { ...ours, metadata: { ...metadata, name: 'x' } },
    { ...ours, metadata: { ...metadata, labels: {} } },
    {
      ...ours,
      metadata: { ...metadata, labels: { ...metadata.labels, 'app.kubernetes.io/managed-by': 'helm' } },
    },
    { ...ours, metadata: { ...metadata, labels: { ...metadata.labels, 'sallyport.dev/session': 's-b' } } },
    { ...ours, subjects: [] },
    { ...ours, subjects: [subject!, subject!] },
    { ...ours, subjects: [{ ...subject, kind: 'Group' }] },
    { ...ours, subjects: [{ ...subject, name: 'alice' }] },
    { ...account, subjects: [{ ...account.subjects![0], namespace: 'kube-system' }] },
  ]) {
    assert.equal(sessionOf(wrong as typeof ours), undefined, JSON.stringify(wrong))
  }
  const wider = bindingObject(session, 'User', { ...role, name: 'edit' }, '2026-01-01T00:00:00.000Z')
  assert.ok(!isSame({ ...wider, metadata }, ours), 'another role under the same name')
})

test('a review asks for what the role gives, where it gives it', () => {
  const rules = [
    { verbs: ['get', 'list'], apiGroups: [''], resources: ['pods/log', 'pods'] },
    { verbs: ['get'], nonResourceURLs: ['/metrics'] },
    { verbs: ['update'], apiGroups: ['apps'], resources: ['deployments'], resourceNames: ['web'] },
  ]
  assert.deepEqual(probesOf(rules, 'a'), [
    {
      resourceAttributes: { verb: 'list', group: '', resource: 'pods', subresource: 'log', namespace: 'a' },
    },
    {
      resourceAttributes: {
        verb: 'update',
        group: 'apps',
        resource: 'deployments',
        name: 'web',
        namespace: 'a',
      },
    },
  ])
  assert.deepEqual(probesOf([rules[1]!], ''), [{ nonResourceAttributes: { verb: 'get', path: '/metrics' } }])
  // A path is given by no binding of a namespace; an empty role gives nothing to ask for.
  assert.deepEqual(probesOf([rules[1]!], 'a'), [])
  assert.deepEqual(probesOf([], ''), [])
  assert.deepEqual(probesOf([{}, { verbs: [] }, { verbs: ['get'] }], ''), [])
})
