import assert from 'node:assert/strict'
import { parseDocuments } from '../../../src/documents/parse.ts'
import { errorsOf } from '../../../src/documents/problem.ts'
import type { PolicyDocument } from '../../../src/documents/schema/policy.ts'
import type { Principal } from '../../../src/identity/principal.ts'
import type { KubernetesAction } from '../../../src/kubernetes/action.ts'
import { policyProblems } from '../../../src/policy/check/policy-problems.ts'
import { compilePolicies } from '../../../src/policy/compile.ts'
import type { Action } from '../../../src/policy/decision.ts'
import { standIn } from '../../../src/policy/stand-in.ts'
import type { Random } from '../../parity/random.ts'
import { mutate } from '../mutate.ts'
import { eachByItself, type FuzzTarget } from '../target.ts'

/** Mostly what a person would write, so that much of it is compiled and decided; now and then something else. */
const CONDITIONS = [
  'true',
  'action.namespace == "a"',
  'principal.groups.exists(g, g == "corp:dev")',
  'action.body.kind == "Pod"',
  'action.name.matches("^(a+)+$")',
  'now > timestamp("2026-01-01T00:00:00Z")',
  'action.body.object.spec.replicas > 3',
  '1 / 0 == 1',
  '[1,2,3].all(x, x > 0)',
  'size(principal.groups) > 0',
  'has(action.body.object.x)',
  'session.id.startsWith("s-")',
  'action.body.object.spec.containers.all(c, c.image.startsWith("r/"))',
  '"a" in principal.groups',
  'action.query.command.exists(c, c.contains("rm"))',
  'int(action.name) == 1',
]
const ODD_CONDITIONS = [
  'x',
  '',
  '1',
  '"',
  'action.name.matches("(")',
  'duration("1h") > duration("x")',
  'principal.username.matches(".*" + action.name)',
]
const WORDS = [
  '"*"',
  '*',
  'allow',
  'deny',
  'hold',
  'when: ',
  '\n',
  '  ',
  '- ',
  'null',
  '{}',
  '[]',
  '&a ',
  '*a',
  '"',
  "'",
  ': ',
  '#',
  '\t',
  '---\n',
  '\u0000',
  '\ufeff',
  '&&',
  '||',
  '!',
  '.matches("',
  '.exists(x, ',
  '(',
  ')',
  '? 1 : ',
  ...CONDITIONS.slice(0, 6),
]

/** Of the good ones; of the odd ones now and then. */
function oneOf(random: Random, good: readonly string[], odd: readonly string[]): string {
  return random.chance(0.02) ? random.pick(odd) : random.pick(good)
}

function list(random: Random, good: readonly string[], odd: readonly string[]): string {
  return JSON.stringify(Array.from({ length: 1 + random.below(3) }, () => oneOf(random, good, odd)))
}

function ruleOf(random: Random, name: string): string {
  const effect = oneOf(random, ['allow', 'allow', 'deny', 'hold'], ['maybe', ''])
  const lines = [`    - name: ${name}`, `      effect: ${effect}`, '      match:']
  const add = (probability: number, field: string, text: () => string): void => {
    if (random.chance(probability)) lines.push(`        ${field}: ${text()}`)
  }
  const people = [
    '{ users: ["*"] }',
    '{ groups: ["corp:*"] }',
    '{ kinds: [person] }',
    '{ serviceAccounts: ["a:a"] }',
  ]
  const needed = effect === 'deny' ? 0.5 : 0.98
  add(needed, 'principals', () => oneOf(random, people, ['{}', '["x"]', 'null']))
  add(needed, 'verbs', () => list(random, ['*', 'get', 'create', 'watch'], ['GET', '']))
  if (random.chance(0.15))
    add(1, 'nonResourceURLs', () => list(random, ['/healthz', '/api*', '*'], ['x', '/a*b']))
  else {
    add(needed, 'apiGroups', () => list(random, ['*', '', 'apps'], ['A']))
    add(needed, 'resources', () =>
      list(random, ['*', 'pods', 'secrets', 'pods/exec', '*/scale', 'pods/*'], ['/', '']),
    )
    add(0.3, 'namespaces', () => list(random, ['a', 'a*', '*', '**', 'x*y*z'], ['']))
    add(0.2, 'resourceNames', () => list(random, ['a', '*b*'], ['']))
  }
  add(0.2, 'riskClasses', () => list(random, ['*', 'exec'], ['nothing']))
  add(0.1, 'impersonate', () => '{ users: ["system:*"] }')
  if (random.chance(0.5)) {
    const terms = Array.from({ length: 1 + random.below(2) }, () => oneOf(random, CONDITIONS, ODD_CONDITIONS))
    lines.push(`      when: ${JSON.stringify(terms.join(oneOf(random, [' && ', ' || '], [' '])))}`)
  }
  if (random.chance(0.2)) lines.push(`      reason: ${oneOf(random, ['because'], ['"x\\ny"', '1'])}`)
  return `${lines.join('\n')}\n`
}

function textOf(random: Random): string {
  const name = oneOf(random, ['p', 'team'], ['defaults', 'x_y', ''])
  const rules = Array.from({ length: 1 + random.below(3) }, (_, i) =>
    ruleOf(random, random.chance(0.97) ? `r${i}` : 'r0'),
  )
  return `apiVersion: sallyport.dev/v1\nkind: Policy\nmetadata:\n  name: ${name}\nspec:\n  rules:\n${rules.join('')}`
}

const alice: Principal = {
  issuer: 'i',
  subject: 's',
  kind: 'person',
  username: 'corp:alice',
  groups: ['corp:dev'],
  authentication: { method: 'oidc', provider: 'corp', validUntil: 0, credentialDigest: '' },
}

function action(facts: Partial<KubernetesAction>): Action {
  const query = {
    fieldSelector: '',
    labelSelector: '',
    dryRun: false,
    follow: false,
    container: '',
    command: ['rm', '-rf'],
  }
  const base: KubernetesAction = {
    protocol: 'k8s',
    verb: 'get',
    isResource: true,
    apiGroup: '',
    apiVersion: 'v1',
    resource: 'pods',
    subresource: '',
    namespace: 'a',
    name: 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab',
    path: '/api/v1/namespaces/a/pods/a',
    query,
    body: null,
    impersonate: null,
    risk: 'none',
    hasSideEffect: false,
    longRunning: false,
  }
  return { ...base, ...facts }
}

const object = {
  spec: { replicas: 9_007_199_254_740_993n, containers: [{ image: 'r/x' }, {}, null] },
  __proto__: null,
}
const body = { apiVersion: 'v1', kind: 'Pod', name: 'a*', namespace: 'a', form: 'object', object }
const actions: readonly Action[] = [
  action({}),
  action({ verb: 'create', name: '', body, hasSideEffect: true }),
  action({ verb: 'create', subresource: 'exec', risk: 'exec', hasSideEffect: true, longRunning: true }),
  action({ resource: 'secrets', verb: 'list', name: '', namespace: '' }),
  action({ isResource: false, apiVersion: '', resource: '', namespace: '', name: '', path: '/healthz' }),
  action({ impersonate: { user: 'system:admin', groups: ['x'], uid: '', extra: [] } }),
]

/** Either problems, each with its place, or a policy set that decides every action in bounded time. */
function look(input: Buffer): string {
  const text = input.toString('utf8')
  const { documents, problems } = parseDocuments([{ file: 'p.yaml', text }])
  const all = [...problems, ...policyProblems(documents)]
  const lines = text.split('\n').length
  for (const problem of all) {
    assert.ok(
      Number.isInteger(problem.line) && problem.line >= 1 && problem.line <= lines + 1,
      `line ${problem.line} of ${lines}`,
    )
    assert.ok(Number.isInteger(problem.column) && problem.column >= 1, `column ${problem.column}`)
    assert.ok(problem.message.length > 0 && problem.message.length < 2_000)
  }
  if (errorsOf(all).length > 0) return 'problems'
  const policies = documents
    .map(each => each.document)
    .filter((each): each is PolicyDocument => each.kind === 'Policy')
  const compiled = compilePolicies(policies)
  for (const each of actions) {
    const circumstances = standIn(alice, 'prod', 1_767_225_600_000)
    const decision = compiled.decide(each, circumstances)
    assert.match(decision.effect, /^(allow|deny|hold)$/)
    assert.ok(typeof decision.reason === 'string')
    assert.deepEqual(
      compiled.decide(each, circumstances).effect,
      decision.effect,
      'decided otherwise the second time',
    )
    compiled.explain(each, circumstances)
  }
  return policies.length === 0 ? 'no policy' : 'decides'
}

export const target: FuzzTarget = {
  name: 'policy',
  batch: 50,
  generate(random, corpus) {
    const base = corpus.length > 0 && random.chance(0.1) ? random.pick(corpus) : Buffer.from(textOf(random))
    return random.chance(0.5) ? base : mutate(base, random, WORDS)
  },
  open: async () => eachByItself(look),
}
