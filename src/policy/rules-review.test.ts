import assert from 'node:assert/strict'
import { test } from 'node:test'
import { compilePolicies } from './compile.ts'
import { dependsOnBody } from './depends-on-body.ts'
import { describedAction } from './described-action.ts'
import { cutRules, type RulesStatus } from './rules-review.ts'
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

interface TestRule {
  readonly effect?: string
  readonly when?: string
  readonly match: Record<string, unknown>
}

function policies(...rules: TestRule[]) {
  const filled = rules.map(({ match, ...rule }, i) => ({
    name: `r${i}`,
    effect: 'allow',
    ...rule,
    match: { principals: { users: ['corp:alice'] }, ...match },
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

function cut(status: Partial<RulesStatus>, namespace: string, ...rules: TestRule[]): RulesStatus {
  const all = { resourceRules: [], nonResourceRules: [], incomplete: false, ...status }
  const kept = cutRules(all, policies(...rules), { namespace, impersonate: null }, c)
  // What everybody may ask about himself is there beside it.
  const resourceRules = kept.resourceRules.filter(
    rule => !rule.resources?.some(r => r.startsWith('selfsubject')),
  )
  return { ...kept, resourceRules }
}

const ADMIN = { resourceRules: [{ verbs: ['*'], apiGroups: ['*'], resources: ['*'] }] }
const core = { apiGroups: [''], verbs: ['get', 'list'], resources: ['pods', 'secrets'] }

test('of what the cluster allows, what policy allows as well', () => {
  const theirs = {
    verbs: ['get', 'list', 'delete'],
    apiGroups: ['', 'apps'],
    resources: ['pods', 'secrets', 'pods/log'],
  }
  const mine = { match: { ...core, namespaces: ['a'] } }
  // Secrets are behind a second door.
  assert.deepEqual(cut({ resourceRules: [theirs] }, 'a', mine), {
    resourceRules: [{ verbs: ['get', 'list'], apiGroups: [''], resources: ['pods'] }],
    nonResourceRules: [],
    incomplete: false,
  })
  assert.deepEqual(cut({ resourceRules: [theirs] }, 'b', mine).resourceRules, [])
  assert.deepEqual(cut({ resourceRules: [] }, 'a', mine).resourceRules, [])
})

test('a star of the cluster becomes what policy names', () => {
  const { resourceRules, incomplete } = cut(ADMIN, 'a', {
    match: { ...core, resourceNames: ['x'], namespaces: ['a'] },
  })
  assert.deepEqual(resourceRules, [
    { verbs: ['get', 'list'], apiGroups: [''], resources: ['pods'], resourceNames: ['x'] },
  ])
  assert.equal(incomplete, false)
})

test('deny rules take away, and a star that they take from is incomplete', () => {
  const all = { match: { verbs: ['*'], apiGroups: ['*'], resources: ['*'], riskClasses: ['*'] } }
  assert.deepEqual(cut(ADMIN, 'a', all), { ...ADMIN, nonResourceRules: [], incomplete: false })
  const no = { effect: 'deny', match: { verbs: ['delete'], resources: ['pods'] } }
  const cutStar = cut(ADMIN, 'a', all, no)
  assert.equal(cutStar.incomplete, true)
  assert.match(cutStar.evaluationError!, /sallyport: p\/r1 takes some of it away/)
  const pods = [{ verbs: ['*'], apiGroups: [''], resources: ['pods'] }]
  assert.deepEqual(cut({ resourceRules: pods }, 'a', all, no).resourceRules, [
    { verbs: ['get', 'list', 'watch', 'create', 'update', 'patch'], apiGroups: [''], resources: ['pods'] },
  ])
  const elsewhere = { effect: 'deny', match: { ...no.match, principals: { users: ['corp:bob'] } } }
  assert.equal(cut(ADMIN, 'a', all, elsewhere).incomplete, false)
})

test('what is held stays: it can be done with an approval', () => {
  const pods = [{ verbs: ['get', 'delete'], apiGroups: [''], resources: ['pods'] }]
  const all = { match: { verbs: ['*'], apiGroups: ['*'], resources: ['*'] } }
  const held = { effect: 'hold', match: { verbs: ['delete'], apiGroups: [''], resources: ['pods'] } }
  assert.deepEqual(cut({ resourceRules: pods }, 'a', all, held).resourceRules, pods)
})

test('with --as only rules for it count', () => {
  const pods = [{ verbs: ['get'], apiGroups: [''], resources: ['pods'] }]
  const status = { resourceRules: pods, nonResourceRules: [], incomplete: false }
  const set = policies({ match: core }, { match: { ...core, impersonate: { users: ['eve'] } } })
  const as = (user: string) => ({ namespace: 'a', impersonate: { user, groups: [], uid: '', extra: [] } })
  assert.deepEqual(cutRules(status, set, as('eve'), c).resourceRules, pods)
  assert.deepEqual(cutRules(status, set, as('mallory'), c).resourceRules, [])
})

test('paths', () => {
  const theirs = [{ verbs: ['get'], nonResourceURLs: ['/metrics', '/logs', '/debug/*'] }]
  const mine = { match: { verbs: ['get'], nonResourceURLs: ['/metrics', '/debug/pprof/*'] } }
  assert.deepEqual(cut({ nonResourceRules: theirs }, '', mine).nonResourceRules, [
    { verbs: ['get'], nonResourceURLs: ['/metrics'] },
    { verbs: ['get'], nonResourceURLs: ['/debug/pprof/*'] },
  ])
})

test("the cluster's own doubts stay, and a list without end is cut", () => {
  const kept = cut({ incomplete: true, evaluationError: 'webhook down' }, 'a')
  assert.deepEqual([kept.incomplete, kept.evaluationError], [true, 'webhook down'])
  const many = Array.from({ length: 2000 }, (_, i) => `r${i}`)
  const long = [{ verbs: ['get', 'list', 'watch', 'patch'], apiGroups: ['x.io'], resources: many }]
  const all = { match: { verbs: ['*'], apiGroups: ['*'], resources: ['*'] } }
  assert.match(cut({ resourceRules: long }, 'a', all).evaluationError!, /too long/)
})

test('a question does not say what would be sent: rules that look at it are named', () => {
  const match = { verbs: ['create'], apiGroups: [''], resources: ['pods'] }
  const set = policies(
    { match, when: 'has(action.body) && action.body.name == "x"' },
    { match, when: 'now.getHours() < 24' },
  )
  const said = { path: '', group: '', subresource: '', namespace: 'a', name: '' }
  const create = describedAction({ ...said, verb: 'create', resource: 'pods' })
  assert.deepEqual(dependsOnBody(set.rules, create, c), ['p/r0'])
  assert.deepEqual(
    dependsOnBody(set.rules, describedAction({ ...said, verb: 'get', resource: 'pods' }), c),
    [],
  )
  assert.deepEqual(
    dependsOnBody(set.rules, describedAction({ ...said, verb: 'create', resource: 'services' }), c),
    [],
  )
  const looking = policies(
    { match: { ...match, images: { from: ['registry.example.com/*'] } } },
    { match: { ...match, verbs: ['get'], client: { commands: ['kubectl get'] } } },
    { effect: 'hold', match: { ...match, dryRun: false } },
    { effect: 'limit', match: { ...match, dryRun: false } },
  )
  assert.deepEqual(dependsOnBody(looking.rules, create, c), ['p/r0', 'p/r2'])
  const get = describedAction({ ...said, verb: 'get', resource: 'pods' })
  assert.deepEqual(dependsOnBody(looking.rules, get, c), ['p/r1'])
})
