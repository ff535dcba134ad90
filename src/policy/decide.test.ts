import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseDocuments } from '../documents/parse.ts'
import { formatProblem } from '../documents/problem.ts'
import type { PolicyDocument } from '../documents/schema/policy.ts'
import type { Principal } from '../identity/principal.ts'
import type { KubernetesAction } from '../kubernetes/action.ts'
import { compilePolicies } from './compile.ts'
import { decideAdmin } from './decide-admin.ts'
import type { Decision } from './decision.ts'
import { risksOf } from './risk.ts'
import { standIn } from './stand-in.ts'

/** Rules in YAML flow style, one a line: `name effect {match} [when]`. */
function policies(...rules: string[]): PolicyDocument[] {
  const text = rules.map(rule => {
    const [, name, effect, match, when] = /^(\S+) (\S+) (\{.*?\})(?: when (.*))?$/.exec(rule)!
    const condition = when === undefined ? '' : `, when: ${JSON.stringify(when)}`
    return `    - {name: ${name}, effect: ${effect}, match: ${match}${condition}}`
  })
  const head = 'apiVersion: sallyport.dev/v1\nkind: Policy\nmetadata: {name: p}\nspec:\n  rules:\n'
  const parsed = parseDocuments([{ file: 'p.yaml', text: head + text.join('\n') }])
  assert.deepEqual(parsed.problems.map(formatProblem), [])
  return parsed.documents.map(d => d.document as PolicyDocument)
}

const alice: Principal = {
  issuer: 'https://issuer.example.com',
  subject: '1',
  kind: 'person',
  username: 'corp:alice',
  groups: ['corp:dev'],
  authentication: { method: 'oidc', provider: 'corp', validUntil: 0, credentialDigest: '' },
}

function account(name: string, connection = 'prod'): Principal {
  return {
    ...alice,
    kind: 'serviceaccount',
    username: `system:serviceaccount:${name}`,
    groups: [],
    serviceAccount: { connection, namespace: name.split(':')[0]!, name: name.split(':')[1]! },
  }
}

interface More {
  readonly principal?: Principal
  readonly connection?: string
  readonly body?: Partial<NonNullable<KubernetesAction['body']>>
  readonly as?: Partial<NonNullable<KubernetesAction['impersonate']>>
  readonly namespaced?: boolean
  readonly now?: number
}

/** `get pods ns/name`, `list apps/deployments -/-`; `-` is nothing. */
function ask(text: string, more: More = {}): KubernetesAction {
  const [verb, what, where = '-/-'] = text.split(' ') as [string, string, string?]
  const isResource = !what.startsWith('/')
  const parts = isResource ? what.split('/') : []
  const subresource = KNOWN.has(parts.at(-1) ?? '') && parts.length > 1 ? parts.pop()! : ''
  const [namespace, name] = where.split('/').map(w => (w === '-' ? '' : w)) as [string, string]
  const facts = {
    verb,
    isResource,
    apiGroup: parts.length > 1 ? parts[0]! : '',
    apiVersion: 'v1',
    resource: parts.at(-1) ?? '',
    subresource,
    namespace,
    name,
    path: isResource ? '' : what,
    body:
      more.body === undefined
        ? null
        : { apiVersion: '', kind: '', name: '', namespace: '', form: 'object', object: {}, ...more.body },
    impersonate: more.as === undefined ? null : { user: '', groups: [], uid: '', extra: [], ...more.as },
  }
  const risks = risksOf(facts)
  return {
    ...facts,
    protocol: 'k8s',
    query: { fieldSelector: '', labelSelector: '', dryRun: false, follow: false, container: '', command: [] },
    risk: risks[0] ?? 'none',
    risks,
    ...(more.namespaced === undefined ? {} : { namespaced: more.namespaced }),
    hasSideEffect: false,
    longRunning: false,
  }
}

const KNOWN = new Set([
  'console',
  'log',
  'exec',
  'proxy',
  'scale',
  'status',
  'eviction',
  'binding',
  'finalize',
  'token',
  'resize',
  'ephemeralcontainers',
  'approval',
  'attach',
  'portforward',
])

function decide(documents: PolicyDocument[], text: string, more: More = {}): Decision {
  const circumstances = standIn(more.principal ?? alice, more.connection ?? 'prod', more.now ?? 0)
  return compilePolicies(documents).decide(ask(text, more), circumstances)
}

const ALL = 'principals: {users: ["*"]}'
const EVERYTHING = `everything allow {${ALL}, verbs: ["*"], apiGroups: ["*"], resources: ["*"], riskClasses: ["*"]}`

/** [request, effect] for one set of rules. */
function table(title: string, rules: string[], rows: readonly (readonly [string, string, More?])[]): void {
  const documents = policies(...rules)
  for (const [request, effect, more] of rows) {
    test(`${title}: ${request}${more === undefined ? '' : ` ${JSON.stringify(more).slice(0, 90)}`} -> ${effect}`, () => {
      assert.equal(decide(documents, request, more).effect, effect)
    })
  }
}

table(
  'RBAC words',
  [`r allow {${ALL}, verbs: [get, list], apiGroups: [""], resources: [pods, pods/log, "*/scale"]}`],
  [
    ['get pods a/x', 'allow'],
    ['list pods -/-', 'allow'],
    ['get pods/log a/x', 'allow'],
    ['get pods/status a/x', 'deny'],
    ['get replicationcontrollers/scale a/x', 'allow'],
    ['get apps/deployments/scale a/x', 'deny'],
    ['watch pods a/-', 'deny'],
    ['get services a/x', 'deny'],
    ['get metrics.k8s.io/pods a/x', 'deny'],
    ['get /healthz', 'allow'],
    ['get /metrics', 'deny'],
  ],
)

table(
  'all subresources of one',
  [`r allow {${ALL}, verbs: ["*"], apiGroups: [apps], resources: ["deployments/*"]}`],
  [
    ['get apps/deployments/scale a/x', 'allow'],
    ['get apps/deployments a/x', 'deny'],
  ],
)

table(
  'URLs',
  [
    `r allow {${ALL}, verbs: [get], nonResourceURLs: [/metrics, "/debug/*"]}`,
    `d deny {nonResourceURLs: ["/debug/pprof/*"]}`,
  ],
  [
    ['get /metrics', 'allow'],
    ['get /metrics/slis', 'deny'],
    ['get /debug/flags', 'allow'],
    ['get /debug/pprof/heap', 'deny'],
    ['post /metrics', 'deny'],
    ['get pods a/x', 'deny'],
  ],
)

table(
  'an allow rule for namespaces',
  [
    `r allow {${ALL}, verbs: ["*"], apiGroups: ["*"], resources: ["*"], namespaces: ["team-*"], riskClasses: ["*"]}`,
  ],
  [
    ['get pods team-a/x', 'allow'],
    ['list pods team-a/-', 'allow'],
    ['list pods -/-', 'deny'],
    ['watch pods -/-', 'deny'],
    ['list secrets -/db', 'deny'],
    ['get pods other/x', 'deny'],
    ['get nodes -/n', 'deny'],
    ['get namespaces team-a/team-a', 'allow'],
    ['create namespaces -/-', 'deny', { body: { name: 'team-a' } }],
  ],
)

table(
  'an allow rule for names',
  [`r allow {${ALL}, verbs: ["*"], apiGroups: [""], resources: [configmaps], resourceNames: [x]}`],
  [
    ['get configmaps a/x', 'allow'],
    ['get configmaps a/y', 'deny'],
    ['list configmaps a/-', 'deny'],
    ['list configmaps a/x', 'allow'],
    ['watch configmaps -/x', 'allow'],
    ['deletecollection configmaps a/-', 'deny'],
    ['create configmaps a/-', 'deny', { body: { name: 'x' } }],
  ],
)

const DENY_SECRETS_X = [EVERYTHING, 'd deny {resources: [secrets], namespaces: [x]}']
table('a deny rule for a namespace', DENY_SECRETS_X, [
  ['get secrets x/s', 'deny'],
  ['get secrets y/s', 'allow'],
  ['list secrets y/-', 'allow'],
  ['list secrets -/-', 'deny'],
  ['watch secrets -/-', 'deny'],
  ['list secrets -/s', 'deny'],
  ['list pods -/-', 'allow'],
  ['delete namespaces x/x', 'deny'],
  ['delete namespaces y/y', 'allow'],
  ['update namespaces/finalize x/x', 'deny'],
])

table(
  'a deny rule for everything in a namespace',
  [EVERYTHING, 'd deny {namespaces: [kube-system]}'],
  [
    ['get pods kube-system/x', 'deny'],
    ['list pods -/-', 'deny'],
    ['list nodes -/-', 'allow'],
    ['get nodes -/n', 'allow'],
    ['list namespaces -/-', 'allow'],
    ['list namespaces -/kube-system', 'deny'],
    ['get namespaces kube-system/kube-system', 'deny'],
    ['create namespaces -/-', 'deny', { body: { name: 'kube-system' } }],
    ['create namespaces -/-', 'allow', { body: { name: 'other' } }],
    ['create namespaces -/-', 'deny', { body: { name: 'kube-*' } }],
    ['create namespaces -/-', 'deny', {}],
    ['list example.com/widgets -/-', 'deny'],
    ['list example.com/widgets -/-', 'allow', { namespaced: false }],
  ],
)

table(
  'a deny rule that says namespaces',
  [EVERYTHING, 'd deny {resources: [namespaces], namespaces: [x]}'],
  [
    ['list namespaces -/-', 'deny'],
    ['get namespaces y/y', 'allow'],
  ],
)

table(
  'a deny rule for names',
  [EVERYTHING, 'd deny {resources: [configmaps], resourceNames: [x]}'],
  [
    ['get configmaps a/x', 'deny'],
    ['get configmaps a/y', 'allow'],
    ['list configmaps a/-', 'deny'],
    ['list configmaps a/y', 'allow'],
    ['watch configmaps -/-', 'deny'],
    ['deletecollection configmaps a/-', 'deny'],
    ['create configmaps a/-', 'deny', { body: { name: 'x' } }],
    ['create configmaps a/-', 'allow', { body: { name: 'y' } }],
    ['create configmaps a/-', 'allow', { body: { name: 'y*' } }],
    ['create configmaps a/-', 'deny', {}],
  ],
)

table(
  'a deny rule and other names of the same effect',
  [EVERYTHING, 'd deny {verbs: [get, update, delete], resources: [pods, secrets, deployments, namespaces]}'],
  [
    ['list secrets a/-', 'deny'],
    ['watch secrets a/-', 'deny'],
    ['patch pods a/x', 'deny'],
    ['create pods/eviction a/x', 'deny'],
    ['deletecollection pods a/-', 'deny'],
    ['patch pods/ephemeralcontainers a/x', 'deny'],
    ['patch pods/status a/x', 'deny'],
    ['get pods/status a/x', 'deny'],
    ['create pods/binding a/x', 'deny'],
    ['create bindings a/x', 'deny'],
    ['update apps/deployments/scale a/x', 'deny'],
    ['update namespaces/finalize a/a', 'deny'],
    ['create pods a/-', 'allow'],
    ['get pods/log a/x', 'allow'],
    ['get apps/deployments/scale a/x', 'allow'],
  ],
)

table(
  'deleting a namespace',
  [
    EVERYTHING,
    'd deny {verbs: [delete], apiGroups: [apps], resources: [deployments], namespaces: [x]}',
    'n deny {verbs: [delete], apiGroups: ["*"], resources: [clusterroles, pods/log]}',
  ],
  [
    ['delete namespaces x/x', 'deny'],
    ['delete namespaces y/y', 'allow'],
    ['delete pods x/p', 'allow'],
  ],
)

table(
  'B33 what may create needs create',
  [`r allow {${ALL}, verbs: [update, patch], apiGroups: ["*"], resources: ["*"]}`],
  [
    ['patch configmaps a/x', 'allow', { body: { form: 'merge-patch' } }],
    ['patch configmaps a/x', 'deny', { body: { form: 'apply-patch' } }],
    ['update configmaps a/x', 'allow', { body: {} }],
    ['update coordination.k8s.io/leases a/x', 'deny', { body: {} }],
    ['update coordination.k8s.io/leases/status a/x', 'allow', { body: {} }],
  ],
)
table(
  'B33 a deny of create stops what may create',
  [EVERYTHING, 'd deny {verbs: [create], resources: [configmaps, leases]}'],
  [
    ['patch configmaps a/x', 'deny', { body: { form: 'apply-patch' } }],
    ['patch configmaps a/x', 'allow', { body: { form: 'merge-patch' } }],
    ['update coordination.k8s.io/leases a/x', 'deny', { body: {} }],
  ],
)

const STAR = `star allow {${ALL}, verbs: ["*"], apiGroups: ["*"], resources: ["*"]}`
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
  assert.match(considered.find(c => c.rule === 'p/d')!.why, /something else/)
})

test('a rule whose condition does not compile is never silently absent', () => {
  const [document] = policies('d deny {resources: [secrets]} when oops ==')
  assert.throws(() => compilePolicies([document!]), /rule p\/d: unexpected token/)
})
