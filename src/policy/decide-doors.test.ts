import assert from 'node:assert/strict'
import { test } from 'node:test'
import { compilePolicies } from './compile.ts'
import { decideAdmin } from './decide-admin.ts'
import { standIn } from './stand-in.ts'
import {
  ALL,
  account,
  alice,
  ask,
  decide,
  EVERYTHING,
  type More,
  policies,
  STAR,
  table,
} from './testing/ask.ts'

const privileged = { object: { spec: { containers: [{ securityContext: { privileged: true } }] } } }
table(
  'resources: ["*"] opens no second door',
  [STAR],
  [
    ['get pods a/x', 'allow'],
    ['get nodes/proxy -/n', 'deny'],
    ['get pods/proxy a/p', 'deny'],
    ['create pods/exec a/p', 'deny'],
    ['create pods/attach a/p', 'deny'],
    ['create pods/portforward a/p', 'deny'],
    ['patch pods/ephemeralcontainers a/p', 'deny'],
    ['create serviceaccounts/token a/s', 'deny'],
    ['update certificates.k8s.io/certificatesigningrequests/approval -/c', 'deny'],
    ['create rbac.authorization.k8s.io/rolebindings a/-', 'deny'],
    ['create pods a/-', 'deny', { body: privileged }],
    ['create pods a/-', 'allow', { body: {} }],
    ['create pods/binding a/p', 'deny'],
    ['deletecollection pods a/-', 'deny'],
    ['delete namespaces a/a', 'deny'],
    ['get secrets a/s', 'deny'],
    ['get example.com/widgets/console a/w', 'deny'],
    ['create pods/eviction a/p', 'allow'],
    ['patch apps/deployments/scale a/d', 'allow'],
  ],
)
table(
  'a named class opens its door and no other',
  [
    `r allow {${ALL}, verbs: ["*"], apiGroups: ["*"], resources: ["*"], riskClasses: [exec, pod-spec-secret]}`,
  ],
  [
    ['create pods/exec a/p', 'allow'],
    ['create pods/attach a/p', 'deny'],
    ['get pods a/p', 'allow'],
    ['create pods a/-', 'allow', { body: { object: { spec: { volumes: [{ secret: {} }] } } } }],
    ['create pods a/-', 'deny', { body: { object: { spec: { hostPID: true, volumes: [{ secret: {} }] } } } }],
  ],
)
const owned = { form: 'merge-patch', object: { metadata: { ownerReferences: [{ name: 'gone' }] } } }
table(
  'naming an owner is a change and a delete: a rule that allows it has both verbs',
  [`r allow {${ALL}, verbs: [patch, update], apiGroups: ["*"], resources: ["*"]}`],
  [
    [
      'patch pods a/p',
      'allow',
      { body: { form: 'merge-patch', object: { metadata: { labels: { a: 'b' } } } } },
    ],
    ['patch pods a/p', 'deny', { body: owned }],
    ['update configmaps a/c', 'deny', { body: { object: owned.object } }],
  ],
)
table(
  'a deny rule on deleting stops what names an owner, of the object and of its namespace',
  [EVERYTHING, 'd deny {verbs: [delete], resources: [pods], namespaces: [a]}'],
  [
    ['patch pods a/p', 'deny', { body: owned }],
    ['patch pods/status a/p', 'deny', { body: owned }],
    ['patch namespaces a/a', 'deny', { body: owned }],
    ['patch pods b/p', 'allow', { body: owned }],
    ['patch configmaps a/c', 'allow', { body: owned }],
    ['create pods a/-', 'allow', { body: { object: owned.object } }],
  ],
)
table(
  'one class of several is not enough',
  [`r allow {${ALL}, verbs: ["*"], apiGroups: ["*"], resources: ["*"], riskClasses: [pod-spec-host]}`],
  [['create pods a/-', 'deny', { body: { object: { spec: { hostPID: true, volumes: [{ secret: {} }] } } } }]],
)
table(
  'a deny rule on classes is a filter',
  [EVERYTHING, 'd deny {riskClasses: [pod-spec-secret, exec]}'],
  [
    ['create pods/exec a/p', 'deny'],
    ['create pods a/-', 'deny', { body: { object: { spec: { hostPID: true, volumes: [{ secret: {} }] } } } }],
    ['get pods a/p', 'allow'],
  ],
)
table(
  'a deny rule on every class',
  [EVERYTHING, 'd deny {riskClasses: ["*"]}'],
  [
    ['get secrets a/p', 'deny'],
    ['create pods/eviction a/p', 'deny'],
    ['get pods a/p', 'allow'],
  ],
)

const HELD = `h hold {${ALL}, verbs: [delete], resources: [pods], namespaces: [a]}`
table(
  'hold is between deny and allow',
  [STAR, HELD, 'd deny {resourceNames: [core]}'],
  [
    ['delete pods a/x', 'hold'],
    ['delete pods b/x', 'allow'],
    ['delete pods a/core', 'deny'],
    ['get pods a/x', 'allow'],
  ],
)
table(
  'hold alone can be approved',
  [HELD],
  [
    ['delete pods a/x', 'hold'],
    ['get pods a/x', 'deny'],
  ],
)
table(
  'what a hold rule only touches is not opened by an approval',
  [HELD],
  [
    ['deletecollection pods a/-', 'deny'],
    ['create pods/eviction a/x', 'deny'],
  ],
)
table(
  'a hold rule guards second doors and opens them only by name',
  [`h hold {${ALL}}`],
  [
    ['get pods a/x', 'hold'],
    ['create pods/exec a/x', 'deny'],
  ],
)
table(
  'a hold rule that names the door',
  [`h hold {${ALL}, riskClasses: [exec]}`],
  [
    ['create pods/exec a/x', 'hold'],
    ['get pods a/x', 'deny'],
  ],
)

table(
  'principals',
  [
    `users allow {principals: {users: ["corp:a*"]}, verbs: [get], apiGroups: [""], resources: [pods]}`,
    `groups allow {principals: {groups: ["corp:ops"]}, verbs: [get], apiGroups: [""], resources: [nodes]}`,
    `sa allow {principals: {serviceAccounts: ["ci-*:deployer"]}, verbs: [get], apiGroups: [""], resources: [services]}`,
    `far allow {principals: {serviceAccounts: ["build/ci:*"]}, verbs: [get], apiGroups: [""], resources: [endpoints]}`,
    `kind allow {principals: {kinds: [job]}, verbs: [get], apiGroups: [""], resources: [events]}`,
    `both allow {principals: {groups: ["corp:dev"], kinds: [job]}, verbs: [get], apiGroups: [""], resources: [limitranges]}`,
  ],
  [
    ['get pods a/x', 'allow'],
    ['get pods a/x', 'deny', { principal: { ...alice, username: 'corp:bob' } }],
    ['get nodes -/x', 'deny'],
    ['get nodes -/x', 'allow', { principal: { ...alice, groups: ['x', 'corp:ops'] } }],
    ['get services a/x', 'allow', { principal: account('ci-1:deployer') }],
    ['get services a/x', 'deny', { principal: account('ci-1:other') }],
    ['get services a/x', 'deny', { principal: account('ci-1:deployer', 'staging') }],
    ['get endpoints a/x', 'allow', { principal: account('ci:x', 'build') }],
    ['get endpoints a/x', 'deny', { principal: account('ci:x') }],
    ['get events a/x', 'allow', { principal: { ...alice, kind: 'job' } }],
    ['get events a/x', 'deny'],
    ['get limitranges a/x', 'deny'],
    ['get limitranges a/x', 'allow', { principal: { ...alice, kind: 'job' } }],
  ],
)
table(
  'a user name never means a service account of another cluster',
  [
    `r allow {principals: {users: ["system:serviceaccount:ci:d"]}, verbs: [get], apiGroups: [""], resources: [pods]}`,
  ],
  [
    ['get pods a/x', 'allow', { principal: account('ci:d') }],
    ['get pods a/x', 'deny', { principal: account('ci:d', 'staging') }],
  ],
)
table(
  'in a deny rule it does',
  [EVERYTHING, 'd deny {principals: {serviceAccounts: ["ci:d"]}}'],
  [
    ['get pods a/x', 'deny', { principal: account('ci:d') }],
    ['get pods a/x', 'deny', { principal: account('ci:d', 'staging') }],
    ['get pods a/x', 'allow', { principal: account('ci:e') }],
  ],
)
table(
  'connections',
  [`r allow {${ALL}, connections: ["stag*"], verbs: [get], apiGroups: [""], resources: [pods]}`],
  [
    ['get pods a/x', 'deny'],
    ['get pods a/x', 'allow', { connection: 'staging' }],
  ],
)

const AS = `as allow {principals: {users: ["corp:alice"]}, verbs: [get], apiGroups: [""], resources: [pods], impersonate: {users: ["*"], groups: ["dev"]}}`
table(
  'C35 impersonation',
  [EVERYTHING, AS],
  [
    ['get pods a/x', 'allow'],
    ['get pods a/x', 'allow', { as: { user: 'bob' } }],
    ['get pods a/x', 'allow', { as: { user: 'bob', groups: ['dev'] } }],
    ['get pods a/x', 'deny', { as: { user: 'bob', groups: ['dev', 'ops'] } }],
    ['get pods a/x', 'deny', { as: { user: 'bob', uid: '1' } }],
    ['get pods a/x', 'deny', { as: { user: 'bob', extra: [['scopes', 'x']] } }],
    ['get pods a/x', 'deny', { as: { user: 'system:admin' } }],
    ['get pods a/x', 'deny', { as: { user: 'system:kube-controller-manager' } }],
    ['delete pods a/x', 'deny', { as: { user: 'bob' } }],
    ['get secrets a/x', 'deny', { as: { user: 'bob' } }],
    ['get /healthz', 'deny', { as: { user: 'bob' } }],
  ],
)
table('C35 without a rule for it', [EVERYTHING], [['get pods a/x', 'deny', { as: { user: 'bob' } }]])
table(
  'C35 a system: name takes a pattern that says system:',
  [
    `as allow {${ALL}, verbs: [get], apiGroups: [""], resources: [pods], impersonate: {users: ["system:serviceaccount:ci:*"]}}`,
  ],
  [
    ['get pods a/x', 'allow', { as: { user: 'system:serviceaccount:ci:d' } }],
    ['get pods a/x', 'deny', { as: { user: 'system:serviceaccount:kube-system:d' } }],
  ],
)
table(
  'C35 a deny rule for somebody holds for whoever acts as them',
  [
    AS,
    'd deny {principals: {users: ["corp:bob"], serviceAccounts: ["ci:d"]}}',
    'i deny {impersonate: {users: [root]}}',
  ],
  [
    ['get pods a/x', 'deny', { as: { user: 'corp:bob' } }],
    ['get pods a/x', 'deny', { as: { user: 'sallyport:corp:bob' } }],
    ['get pods a/x', 'deny', { as: { user: 'root' } }],
    ['get pods a/x', 'allow', { as: { user: 'carol' } }],
  ],
)

const MONDAY_NOON = Date.UTC(2026, 0, 5, 12)
table(
  'conditions',
  [
    `day allow {${ALL}, verbs: [get], apiGroups: [""], resources: [pods]} when now.getHours() >= 9 && now.getHours() < 17`,
    `bad allow {${ALL}, verbs: [get], apiGroups: [""], resources: [nodes]} when action.body.object.x == 1`,
    `ok allow {${ALL}, verbs: [create], apiGroups: [""], resources: [services]}`,
    `port deny {verbs: [create], resources: [services]} when action.body.object.spec.type == "NodePort"`,
  ],
  [
    ['get pods a/x', 'allow', { now: MONDAY_NOON }],
    ['get pods a/x', 'deny', { now: MONDAY_NOON + 8 * 3_600_000 }],
    ['get nodes -/x', 'deny'],
    ['create services a/-', 'allow', { body: { object: { spec: { type: 'ClusterIP' } } } }],
    ['create services a/-', 'deny', { body: { object: { spec: { type: 'NodePort' } } } }],
    ['create services a/-', 'deny', { body: { object: { spec: {} } } }],
  ],
)

test('A14 a deny rule holds for the same objects under another group', () => {
  const documents = policies(EVERYTHING, 'd deny {apiGroups: [""], resources: [events], namespaces: [x]}')
  const sameStorage = [
    { apiGroup: '', resource: 'events' },
    { apiGroup: 'events.k8s.io', resource: 'events' },
  ]
  const effect = (text: string) =>
    compilePolicies(documents).decide({ ...ask(text), sameStorage }, standIn(alice, 'prod', 0)).effect
  assert.equal(effect('get events.k8s.io/events x/e'), 'deny')
  assert.equal(effect('list events.k8s.io/events -/-'), 'deny')
  assert.equal(effect('get events.k8s.io/events y/e'), 'allow')
})

test('reasons name the rule, the gap, and what would close it', () => {
  const documents = policies(
    EVERYTHING.replace(', riskClasses: ["*"]', ', namespaces: [a]'),
    'no-prod deny {verbs: [delete], connections: [prod], resources: [services]}',
    'typed deny {resources: [endpoints]} when action.body.object.x == 1',
    `${AS.replace('as allow', 'by-condition allow').replace(', impersonate: {users: ["*"], groups: ["dev"]}', '').replace('[pods]', '[limitranges]')} when principal.email == "x"`,
  )
  for (const [request, rule, reason, more] of [
    [
      'create pods/exec a/p',
      'defaults/exec',
      /nothing allows create pods\/exec "p" in namespace a; rule p\/everything would if it had riskClasses: \[exec\]/,
    ],
    ['get pods b/p', undefined, /rule p\/everything would if it had namespaces: \[b\]/],
    ['list pods -/-', undefined, /would if it had all namespaces \(leave namespaces out\)/],
    ['get pods a/p', 'defaults/impersonate', /impersonate that covers "bob"/, { as: { user: 'bob' } }],
    ['delete services a/s', 'p/no-prod', /denied by rule p\/no-prod$/],
    ['deletecollection services a/-', 'p/no-prod', /deletecollection services in namespace a amounts to it/],
    ['get endpoints a/x', 'p/typed', /its condition failed, which counts as met: no such key: body/],
    ['get limitranges b/x', undefined, /rule p\/by-condition would, but its condition is not met/],
    ['get /metrics', undefined, /nothing allows get \/metrics/],
  ] as const) {
    const decision = decide(documents, request, more as More | undefined)
    assert.equal(decision.effect, 'deny', request)
    assert.equal(decision.rules[0], rule, request)
    assert.match(decision.reason, reason)
    assert.ok(decision.reason.length <= 320)
    assert.match(decision.policyDigest, /^sha256:[0-9a-f]{64}$/)
  }
  const long = 'x'.repeat(250)
  assert.ok(decide(documents, `get ${long}.${long}/${long} ${long}/${long}`).reason.length <= 320)
})

test('what is done to Sallyport itself is decided by the same rules', () => {
  const documents = policies(
    'audit allow {principals: {groups: ["corp:dev"]}, admin: {verbs: ["audit.*"]}}',
    'open allow {principals: {users: ["*"]}, admin: {verbs: [session.open], names: ["team-*"]}}',
    'mallory deny {principals: {users: ["corp:mallory"]}}',
    `k8s allow {${ALL}, verbs: ["*"], apiGroups: ["*"], resources: ["*"]}`,
  )
  const compiled = compilePolicies(documents)
  const effect = (verb: string, name = '', principal = alice) =>
    decideAdmin(compiled, principal, { protocol: 'admin', verb, resource: 'x', name }, 0).effect
  assert.equal(effect('audit.search'), 'allow')
  assert.equal(effect('audit'), 'deny')
  assert.equal(effect('policy.write'), 'deny')
  assert.equal(effect('session.open', 'team-a'), 'allow')
  assert.equal(effect('session.open', 'prod'), 'deny')
  assert.equal(effect('self.read'), 'allow')
  assert.equal(effect('self.read', '', { ...alice, username: 'corp:mallory' }), 'deny')
  assert.match(
    decideAdmin(
      compiled,
      alice,
      { protocol: 'admin', verb: 'policy.write', resource: 'policies', name: 'x' },
      0,
    ).reason,
    /nothing allows policy.write on policies "x"; it takes a rule with admin: \{verbs: \[policy.write\]\}/,
  )
})

test('an action that does not say all its risks is judged by the one it says', () => {
  const compiled = compilePolicies(policies(STAR))
  const { risks: _, ...action } = ask('create pods/exec a/p')
  assert.equal(compiled.decide(action, standIn(alice, 'prod', 0)).effect, 'deny')
})

test('explain names every rule and agrees with the decision', () => {
  const compiled = compilePolicies(policies(STAR, HELD, 'd deny {resources: [secrets]}'))
  const { effect, considered } = compiled.explain(ask('delete pods a/x'), standIn(alice, 'prod', 0))
  assert.equal(effect, 'hold')
  assert.deepEqual(
    considered.filter(c => c.matched).map(c => c.rule),
    ['p/star', 'p/h'],
  )
  assert.equal(considered.length, compiled.rules.length)
  assert.match(considered.find(c => c.rule === 'p/d')!.why, /is about other resources/)
})

test('a rule whose condition does not compile is never silently absent', () => {
  const [document] = policies('d deny {resources: [secrets]} when oops ==')
  assert.throws(() => compilePolicies([document!]), /rule p\/d: unexpected token/)
})
