import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { after, before, test } from 'node:test'
import { type Agent, createAgent } from '../../src/agent/agent.ts'
import { compileCeiling } from '../../src/agent/ceiling/ceiling.ts'
import { fixedCredential } from '../../src/agent/credentials/credential.ts'
import type { ServedSession } from '../../src/agent/link/serve-session.ts'
import { alice, callOf, own, refusalOf, SESSION, send, until } from '../../src/agent/testing/calls.ts'
import { startGateway, type TestGateway } from '../../src/agent/testing/gateway.ts'
import { dialIn, enrolled } from '../../src/agent/testing/remote.ts'
import type { SessionDescriptor, UpstreamCall } from '../../src/tunnel/contract.ts'
import { runKubectl } from '../../testbed/run-kubectl.ts'
import { type Cluster, startCluster } from '../../testbed/start-cluster.ts'

/**
 * A gateway in the hands of an attacker: it speaks the tunnel's protocol to a real agent and sends whatever it likes.
 * The agent's credential is the cluster's administrator, so nothing but the agent itself says no; what comes through
 * is what a real kube-apiserver made of it. Rows G1 to G9 of docs/security/stolen-credentials.md.
 */
let cluster: Cluster
let gateway: TestGateway
let agent: Agent
let served: ServedSession
let requests = 0

before(
  async () => {
    cluster = await startCluster({ nodes: [], controllerManager: false })
    for (const args of [
      ['create', 'namespace', 'shop'],
      ['create', 'secret', 'generic', 'treasure', '--from-literal=a=b', '-n', 'shop'],
      ['create', 'configmap', 'plain', '-n', 'shop'],
      ['create', 'clusterrolebinding', 'devs', '--clusterrole=cluster-admin', '--group=sallyport:devs'],
      ['create', 'clusterrolebinding', 'admins', '--clusterrole=cluster-admin', '--group=sallyport:admins'],
    ]) {
      const made = await runKubectl(cluster, args)
      assert.equal(made.code, 0, made.stderr)
    }
    const target = {
      origin: cluster.url,
      basePath: '',
      certificateAuthority: readFileSync(cluster.caFile, 'utf8'),
    }
    const session = fixedCredential(target, 'test', {
      authorization: '',
      certificate: certificateOf(cluster.clientCertificate('agent', ['system:masters'])),
    })
    const binder = fixedCredential(target, 'test', {
      authorization: '',
      certificate: certificateOf(cluster.clientCertificate('binder', ['system:masters'])),
    })
    const mayBind = { clusterRoles: ['view'] }
    const rules = {
      serviceAccounts: ['ci/deployer'],
      groups: ['sallyport:devs'],
      users: ['sallyport:local:alice', 'sallyport:local:bob'],
    }
    const ceiling = compileCeiling({
      namespaces: ['shop'],
      verbs: ['get', 'list', 'watch'],
      noExec: true,
      deniedResources: ['secrets'],
    })
    agent = createAgent({
      name: 'far',
      connections: [
        { name: 'prod', upstreamIdentity: 'principal', session, binder, mayBind, ceiling, ...rules },
        { name: 'wide', upstreamIdentity: 'principal', session, binder, mayBind, serviceAccounts: true },
      ],
    })
    gateway = await startGateway()
    served = await dialIn(gateway, await enrolled(gateway, 'far'), agent, undefined, ['prod', 'wide'])
    await until(() => gateway.registry.remote('far').connected, 60_000)
  },
  { timeout: 600_000 },
)
after(async () => {
  served?.destroy()
  agent?.destroy()
  await gateway?.stop()
  await cluster?.stop()
})

const certificateOf = ({ cert, key }: { cert: string; key: string }) => ({ certificate: cert, key })

const plain = '/api/v1/namespaces/shop/configmaps/plain'
const base = { target: plain, headers: ['accept', 'application/json'], headTimeout: 20_000 }

/** What the hostile gateway gets for a call: the API server's status, or the agent's refusal. */
async function tried(call: Partial<UpstreamCall>): Promise<string> {
  requests++
  const sent = send(gateway.registry.remote('far'), callOf({ ...base, ...call }))
  try {
    return String((await sent).status)
  } catch {
    const refusal = await refusalOf(sent)
    return `${refusal.code} ${refusal.check}`
  }
}

const as = (changes: Partial<SessionDescriptor>, more: Partial<UpstreamCall> = {}): Promise<string> =>
  tried({ ...more, identity: { ...alice, ...changes } })

test('G9 what is left to it: users and groups of the list, below the ceiling', async () => {
  assert.equal(await as({}), '200')
  assert.equal(await as({ user: 'sallyport:local:bob' }), '200')
})

test('G1 no system:masters and no group without our prefix, on any connection', async () => {
  for (const connection of ['prod', 'wide']) {
    for (const group of [
      'system:masters',
      'system:nodes',
      'system:authenticated',
      'masters',
      '',
      'sallyport:',
    ]) {
      assert.equal(
        await as({ groups: [group] }, { connection }),
        'denied-by-agent agent/identity-groups',
        group,
      )
    }
    const many = ['sallyport:devs', 'system:masters']
    assert.equal(await as({ groups: many }, { connection }), 'denied-by-agent agent/identity-groups')
  }
})

test('G2 no controller, no node, no administrator, no user without our prefix', async () => {
  for (const connection of ['prod', 'wide']) {
    for (const user of [
      'system:kube-controller-manager',
      'system:kube-scheduler',
      'system:apiserver',
      'system:node:node-a',
      'system:anonymous',
      'admin',
      'kubernetes-admin',
      '',
    ]) {
      assert.equal(
        await as({ user, groups: [] }, { connection }),
        'denied-by-agent agent/identity-user',
        user,
      )
    }
  }
})

test('G3 no service account of kube-system or of our own, even where all are served', async () => {
  const account = (name: string, connection: string): Promise<string> =>
    as({ user: `system:serviceaccount:${name}`, groups: [] }, { connection })
  const refused = 'denied-by-agent agent/identity-service-account'
  for (const name of [
    'kube-system:clusterrole-aggregation-controller',
    'kube-system:generic-garbage-collector',
    'kube-public:default',
    'sallyport-system:sallyport-binder',
    'sallyport-sessions:s-aaaaaaaaaaaaaaaaaaaaaaaaaa',
    'sallyport:default',
  ]) {
    assert.equal(await account(name, 'wide'), refused, name)
    assert.equal(await account(name, 'prod'), refused, name)
  }
  assert.equal(await account('ci:other', 'prod'), refused)
  // Listed, and 403 by the cluster's own RBAC: it was impersonated.
  assert.equal(await account('ci:deployer', 'prod'), '403')
  assert.equal(await account('ci:other', 'wide'), '403')
})

test('G4 no group, user or mode that the configuration of the agent does not list', async () => {
  assert.equal(await as({ groups: ['sallyport:admins'] }), 'denied-by-agent agent/identity-groups')
  assert.equal(await as({ user: 'sallyport:local:mallory' }), 'denied-by-agent agent/identity-user')
  const session = { mode: 'session' as const, user: `sallyport:s:${SESSION}`, groups: [] }
  assert.equal(await as(session), 'denied-by-agent agent/identity-mode')
  assert.equal(
    await as({ ...session, mode: 'principal' }, { connection: 'wide' }),
    'denied-by-agent agent/identity-user',
  )
  assert.equal(await as({ mode: 'serviceaccount' }), 'denied-by-agent agent/identity-mode')
  assert.equal(await as({}, { connection: 'other' }), 'agent-unavailable agent/connection-not-served')
})

test('G5 not above the ceiling: verbs, namespaces, exec, denied resources, also by other spellings', async () => {
  const json = ['content-type', 'application/json']
  const body = Buffer.from('{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"x"}}')
  const pod = '/api/v1/namespaces/shop/pods/p'
  const calls: Partial<UpstreamCall>[] = [
    { method: 'POST', target: '/api/v1/namespaces/shop/configmaps', headers: json, body },
    { method: 'DELETE', target: plain },
    { method: 'PATCH', target: plain, headers: ['content-type', 'application/merge-patch+json'], body },
    { target: '/api/v1/namespaces/kube-system/configmaps' },
    { target: '/api/v1/configmaps' },
    { target: '/api/v1/nodes' },
    { target: '/api/v1/namespaces/shop/secrets/treasure' },
    { target: '/api/v1/namespaces/shop/secrets' },
    { target: '/api/v1/watch/namespaces/shop/secrets' },
    { target: `${pod}/exec?command=sh` },
    { method: 'POST', target: `${pod}/attach` },
    { target: `${pod}/portforward` },
    { target: `${pod}/proxy/etc` },
    { target: '/api/v1/namespaces/shop/services/s/proxy' },
    { method: 'PATCH', target: `${pod}/ephemeralcontainers`, headers: json, body },
    { target: '/metrics' },
    { target: '/logs/' },
    { target: '/debug/pprof/heap' },
  ]
  for (const call of calls) {
    const outcome = await tried(call)
    assert.match(
      outcome,
      /^(denied-by-agent|upgrade-unsupported|request-ambiguous|method-not-allowed) agent/,
      `${call.target}: ${outcome}`,
    )
  }
})

test('G6 no other host, no second reading, no header that names one', async () => {
  for (const target of [
    'https://169.254.169.254/latest/meta-data',
    '//evil/api/v1/secrets',
    `${plain}#x`,
    `${plain}/../../secrets/treasure`,
    '/api/v1/namespaces/shop/configmaps%2Fplain',
    '/api/v1/namespaces/shop/%63onfigmaps/plain',
    `${plain} HTTP/1.1\r\nHost: evil\r\n\r\nGET /`,
    '*',
    '',
  ]) {
    assert.match(await tried({ target }), /^(request-ambiguous|method-not-allowed) /, target)
  }
  const smuggled = [
    'host',
    'evil',
    'connection',
    'upgrade',
    'upgrade',
    'websocket',
    'transfer-encoding',
    'chunked',
  ]
  const identity = ['authorization', 'Bearer x', 'impersonate-user', 'system:admin', 'x-remote-user', 'admin']
  assert.equal(
    await tried({ headers: [...smuggled, ...identity] }),
    '200',
    'as alice, and these went nowhere',
  )
})

test("G7 the agent's own right, without impersonation: reviews, discovery and who serves a group, no other object", async () => {
  const json = ['content-type', 'application/json']
  for (const purpose of [
    'tokenreview',
    'discovery',
    'accessreview',
    'jwks',
    'apiservice',
    undefined,
  ] as const) {
    const identity = purpose === undefined ? own : { ...own, purpose }
    for (const [method, target] of [
      ['GET', '/api/v1/namespaces/shop/secrets/treasure'],
      ['GET', '/api/v1/secrets'],
      ['POST', '/api/v1/namespaces/sallyport-system/serviceaccounts/sallyport-binder/token'],
      ['POST', '/apis/rbac.authorization.k8s.io/v1/clusterrolebindings'],
      ['DELETE', '/api/v1/namespaces/shop'],
      ['DELETE', '/apis/rbac.authorization.k8s.io/v1/clusterrolebindings/devs'],
      ['POST', '/apis/certificates.k8s.io/v1/certificatesigningrequests'],
      ['GET', '/api/v1/nodes/n/proxy/exec'],
    ] as const) {
      const body = method === 'POST' ? Buffer.from('{}') : null
      const outcome = await tried({ identity, method, target, headers: json, body })
      assert.match(outcome, /^(denied-by-agent|request-ambiguous) agent/, `${purpose} ${method} ${target}`)
    }
  }
  assert.equal(await tried({ identity: { ...own, purpose: 'discovery' }, target: '/version' }), '200')
})

test('G8 no descriptor reaches the binder or names another credential', async () => {
  for (const mode of ['binder', 'admin', '', 'Principal', '__proto__']) {
    const identity = { ...alice, mode } as unknown as SessionDescriptor
    assert.match(await tried({ identity }), /^request-ambiguous /, mode)
  }
  const purpose = 'binder' as unknown as 'jwks'
  assert.match(await tried({ identity: { ...own, purpose } }), /^request-ambiguous /)
})

test('the API server saw nobody but those on the list', async () => {
  const all = readFileSync(cluster.auditLog, 'utf8')
    .split('\n')
    .filter(line => line !== '')
    .map(line => JSON.parse(line))
  assert.ok(!all.some(event => event.user.username === 'binder'), 'and the binder was never used')
  const events = all.filter(event => event.user.username === 'agent')
  const seen = new Set(events.map(event => event.impersonatedUser?.username ?? 'itself'))
  assert.ok(requests > 100, `${requests} calls were tried`)
  assert.ok(events.length < 12, `${events.length} came through`)
  assert.deepEqual([...seen].sort(), [
    'itself',
    'sallyport:local:alice',
    'sallyport:local:bob',
    'system:serviceaccount:ci:deployer',
    'system:serviceaccount:ci:other',
  ])
  for (const event of events) {
    if (event.impersonatedUser === undefined) assert.equal(event.requestURI, '/version')
    else assert.equal(event.requestURI, plain)
  }
})
