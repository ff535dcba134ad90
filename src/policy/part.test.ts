import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { KubernetesAction } from '../kubernetes/action.ts'
import { compilePolicies } from './compile.ts'
import { describedAction } from './described-action.ts'
import { standIn } from './stand-in.ts'

const principal = {
  issuer: 'i',
  subject: 's',
  kind: 'person',
  username: 'corp:alice',
  groups: ['corp:shop'],
  authentication: { method: 'oidc', provider: 'corp', validUntil: Infinity, credentialDigest: 'd' },
} as const
const c = standIn(principal, 'prod', 0)

type Match = Record<string, unknown>

interface Given {
  readonly effect?: string
  readonly filter?: boolean
  readonly when?: string
  readonly requireReason?: boolean
  readonly limit?: object
  readonly match: Match
}

function policies(...rules: Given[]) {
  const everybody = { principals: { users: ['*'] } }
  const filled = rules.map(({ match, ...rule }, i) => ({
    name: `r${i}`,
    effect: 'allow',
    ...rule,
    match: { ...everybody, verbs: ['get', 'list', 'watch'], apiGroups: ['*'], resources: ['*'], ...match },
  }))
  return compilePolicies([
    {
      apiVersion: 'sallyport.dev/v1',
      kind: 'Policy',
      metadata: { name: 'p' },
      spec: { rules: filled },
    } as never,
  ])
}

function action(said: Partial<Parameters<typeof describedAction>[0]>, more: Partial<KubernetesAction> = {}) {
  const nothing = {
    verb: 'list',
    path: '',
    group: '',
    resource: 'configmaps',
    subresource: '',
    namespace: '',
    name: '',
  }
  return { ...describedAction({ ...nothing, ...said }), ...more }
}

const selecting = (labelSelector: string): Partial<KubernetesAction> => ({
  query: { ...action({}).query, labelSelector },
})

function decided(set: ReturnType<typeof policies>, ...of: Parameters<typeof action>): string {
  const { effect, part } = set.decide(action(...of), c)
  return part === undefined ? effect : `part ${part.selector}${part.namespaces.join()}`
}

test('a list is allowed in part where a rule says filter, and otherwise denied', () => {
  const ofA = { match: { namespaces: ['a', 'x-*'] } }
  assert.equal(decided(policies(ofA), {}), 'deny')
  assert.equal(decided(policies({ ...ofA, filter: false }), {}), 'deny')
  const set = policies({ ...ofA, filter: true })
  assert.equal(decided(set, {}), 'part a,x-*')
  assert.equal(decided(set, { verb: 'watch' }), 'part a,x-*')
  assert.equal(decided(set, { namespace: 'a' }), 'allow')
  assert.equal(decided(set, { namespace: 'b' }), 'deny')
  assert.equal(decided(set, { resource: 'namespaces' }), 'part a,x-*')
  assert.equal(decided(set, { resource: 'namespaces', name: 'b', verb: 'get' }), 'deny')
  // What lives in no namespace, what is not known to live in one, and what is not an object of its own.
  assert.equal(decided(set, { resource: 'nodes' }), 'deny')
  assert.equal(decided(set, { resource: 'widgets', group: 'x.io' }), 'deny')
  assert.equal(decided(set, { resource: 'widgets', group: 'x.io' }, { namespaced: true }), 'part a,x-*')
  assert.equal(decided(set, { resource: 'pods', subresource: 'status' }), 'deny')
  for (const verb of ['deletecollection', 'create', 'get']) assert.equal(decided(set, { verb }), 'deny', verb)
  // A second door stays closed, and whoever acts as somebody else is not covered.
  assert.equal(decided(set, { resource: 'secrets' }), 'deny')
  const impersonate = { user: 'bob', groups: [], uid: '', extra: [] }
  assert.equal(decided(set, {}, { impersonate }), 'deny')
})

test('names: those that a rule has, of every namespace that it covers', () => {
  const set = policies({ filter: true, match: { resourceNames: ['one'], namespaces: ['a'] } })
  assert.equal(decided(set, {}), 'part ')
  assert.equal(decided(set, { namespace: 'a' }), 'part ')
  assert.equal(decided(set, { namespace: 'b' }), 'deny')
  assert.equal(decided(set, { namespace: 'a', name: 'one' }), 'allow')
  assert.equal(decided(set, { name: 'two' }), 'deny')
  assert.ok(set.shows(action({ namespace: 'a', name: 'one' }), c, false))
  assert.ok(!set.shows(action({ namespace: 'a', name: 'two' }), c, false))
})

test('what a deny or hold rule touches is not shown in part', () => {
  const part = { filter: true, match: { namespaces: ['a'] } }
  const match = { namespaces: ['b'] }
  assert.equal(decided(policies(part, { effect: 'deny', match }), {}), 'deny')
  // Held, and covered by nobody's words as a whole.
  assert.equal(decided(policies(part, { effect: 'hold', match }), {}), 'deny')
  const byCondition = policies(part, { effect: 'deny', match: {}, when: 'action.name == "secret"' })
  assert.equal(decided(byCondition, {}), 'part a')
  assert.ok(byCondition.shows(action({ namespace: 'a', name: 'x' }), c, false))
  assert.ok(!byCondition.shows(action({ namespace: 'a', name: 'secret' }), c, false))
  assert.ok(!policies({ effect: 'hold', match: {} }).shows(action({ namespace: 'a', name: 'x' }), c, false))
})

test('a rule whose condition is not met shows no part', () => {
  const part = { filter: true, match: { namespaces: ['a'] } }
  assert.equal(decided(policies({ ...part, when: 'principal.username == "corp:bob"' }), {}), 'deny')
  assert.equal(decided(policies({ ...part, when: 'action.body.kind == "x"' }), {}), 'deny')
})

test('a part is asked for with a reason where all of it takes one; without it what takes none is shown', () => {
  const ofA = { filter: true, match: { namespaces: ['a'] }, requireReason: true }
  const one = action({ namespace: 'a', name: 'x' })
  const all = policies(ofA)
  assert.equal(all.decide(action({}), c).requireReason, true)
  assert.ok(all.shows(one, c, true) && !all.shows(one, c, false))
  const some = policies(ofA, { filter: true, match: { namespaces: ['b'] } })
  assert.equal(some.decide(action({}), c).requireReason, undefined)
  assert.equal(decided(some, {}), 'part a,b')
  assert.ok(some.shows(one, c, true) && !some.shows(one, c, false))
  assert.ok(some.shows(action({ namespace: 'b', name: 'x' }), c, false))
})

test('circumstances count for a part as for a whole, and it counts against limits', () => {
  const part = { filter: true, match: { namespaces: ['a'], client: { addresses: ['10.0.0.0/8'] } } }
  const client = (address: string) => ({ ...c, client: { address, userAgent: '', command: '' } })
  const limit = { effect: 'limit', limit: { count: 1, per: '1m' }, match: { verbs: ['list'] } }
  const set = policies(part, limit)
  assert.equal(set.decide(action({}), c).effect, 'deny')
  assert.equal(set.decide(action({}), client('192.168.0.1')).effect, 'deny')
  const inside = set.decide(action({}), client('10.1.2.3'))
  assert.deepEqual(inside.part?.shown, [{ namespaces: ['a'] }])
  assert.deepEqual(
    inside.limits?.map(one => one.rule),
    ['p/r1'],
  )
  const one = action({ namespace: 'a', name: 'x' })
  assert.ok(set.shows(one, client('10.1.2.3'), false) && !set.shows(one, c, false))
})

test('labels: asked for by selector, judged by the object', () => {
  const blue = { filter: true, match: { labels: { team: 'blue', 'x.io/a': 'b' } } }
  const set = policies(blue)
  assert.equal(decided(set, {}), 'part team=blue,x.io/a=b')
  assert.equal(decided(set, {}, selecting('team=blue,more')), 'part team=blue,x.io/a=b')
  assert.equal(decided(set, {}, selecting('x.io/a==b,team=blue,more=1')), 'allow')
  for (const other of [
    'team!=blue',
    'team in (blue),x.io/a=b',
    'team=blue',
    'team=blue,!x.io/a',
    'x(team=blue,x.io/a=b)',
  ])
    assert.notEqual(decided(set, {}, selecting(other)), 'allow', other)
  const labelled = (labels: Record<string, string>) => ({ labels: new Map(Object.entries(labels)) })
  const one = { namespace: 'a', name: 'n' }
  assert.ok(set.shows(action(one, labelled({ team: 'blue', 'x.io/a': 'b', z: '' })), c, false))
  assert.ok(!set.shows(action(one, labelled({ team: 'blue' })), c, false))
  // A selector that the caller sent says nothing of an object that is there.
  assert.ok(!set.shows(action(one, { ...selecting('team=blue,x.io/a=b'), ...labelled({}) }), c, false))
  assert.ok(!set.shows(action(one), c, false))
  assert.equal(decided(set, { ...one, verb: 'get' }), 'part ')
  assert.equal(decided(policies({ match: blue.match }), { ...one, verb: 'get' }), 'part ')
  assert.equal(decided(policies({ match: blue.match }), {}), 'deny')
  assert.equal(decided(set, { ...one, verb: 'get', resource: 'pods', subresource: 'log' }), 'deny')
  // There is one selector only.
  const red = { filter: true, match: { labels: { team: 'red' } } }
  assert.equal(decided(policies(blue, red), {}), 'deny')
  assert.equal(decided(policies(blue, red, { filter: true, match: { namespaces: ['a'] } }), {}), 'part a')
})

const namespace = fc.constantFrom('a', 'b', 'c')
const rule = fc.record(
  {
    effect: fc.constantFrom('allow', 'allow', 'allow', 'deny', 'hold'),
    filter: fc.boolean(),
    namespaces: fc.uniqueArray(namespace, { minLength: 1 }),
    resourceNames: fc.uniqueArray(namespace, { minLength: 1 }),
    verbs: fc.subarray(['get', 'list', 'watch'], { minLength: 1 }),
  },
  { requiredKeys: ['effect', 'verbs'] },
)

test('property: what is shown of a list is what may be listed alone, and a part is never more than it', () => {
  fc.assert(
    fc.property(
      fc.array(rule, { minLength: 1, maxLength: 5 }),
      namespace,
      namespace,
      (rules, where, name) => {
        const set = policies(
          ...rules.map(({ effect, filter, ...match }) => ({
            effect,
            ...(effect === 'allow' && filter !== undefined ? { filter } : {}),
            match,
          })),
        )
        const one = action({ namespace: where, name })
        const alone = set.decide(one, c)
        assert.equal(set.shows(one, c, false), alone.effect === 'allow' && alone.part === undefined)
        const whole = set.decide(action({}), c)
        if (whole.effect === 'allow' && whole.part === undefined) assert.ok(set.shows(one, c, false))
        if (whole.part !== undefined) assert.ok(rules.some(r => r.effect === 'allow' && r.filter === true))
      },
    ),
    { numRuns: 500 },
  )
})
