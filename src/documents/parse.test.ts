import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { bindingProblems } from './binding-problems.ts'
import { crossReferenceProblems } from './cross-references.ts'
import { parseDocuments } from './parse.ts'
import { formatProblem } from './problem.ts'

function problemsOf(text: string, file = 'p.yaml'): string[] {
  return parseDocuments([{ file, text }]).problems.map(formatProblem)
}

const HEAD = 'apiVersion: sallyport.dev/v1\nkind: Policy\nmetadata: {name: p}\n'
const RULE = `${HEAD}spec:
  rules:
    - name: read
      effect: allow
      match:
        principals: {users: ["*"]}
        verbs: [get]
        apiGroups: [""]
        resources: [pods]
`

test('a valid document is read, from YAML and from JSON', () => {
  const yaml = parseDocuments([{ file: 'a.yaml', text: RULE }])
  assert.deepEqual(yaml.problems, [])
  assert.equal(yaml.documents.length, 1)
  const json = parseDocuments([
    { file: 'a.json', text: JSON.stringify(yaml.documents[0]!.document, null, '\t') },
  ])
  assert.deepEqual(json.problems, [])
  assert.deepEqual(
    JSON.parse(JSON.stringify(json.documents[0]!.document)),
    JSON.parse(JSON.stringify(yaml.documents[0]!.document)),
  )
})

test('several documents in a file; empty ones are nothing', () => {
  const two = `---\n${RULE}---\n---\n${RULE.replace('name: p', 'name: q')}---\n`
  const { documents, problems } = parseDocuments([{ file: 'a.yaml', text: two }])
  assert.deepEqual(problems, [])
  assert.deepEqual(
    documents.map(d => d.document.metadata.name),
    ['p', 'q'],
  )
})

for (const [name, text, expected] of [
  [
    'unknown key',
    RULE.replace('verbs: [get]', 'verb: [get]'),
    /^p\.yaml:10:9 spec\.rules\[0\]\.match: unknown key "verb"; did you mean verbs\?$/,
  ],
  [
    'unknown kind',
    RULE.replace('kind: Policy', 'kind: Polcy'),
    /^p\.yaml:2:7 kind: must be one of Channel, Connection, IdentityProvider, MaskingRules, Person, Policy; did you mean Policy\?$/,
  ],
  [
    'kind from the prototype',
    RULE.replace('kind: Policy', 'kind: constructor'),
    /^p\.yaml:2:7 kind: must be one of/,
  ],
  [
    'apiVersion',
    RULE.replace('sallyport.dev/v1', 'v1'),
    /^p\.yaml:1:13 apiVersion: must be sallyport\.dev\/v1$/,
  ],
  [
    'wrong type',
    RULE.replace('verbs: [get]', 'verbs: get'),
    /^p\.yaml:10:16 spec\.rules\[0\]\.match\.verbs: must be a list, not text$/,
  ],
  [
    'wrong value',
    RULE.replace('effect: allow', 'effect: alow'),
    /^p\.yaml:7:15 spec\.rules\[0\]\.effect: must be one of allow, deny, hold, limit, not "alow"; did you mean allow\?$/,
  ],
  [
    'missing',
    RULE.replace('      effect: allow\n', ''),
    /^p\.yaml:6:7 spec\.rules\[0\]\.effect: is required: one of allow, deny, hold, limit$/,
  ],
  ['empty list', RULE.replace('[get]', '[]'), /spec\.rules\[0\]\.match\.verbs: must not be empty/],
  [
    'risk class',
    `${RULE}        riskClasses: [excc]\n`,
    /^p\.yaml:13:23 .*riskClasses\[0\]: .*not "excc"; did you mean exec\?$/,
  ],
  [
    'duplicate key',
    RULE.replace('verbs: [get]', 'verbs: [get]\n        verbs: [list]'),
    /^p\.yaml:11:9 Map keys must be unique$/,
  ],
  [
    'alias',
    RULE.replace('[get]', '&a [get]').replace('resources: [pods]', 'resources: *a'),
    /^p\.yaml:12:20 aliases are not supported/,
  ],
  ['tag', RULE.replace('[get]', '!!js/function [get]'), /^p\.yaml:10:16 Unresolved tag/],
  ['number as key', `${HEAD}spec: {1: x}`, /a key must be a string/],
  ['not a mapping', 'just text', /^p\.yaml:1:1 must be a document/],
  [
    'reference where none is allowed',
    RULE.replace('users: ["*"]', 'users: ["file:/etc/passwd"]'),
    /references to files and variables/,
  ],
  [
    'allow for nobody in particular',
    RULE.replace('        principals: {users: ["*"]}\n', ''),
    /match\.principals: is required in a rule with effect allow/,
  ],
  ['allow without verbs', RULE.replace('        verbs: [get]\n', ''), /match\.verbs: is required/],
  ['allow without groups', RULE.replace('        apiGroups: [""]\n', ''), /match\.apiGroups: is required/],
  [
    'resources and URLs',
    `${RULE}        nonResourceURLs: [/healthz]\n`,
    /cannot stand beside nonResourceURLs/,
  ],
  ['admin and verbs', `${RULE}        admin: {verbs: [audit.search]}\n`, /cannot stand beside admin/],
  [
    'star in the middle of a URL',
    RULE.replace('apiGroups: [""]\n        resources: [pods]', 'nonResourceURLs: ["/a*b"]'),
    /must begin with \/ and may have a \* at its end only/,
  ],
  [
    'same rule name twice',
    `${RULE}${RULE.slice(RULE.indexOf('    - name'))}`,
    /spec\.rules\[1\]\.name: there is another rule named read/,
  ],
] as const) {
  test(`position and words: ${name}`, () => {
    const problems = problemsOf(text)
    assert.ok(
      problems.some(p => expected.test(p)),
      problems.join('\n'),
    )
  })
}

test('two documents of one kind and name are an error, also across files', () => {
  const { problems } = parseDocuments([
    { file: 'a.yaml', text: RULE },
    { file: 'b.yaml', text: RULE },
  ])
  assert.deepEqual(problems.map(formatProblem), [
    'b.yaml:3:18 metadata.name: there is another Policy named p at a.yaml:1',
  ])
})

test('keys of the object prototype are names like any other, and unknown ones', () => {
  const { documents, problems } = parseDocuments([
    {
      file: 'p.yaml',
      text: RULE.replace('metadata: {name: p}', 'metadata: {name: p, labels: {constructor: a, toString: b}}'),
    },
    {
      file: 'q.yaml',
      text: RULE.replace('metadata: {name: p}', 'metadata: {name: q, __proto__: {polluted: yes}}'),
    },
  ])
  assert.equal(documents.length, 1)
  assert.match(formatProblem(problems[0]!), /unknown key "__proto__"/)
  assert.equal(({} as Record<string, unknown>).polluted, undefined)
})

test('secrets never stand in a document', () => {
  const provider = (secret: string, ca = '') => `apiVersion: sallyport.dev/v1
kind: IdentityProvider
metadata: {name: corp}
spec:
  oidc:
    issuer: https://issuer.example.com
    audiences: [sallyport]
    prefix: "corp:"
${ca}    login: {clientId: x, clientSecret: "${secret}"}
`
  assert.deepEqual(problemsOf(provider('$' + '{CORP_SECRET}')), [])
  assert.deepEqual(problemsOf(provider('file:/run/secrets/corp', '    ca: file:ca.pem\n')), [])
  assert.match(problemsOf(provider('hunter2'))[0]!, /clientSecret: must be a reference/)
  assert.ok(!problemsOf(provider('hunter2'))[0]!.includes('hunter2'))
})

test('any text is read or refused, never thrown, and errors have a place', () => {
  const piece = fc.constantFrom(
    ...RULE.split(/(?<=[\s:[\]{},"])/),
    '&a ',
    '*a',
    '!x ',
    '\t',
    '\u0000',
    '"',
    '|\n',
    '? ',
  )
  fc.assert(
    fc.property(
      fc.oneof(
        fc.string(),
        fc.array(piece).map(p => p.join('')),
        fc.array(piece).map(p => RULE + p.join('')),
      ),
      text => {
        for (const p of parseDocuments([{ file: 'x', text }]).problems) {
          assert.ok(p.line >= 1 && p.column >= 1 && p.message !== '')
        }
      },
    ),
    { numRuns: 500 },
  )
})

/** Also what shows only when documents are looked at together. */
function allProblemsOf(text: string): string[] {
  const { documents, problems } = parseDocuments([{ file: 'p.yaml', text }])
  return [...problems, ...crossReferenceProblems(documents), ...bindingProblems(documents)].map(formatProblem)
}

const CONNECTION = `apiVersion: sallyport.dev/v1
kind: Connection
metadata: {name: prod}
spec:
  agents: [far]
  upstreamIdentity: session
  bindings:
    - group: corp:devs
      clusterRole: edit
      namespaces: [shop]
`

test('bindings of a connection are read, and given to whom they name', () => {
  const more = `${CONNECTION}    - {principals: {kinds: [job]}, role: deployer, namespaces: [shop]}
    - {when: "principal.email != ''", clusterRole: view, clusterWide: true}
  session: {lease: 1m}
`
  assert.deepEqual(allProblemsOf(more), [])
})

for (const [name, text, expected] of [
  [
    'nobody',
    CONNECTION.replace('- group: corp:devs\n      ', '- '),
    /must say who: group, principals or when/,
  ],
  ['no role', CONNECTION.replace('      clusterRole: edit\n', ''), /must name a clusterRole or a role/],
  ['two roles', `${CONNECTION}      role: x\n`, /must name a clusterRole or a role/],
  ['nowhere', CONNECTION.replace('      namespaces: [shop]\n', ''), /must say where: namespaces, or/],
  ['everywhere and somewhere', `${CONNECTION}      clusterWide: true\n`, /must say where/],
  [
    'a role of no namespace',
    CONNECTION.replace('clusterRole: edit', 'role: edit').replace('namespaces: [shop]', 'clusterWide: true'),
    /a role is of a namespace/,
  ],
  [
    'everything',
    CONNECTION.replace('clusterRole: edit', 'clusterRole: cluster-admin'),
    /^p\.yaml:9:20 spec\.bindings\[0\]\.clusterRole: must not be cluster-admin/,
  ],
  ['a pattern', CONNECTION.replace('[shop]', '["shop-*"]'), /exact name of a namespace/],
  [
    'a misspelt key',
    CONNECTION.replace('clusterRole: edit', 'clusterrole: edit'),
    /did you mean clusterRole/,
  ],
  [
    'a principal upstream',
    CONNECTION.replace('upstreamIdentity: session', 'upstreamIdentity: principal'),
    /spec\.bindings: need upstreamIdentity session or serviceaccount/,
  ],
  [
    'the embedded agent without a binder',
    CONNECTION.replace('[far]', '[embedded]').replace('  bindings', '  kubernetes: {context: x}\n  bindings'),
    /spec\.bindings: need spec\.kubernetes\.binder/,
  ],
  ['a lease that is too long', `${CONNECTION}  session: {lease: 1h}\n`, /between 10s and 15m/],
  ['a lease that is too short', `${CONNECTION}  session: {lease: 5s}\n`, /between 10s and 15m/],
  [
    'a lease of nothing',
    `${CONNECTION.slice(0, CONNECTION.indexOf('  bindings'))}  session: {lease: 1m}\n`,
    /is of bindings, and there are none/,
  ],
  [
    'a condition about an action',
    `${CONNECTION}      when: "principal.email != '' && action.verb == 'get'"\n`,
    /^p\.yaml:\d+:\d+ spec\.bindings\[0\]\.when: .*action.*a binding knows principal/i,
  ],
  [
    'a condition that is none',
    `${CONNECTION}      when: "principal.emial != ''"\n`,
    /^p\.yaml:11:\d+ spec\.bindings\[0\]\.when: .*emial/,
  ],
  ['the house of the cluster', CONNECTION.replace('[shop]', '[kube-system]'), /can usually become anybody/],
] as const) {
  test(`bindings, position and words: ${name}`, () => {
    const problems = allProblemsOf(text)
    assert.ok(
      problems.some(problem => expected.test(problem)),
      problems.join('\n'),
    )
  })
}
