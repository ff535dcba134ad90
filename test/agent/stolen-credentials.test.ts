import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { runKubectl } from '../../testbed/run-kubectl.ts'
import { type Cluster, startCluster } from '../../testbed/start-cluster.ts'
import { applyManifests, as, binding, inHours, RBAC, SESSION, steal, type Thief, thief } from './manifests.ts'

/**
 * docs/security/stolen-credentials.md in code: what each credential of the agent reaches when somebody has it and
 * talks to the API server directly, with the manifests of `sallyport agent manifests` applied and nothing else.
 */
let cluster: Cluster

before(
  async () => {
    cluster = await startCluster({ nodes: [], controllerManager: false })
    for (const args of [
      ['create', 'namespace', 'ci'],
      ['create', 'clusterrolebinding', 'devs', '--clusterrole=cluster-admin', '--group=sallyport:devs'],
      ['create', 'secret', 'generic', 'treasure', '--from-literal=a=b'],
    ]) {
      const made = await runKubectl(cluster, args)
      assert.equal(made.code, 0, made.stderr)
    }
  },
  { timeout: 600_000 },
)
after(() => cluster?.stop())

const treasure = '/api/v1/namespaces/default/secrets/treasure'
const namespaces = '/api/v1/namespaces'
const whoami = {
  method: 'POST',
  body: { apiVersion: 'authentication.k8s.io/v1', kind: 'SelfSubjectReview' },
} as const
const selfReviews = '/apis/authentication.k8s.io/v1/selfsubjectreviews'
const tokenRequest = {
  method: 'POST',
  body: { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenRequest', spec: {} },
} as const
const mayBind = { clusterRoles: ['view'] }
const binder = { inCluster: { directory: '/nowhere' } }

/** Rows that hold with every rendering that impersonates. */
function sessionRows(stolen: () => Thief): void {
  test('S1 reads nothing but who serves a group, changes nothing by itself', async () => {
    assert.equal((await stolen().call(treasure)).status, 403)
    assert.equal((await stolen().call('/api/v1/secrets')).status, 403)
    assert.equal((await stolen().call(namespaces)).status, 403)
    const services = '/apis/apiregistration.k8s.io/v1/apiservices'
    assert.equal((await stolen().call(`${services}/v1.apps`)).status, 200)
    assert.equal((await stolen().call(services)).status, 403)
    assert.equal(await stolen().may('update', 'apiregistration.k8s.io', 'apiservices'), false)
    for (const verb of ['get', 'list', 'create', 'delete', '*']) {
      assert.equal(await stolen().may(verb, '', 'secrets'), false)
      assert.equal(await stolen().may(verb, '*', '*'), false)
    }
  })

  test('S2 is never system:masters', async () => {
    for (const user of ['x', 'sallyport:x', 'system:kube-controller-manager']) {
      const answered = await stolen().call(treasure, { headers: as(user, ['system:masters']) })
      assert.equal(answered.status, 403, answered.body)
    }
  })

  test('S3 takes no group that the mapping does not name', async () => {
    for (const group of [
      'sallyport:admins',
      'system:nodes',
      'system:kube-scheduler',
      'sallyport:devs2',
      '*',
    ]) {
      const answered = await stolen().call(selfReviews, { ...whoami, headers: as('sallyport:x', [group]) })
      assert.equal(answered.status, 403, group)
    }
  })

  test('S4 is no service account that is not listed, least of all of kube-system or our own', async () => {
    for (const account of [
      'kube-system:clusterrole-aggregation-controller',
      'kube-system:default',
      'sallyport-system:sallyport-binder',
      'ci:other',
    ]) {
      const headers = as(`system:serviceaccount:${account}`)
      assert.equal((await stolen().call(selfReviews, { ...whoami, headers })).status, 403, account)
    }
  })

  test('S5 gets no token of the binder or of anybody', async () => {
    for (const path of [
      'sallyport-system/serviceaccounts/sallyport-binder',
      'kube-system/serviceaccounts/default',
      'ci/serviceaccounts/default',
    ]) {
      const answered = await stolen().call(`${namespaces}/${path}/token`, tokenRequest)
      assert.equal(answered.status, 403, path)
    }
  })

  test('S6 binds no role, writes no role, escalates nothing', async () => {
    const made = await stolen().call(`${RBAC}/clusterrolebindings`, { method: 'POST', body: binding({}) })
    assert.equal(made.status, 403)
    for (const verb of ['bind', 'escalate', 'update', 'create']) {
      assert.equal(
        await stolen().may(verb, 'rbac.authorization.k8s.io', 'clusterroles', { name: 'view' }),
        false,
      )
    }
  })

  test('S7 sets no UID and no extra but ours', async () => {
    for (const [name, value] of [
      ['impersonate-uid', '1'],
      ['impersonate-extra-scopes', 'user:full'],
      ['impersonate-extra-authentication.kubernetes.io%2fnode-name', 'node-a'],
    ] as const) {
      const headers = { ...as('sallyport:x'), [name]: value }
      assert.equal((await stolen().call(selfReviews, { ...whoami, headers })).status, 403, name)
    }
  })

  test('S8 what it can: the mapped groups, so everything that RBAC gives to them', async () => {
    const headers = as('sallyport:x', ['sallyport:devs'])
    assert.equal((await stolen().call(treasure, { headers })).status, 200)
  })
}

describe('the session token, constrained impersonation (Kubernetes 1.36)', () => {
  let stolen: Thief
  before(async () => {
    const connection = { groups: ['sallyport:devs'], serviceAccounts: ['ci/deployer'] }
    await applyManifests(cluster, connection, ['--server-version', '1.36'])
    stolen = await steal(cluster, 'sallyport-system', 'sallyport-session')
  })
  sessionRows(() => stolen)

  test('S9 is a listed service account under its own name', async () => {
    const headers = as('system:serviceaccount:ci:deployer')
    assert.equal((await stolen.call(selfReviews, { ...whoami, headers })).status, 201)
  })

  test('S10 is no node', async () => {
    assert.equal((await stolen.call(namespaces, { headers: as('system:node:node-a') })).status, 403)
  })

  test('S11 not stopped: system:kube-controller-manager, while user names are not listed', async () => {
    const headers = as('system:kube-controller-manager')
    assert.equal((await stolen.call(treasure, { headers })).status, 200)
  })
})

describe('the session token, users listed and a ceiling (Kubernetes 1.36)', () => {
  let stolen: Thief
  const alice = as('sallyport:corp:alice', ['sallyport:devs'])
  before(async () => {
    const connection = {
      groups: ['sallyport:devs'],
      users: ['sallyport:corp:alice'],
      ceiling: { verbs: ['get', 'list'], namespaces: ['ci'], resources: ['pods', 'configmaps'] },
    }
    const args = ['--server-version', '1.36', '-n', 'sallyport-strict']
    await applyManifests(cluster, connection, args)
    stolen = await steal(cluster, 'sallyport-strict', 'sallyport-session')
  })

  test('S11 is no system:kube-controller-manager and nobody but the listed users', async () => {
    for (const user of [
      'system:kube-controller-manager',
      'system:kube-scheduler',
      'sallyport:corp:bob',
      'admin',
    ]) {
      assert.equal((await stolen.call(selfReviews, { ...whoami, headers: as(user) })).status, 403, user)
    }
    assert.equal((await stolen.call(selfReviews, { ...whoami, headers: alice })).status, 201)
  })

  test('S12 does not leave the ceiling, whatever RBAC gives to the groups', async () => {
    assert.equal((await stolen.call(`${namespaces}/ci/configmaps`, { headers: alice })).status, 200)
    assert.equal((await stolen.call('/version', { headers: alice })).status, 200)
    const body = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'x' } }
    for (const [path, options] of [
      [`${namespaces}/ci/configmaps`, { method: 'POST', body }],
      [`${namespaces}/ci/secrets`, {}],
      [`${namespaces}/default/configmaps`, {}],
      ['/api/v1/configmaps', {}],
      [treasure, {}],
      ['/metrics', {}],
      [`${namespaces}/ci/pods?watch=true`, {}],
    ] as const) {
      const answered = await stolen.call(path, { ...options, headers: alice })
      assert.equal(answered.status, 403, path)
    }
  })
})

describe('the session token, before constrained impersonation (any Kubernetes)', () => {
  let stolen: Thief
  before(async () => {
    const connection = { groups: ['sallyport:devs'], serviceAccounts: ['ci/deployer'] }
    await applyManifests(cluster, connection, ['--server-version', '1.29', '-n', 'sallyport-old'])
    stolen = await steal(cluster, 'sallyport-old', 'sallyport-session')
  })
  sessionRows(() => stolen)

  test('S11 not stopped: system:kube-controller-manager, while user names are not listed', async () => {
    const headers = as('system:kube-controller-manager')
    assert.equal((await stolen.call(treasure, { headers })).status, 200)
  })
})

describe('the session token, upstreamIdentity serviceaccount (any Kubernetes)', () => {
  let stolen: Thief
  const sessions = `${namespaces}/sallyport-sessions/serviceaccounts`
  before(async () => {
    const connection = { upstreamIdentity: 'serviceaccount' }
    await applyManifests(cluster, connection, ['--server-version', '1.29', '-n', 'sallyport-accounts'])
    stolen = await steal(cluster, 'sallyport-accounts', 'sallyport-session')
  })

  test('S13 impersonates nobody', async () => {
    for (const user of [
      'sallyport:x',
      'system:kube-controller-manager',
      'system:serviceaccount:ci:default',
      'system:node:node-a',
      `system:serviceaccount:sallyport-sessions:${SESSION}`,
    ]) {
      assert.equal((await stolen.call(selfReviews, { ...whoami, headers: as(user) })).status, 403, user)
    }
  })

  test('S14 asks for tokens of sessions only, never of the agent, the binder or a controller', async () => {
    const body = { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: SESSION } }
    assert.equal((await stolen.call(sessions, { method: 'POST', body })).status, 201)
    const token = await stolen.call(`${sessions}/${SESSION}/token`, tokenRequest)
    assert.equal(token.status, 201, token.body)
    assert.equal((await thief(cluster, token.json.status.token).call(treasure)).status, 403)
    for (const namespace of ['sallyport-accounts', 'sallyport-system', 'kube-system', 'ci']) {
      const path = `${namespaces}/${namespace}/serviceaccounts/default/token`
      assert.equal((await stolen.call(path, tokenRequest)).status, 403, namespace)
      const made = await stolen.call(`${namespaces}/${namespace}/serviceaccounts`, { method: 'POST', body })
      assert.equal(made.status, 403, namespace)
    }
  })

  test('S15 reads no Secret and starts no pod, not even among the sessions', async () => {
    assert.equal((await stolen.call(`${namespaces}/sallyport-sessions/secrets`)).status, 403)
    assert.equal(await stolen.may('create', '', 'pods', { namespace: 'sallyport-sessions' }), false)
    assert.equal((await stolen.call(treasure)).status, 403)
  })
})

describe('the binder token', () => {
  let stolen: Thief
  const bindings = `${RBAC}/clusterrolebindings`
  const create = (body: object, path = bindings) => stolen.call(path, { method: 'POST', body })

  before(async () => {
    await applyManifests(cluster, { binder, mayBind, groups: ['sallyport:devs'] }, [
      '--server-version',
      '1.36',
    ])
    stolen = await steal(cluster, 'sallyport-system', 'sallyport-binder')
    // A new admission policy is in force a moment after it was written: asked by a dry run, not guessed.
    const deadline = Date.now() + 60_000
    while ((await create(binding({ labels: {} }), `${bindings}?dryRun=All`)).status !== 422) {
      assert.ok(Date.now() < deadline, 'the admission policy came into force')
      await new Promise(resolve => setTimeout(resolve, 100))
    }
  })

  test('B1 reads no Secret, impersonates nobody, starts no pod, gets no token', async () => {
    assert.equal((await stolen.call(treasure)).status, 403)
    assert.equal((await stolen.call(selfReviews, { ...whoami, headers: as('sallyport:x') })).status, 403)
    assert.equal(await stolen.may('create', '', 'pods'), false)
    const path = `${namespaces}/sallyport-system/serviceaccounts/sallyport-session/token`
    assert.equal((await stolen.call(path, tokenRequest)).status, 403)
  })

  test('B2 binds no cluster-admin, and no role that is not named', async () => {
    for (const role of ['cluster-admin', 'system:kube-controller-manager', 'system:node']) {
      assert.equal((await create(binding({ role }))).status, 403, role)
    }
    // Roles that hold nothing yet may be bound by anybody, says RBAC: here the policy is the lock (1.30).
    for (const role of ['admin', 'edit']) assert.equal((await create(binding({ role }))).status, 422, role)
    assert.equal(
      await stolen.may('bind', 'rbac.authorization.k8s.io', 'clusterroles', { name: 'cluster-admin' }),
      false,
    )
  })

  test('B3 does not escalate: writes no role and changes no binding', async () => {
    for (const verb of ['escalate', 'create', 'update', 'patch']) {
      assert.equal(await stolen.may(verb, 'rbac.authorization.k8s.io', 'clusterroles'), false, verb)
    }
    const body = { subjects: [{ kind: 'User', apiGroup: 'rbac.authorization.k8s.io', name: 'thief' }] }
    const headers = { 'content-type': 'application/merge-patch+json' }
    const patched = await stolen.call(`${bindings}/devs`, { method: 'PATCH', body, headers })
    assert.equal(patched.status, 403, patched.body)
  })

  test('B4 (1.30) writes no binding without label, session and end, nor one that ends too late', async () => {
    const managed = { 'app.kubernetes.io/managed-by': 'sallyport' }
    const ends = (at: string) => ({ annotations: { 'sallyport.dev/expires-at': at } })
    for (const wrong of [
      binding({ labels: {} }),
      binding({ labels: managed }),
      binding({ labels: { ...managed, 'sallyport.dev/session': 'x' } }),
      binding({ labels: { 'app.kubernetes.io/managed-by': 'helm', 'sallyport.dev/session': SESSION } }),
      binding({ annotations: {} }),
      binding(ends('never')),
      binding(ends('')),
      binding(ends(inHours(-1))),
      binding(ends(inHours(48))),
      binding(ends('9999-12-31T23:59:59Z')),
    ]) {
      const answered = await create(wrong)
      assert.equal(answered.status, 422, `${JSON.stringify(wrong)} ${answered.body}`)
      assert.match(answered.json.message, /ValidatingAdmissionPolicy 'sallyport/)
    }
  })

  test('B5 (1.30) binds to the session of the label and to nobody else', async () => {
    const apiGroup = 'rbac.authorization.k8s.io'
    const other = `s-${'b'.repeat(26)}`
    const right = { apiGroup, kind: 'User', name: `sallyport:s:${SESSION}` }
    for (const subjects of [
      [{ apiGroup, kind: 'User', name: 'thief' }],
      [{ apiGroup, kind: 'User', name: `sallyport:s:${other}` }],
      [{ apiGroup, kind: 'User', name: 'sallyport:corp:alice' }],
      [{ apiGroup, kind: 'Group', name: 'system:authenticated' }],
      [{ apiGroup, kind: 'Group', name: `sallyport:s:${SESSION}` }],
      [{ kind: 'ServiceAccount', namespace: 'sallyport-system', name: 'sallyport-binder' }],
      [{ kind: 'ServiceAccount', namespace: 'ci', name: SESSION }],
      [right, { apiGroup, kind: 'User', name: 'thief' }],
      [],
    ]) {
      assert.equal((await create(binding({ subjects }))).status, 422, JSON.stringify(subjects))
    }
  })

  test('B6 (1.30) deletes no binding of others', async () => {
    assert.equal((await stolen.call(`${bindings}/devs`, { method: 'DELETE' })).status, 422)
    assert.equal((await stolen.call(`${bindings}/cluster-admin`, { method: 'DELETE' })).status, 422)
    assert.equal((await stolen.call(bindings, { method: 'DELETE' })).status, 403, 'all at once')
    assert.equal((await runKubectl(cluster, ['get', 'clusterrolebinding', 'devs', 'cluster-admin'])).code, 0)
  })

  test('B7 what it can: make and delete bindings of sessions to the named roles', async () => {
    const made = await create(binding({ name: 'jit' }))
    assert.equal(made.status, 201, made.body)
    assert.equal((await stolen.call(`${bindings}/jit`, { method: 'DELETE' })).status, 200)
    const inNamespace = { ...binding({ name: 'jit' }), kind: 'RoleBinding' }
    assert.equal((await create(inNamespace, `${RBAC}/namespaces/ci/rolebindings`)).status, 201)
  })
})
