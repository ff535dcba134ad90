import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { API_VERSION } from '../brand.ts'
import { type PolicyDocument, type PolicyRule, policyDocumentSchema } from '../documents/schema/policy.ts'
import type { Principal } from '../identity/principal.ts'
import type { KubernetesAction } from '../kubernetes/action.ts'
import { compilePolicies } from './compile.ts'
import { covers } from './covers.ts'
import type { Action, Circumstances, Effect } from './decision.ts'
import { risksOf } from './risk.ts'
import { standIn } from './stand-in.ts'
import { touches } from './touches.ts'

const some = <T>(...values: T[]) => fc.uniqueArray(fc.constantFrom(...values), { minLength: 1, maxLength: 3 })
const maybe = <T>(arbitrary: fc.Arbitrary<T>) => fc.option(arbitrary, { nil: undefined, freq: 2 })

/** So that most rules still match something. */
const rarely = <T>(...values: T[]) => fc.option(fc.constantFrom(...values), { nil: undefined, freq: 1 })

const verbs = some('*', 'get', 'list', 'watch', 'create', 'update', 'patch', 'delete', 'deletecollection')
const resources = some(
  '*',
  'pods',
  'secrets',
  'namespaces',
  'pods/exec',
  '*/scale',
  'pods/*',
  'deployments',
  'leases',
)
const apiGroups = some('', '*', 'apps', 'coordination.k8s.io')
const names = some('a', 'b', 'a*', '*')
const principals = fc.constantFrom<PolicyRule['match']['principals']>(
  { users: ['*'] },
  { users: ['corp:alice'] },
  { groups: ['corp:*'] },
  { serviceAccounts: ['a:a'] },
  { kinds: ['person'] },
  { users: ['*'], claims: { team: ['shop', 'web-*'] } },
  { claims: { team: ['shop'] } },
)
const when = maybe(
  fc.constantFrom(
    'action.namespace == "a"',
    'action.body.kind == "Pod"',
    'principal.groups.exists(g, g == "corp:dev")',
  ),
)

const ruleOf = (effect: Effect): fc.Arbitrary<PolicyRule> =>
  fc
    .record({
      principals: effect === 'deny' ? maybe(principals) : principals,
      connections: maybe(some('prod', 'staging', 'p*')),
      verbs: effect === 'allow' ? verbs : maybe(verbs),
      apiGroups: effect === 'allow' ? apiGroups : maybe(apiGroups),
      resources: effect === 'allow' ? resources : maybe(resources),
      namespaces: maybe(names),
      resourceNames: maybe(names),
      riskClasses: maybe(
        some<never>('*' as never, 'exec' as never, 'secret-read' as never, 'impersonate' as never),
      ),
      impersonate: maybe(fc.record({ users: some('*', 'bob', 'system:*') })),
      images: rarely({ from: ['docker.io/*'] }, { notFrom: ['docker.io/*'] }),
      dryRun: rarely(true, false),
      time: rarely(
        { within: [{ hours: '00:00-12:00' }] },
        { outside: [{ days: ['thu' as const], hours: '06:00-18:00', zone: 'Europe/Berlin' }] },
      ),
      client: rarely(
        { addresses: ['10.0.0.0/8'] },
        { userAgents: ['kubectl'] },
        { commands: ['kubectl get'], addresses: ['::/0'] },
      ),
      when,
    })
    .map(({ when: condition, ...match }) => {
      const given = Object.fromEntries(Object.entries(match).filter(([, v]) => v !== undefined))
      return {
        name: 'x',
        effect,
        match: given,
        ...(condition === undefined ? {} : { when: condition }),
      } as PolicyRule
    })

const anyRule = fc.oneof(ruleOf('allow'), ruleOf('allow'), ruleOf('deny'), ruleOf('hold'))
const rules = fc.array(anyRule, { maxLength: 6 })

function documentOf(list: readonly PolicyRule[], name = 'p'): PolicyDocument {
  const named = list.map((rule, i) => ({ ...rule, name: `r${i}` }))
  const document = { apiVersion: API_VERSION, kind: 'Policy', metadata: { name }, spec: { rules: named } }
  if (list.length > 0) policyDocumentSchema.parse(document)
  return document as PolicyDocument
}

const alice: Principal = {
  issuer: 'i',
  subject: 's',
  kind: 'person',
  username: 'corp:alice',
  groups: ['corp:dev'],
  authentication: { method: 'oidc', provider: 'corp', validUntil: 0, credentialDigest: '' },
}
const robot: Principal = {
  ...alice,
  kind: 'serviceaccount',
  username: 'system:serviceaccount:a:a',
  groups: [],
  serviceAccount: { connection: 'prod', namespace: 'a', name: 'a' },
}

const action: fc.Arbitrary<KubernetesAction> = fc
  .record({
    verb: fc.constantFrom('get', 'list', 'watch', 'create', 'update', 'patch', 'delete', 'deletecollection'),
    target: fc.constantFrom(
      ['', 'pods', ''],
      ['', 'pods', 'exec'],
      ['', 'pods', 'eviction'],
      ['', 'secrets', ''],
      ['', 'namespaces', ''],
      ['', 'bindings', ''],
      ['apps', 'deployments', ''],
      ['apps', 'deployments', 'scale'],
      ['coordination.k8s.io', 'leases', ''],
      ['', 'nodes', ''],
    ),
    namespace: fc.constantFrom('', 'a', 'b'),
    name: fc.constantFrom('', 'a', 'b'),
    body: fc.constantFrom(
      null,
      { kind: 'Pod', form: 'object' },
      { kind: 'Pod', form: 'apply-patch' },
      { kind: 'X', form: 'object' },
    ),
    bodyName: fc.constantFrom('', 'a', 'b', 'a*'),
    impersonate: fc.constantFrom(null, null, null, { user: 'bob' }, { user: 'system:admin' }),
    risky: fc.boolean(),
    image: fc.constantFrom('', 'nginx', 'quay.io/a', 7),
    dryRun: fc.boolean(),
  })
  .map(({ target, body, bodyName, impersonate, risky, image, dryRun, ...rest }) => {
    const [apiGroup, resource, subresource] = target as [string, string, string]
    const facts = {
      ...rest,
      isResource: true,
      apiGroup,
      apiVersion: 'v1',
      resource,
      subresource,
      path: '',
      body:
        body === null
          ? null
          : {
              ...body,
              apiVersion: 'v1',
              name: bodyName,
              namespace: '',
              object: { ...(risky ? { hostPID: true } : {}), ...(image === '' ? {} : { image }) },
            },
      impersonate: impersonate === null ? null : { ...impersonate, groups: [], uid: '', extra: [] },
    }
    const risks = risksOf(facts)
    return {
      ...facts,
      protocol: 'k8s' as const,
      query: {
        fieldSelector: '',
        labelSelector: '',
        dryRun,
        follow: false,
        container: '',
        command: [],
      },
      risk: risks[0] ?? 'none',
      risks,
      hasSideEffect: true,
      longRunning: false,
    }
  })

const circumstances: fc.Arbitrary<Circumstances> = fc
  .tuple(
    fc.constantFrom(
      alice,
      robot,
      { ...alice, claims: { team: ['shop'] } },
      { ...alice, claims: { team: ['x', 'web-1'] } },
      { ...alice, claims: {} },
    ),
    fc.constantFrom('prod', 'staging'),
    fc.constantFrom(0, 8 * 3_600_000, 15 * 3_600_000),
    fc.constantFrom(
      undefined,
      { address: '10.0.0.1', userAgent: 'kubectl/v1', command: 'kubectl get' },
      { address: '11.0.0.1', userAgent: 'curl/8', command: '' },
    ),
  )
  .map(([principal, connection, now, client]) => ({
    ...standIn(principal, connection, now),
    ...(client === undefined ? {} : { client }),
  }))

const RANK: Readonly<Record<Effect, number>> = { deny: 0, hold: 1, allow: 2 }

function rank(list: readonly PolicyRule[], a: Action, c: Circumstances): number {
  return RANK[compilePolicies([documentOf(list)]).decide(a, c).effect]
}

/** Where a rule stands must not matter, so the new one goes to a random place. */
function inserted(list: readonly PolicyRule[], rule: PolicyRule, at: number): PolicyRule[] {
  return [...list.slice(0, at % (list.length + 1)), rule, ...list.slice(at % (list.length + 1))]
}

test('a deny rule never widens, wherever it stands', () => {
  fc.assert(
    fc.property(rules, ruleOf('deny'), fc.nat(), action, circumstances, (list, deny, at, a, c) => {
      assert.ok(rank(inserted(list, deny, at), a, c) <= rank(list, a, c))
    }),
    { numRuns: 1500 },
  )
})

test('a hold rule never turns anything into an allow, and an allow into a hold at most', () => {
  fc.assert(
    fc.property(rules, ruleOf('hold'), fc.nat(), action, circumstances, (list, hold, at, a, c) => {
      const before = rank(list, a, c)
      const after = rank(inserted(list, hold, at), a, c)
      assert.ok(after <= Math.max(before, 1) && (before === 0 || after >= 1))
    }),
    { numRuns: 1500 },
  )
})

test('an allow rule never narrows', () => {
  fc.assert(
    fc.property(rules, ruleOf('allow'), fc.nat(), action, circumstances, (list, allow, at, a, c) => {
      assert.ok(rank(inserted(list, allow, at), a, c) >= rank(list, a, c))
    }),
    { numRuns: 1000 },
  )
})

test('the order of rules does not change the effect, the order of documents changes nothing', () => {
  fc.assert(
    fc.property(
      rules.chain(list => fc.tuple(fc.constant(list), fc.shuffledSubarray(list, { minLength: list.length }))),
      rules,
      action,
      circumstances,
      ([list, shuffled], others, a, c) => {
        assert.equal(rank(shuffled, a, c), rank(list, a, c))
        const p = documentOf(list)
        const q = documentOf(others, 'q')
        assert.deepEqual(compilePolicies([p, q]).decide(a, c), compilePolicies([q, p]).decide(a, c))
      },
    ),
    { numRuns: 1000 },
  )
})

test('decide is its definition: deny touched, hold touched and something covers, allow covers', () => {
  let effects = new Set<Effect>()
  fc.assert(
    fc.property(rules, action, circumstances, (list, a, c) => {
      const compiled = compilePolicies([documentOf(list)])
      const explanation = compiled.explain(a, c)
      const matched = explanation.considered.filter(r => r.matched)
      const bare = compiled.rules.filter(r => r.condition === null)
      const decision = compiled.decide(a, c)
      effects = effects.add(decision.effect)
      assert.equal(
        matched.some(r => r.effect === 'deny'),
        decision.effect === 'deny' &&
          decision.rules.length > 0 &&
          !decision.rules[0]!.startsWith('defaults/'),
      )
      if (bare.some(r => r.effect === 'deny' && touches(r, a, c))) assert.equal(decision.effect, 'deny')
      if (!matched.some(r => r.effect !== 'allow')) {
        assert.equal(decision.effect, matched.length > 0 ? 'allow' : 'deny', JSON.stringify(list))
      }
      if (decision.effect === 'allow') {
        assert.ok(
          compiled.rules.some(r => r.name === decision.rules[0] && r.effect === 'allow' && covers(r, a, c)),
        )
        assert.ok(!bare.some(r => r.effect !== 'allow' && touches(r, a, c)))
      }
      if (decision.effect === 'hold') {
        assert.ok(compiled.rules.some(r => decision.rules.includes(r.name) && covers(r, a, c)))
      }
    }),
    { numRuns: 3000 },
  )
  assert.equal(effects.size, 3)
})

test('what an allow rule covers, the same words in a deny rule stop', () => {
  fc.assert(
    fc.property(ruleOf('allow'), action, circumstances, (allow, a, c) => {
      const { when: _, ...rule } = allow
      if (rank([rule as PolicyRule], a, c) !== 2) return
      // Of an allow rule classes are a licence, of a deny rule a filter.
      const { riskClasses: __, ...match } = rule.match
      const deny = { ...rule, effect: 'deny', match } as PolicyRule
      assert.equal(rank([rule as PolicyRule, deny], a, c), 0)
    }),
    { numRuns: 3000 },
  )
})

test('a limit changes no effect, and a reason that a rule wants takes nothing from what another one allows', () => {
  fc.assert(
    fc.property(rules, ruleOf('allow'), fc.nat(), action, circumstances, (list, rule, at, a, c) => {
      const limit = { ...rule, effect: 'limit', limit: { count: 1, per: '1m' } } as PolicyRule
      const before = compilePolicies([documentOf(list)]).decide(a, c)
      const counted = compilePolicies([documentOf(inserted(list, limit, at))]).decide(a, c)
      assert.equal(counted.effect, before.effect)
      if (before.effect !== 'allow') return
      const wanting = { ...rule, requireReason: true } as PolicyRule
      const { effect, requireReason } = compilePolicies([documentOf(inserted(list, wanting, at))]).decide(
        a,
        c,
      )
      assert.equal(effect, 'allow')
      assert.equal(requireReason, undefined)
    }),
    { numRuns: 1000 },
  )
})

test('a guard opens nothing: with it no more is asked for than without', () => {
  fc.assert(
    fc.property(rules, ruleOf('hold'), action, circumstances, (list, hold, a, c) => {
      assert.ok(rank([...list, { ...hold, guard: true }], a, c) <= rank(list, a, c))
    }),
    { numRuns: 1500 },
  )
})
