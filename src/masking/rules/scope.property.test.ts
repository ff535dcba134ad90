import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { parseDocuments } from '../../documents/parse.ts'
import type { MaskingRulesDocument } from '../../documents/schema/masking-rules.ts'
import type { Principal } from '../../identity/principal.ts'
import { type CompiledMasking, compileMasking } from './compile.ts'
import { type Detectors, shippedDetectors } from './detectors.ts'
import { maskingProblems } from './problems.ts'
import type { MaskScope } from './scope.ts'

/** What a finder finds is tested elsewhere; here it would be made thousands of times. */
const detectors: Detectors = {
  ...shippedDetectors,
  createTextFinder: () => ({ next: () => -1, find: () => undefined }),
}

const namespace = fc.constantFrom('shop', 'ci', 'prod')
const users = ['corp:alice', 'corp:bob', 'system:serviceaccount:ci:deploy']
const principals = fc.oneof(
  fc.record({ users: fc.subarray([...users, 'corp:*'], { minLength: 1 }) }),
  fc.record({ groups: fc.subarray(['corp:dev', 'corp:ops'], { minLength: 1 }) }),
  fc.record({ kinds: fc.subarray(['person', 'serviceaccount'], { minLength: 1 }) }),
  fc.record({ serviceAccounts: fc.subarray(['ci:deploy', 'dev/ci:*'], { minLength: 1 }) }),
)
const narrowing = {
  connections: fc.option(fc.subarray(['prod', 'dev', 'p*'], { minLength: 1 }), { nil: undefined }),
  namespaces: fc.option(fc.subarray(['shop', 'ci', 's*'], { minLength: 1 }), { nil: undefined }),
}
const rule = fc.record({
  keys: fc.subarray(['pin', '*code'], { minLength: 1 }),
  scope: fc.record({
    ...narrowing,
    principals: fc.option(principals, { nil: undefined }),
    directions: fc.constant(['response', 'request', 'trail']),
  }),
})
const exemption = fc.record({
  rules: fc.subarray(['r*', 'r0', 'secret-data', 'key-name'], { minLength: 1 }),
  principals,
  ...narrowing,
  reason: fc.constant('why'),
  expires: fc.option(fc.constantFrom('1970-01-01T00:00:05Z', '1970-01-01T01:00:10+01:00'), {
    nil: undefined,
  }),
})

/** Through text and back, as a gateway reads it. */
function compiled(rules: object[], exemptions: object[]): CompiledMasking | null {
  const spec = {
    ...(rules.length === 0 ? {} : { rules: rules.map((r, i) => ({ name: `r${i}`, ...r })) }),
    ...(exemptions.length === 0 ? {} : { exemptions: exemptions.map((e, i) => ({ name: `e${i}`, ...e })) }),
  }
  if (Object.keys(spec).length === 0) return compileMasking([], detectors)
  const document = { apiVersion: 'sallyport.dev/v1', kind: 'MaskingRules', metadata: { name: 'd' }, spec }
  const { documents, problems } = parseDocuments([{ file: 'd', text: JSON.stringify(document) }])
  assert.deepEqual(problems, [])
  if (maskingProblems(documents, detectors).some(p => p.severity === 'error')) return null
  return compileMasking([documents[0]!.document as MaskingRulesDocument], detectors)
}

function principalOf(username: string, groups: readonly string[], home: string): Principal {
  const account = username.startsWith('system:')
  return {
    issuer: account ? home : 'https://issuer',
    subject: username,
    kind: account ? 'serviceaccount' : 'person',
    username,
    groups,
    authentication: { method: 'oidc', provider: 'p', validUntil: 0, credentialDigest: '' },
    ...(account ? { serviceAccount: { connection: home, namespace: 'ci', name: 'deploy' } } : {}),
  }
}

const asked = fc.record({
  connection: fc.constantFrom('prod', 'dev'),
  namespace,
  principal: fc
    .tuple(fc.constantFrom(...users), fc.subarray(['corp:dev', 'corp:ops']), fc.constantFrom('prod', 'dev'))
    .map(([username, groups, home]) => principalOf(username, groups, home)),
  direction: fc.constantFrom('response', 'request', 'trail'),
  now: fc.constantFrom(4_000, 5_000, 9_999, 10_000, 20_000),
})
const documents = fc.tuple(fc.array(rule, { maxLength: 3 }), fc.array(exemption, { maxLength: 3 }))

/** Everything that the rules in force say of a few names and kinds, as a set that can be compared. */
function masks(masking: CompiledMasking, scope: MaskScope): Set<string> {
  const rules = masking.for(scope)
  const names = ['pin', 'barcode', 'password'].filter(name => rules.key(name) !== undefined)
  return new Set([...names, ...rules.fields('', 'Secret').map(f => f.path.join('.'))])
}

test('a list across namespaces masks whatever a look into any namespace masks', () => {
  fc.assert(
    fc.property(documents, asked, ([rules, exemptions], scope) => {
      const masking = compiled(rules, exemptions)
      if (masking === null) return
      const across = masks(masking, { ...scope, namespace: '' })
      for (const place of masks(masking, scope)) assert.ok(across.has(place), place)
    }),
    { numRuns: 300 },
  )
})

test('an exemption takes away, for answers only, and nothing is left of it when it has ended', () => {
  fc.assert(
    fc.property(documents, asked, ([rules, exemptions], scope) => {
      const masking = compiled(rules, exemptions)
      const without = compiled(rules, [])
      if (masking === null || without === null) return
      const here = masks(masking, scope)
      const all = masks(without, scope)
      for (const place of here) assert.ok(all.has(place))
      if (scope.direction !== 'response') assert.deepEqual(here, all)
      const endless = exemptions.filter(e => e.expires === undefined)
      assert.deepEqual(masks(masking, { ...scope, now: 10_000 }), masks(compiled(rules, endless)!, scope))
    }),
    { numRuns: 300 },
  )
})

test('what is remembered for a scope is what would be made anew, whatever was asked before', () => {
  fc.assert(
    fc.property(documents, fc.array(asked, { maxLength: 12 }), ([rules, exemptions], scopes) => {
      const masking = compiled(rules, exemptions)
      if (masking === null) return
      // Time does not run backwards within a gateway.
      for (const scope of [...scopes].sort((a, b) => a.now - b.now)) {
        const fresh = compiled(rules, exemptions)!
        assert.deepEqual(masks(masking, scope), masks(fresh, scope))
        assert.deepEqual(masking.for(scope).exempt, fresh.for(scope).exempt)
      }
    }),
    { numRuns: 150 },
  )
})
