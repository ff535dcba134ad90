import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseDocuments } from '../../documents/parse.ts'
import type { PolicyDocument } from '../../documents/schema/policy.ts'
import { readPreset } from '../presets/read-preset.ts'
import { runPolicyTests } from './run-policy-tests.ts'

const POLICY = `apiVersion: sallyport.dev/v1
kind: Policy
metadata: {name: p}
spec:
  rules:
    - name: read
      effect: allow
      match: {principals: {users: ["*"]}, verbs: [get, list], apiGroups: [""], resources: [pods]}
`

function testOf(body: string): string {
  return `apiVersion: sallyport.dev/v1\nkind: PolicyTest\nmetadata: {name: t}\nspec:\n  cases:\n    - {name: c, principal: {username: "corp:a"}, ${body}}\n`
}

function one(body: string) {
  const results = runPolicyTests([
    { file: 'p.yaml', text: POLICY },
    { file: 't.yaml', text: testOf(body) },
  ])
  assert.equal(results.length, 1)
  return results[0]!
}

test('the shipped example passes its own tests', () => {
  const results = runPolicyTests([
    { file: 'team.yaml', text: readPreset('team') },
    { file: 'team.test.yaml', text: readPreset('team.test') },
  ])
  assert.ok(results.length >= 9)
  assert.deepEqual(
    results.filter(r => !r.ok),
    [],
  )
})

test('a case says what it got, where it stands, and why', () => {
  const result = one('request: GET /api/v1/namespaces/x/pods?watch=true, expect: {effect: allow}')
  assert.deepEqual(
    { ...result, detail: undefined },
    {
      name: 't / c',
      file: 't.yaml',
      line: 6,
      ok: false,
      expected: 'allow',
      got: 'deny by none',
      detail: undefined,
    },
  )
  assert.match(result.detail!, /nothing allows watch pods in namespace x/)
})

for (const [body, ok] of [
  ['request: GET /api/v1/namespaces/x/pods, expect: {effect: allow, rule: p/read}', true],
  ['request: HEAD /api/v1/namespaces/x/pods/y, expect: {effect: allow}', true],
  ['request: GET /api/v1/namespaces/x/pods/y/exec, expect: {effect: deny, reason: riskClasses}', true],
  ['request: GET /api/v1/namespaces/x/pods, expect: {effect: allow, reason: because}', false],
  ['action: {verb: list, resource: pods}, expect: {effect: allow}', true],
  ['action: {verb: get, path: /metrics}, expect: {effect: deny, rule: none}', true],
  ['admin: {verb: self.read}, expect: {effect: allow, rule: defaults/own-identity-and-sessions}', true],
  [
    'action: {verb: get, resource: pods}, impersonate: {user: bob}, expect: {effect: deny, rule: defaults/impersonate}',
    true,
  ],
] as const) {
  test(`${body} -> ${ok}`, () => assert.equal(one(body).ok, ok))
}

for (const [body, detail] of [
  ['request: GET /api/v1/namespaces//pods, expect: {effect: deny}', /refused before policy: empty-segment/],
  ['request: pods please, expect: {effect: deny}', /METHOD \/path/],
  ['action: {verb: get}, expect: {effect: deny}', /either a resource or a path/],
  [
    'action: {verb: get, resource: pods}, expect: {effect: allow, rule: p/raed}',
    /there is no rule p\/raed; did you mean p\/read\?/,
  ],
] as const) {
  test(`a case that cannot be asked fails: ${body}`, () => {
    const result = one(body)
    assert.equal(result.ok, false)
    assert.match(result.detail!, detail)
  })
}

test('what cannot be read is a failure, not a test less', () => {
  const results = runPolicyTests([{ file: 't.yaml', text: testOf('expect: {effect: allow}') }])
  assert.equal(results.length, 1)
  assert.equal(results[0]!.ok, false)
  assert.match(results[0]!.detail!, /t\.yaml:6:7 .*exactly one of action, request and admin/)
})

test('without policies in the sources the given ones are tested', () => {
  const given = parseDocuments([{ file: 'p', text: POLICY }]).documents.map(d => d.document as PolicyDocument)
  const sources = [{ file: 't', text: testOf('request: GET /api/v1/pods, expect: {effect: allow}') }]
  assert.equal(runPolicyTests(sources)[0]!.ok, false)
  assert.equal(runPolicyTests(sources, given)[0]!.ok, true)
})

const KEEPS = `apiVersion: sallyport.dev/v1
kind: Policy
metadata: {name: k}
spec:
  rules:
    - name: all
      effect: allow
      match: {principals: {users: ["*"]}, verbs: [create, update, patch], apiGroups: [""], resources: [configmaps]}
    - name: owner
      effect: deny
      match: {verbs: [update, patch], resources: [configmaps]}
      when: has(action.before) && action.before.data.owner != action.body.object.data.owner
`

test('the object before: given, known to be missing, not known, and where none is looked at', () => {
  const put = 'request: PUT /api/v1/namespaces/x/configmaps/m, body: {object: {data: {owner: a}}}'
  for (const [body, expected] of [
    [`${put}, before: {data: {owner: a}}, expect: {effect: allow}`, ''],
    [`${put}, before: {data: {owner: b}}, expect: {effect: deny, rule: k/owner}`, ''],
    [`${put}, before: null, expect: {effect: allow}`, ''],
    [`${put}, expect: {effect: deny, reason: "the object before the write is not known"}`, ''],
    [
      'action: {verb: patch, resource: configmaps, namespace: x, name: m}, body: {form: merge-patch, object: {data: {owner: a}}}, before: {data: {owner: a}}, expect: {effect: allow}',
      '',
    ],
    [
      'request: POST /api/v1/namespaces/x/configmaps, before: {}, expect: {effect: allow}',
      'before is looked at for update and patch; this is a create',
    ],
    ['admin: {verb: audit.search}, before: {}, expect: {effect: deny}', 'before'],
    [`${put}, before: text, expect: {effect: allow}`, 'before'],
  ] as const) {
    const [result] = runPolicyTests([
      { file: 'p.yaml', text: KEEPS },
      { file: 't.yaml', text: testOf(body) },
    ])
    assert.equal(result!.ok, expected === '', `${body}: ${JSON.stringify(result)}`)
    assert.ok(JSON.stringify(result).includes(expected))
  }
})
