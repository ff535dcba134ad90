import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseDocuments } from '../../documents/parse.ts'
import type { MaskingRulesDocument } from '../../documents/schema/masking-rules.ts'
import type { Principal } from '../../identity/principal.ts'
import type { Finding, MaskRule } from '../contract.ts'
import type { OwnRule } from '../detect/text-finder.ts'
import { compileMasking } from './compile.ts'
import { type Detectors, shippedDetectors } from './detectors.ts'
import { maskingProblems } from './problems.ts'
import type { MaskScope } from './scope.ts'

/** Detectors of which a test sees what they were given. */
function spying(): Detectors & {
  given: { selected: ReadonlyMap<string, MaskRule>; own: readonly OwnRule[] }[]
} {
  const given: { selected: ReadonlyMap<string, MaskRule>; own: readonly OwnRule[] }[] = []
  return {
    given,
    names: new Set(['credit-card', 'iban', 'private-key']),
    tellTale: name => (/password/i.test(name) ? 'strong' : /token/i.test(name) ? 'weak' : undefined),
    createTextFinder(selected, own) {
      given.push({ selected, own })
      return { next: () => -1, find: () => undefined }
    },
    checkOwnPattern: () => null,
  }
}

const detectors = spying()

function documentsOf(...specs: string[]): MaskingRulesDocument[] {
  return specs.map((spec, i) => {
    const text = `apiVersion: sallyport.dev/v1\nkind: MaskingRules\nmetadata: {name: d${i}}\nspec:\n${spec}`
    const { documents, problems } = parseDocuments([{ file: 'd.yaml', text }])
    assert.deepEqual(problems, [])
    const errors = maskingProblems(documents, detectors).filter(p => p.severity === 'error')
    assert.deepEqual(errors, [])
    return documents[0]!.document as MaskingRulesDocument
  })
}

function person(username: string, more: Partial<Principal> = {}): Principal {
  return {
    issuer: 'https://issuer',
    subject: username,
    kind: 'person',
    username,
    groups: [],
    authentication: { method: 'oidc', provider: 'p', validUntil: 0, credentialDigest: '' },
    ...more,
  }
}

const alice = person('corp:alice', { groups: ['corp:dev'] })

function at(more: Partial<MaskScope> = {}): MaskScope {
  return {
    connection: 'prod',
    principal: alice,
    namespace: 'shop',
    direction: 'response',
    now: 1000,
    ...more,
  }
}

function names(rules: readonly { rule: MaskRule }[]): string[] {
  return rules.map(f => f.rule.name)
}

test('with no document the shipped rules hold: Secrets, tokens, names, fingerprints', () => {
  const rules = compileMasking([], detectors).for(at())
  assert.deepEqual(names(rules.fields('', 'Secret')), [
    'helm-release',
    'registry',
    'registry',
    'secret-data',
    'secret-data',
  ])
  assert.deepEqual(
    rules.fields('', 'Secret').map(f => f.encoding),
    ['helm-release', 'base64-json', 'base64-json', 'base64', 'text'],
  )
  assert.deepEqual(names(rules.fields('authentication.k8s.io', 'TokenRequest')), ['token'])
  assert.deepEqual(names(rules.fields('', 'TokenRequest')), [])
  assert.deepEqual(rules.fields('', 'Pod'), [])
  assert.equal(rules.hasOwnFields('', 'Secret'), false)
  assert.deepEqual(
    { name: rules.key('dbPassword')?.rule.name, strength: rules.key('dbPassword')?.strength },
    { name: 'key-name', strength: 'strong' },
  )
  assert.equal(rules.key('token')?.strength, 'weak')
  assert.equal(rules.key('replicas'), undefined)
  assert.equal(rules.env('DB_PASSWORD')?.rule.name, 'env')
  assert.equal(rules.fingerprint?.name, 'fingerprint')
  assert.deepEqual(rules.exempt, [])
})

test('only values of Secrets and issued tokens are learned: others would let anybody choose what all see masked', () => {
  const learning = compileMasking([], detectors)
    .rules.filter(r => r.mask.learn)
    .map(r => r.mask.name)
  assert.deepEqual(learning.sort(), ['registry', 'secret-data', 'token'])
})

test('without rules for somebody only, everybody gets the same object', () => {
  const masking = compileMasking([], detectors)
  assert.equal(
    masking.for(at()),
    masking.for(at({ principal: person('x'), namespace: 'y', connection: 'z' })),
  )
})

test('a rule of an operator comes before the shipped ones; names in lists are sure, whatever their case', () => {
  const docs = documentsOf(`  rules:
    - {name: pin, keys: ["*Pin", db_password], env: ["PIN_*"], keep: none, learn: true}
    - name: card
      fields: [{apiGroups: [pay.example.com], kinds: [Card], paths: [spec.number, "spec.items[*].pin"]}]
      action: fingerprint
    - {name: all-annotations, fields: [{apiGroups: ["*"], kinds: ["*"], paths: ['metadata.annotations["a.b/c"]']}]}
`)
  const rules = compileMasking(docs, detectors).for(at())
  assert.deepEqual(rules.key('CARDPIN'), {
    rule: { name: 'pin', action: 'mask', first: 0, last: 0, keep: 'none', learn: true },
    strength: 'strong',
  })
  assert.equal(rules.key('DB_PASSWORD')?.rule.name, 'pin')
  assert.equal(rules.key('password')?.rule.name, 'key-name')
  assert.equal(rules.env('pin_code')?.rule.name, 'pin')
  assert.equal(rules.env('cardpin'), undefined)
  assert.deepEqual(names(rules.fields('pay.example.com', 'Card')), ['card', 'all-annotations', 'card'])
  assert.equal(rules.hasOwnFields('pay.example.com', 'Card'), true)
  assert.equal(rules.hasOwnFields('', 'Secret'), false)
  assert.deepEqual(names(rules.fields('', 'Pod')), ['all-annotations'])
  assert.equal(rules.hasOwnFields('', 'Pod'), true)
})

test('an own rule for the same path comes before the shipped one, unless it shows parts', () => {
  const docs = documentsOf(`  rules:
    - name: equal
      fields: [{apiGroups: [""], kinds: [Secret], paths: ["data.*"], encoding: base64}]
      action: fingerprint
    - {name: some-of-it, names: [keys], keys: ["*note"], action: partial, partial: {last: 4}}
`)
  const rules = compileMasking(docs, detectors).for(at())
  assert.deepEqual(names(rules.fields('', 'Secret')).slice(-3), ['equal', 'secret-data', 'secret-data'])
  assert.equal(rules.key('password')?.rule.name, 'key-name')
  assert.equal(rules.key('passwordnote')?.rule.name, 'key-name')
  assert.equal(rules.key('note')?.rule.name, 'some-of-it')
})

test('detectors and patterns reach the finder with the rule that comes first', () => {
  const spy = spying()
  const docs = documentsOf(`  rules:
    - {name: cards, detectors: [credit-card, iban], action: partial, partial: {last: 4}}
    - {name: ibans, detectors: [iban], patterns: [{regex: "SHOP-[0-9]{8}"}, {regex: "X-[a-z]{4}", maximumLength: 6}]}
`)
  compileMasking(docs, spy).for(at())
  const { selected, own } = spy.given.at(-1)!
  assert.equal(selected.get('credit-card')?.name, 'cards')
  assert.equal(selected.get('iban')?.name, 'ibans')
  assert.deepEqual(
    own.map(o => [o.pattern, o.longest, o.rule.name]),
    [
      ['SHOP-[0-9]{8}', undefined, 'ibans'],
      ['X-[a-z]{4}', 6, 'ibans'],
    ],
  )
})

const SCOPED = `  rules:
    - {name: r, keys: [pin], scope: {connections: [prod*], namespaces: [shop], directions: [response, trail]}}
    - {name: contractors, keys: [pan], scope: {principals: {groups: ["corp:ext"]}}}
`

test('a rule holds in its scope; a list across namespaces counts as each of them', () => {
  const masking = compileMasking(documentsOf(SCOPED), detectors)
  const has = (more: Partial<MaskScope>): boolean => masking.for(at(more)).key('pin') !== undefined
  assert.ok(has({}))
  assert.ok(has({ namespace: '' }))
  assert.ok(has({ connection: 'prod-eu', direction: 'trail' }))
  assert.ok(!has({ namespace: 'other' }))
  assert.ok(!has({ connection: 'dev' }))
  assert.ok(has({ direction: 'request' }), 'what is sent is shown by the trail')
  assert.equal(masking.for(at()).key('pan'), undefined)
  assert.ok(masking.for(at({ principal: person('x', { groups: ['corp:ext'] }) })).key('pan'))
})

const EXEMPTING = `  exemptions:
    - name: operator
      rules: ["secret-*", helm-release]
      principals: {users: ["corp:alice"]}
      namespaces: [shop]
      reason: runs the shop
      expires: 1970-01-01T00:00:05Z
`

test('an exemption holds for whom and where it says, for answers only, until it ends', () => {
  const masking = compileMasking(documentsOf(EXEMPTING), detectors)
  const exempt = (more: Partial<MaskScope>): readonly string[] => masking.for(at(more)).exempt
  assert.deepEqual(exempt({}), ['secret-data', 'helm-release'])
  assert.deepEqual(names(masking.for(at()).fields('', 'Secret')), ['registry', 'registry'])
  assert.deepEqual(
    exempt({ namespace: '' }),
    [],
    'a list across namespaces shows more than the exemption names',
  )
  assert.deepEqual(exempt({ namespace: 'other' }), [])
  assert.deepEqual(exempt({ principal: person('corp:bob') }), [])
  assert.deepEqual(exempt({ direction: 'trail' }), [], 'others read the trail')
  assert.deepEqual(exempt({ direction: 'request' }), [])
  assert.deepEqual(exempt({ now: 4999 }), ['secret-data', 'helm-release'])
  assert.deepEqual(exempt({ now: 5000 }), [])
  assert.deepEqual(exempt({ now: 5001 }), [])
})

test("another cluster's service account of the same name is not exempt; a rule for it masks all the same", () => {
  const account = (connection: string): Principal =>
    person('system:serviceaccount:ci:deploy', {
      issuer: connection,
      kind: 'serviceaccount',
      serviceAccount: { connection, namespace: 'ci', name: 'deploy' },
    })
  const masking = compileMasking(
    documentsOf(`  rules:
    - {name: r, keys: [pin], scope: {principals: {users: ["system:serviceaccount:ci:deploy"]}}}
  exemptions:
    - {name: e, rules: [env], principals: {users: ["system:serviceaccount:ci:deploy"]}, reason: why}
`),
    detectors,
  )
  assert.deepEqual(masking.for(at({ principal: account('prod') })).exempt, ['env'])
  assert.deepEqual(masking.for(at({ principal: account('dev') })).exempt, [])
  assert.ok(masking.for(at({ principal: account('dev') })).key('pin'))
})

test('the same scope gives the same object; another group, name or account another one', () => {
  const masking = compileMasking(documentsOf(SCOPED, EXEMPTING), detectors)
  assert.equal(masking.for(at()), masking.for(at({ principal: { ...alice }, now: 1001 })))
  assert.notEqual(masking.for(at()), masking.for(at({ principal: person('corp:alice2') })))
  const bob = person('corp:bob')
  const external = { ...bob, groups: ['corp:ext'] }
  assert.equal(masking.for(at({ principal: bob })).key('pan'), undefined)
  assert.ok(masking.for(at({ principal: external })).key('pan'))
})

test('names from requests do not fill the memory, and what was forgotten is made again', () => {
  const masking = compileMasking(documentsOf(EXEMPTING), detectors)
  const first = masking.for(at())
  for (let i = 0; i < 25_000; i++) masking.for(at({ namespace: `n${i}` }))
  assert.deepEqual(masking.for(at()).exempt, first.exempt)
  const { fields } = masking.for(at())
  for (let i = 0; i < 3_000; i++) fields(`g${i}`, `K${i}`)
  assert.equal(fields('', 'Secret').length, 2)
})

test('the digest is of the documents and of nothing else', () => {
  const a = documentsOf(EXEMPTING, SCOPED)
  const digest = compileMasking(a, detectors).digest
  assert.match(digest, /^sha256:[0-9a-f]{64}$/)
  assert.equal(compileMasking([...a].reverse(), detectors).digest, digest)
  assert.equal(compileMasking(a, detectors).for(at()).digest, digest)
  assert.notEqual(compileMasking([], detectors).digest, digest)
})

test('an engine that cannot start says so when rules are compiled, also for rules that nobody meets yet', () => {
  const broken: Detectors = {
    ...detectors,
    createTextFinder(_, own) {
      if (own.length > 0) throw new Error('no')
      return { next: () => -1, find: () => undefined }
    },
  }
  const docs = documentsOf(`  rules:
    - {name: r, patterns: [{regex: "abc"}], scope: {namespaces: [nowhere]}}
`)
  assert.throws(() => compileMasking(docs, broken), /no/)
})

test('in a text an own pattern comes first, and one that shows parts gives way to whatever hides it whole', () => {
  const docs = documentsOf(`  rules:
    - {name: mine, patterns: [{regex: "ghp_[A-Za-z0-9]{36}"}]}
    - {name: some, patterns: [{regex: "hvs.[A-Za-z0-9]{24,40}"}, {regex: "order ORDER-[0-9]{4}"}, {regex: "key=[a-z0-9]{8,400}", maximumLength: 404}], action: partial, partial: {last: 4}}
`)
  const { text } = compileMasking(docs, shippedDetectors).for(at())
  const rulesIn = (line: string): string[] => {
    const found: Finding[] = []
    text.find(line, found)
    return found.map(f => f.rule.name)
  }
  assert.deepEqual(rulesIn(`a ${'gh'}p_${'Ab3'.repeat(12)} b`), ['mine'])
  assert.deepEqual(rulesIn(`a ${'hv'}s.${'Ab3dE5'.repeat(4)} b`), ['api-token'])
  assert.deepEqual(rulesIn(`order ORDER-1234`), ['some'])
  const long: Finding[] = []
  text.find(`monkey=${'a1b2'.repeat(100)}`, long)
  assert.equal(long.at(-1)?.end, 407)
})

test('rules are complete when the trail may show all that they let through', () => {
  const exempting = compileMasking(documentsOf(EXEMPTING), detectors)
  assert.equal(exempting.for(at()).complete, false)
  assert.equal(exempting.for(at({ now: 5000 })).complete, true)
  assert.equal(exempting.for(at({ direction: 'trail' })).complete, true)
  assert.equal(exempting.trail.complete, true)
  const trailOnly = compileMasking(
    documentsOf('  rules: [{name: r, keys: [pin], scope: {directions: [trail]}}]\n'),
    detectors,
  )
  assert.equal(trailOnly.for(at()).complete, false)
  assert.equal(trailOnly.for(at()).key('pin'), undefined)
  assert.ok(
    trailOnly.for(at({ direction: 'request' })).key('pin'),
    'what is sent is masked in the trail only',
  )
  assert.equal(compileMasking([], detectors).for(at()).complete, true)
})

test('sets that mask the same are known as such, whatever else the documents say', () => {
  const scope = {
    connection: 'c',
    principal: alice,
    namespace: 'a',
    direction: 'response',
    now: 0,
  } as const
  const mask = (...specs: string[]) => compileMasking(documentsOf(...specs), detectors).for(scope).same
  const rule = (name: string, where: string, key = 'colour') =>
    `  rules:\n    - name: ${name}\n      scope: { namespaces: [${where}] }\n      keys: [${key}]\n`
  const here = mask(rule('one', 'a'))
  assert.equal(mask(rule('one', 'a, b')), here)
  assert.equal(mask(rule('one', 'a'), rule('two', 'b')), here)
  assert.notEqual(mask(rule('one', 'a', 'shape')), here)
  assert.notEqual(mask(rule('one', 'b')), here)
  assert.notEqual(mask(rule('one', 'a'), rule('two', 'a', 'shape')), here)
  assert.notEqual(mask(), here)
})
