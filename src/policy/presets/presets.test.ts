import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseDocuments } from '../../documents/parse.ts'
import { policyProblems } from '../check/policy-problems.ts'
import { runPolicyTests } from '../testing/run-policy-tests.ts'
import { presetNamed, rulesOf } from './expand.ts'
import { presetNames } from './read-preset.ts'

const HEAD = 'apiVersion: sallyport.dev/v1\nkind: Policy\nmetadata: {name: p}\nspec:\n'
const ALL = `
    - name: all
      effect: allow
      match: {principals: {users: ["*"]}, verbs: ["*"], apiGroups: ["*"], resources: ["*"], riskClasses: ["*"]}
`

/** `[what, expect]`: a case in flow style and what must come of it. */
function cases(use: string, rules: string, rows: readonly (readonly [string, string])[]): void {
  const tests = rows.map(
    ([what, expect], i) =>
      `    - {name: c${i}, ${what.includes('principal:') ? '' : 'principal: {username: "corp:a"}, '}${what}, expect: ${expect}}`,
  )
  const text = `${HEAD}  use: [${use}]\n  rules:${rules}---\napiVersion: sallyport.dev/v1\nkind: PolicyTest\nmetadata: {name: t}\nspec:\n  cases:\n${tests.join('\n')}\n`
  const results = runPolicyTests([{ file: 'presets.yaml', text }])
  results.forEach((result, i) => {
    test(`${use}: ${rows[i]?.[0]}`, () => {
      assert.ok(result.ok, `expected ${result.expected}, got ${result.got} ${result.detail ?? ''}`)
    })
  })
  test(`${use}: every case ran`, () => assert.equal(results.length, rows.length))
}

const NARROW = `
    - {name: pods, effect: allow, match: {principals: {users: ["*"]}, verbs: [get], apiGroups: [""], resources: [pods]}}
`

cases('delete-namespace-needs-approval', ALL, [
  ['request: DELETE /api/v1/namespaces/shop', '{effect: hold, rule: p/delete-namespace-needs-approval}'],
  ['request: DELETE /api/v1/namespaces/shop?dryRun=All', '{effect: allow}'],
  ['request: DELETE /api/v1/namespaces', '{effect: hold}'],
  [
    'request: PUT /api/v1/namespaces/shop/finalize',
    '{effect: hold, rule: p/delete-namespace-needs-approval}',
  ],
  ['request: DELETE /api/v1/namespaces/shop/pods/x', '{effect: allow}'],
  // What has no owner left is deleted.
  [
    'request: PATCH /api/v1/namespaces/shop, body: {form: merge-patch, object: {metadata: {ownerReferences: [{name: gone}]}}}',
    '{effect: hold, rule: p/delete-namespace-needs-approval}',
  ],
  [
    'request: PATCH /api/v1/namespaces/shop/status, body: {form: merge-patch, object: {metadata: {ownerReferences: [{name: gone}]}}}',
    '{effect: hold}',
  ],
  [
    'request: PATCH /api/v1/namespaces/shop, body: {form: merge-patch, object: {metadata: {ownerReferences: []}}}',
    '{effect: allow}',
  ],
  // Server-side dry run in the body's options is what counts for a delete; here the query says so and nothing else does.
  ['request: DELETE /api/v1/namespaces/shop?dryRun=', '{effect: hold}'],
])
// A guard lets nobody ask for what no rule allows.
cases('delete-namespace-needs-approval', NARROW, [
  ['request: DELETE /api/v1/namespaces/shop', '{effect: deny, rule: none}'],
])
cases('rbac-needs-approval', ALL, [
  [
    'request: POST /apis/rbac.authorization.k8s.io/v1/clusterrolebindings',
    '{effect: hold, rule: p/rbac-needs-approval}',
  ],
  [
    'request: PATCH /apis/rbac.authorization.k8s.io/v1/namespaces/a/roles/r, body: {form: merge-patch, object: {}}',
    '{effect: hold}',
  ],
  ['request: DELETE /apis/rbac.authorization.k8s.io/v1/namespaces/a/rolebindings', '{effect: hold}'],
  ['request: PUT /api/v1/namespaces/kube-system/configmaps/aws-auth, body: {object: {}}', '{effect: hold}'],
  ['request: GET /apis/rbac.authorization.k8s.io/v1/clusterroles', '{effect: allow}'],
  ['request: POST /apis/rbac.authorization.k8s.io/v1/clusterroles?dryRun=All', '{effect: allow}'],
])
cases('rbac-needs-approval', NARROW, [
  ['request: POST /apis/rbac.authorization.k8s.io/v1/clusterrolebindings', '{effect: deny}'],
])
cases('admission-needs-approval', ALL, [
  [
    'request: POST /apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations',
    '{effect: hold, rule: p/admission-needs-approval}',
  ],
  ['request: DELETE /apis/apiregistration.k8s.io/v1/apiservices/x', '{effect: hold}'],
  ['request: POST /apis/apiextensions.k8s.io/v1/customresourcedefinitions', '{effect: hold}'],
  [
    'request: "PATCH /api/v1/namespaces/a", body: {form: merge-patch, object: {metadata: {labels: {pod-security.kubernetes.io/enforce: privileged}}}}',
    '{effect: hold}',
  ],
  [
    'request: "PATCH /api/v1/namespaces/a", body: {form: merge-patch, object: {metadata: {labels: {a: b}}}}',
    '{effect: allow}',
  ],
  [
    'request: "PATCH /api/v1/namespaces/a", body: {form: merge-patch, object: {metadata: {labels: null}}}',
    '{effect: hold}',
  ],
  [
    'request: "PATCH /api/v1/namespaces/a", body: {form: apply-patch, object: {metadata: {name: a}}}',
    '{effect: hold}',
  ],
  ['request: "PUT /api/v1/namespaces/a", body: {object: {metadata: {name: a}}}', '{effect: hold}'],
  [
    'request: "POST /api/v1/namespaces", body: {object: {metadata: {name: a, labels: {b: c}}}}',
    '{effect: allow}',
  ],
])
cases('no-node-proxy', ALL, [
  ['request: GET /api/v1/nodes/n/proxy/pods', '{effect: deny, rule: p/no-node-proxy}'],
  ['request: POST /api/v1/nodes/n/proxy/run/a/b/c', '{effect: deny}'],
  ['request: GET /api/v1/nodes/n', '{effect: allow}'],
])
/** Quotes and backslashes of a name stay in their text. */
const ODD = JSON.stringify('it\'s \\ "x" || true || "')
cases(`{preset: secrets-read-only-by, groups: ["corp:ops", ${ODD}]}`, ALL, [
  ['request: GET /api/v1/namespaces/a/secrets/s', '{effect: deny, rule: p/secrets-read-only-by}'],
  ['request: GET /api/v1/secrets?watch=true', '{effect: deny}'],
  ['request: PATCH /api/v1/namespaces/a/secrets/s, body: {form: merge-patch, object: {}}', '{effect: deny}'],
  ['request: DELETE /api/v1/namespaces/a/secrets', '{effect: deny}'],
  ['request: POST /api/v1/namespaces/a/secrets, body: {object: {}}', '{effect: allow}'],
  [
    'request: GET /api/v1/namespaces/a/secrets/s, principal: {username: "corp:a", groups: ["corp:ops"]}',
    '{effect: allow}',
  ],
  [
    `request: GET /api/v1/namespaces/a/secrets/s, principal: {username: "corp:a", groups: [${ODD}]}`,
    '{effect: allow}',
  ],
  [
    'request: GET /api/v1/namespaces/a/secrets/s, principal: {username: "corp:a", groups: ["corp:ops2", "corp"]}',
    '{effect: deny}',
  ],
])
cases('cloud-roles-need-approval', ALL, [
  [
    'request: POST /apis/iam.services.k8s.aws/v1alpha1/namespaces/a/roles',
    '{effect: hold, rule: p/ack-roles-need-approval}',
  ],
  ['request: DELETE /apis/iam.services.k8s.aws/v1alpha1/namespaces/a/policies/p', '{effect: hold}'],
  [
    'request: POST /apis/iam.aws.upbound.io/v1beta1/roles',
    '{effect: hold, rule: p/crossplane-roles-need-approval}',
  ],
  ['request: POST /apis/iam.aws.m.upbound.io/v1beta1/namespaces/a/rolepolicyattachments', '{effect: hold}'],
  ['request: POST /apis/iam.aws.crossplane.io/v1beta1/users', '{effect: hold}'],
  ['request: POST /apis/cloudplatform.gcp.upbound.io/v1beta1/projectiammembers', '{effect: hold}'],
  ['request: POST /apis/authorization.azure.upbound.io/v1beta1/roleassignments', '{effect: hold}'],
  ['request: POST /apis/groups.azuread.upbound.io/v1beta1/members', '{effect: hold}'],
  [
    'request: POST /apis/eks.services.k8s.aws/v1alpha1/namespaces/a/podidentityassociations',
    '{effect: hold}',
  ],
  [
    'request: POST /api/v1/namespaces/a/serviceaccounts, body: {object: {metadata: {name: s, annotations: {eks.amazonaws.com/role-arn: x}}}}',
    '{effect: hold, rule: p/account-identity-needs-approval}',
  ],
  [
    'request: POST /api/v1/namespaces/a/serviceaccounts, body: {object: {metadata: {name: s, annotations: {a: b}}}}',
    '{effect: allow}',
  ],
  [
    'request: POST /api/v1/namespaces/a/serviceaccounts, body: {object: {metadata: {name: s}}}',
    '{effect: allow}',
  ],
  ['request: GET /apis/iam.services.k8s.aws/v1alpha1/namespaces/a/roles', '{effect: allow}'],
  ['request: POST /apis/iam.aws.upbound.io/v1beta1/roles?dryRun=All', '{effect: allow}'],
  ['request: POST /apis/s3.aws.upbound.io/v1beta1/buckets', '{effect: allow}'],
])
cases('external-storage-needs-approval', ALL, [
  ['request: POST /api/v1/persistentvolumes', '{effect: hold, rule: p/volumes-need-approval}'],
  ['request: DELETE /apis/storage.k8s.io/v1/storageclasses/gp3', '{effect: hold}'],
  [
    'request: DELETE /apis/s3.services.k8s.aws/v1alpha1/namespaces/a/buckets/b',
    '{effect: hold, rule: p/ack-storage-needs-approval}',
  ],
  [
    'request: POST /apis/s3.aws.upbound.io/v1beta1/buckets',
    '{effect: hold, rule: p/crossplane-storage-needs-approval}',
  ],
  ['request: POST /apis/storage.gcp.m.upbound.io/v1beta1/namespaces/a/buckets', '{effect: hold}'],
  ['request: POST /apis/ec2.aws.upbound.io/v1beta1/ebsvolumes', '{effect: hold}'],
  ['request: POST /apis/ec2.aws.upbound.io/v1beta1/subnets', '{effect: allow}'],
  ['request: POST /api/v1/namespaces/a/persistentvolumeclaims', '{effect: allow}'],
])
cases('cluster-wide-reads-by-agents-limited', ALL, [
  [
    'request: GET /api/v1/pods, principal: {username: "bot", kind: agent}',
    '{effect: allow, limits: [p/cluster-wide-reads-by-agents-limited]}',
  ],
  [
    'request: GET /api/v1/namespaces/a/pods, principal: {username: "bot", kind: agent}',
    '{effect: allow, limits: []}',
  ],
  ['request: GET /api/v1/pods', '{effect: allow, limits: []}'],
])
cases('{preset: no-node-proxy, connections: [staging], principals: {groups: ["corp:dev"]}}', ALL, [
  [
    'request: GET /api/v1/nodes/n/proxy/pods, connection: staging, principal: {username: "corp:a", groups: ["corp:dev"]}',
    '{effect: deny}',
  ],
  ['request: GET /api/v1/nodes/n/proxy/pods, connection: staging', '{effect: allow}'],
  [
    'request: GET /api/v1/nodes/n/proxy/pods, connection: other, principal: {username: "corp:a", groups: ["corp:dev"]}',
    '{effect: allow}',
  ],
])

function problemsOf(spec: string): string[] {
  const { documents, problems } = parseDocuments([{ file: 'p', text: `${HEAD}${spec}` }])
  return [...problems, ...policyProblems(documents)].map(p => p.message)
}

test('what `use` says wrong is an error with the nearest word', () => {
  assert.match(
    problemsOf('  use: [no-node-proxi]\n').join(),
    /there is no preset no-node-proxi; did you mean no-node-proxy/,
  )
  assert.match(problemsOf('  use: [secrets-read-only-by]\n').join(), /needs groups/)
  assert.match(problemsOf('  use: [{preset: no-node-proxy, groups: [a]}]\n').join(), /has no use for groups/)
  assert.match(
    problemsOf('  use: [{preset: secrets-read-only-by, groups: ["corp:*"]}]\n').join(),
    /exact names/,
  )
  assert.match(
    problemsOf('  use: [no-node-proxy, no-node-proxy]\n').join(),
    /another rule named no-node-proxy/,
  )
  assert.match(problemsOf('  use: [local]\n').join(), /there is no preset local/)
  assert.match(problemsOf('  {}\n').join(), /is required unless/)
  assert.deepEqual(
    problemsOf(`  use: [${presetNames.filter(n => n !== 'secrets-read-only-by').join(', ')}]\n`),
    [],
  )
})

for (const name of presetNames) {
  test(`${name} is a policy of that name that says what it is for, and opens nothing`, () => {
    const document = presetNamed(name)!
    assert.equal(document.metadata.name, name)
    assert.ok((document.spec.description ?? '').length > 20)
    for (const rule of rulesOf(document)) {
      assert.notEqual(rule.effect, 'allow')
      if (rule.effect === 'hold') assert.equal(rule.guard, true, rule.name)
    }
  })
}
