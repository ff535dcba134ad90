import assert from 'node:assert/strict'
import { test } from 'node:test'
import { formatProblem } from '../../documents/problem.ts'
import { readPreset } from '../presets/read-preset.ts'
import { checkPolicies } from './check-policies.ts'

const HEAD = 'apiVersion: sallyport.dev/v1\nkind: Policy\nmetadata: {name: p}\nspec:\n  rules:\n'

/** One rule a line in flow style, from line 6 on. */
function check(...rules: string[]): string[] {
  const text = `${HEAD}${rules.map(r => `    - ${r}`).join('\n')}\n`
  return checkPolicies([{ file: 'p.yaml', text }]).map(p => `${p.severity} ${formatProblem(p)}`)
}

function allow(fields: string, more = ''): string {
  return `{name: r, effect: allow, match: {principals: {users: ["*"]}, ${fields}}${more}}`
}

const PODS = 'verbs: [get], apiGroups: [""], resources: [pods]'

test('nothing is said about a sensible rule, nor about the shipped sets', () => {
  assert.deepEqual(check(allow(PODS)), [])
  for (const name of ['local', 'team'] as const) {
    assert.deepEqual(checkPolicies([{ file: name, text: readPreset(name) }]).map(formatProblem), [])
  }
})

for (const [name, rules, expected] of [
  [
    'a verb',
    [allow('verbs: [gte], apiGroups: [""], resources: [pods]')],
    /^warning p\.yaml:6:\d+ spec\.rules\[0\]\.match\.verbs\[0\]: there is no verb gte; did you mean get\?$/,
  ],
  [
    'a resource',
    [allow('verbs: [get], apiGroups: [""], resources: [pod]')],
    /there is no built-in resource pod; did you mean pods\?/,
  ],
  [
    'a subresource',
    [allow('verbs: [get], apiGroups: [""], resources: [pods/logs]')],
    /there is no subresource logs; did you mean log\?/,
  ],
  [
    'a group',
    [allow('verbs: [get], apiGroups: [app], resources: [deployments]')],
    /there is no built-in group app; did you mean apps\?/,
  ],
  [
    'the core group',
    [allow('verbs: [get], apiGroups: [core], resources: [pods]')],
    /the core group is written "", not core/,
  ],
  [
    'a resource in another group',
    [allow('verbs: [get], apiGroups: [""], resources: [deployments]')],
    /deployments is in group "apps", which apiGroups does not name/,
  ],
  [
    'an action on Sallyport',
    [allow('admin: {verbs: [audit.serach]}')],
    /there is no action audit\.serach; did you mean audit\.search\?/,
  ],
  [
    'only second doors',
    [allow('verbs: [create], apiGroups: [""], resources: [pods/exec]')],
    /resources\[0\]: covers no request: it takes riskClasses: \[exec\] to open this/,
  ],
  [
    'secrets',
    [allow('verbs: [get, list], apiGroups: [""], resources: [secrets]')],
    /riskClasses: \[secret-read\]/,
  ],
  [
    'get for exec',
    [allow('verbs: [get], apiGroups: [""], resources: [pods/exec], riskClasses: [exec]')],
    /always create, whatever the HTTP method/,
  ],
  [
    'namespaces of what has none',
    [allow('verbs: [get], apiGroups: [""], resources: [nodes], namespaces: [a]')],
    /live in no namespace/,
  ],
  [
    'names of a create',
    [allow('verbs: [create], apiGroups: [""], resources: [pods], resourceNames: [a]')],
    /has no name to compare/,
  ],
  [
    'a condition that always fails',
    [allow(PODS, ', when: "principal.groups[9] == \'x\'"')],
    /the condition always fails \(no such key.*counts as not met/,
  ],
  ['a condition that says nothing', [allow(PODS, ', when: "true"')], /the condition is always true/],
  [
    'a shadowed rule',
    [
      allow(`${PODS}, namespaces: [a]`),
      '{name: d, effect: deny, match: {resources: [pods], namespaces: ["*"]}}',
    ],
    /^warning p\.yaml:6:7 spec\.rules\[0\]: deny rule p\/d takes all of it away$/,
  ],
  ['an empty deny', ['{name: d, effect: deny, match: {}}'], /denies everything to everybody/],
  [
    'kinds that leave out',
    [
      '{name: a, effect: allow, match: {principals: {serviceAccounts: ["a:b"], kinds: [person]}, admin: {verbs: ["*"]}}}',
    ],
    /kinds leaves them out/,
  ],
  [
    'a bad condition',
    [allow(PODS, ', when: "principal.usrname == 1"')],
    /^error p\.yaml:6:(\d+) spec\.rules\[0\]\.when: no such key: usrname$/,
  ],
  [
    'images of what has none',
    [allow('verbs: [get], apiGroups: [""], resources: [pods], images: {from: ["docker.io/*"]}')],
    /match\.images: get have no images: the rule covers nothing/,
  ],
  [
    'images in a rule that stops everything',
    ['{name: d, effect: deny, match: {images: {notFrom: ["registry.example.com/*"]}}}'],
    /match\.images: get, list, watch, delete, deletecollection have no images, and then the rule counts as met/,
  ],
  [
    'a body that a delete does not have',
    ['{name: d, effect: deny, match: {verbs: [delete]}, when: "action.body.kind == \'Pod\'"}'],
    /\.when: delete, deletecollection have no body, and then the rule counts as met/,
  ],
  [
    'dry runs of reads',
    [allow('verbs: [get, list], apiGroups: [""], resources: [pods], dryRun: true')],
    /a read is never a dry run: the rule covers nothing/,
  ],
  [
    'commands of what is done to Sallyport',
    [allow('admin: {verbs: ["*"]}, client: {commands: ["kubectl get"]}')],
    /has no Kubectl-Command: the rule covers nothing/,
  ],
  [
    'a hold that nobody can approve',
    ['{name: h, effect: hold, match: {principals: {users: ["*"]}, resources: [pods]}}'],
    /^error p\.yaml:6:7 spec\.rules\[0\]: nobody can approve what p\/h holds/,
  ],
  [
    'a hold that somebody else can approve',
    [
      '{name: h, effect: hold, match: {principals: {users: ["*"]}, resources: [pods]}}',
      '{name: a, effect: allow, match: {principals: {users: [x]}, admin: {verbs: ["approval.*"], names: ["q/*"]}}}',
    ],
    /nobody can approve what p\/h holds/,
  ],
  ['the name of the built-in policy', [], /defaults is the name of the built-in policy/],
] as const) {
  test(`found: ${name}`, () => {
    const found =
      rules.length > 0
        ? check(...rules)
        : checkPolicies([
            { file: 'p', text: `${HEAD.replace('{name: p}', '{name: defaults}')}    - ${allow(PODS)}` },
          ]).map(formatProblem)
    assert.ok(
      found.some(f => expected.test(f)),
      found.join('\n') || 'nothing',
    )
  })
}

test('who can approve is looked for by verb, resource and name, whatever else the rule says', () => {
  const hold = '{name: h, effect: hold, match: {principals: {users: ["*"]}, resources: [pods]}}'
  for (const admin of [
    '{verbs: ["*"]}',
    '{verbs: [approval.decide]}',
    '{verbs: ["approval.*"], resources: [approvals], names: ["p/*"]}',
  ]) {
    const approve = `{name: a, effect: allow, match: {principals: {groups: [ops]}, admin: ${admin}}}`
    assert.deepEqual(check(hold, approve), [])
  }
  const asks = hold.replace('}}', '}, approval: {approvers: [{groups: ["corp:leads"]}]}}')
  for (const [groups, said] of [
    ['[ops]', /asks for approvers of group corp:leads, and no rule with approval.decide is for that group/],
    ['["corp:*"]', /^$/],
    ['["corp:leads"]', /^$/],
  ] as const) {
    const approve = `{name: a, effect: allow, match: {principals: {groups: ${groups}}, admin: {verbs: ["*"]}}}`
    assert.match(check(asks, approve).join('\n'), said)
  }
  const when = '{verbs: [create], resources: [pods], images: {notFrom: ["a.example/*"]}}'
  assert.deepEqual(check(`{name: d, effect: deny, match: ${when}}`), [])
  const guarded = 'has(action.body) && action.body.kind == "Pod"'
  assert.deepEqual(check(`{name: d, effect: deny, match: {resources: [pods]}, when: '${guarded}'}`), [])
})

test('who can review broken glass is looked for as well: by verb, rule and a place among the approvers', () => {
  const hold =
    '{name: h, effect: hold, match: {principals: {users: ["*"]}, resources: [pods]}, approval: {approvers: [{groups: ["corp:oncall"]}, {groups: ["corp:sec"], escalate: [{after: 10m, groups: ["corp:leads"]}]}], breakGlass: {groups: ["corp:sre"]}}}'
  const decide =
    '{name: d, effect: allow, match: {principals: {groups: ["corp:*"]}, admin: {verbs: [approval.decide]}}}'
  const review = (groups: string, names = ''): string =>
    `{name: r, effect: allow, match: {principals: {groups: [${groups}]}, admin: {verbs: [approval.review]${names}}}}`
  const nobody =
    /^error p\.yaml:6:7 spec\.rules\[0\]: nobody can review the glass that p\/h lets people break/
  assert.match(check(hold, decide).join('\n'), nobody)
  assert.match(check(hold, decide, review('"corp:oncall"', ', names: ["q/*"]')).join('\n'), nobody)
  assert.match(
    check(hold, decide, review('"corp:audit"')).join('\n'),
    /no rule with approval\.review is for corp:oncall or corp:sec or corp:leads/,
  )
  for (const group of ['"corp:oncall"', '"corp:leads"', '"*"']) {
    assert.deepEqual(check(hold, decide, review(group)), [], group)
  }
  const anybody = hold.replace(/approvers: .*\}\], /, 'approvers: [{count: 1}], ')
  assert.deepEqual(check(anybody, decide, review('"corp:audit"')), [])
  assert.deepEqual(check(hold.replace(/, breakGlass.*$/, '}}'), decide), [])
})

test('the hold of a preset needs approvers as well', () => {
  const text = HEAD.replace('  rules:\n', '  use: [rbac-needs-approval]\n')
  const [problem] = checkPolicies([{ file: 'p', text }])
  assert.match(
    formatProblem(problem!),
    /^p:5:\d+ spec\.use: nobody can approve what p\/rbac-needs-approval holds/,
  )
})

test('claims that no identity provider of the sources carries are named', () => {
  const rule = '{name: d, effect: deny, match: {principals: {claims: {team: [a], role: [b]}}}}'
  const provider =
    '---\napiVersion: sallyport.dev/v1\nkind: IdentityProvider\nmetadata: {name: i}\nspec:\n  oidc: {issuer: "https://i.example.com", audiences: [a], prefix: "i:", carriedClaims: [role]}\n'
  const found = checkPolicies([{ file: 'p', text: `${HEAD}    - ${rule}\n${provider}` }]).map(p => p.message)
  assert.deepEqual(found, ['no identity provider carries the claim team: name it in carriedClaims'])
})

test('a shadow is claimed only when it is certain', () => {
  for (const deny of [
    '{name: d, effect: deny, match: {resources: [pods], namespaces: [b]}}',
    '{name: d, effect: deny, match: {resources: [pods]}, when: "action.name == \'x\'"}',
    '{name: d, effect: deny, match: {principals: {users: [mallory]}}}',
    '{name: d, effect: deny, match: {riskClasses: [exec]}}',
  ]) {
    assert.ok(!check(allow(PODS), deny).some(f => f.includes('takes all')), deny)
  }
})

test('an error in a condition has its line and column in the file, in all ways to write one', () => {
  const places = (when: string) =>
    checkPolicies([
      {
        file: 'p',
        text: `${HEAD}    - name: r\n      effect: deny\n      match: {verbs: [get]}\n      when: ${when}\n`,
      },
    ]).map(p => `${p.line}:${p.column}`)
  assert.deepEqual(places('action.verb == oops'), ['9:28'])
  assert.deepEqual(places('"action.verb == oops"'), ['9:29'])
  assert.deepEqual(places('|\n        true &&\n          action.verb == oops'), ['11:26'])
})

test('a part of a list is shown to who lists', () => {
  const head =
    'effect: allow, filter: true, match: {principals: {users: ["*"]}, apiGroups: [""], resources: [pods]'
  const filter = (verbs: string) => check(`{name: r, ${head}, verbs: [${verbs}]}}`)
  assert.match(filter('get').join(), /filter: shows a part of lists and watches: verbs has neither/)
  assert.deepEqual(filter('get, list'), [])
})
