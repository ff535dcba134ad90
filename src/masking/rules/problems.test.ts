import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseDocuments } from '../../documents/parse.ts'
import { formatProblem } from '../../documents/problem.ts'
import type { Detectors } from './detectors.ts'
import { maskingProblems } from './problems.ts'

const detectors: Detectors = {
  names: new Set(['credit-card', 'iban']),
  tellTale: name => (name === 'password' ? 'strong' : undefined),
  createTextFinder: () => ({ next: () => -1, find: () => undefined }),
  checkOwnPattern: regex => (regex.includes('+)+') ? 'can take time without end' : null),
}

function document(spec: string, name = 'd'): string {
  return `apiVersion: sallyport.dev/v1\nkind: MaskingRules\nmetadata: {name: ${name}}\nspec:\n${spec}`
}

/** All that is said about documents, in the words that people read. */
function problemsOf(...texts: string[]): string[] {
  const { documents, problems } = parseDocuments(texts.map((text, i) => ({ file: `${i}.yaml`, text })))
  return [...problems, ...maskingProblems(documents, detectors)].map(
    p => `${p.severity === 'error' ? '' : 'warning '}${formatProblem(p)}`,
  )
}

const rules = (text: string): string => document(`  rules:\n    - ${text}\n`)
const card = (more: string): string => rules(`{name: r, ${more}}`)
const path = (p: string, group = '""', kind = 'Secret'): string =>
  rules(`{name: r, fields: [{apiGroups: [${group}], kinds: [${kind}], paths: ['${p}']}]}`)

for (const [name, text, expected] of [
  ['nothing at all', document('  description: x\n'), /spec: must hold rules or exemptions/],
  ['nowhere to look', card('action: mask'), /rules\[0\]: says nowhere to look/],
  ['an unknown key', card('key: [a], env: [b]'), /unknown key "key"; did you mean keys\?/],
  ['an unknown action', card('keys: [a], action: maks'), /not "maks"; did you mean mask\?/],
  ['a long name', rules('{name: aaaaaaaaaaaaaaaaaaaaaaaaa, keys: [a]}'), /at most 24 characters/],
  ['a name with capitals', rules('{name: Card, keys: [a]}'), /lower-case letters/],
  ['a shipped name', rules('{name: secret-data, keys: [a]}'), /a shipped rule has this name/],
  [
    'the name of the shipped document',
    document('  rules: [{name: r, keys: [a]}]', 'shipped'),
    /built-in rules/,
  ],
  ['partial without saying how much', card('keys: [a], action: partial'), /partial: is required/],
  ['partial that shows nothing', card('keys: [a], action: partial, partial: {}'), /must show something/],
  ['partial that shows much', card('keys: [a], action: partial, partial: {first: 9}'), /partial\.first/],
  ['partial beside mask', card('keys: [a], partial: {first: 1}'), /has a meaning with action partial only/],
  ['dropping from the middle of a text', card('detectors: [iban], action: drop'), /cannot be dropped/],
  ['dropping by name', card('keys: [pin], action: drop'), /only a member at a path can be left out/],
  [
    'an unknown detector',
    card('detectors: [credit-crad]'),
    /0\.yaml:6:\d+ .*no detector credit-crad; did you mean credit-card\?/,
  ],
  ['a pattern without an end', card('patterns: [{regex: "(a+)+b"}]'), /regex: can take time without end/],
  ['a pattern of any length', card('patterns: [{regex: "ab", maximumLength: 5000}]'), /maximumLength/],
  ['every key', card('keys: ["*"]'), /would take every value for a secret/],
  ['every variable', card('env: ["**"]'), /would take every value for a secret/],
  ['an empty scope', card('keys: [a], scope: {}'), /must not be empty/],
  ['a broken path', path('spec..x'), /expected a name, \* or \["name"\] \(at character 6 of "spec\.\.x"\)/],
  ['a position', path('spec.items[0]', 'x.example.com', 'Card'), /they move/],
  ['the whole object', path('*', '"*"', '"*"'), /the whole object/],
  ['the kind', path('kind'), /kind cannot be masked/],
  ['the name', path('metadata.name'), /metadata\.name cannot be masked/],
  ['the UID', path('metadata.uid'), /metadata\.uid cannot be masked/],
  ['all of metadata', path('metadata.*'), /the whole of metadata cannot be masked/],
  ['a member that metadata does not have', path('metadata.anotations.x'), /did you mean annotations\?/],
  ['deeper than an annotation', path('metadata.annotations.a.b'), /nothing is deeper/],
  [
    'a member that a Secret does not have',
    path('date.x'),
    /a Secret has no member date; did you mean data\?/,
  ],
  ['deeper than a value of a Secret', path('data.tls.key'), /written \["a\.b"\]/],
  ['a list', path('items[*].data', '""', 'SecretList'), /object by object: write Secret/],
  ['a resource', path('data.*', '""', 'secrets'), /kinds are written like Secret/],
  ['the core group by name', path('data.*', 'v1'), /the core group is written ""/],
  ['a kind in the wrong group', path('spec.x', 'apps', 'Pod'), /warning .*Pod is in group "" or "metrics/],
  [
    'a group with a slip',
    path('spec.x', 'aps', 'Pod'),
    /warning .*no built-in group aps; did you mean apps\?/,
  ],
] as const) {
  test(`a rule with ${name} is refused or warned of, at its place`, () => {
    const problems = problemsOf(text)
    assert.equal(problems.length, 1, problems.join('\n'))
    assert.match(problems[0]!, expected)
    assert.match(problems[0]!, /^(warning )?0\.yaml:\d+:\d+ /)
  })
}

test('partial cannot uncover what a shipped rule hides whole', () => {
  const partial = (p: string, group: string, kind: string): string[] =>
    problemsOf(
      rules(
        `{name: r, action: partial, partial: {last: 4}, fields: [{apiGroups: [${group}], kinds: [${kind}], paths: ['${p}']}]}`,
      ),
    )
  for (const [p, group, kind] of [
    ['data.password', '""', 'Secret'],
    ['data', '""', 'Secret'],
    ['data["password"]', '"*"', '"*"'],
    ['stringData.x', '""', 'Secret'],
    ['status.token', 'authentication.k8s.io', 'TokenRequest'],
  ] as const) {
    assert.match(partial(p, group, kind).join('\n'), /hides this whole .* take mask, fingerprint or drop/, p)
  }
  assert.deepEqual(partial('spec.number', 'pay.example.com', 'Card'), [])
  assert.match(
    problemsOf(card('keys: [password], action: partial, partial: {last: 2}')).join('\n'),
    /warning .*hidden whole by a shipped rule/,
  )
})

test('two rules of one name are refused, in one document and in two', () => {
  const one = document('  rules:\n    - {name: r, keys: [a]}\n    - {name: r, keys: [b]}\n')
  assert.match(problemsOf(one).join('\n'), /^0\.yaml:7:\d+ .*d has a rule of this name too$/)
  const two = problemsOf(card('keys: [a]'), document('  rules: [{name: r, keys: [b]}]', 'e'))
  assert.match(two.join('\n'), /^1\.yaml:5:\d+ .*d has a rule of this name too$/)
})

const exemption = (more: string): string =>
  document(`  exemptions:\n    - {name: e, reason: because, ${more}}\n`)

for (const [name, more, expected] of [
  ['no principal', 'rules: [env]', /principals: is required/],
  ['everything for everybody', 'rules: ["*"], principals: {users: ["*"]}', /all masking for everybody/],
  ['everything for all groups', 'rules: ["*"], principals: {groups: ["*"]}', /all masking for everybody/],
  [
    'everything for all kinds',
    'rules: ["*"], principals: {kinds: [person, serviceaccount, job, role, agent]}',
    /all masking for everybody/,
  ],
  [
    'everything for everybody everywhere',
    'rules: ["*"], principals: {users: ["*"]}, connections: ["*"], namespaces: ["**"]',
    /all masking for everybody/,
  ],
  [
    'everything for everybody until a moment',
    'rules: ["*"], principals: {users: ["*"]}, expires: 2026-01-31T00:00:00Z',
    /all masking for everybody/,
  ],
  ['a date without a time', 'rules: [env], principals: {users: [a]}, expires: 2026-01-31', /RFC 3339/],
  [
    'a time without a zone',
    'rules: [env], principals: {users: [a]}, expires: 2026-01-31T00:00:00',
    /RFC 3339/,
  ],
  ['a duration', 'rules: [env], principals: {users: [a]}, expires: 2h', /RFC 3339/],
  [
    'a day that is not there',
    'rules: [env], principals: {users: [a]}, expires: 2026-02-31T00:00:00Z',
    /no date and time of the calendar/,
  ],
  [
    'a rule that is not there',
    'rules: [secret-dat], principals: {users: [a]}',
    /warning .*there is no rule secret-dat; did you mean secret-data\?/,
  ],
] as const) {
  test(`an exemption with ${name} is refused or warned of`, () => {
    const problems = problemsOf(exemption(more))
    assert.equal(problems.length, 1, problems.join('\n'))
    assert.match(problems[0]!, expected)
  })
}

test('an exemption without a reason is refused', () => {
  const text = document('  exemptions:\n    - {name: e, rules: [env], principals: {users: [a]}}\n')
  assert.match(problemsOf(text).join('\n'), /reason: is required/)
})

test('everything for everybody is refused also in pieces, and over documents', () => {
  const half = (name: string, globs: string): string =>
    document(
      `  exemptions:\n    - {name: e, reason: x, principals: {users: ["*"]}, rules: [${globs}]}\n`,
      name,
    )
  const problems = problemsOf(half('a', '"[a-m]*", "*e*"'), half('b', '"*n*", "*"'))
  assert.ok(problems.some(p => /^1\.yaml.*all masking for everybody/.test(p)))
  const pieces = problemsOf(half('a', '"*-*"'), half('b', '"*e*", "*o*", "*n*", "*r*", "*j*"'))
  assert.ok(
    pieces.some(p => /^1\.yaml.*all masking for everybody/.test(p)),
    pieces.join('\n'),
  )
  assert.deepEqual(problemsOf(half('a', 'key-name')), [])
  const narrow = 'rules: ["*"], principals: {users: ["*"]}, namespaces: [kube-system]'
  assert.deepEqual(problemsOf(exemption(narrow)), [])
})

test('a rule all of whose places are taken by earlier ones is warned of; one with a place left is not', () => {
  const two = (second: string, scope = ''): string[] =>
    problemsOf(
      document(`  rules:
    - name: first
      fields: [{apiGroups: [x.example.com], kinds: [Card], paths: [spec.pin]}]
      keys: ["pin*"]
      detectors: [iban]
${scope}    - {name: second, ${second}}
`),
    )
  const field = (p: string): string => `fields: [{apiGroups: [x.example.com], kinds: [Card], paths: [${p}]}]`
  assert.match(
    two(`${field('spec.pin')}, keys: [PINCODE], detectors: [iban]`).join('\n'),
    /warning .*first comes first/,
  )
  assert.deepEqual(two(`${field('spec.pin')}, keys: [pan]`), [])
  assert.deepEqual(two(field('spec.pan')), [])
  assert.deepEqual(two('keys: [pin], patterns: [{regex: "abc"}]'), [])
  assert.deepEqual(two('keys: [pin]', '      scope: {namespaces: [a]}\n'), [])
})
