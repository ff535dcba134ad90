import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { type Agent, createAgent } from '../../src/agent/agent.ts'
import { bindingObject } from '../../src/agent/bindings/binding.ts'
import { askAsUser } from '../../src/agent/bindings/in-force.ts'
import { createSessionBindings } from '../../src/agent/bindings/session-bindings.ts'
import { fixedCredential, type UpstreamCredential } from '../../src/agent/credentials/credential.ts'
import { callOf, own, refusalOf, send } from '../../src/agent/testing/calls.ts'
import type { BindingsAnswer, BindRole } from '../../src/tunnel/calls/session-bindings.ts'
import type { UpstreamCall } from '../../src/tunnel/contract.ts'
import { runKubectl } from '../../testbed/run-kubectl.ts'
import { type Cluster, startCluster } from '../../testbed/start-cluster.ts'
import {
  applyFor,
  asThief,
  bindingsOf,
  connectionDocument,
  credentialOf,
  directly,
  furnish,
  RBAC,
  rolesIn,
  within,
} from '../e2e/bindings-rig.ts'

/**
 * Just-in-time bindings in the hands of thieves: a stolen gateway sends what it likes to a real agent with the rendered
 * rights; stolen tokens of the agent go to the API server directly. Rows J1 to J9 of docs/security/stolen-credentials.md.
 */
let cluster: Cluster
let agent: Agent
/** An agent whose credentials may do everything: what it refuses, it refuses by itself. */
let almighty: Agent
const tokens = new Map<string, string>()
const scratch = mkdtempSync(join(tmpdir(), 'sallyport-locks-'))
const clock = (): number => now
const now = Date.now()

const spec = {
  agents: ['far'],
  bindings: [
    { group: 'corp:devs', clusterRole: 'editor', namespaces: ['a'] },
    { group: 'corp:devs', role: 'reader', namespaces: ['b'] },
    { group: 'corp:ops', clusterRole: 'looker', clusterWide: true },
  ],
}
const mayBind = {
  grants: [
    { clusterRole: 'editor', namespaces: ['a'] },
    { role: 'reader', namespaces: ['b'] },
    { clusterRole: 'looker' },
  ],
}
const editor: BindRole = { kind: 'ClusterRole', name: 'editor', namespace: 'a' }
const reader: BindRole = { kind: 'Role', name: 'reader', namespace: 'b' }
const looker: BindRole = { kind: 'ClusterRole', name: 'looker', namespace: '' }
const unmapped: readonly BindRole[] = [
  { kind: 'ClusterRole', name: 'powerful', namespace: 'a' },
  { kind: 'ClusterRole', name: 'powerful', namespace: '' },
  { kind: 'ClusterRole', name: 'editor', namespace: 'b' },
  { kind: 'ClusterRole', name: 'editor', namespace: '' },
]

before(
  async () => {
    cluster = await startCluster({ nodes: [], controllerManager: false })
    await furnish(cluster)
    for (const [mode, namespace] of [
      ['session', 'sallyport-system'],
      ['serviceaccount', 'sallyport-accounts'],
    ] as const) {
      const document = connectionDocument('prod', { ...spec, upstreamIdentity: mode })
      await applyFor(cluster, scratch, document, namespace)
      for (const account of ['sallyport-session', 'sallyport-binder']) {
        const { token } = await credentialOf(cluster, scratch, namespace, account)
        tokens.set(`${mode} ${account.slice('sallyport-'.length)}`, token)
      }
    }
    const rules = { serviceAccounts: false, mayBind } as const
    const bearer = (name: string): UpstreamCredential =>
      fixedCredential(target(), 'test', { authorization: `Bearer ${tokens.get(name)}` })
    agent = createAgent({
      name: 'far',
      clock,
      connections: [
        {
          ...rules,
          name: 'prod',
          upstreamIdentity: 'session',
          session: bearer('session session'),
          binder: bearer('session binder'),
        },
        {
          ...rules,
          name: 'accounts',
          upstreamIdentity: 'serviceaccount',
          session: bearer('serviceaccount session'),
          binder: bearer('serviceaccount binder'),
        },
        {
          name: 'without',
          serviceAccounts: false,
          upstreamIdentity: 'session',
          session: bearer('session session'),
        },
      ],
    })
    almighty = createAgent({
      name: 'far',
      clock,
      connections: [
        {
          ...rules,
          name: 'prod',
          upstreamIdentity: 'session',
          session: master('session'),
          binder: master('binder'),
        },
      ],
    })
  },
  { timeout: 600_000 },
)
after(async () => {
  agent?.destroy()
  almighty?.destroy()
  await cluster?.stop()
  rmSync(scratch, { recursive: true, force: true })
})

const target = () => ({
  origin: cluster.url,
  basePath: '',
  certificateAuthority: readFileSync(cluster.caFile, 'utf8'),
})

function master(name: string): UpstreamCredential {
  const { cert, key } = cluster.clientCertificate(name, ['system:masters'])
  return fixedCredential(target(), 'test', { authorization: '', certificate: { certificate: cert, key } })
}

let sessions = 0
const newSession = (): string => `s-${'abcdefghijklmnopqrstuvwxyz'.at(sessions++)!.repeat(26)}`

function bindCall(body: object, changes: Partial<UpstreamCall> = {}): UpstreamCall {
  return callOf({
    method: 'POST',
    target: '/sallyport/bindings',
    headers: ['content-type', 'application/json'],
    body: Buffer.from(JSON.stringify(body)),
    identity: { ...own, purpose: 'bind' },
    headTimeout: 30_000,
    ...changes,
  })
}

const request = (session: string, roles: readonly BindRole[], changes: object = {}): object => ({
  session,
  seconds: 300,
  roles,
  replace: false,
  ...changes,
})

async function bind(body: object, connection = 'prod'): Promise<BindingsAnswer> {
  const { body: answered } = await send(agent, bindCall(body, { connection }))
  return JSON.parse(answered.toString()) as BindingsAnswer
}

async function unbind(session: string): Promise<void> {
  const identity = { ...own, purpose: 'unbind' as const }
  await send(agent, callOf({ method: 'DELETE', target: `/sallyport/bindings/${session}`, identity }))
}

/** `/path` as the session, through the agent. */
async function as(session: string, path: string): Promise<number> {
  const user = `sallyport:s:${session}`
  const identity = { sessionId: session, mode: 'session' as const, user, groups: [], extra: [] }
  return (await send(agent, callOf({ target: path, identity }))).status
}

async function refused(call: UpstreamCall, by: Agent = agent): Promise<string> {
  const { code, check } = await refusalOf(send(by, call))
  return `${code} ${check}`
}

const configMaps = (namespace: string): string => `/api/v1/namespaces/${namespace}/configmaps`
const treasure = '/api/v1/namespaces/a/secrets/treasure'

describe('a stolen gateway', () => {
  test('J1 gives sessions that it invents the mapped roles in their places, and no more', async () => {
    const session = newSession()
    assert.equal(await as(session, configMaps('a')), 403)
    const answer = await bind(request(session, [editor, reader, looker]))
    assert.equal(answer.failed, undefined)
    assert.deepEqual(rolesIn(await bindingsOf(cluster, session)), [
      'editor in a',
      'looker in *',
      'reader in b',
    ])
    for (const [path, status] of [
      [configMaps('a'), 200],
      [configMaps('b'), 403],
      ['/api/v1/namespaces/b/endpoints', 200],
      ['/api/v1/nodes', 200],
      [treasure, 403],
      ['/api/v1/secrets', 403],
    ] as const) {
      assert.equal(await as(session, path), status, path)
    }
    await unbind(session)
    assert.deepEqual(await bindingsOf(cluster, session), [])
    const again = bindCall(request(session, [editor]))
    assert.equal(await refused(again), 'denied-by-agent agent/binding-ended', 'what has ended stays so')
  })

  test('J2 binds no role that the agent may not, nor in another place: the agent alone', async () => {
    for (const role of [...unmapped, { kind: 'Role', name: 'reader', namespace: 'a' } as const]) {
      for (const roles of [[role], [editor, role]]) {
        const call = bindCall(request(newSession(), roles))
        sessions--
        assert.equal(
          await refused(call, almighty),
          'denied-by-agent agent/binding-role',
          JSON.stringify(role),
        )
      }
    }
    const clusterAdmin = { kind: 'ClusterRole', name: 'cluster-admin', namespace: '' }
    const call = bindCall(request(newSession(), [clusterAdmin as BindRole]))
    assert.equal(await refused(call, almighty), 'denied-by-agent agent/own-call')
  })

  test('J3 names no subject, no other session, no end of its own', async () => {
    const session = newSession()
    for (const body of [
      request('system:masters', [editor]),
      request('', [editor]),
      request(`${session}/../x`, [editor]),
      request(session, [{ ...editor, namespace: '../../clusterrolebindings' }]),
      request(session, [{ ...editor, namespace: 'a?dryRun=All' }]),
      request(session, [{ ...editor, name: 'editor/../cluster-admin' }]),
      request(session, [editor], { user: 'sallyport:corp:alice' }),
      request(session, [editor], { subjects: [{ kind: 'Group', name: 'system:authenticated' }] }),
      request(session, [{ ...editor, subject: 'x' } as BindRole]),
      request(
        session,
        Array.from({ length: 33 }, () => editor),
      ),
      { session, roles: [editor] },
      [],
    ]) {
      const was = await refused(bindCall(body), almighty)
      assert.equal(was, 'denied-by-agent agent/own-call', JSON.stringify(body).slice(0, 200))
    }
    for (const seconds of [0, -1, 901, 1.5, 1e12]) {
      const was = await refused(bindCall(request(session, [editor], { seconds })), almighty)
      assert.equal(was, 'denied-by-agent agent/binding-end', String(seconds))
    }
    assert.deepEqual(await bindingsOf(cluster, session), [])
  })

  test('J4 sends nothing of its own under the binder', async () => {
    const body = Buffer.from('{}')
    const headers = ['content-type', 'application/json']
    for (const [purpose, call] of [
      ['bind', { method: 'POST', target: `${RBAC}/clusterrolebindings`, body, headers }],
      ['bind', { method: 'POST', target: '/sallyport/bindings?dryRun=All', body, headers }],
      ['bind', { method: 'GET', target: '/sallyport/bindings' }],
      ['unbind', { method: 'DELETE', target: `${RBAC}/clusterrolebindings/cluster-admin` }],
      ['unbind', { method: 'DELETE', target: '/sallyport/bindings' }],
      ['unbind', { method: 'DELETE', target: '/sallyport/bindings/cluster-admin' }],
      ['bindings', { method: 'GET', target: '/api/v1/secrets' }],
      ['bindings', { method: 'GET', target: `${RBAC}/clusterrolebindings` }],
    ] as const) {
      const identity = { ...own, purpose }
      assert.equal(
        await refused(callOf({ headers: [], ...call, identity }), almighty),
        'denied-by-agent agent/own-call',
        call.target,
      )
    }
    const without = bindCall(request(newSession(), [editor]), { connection: 'without' })
    assert.equal(await refused(without), 'denied-by-agent agent/no-binder')
  })
})

describe('the locks of the cluster, each alone', () => {
  const write = (token: string, role: BindRole, session: string) => {
    const ends = new Date(Date.now() + 60_000).toISOString()
    const kind = token === tokens.get('session binder') ? 'User' : 'ServiceAccount'
    const body = bindingObject(session, kind, role, ends)
    const path =
      role.namespace === ''
        ? `${RBAC}/clusterrolebindings`
        : `${RBAC}/namespaces/${role.namespace}/rolebindings`
    return asThief(cluster, token, path, { method: 'POST', body })
  }

  test('J5 RBAC refuses roles that are not mapped, and mapped ones in other places', async () => {
    await directly(cluster, 'delete', 'validatingadmissionpolicybinding', 'sallyport-accounts-binder')
    const token = tokens.get('serviceaccount binder')!
    for (const role of unmapped) {
      const answered = await write(token, role, newSession())
      sessions--
      assert.equal(answered.status, 403, JSON.stringify(role))
    }
    const session = newSession()
    assert.equal((await write(token, editor, session)).status, 201, 'and not the mapped ones')
    assert.equal((await write(token, looker, session)).status, 201)
  })

  test('J6 the admission policy refuses them also to a binder that RBAC lets bind everything', async () => {
    const account = '--serviceaccount=sallyport-system:sallyport-binder'
    await directly(
      cluster,
      'create',
      'clusterrolebinding',
      'too-much',
      '--clusterrole=cluster-admin',
      account,
    )
    const token = tokens.get('session binder')!
    const session = newSession()
    try {
      // Both the right and the policy are in force a moment after they were written.
      const refusedYet = async (): Promise<boolean> =>
        (await write(token, unmapped[0]!, session)).status === 422
      await within(60_000, refusedYet, 'the policy refuses')
      for (const role of unmapped) {
        const answered = await write(token, role, session)
        assert.equal(answered.status, 422, `${JSON.stringify(role)} ${answered.body}`)
        assert.match(answered.json.message, /ValidatingAdmissionPolicy 'sallyport/)
      }
      assert.equal((await write(token, editor, session)).status, 201, 'and not the mapped ones')
    } finally {
      await directly(cluster, 'delete', 'clusterrolebinding', 'too-much')
    }
  })
})

describe('stolen tokens', () => {
  test('J7 the binder alone is nobody: it binds roles to sessions and can be none of them', async () => {
    for (const mode of ['session', 'serviceaccount']) {
      const token = tokens.get(`${mode} binder`)!
      const headers = { 'impersonate-user': `sallyport:s:s-${'a'.repeat(26)}` }
      assert.equal((await asThief(cluster, token, configMaps('a'), { headers })).status, 403)
      assert.equal((await asThief(cluster, token, treasure)).status, 403)
      assert.equal((await asThief(cluster, token, `${RBAC}/clusterroles/powerful`)).status, 403)
      assert.equal((await asThief(cluster, token, `${RBAC}/clusterroles/editor`)).status, 200)
      const path = `/api/v1/namespaces/sallyport-sessions/serviceaccounts/default/token`
      const body = { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenRequest', spec: {} }
      assert.equal((await asThief(cluster, token, path, { method: 'POST', body })).status, 403)
    }
  })

  test('J8 the session token has what live sessions have, and gives nobody rights', async () => {
    const session = newSession()
    await bind(request(session, [editor]))
    const token = tokens.get('session session')!
    const headers = { 'impersonate-user': `sallyport:s:${session}` }
    assert.equal((await asThief(cluster, token, configMaps('a'), { headers })).status, 200)
    assert.equal((await asThief(cluster, token, configMaps('b'), { headers })).status, 403)
    assert.equal((await asThief(cluster, token, treasure, { headers })).status, 403)
    const masters = { ...headers, 'impersonate-group': 'system:masters' }
    assert.equal((await asThief(cluster, token, treasure, { headers: masters })).status, 403)
    const body = bindingObject(session, 'User', looker, new Date(Date.now() + 60_000).toISOString())
    for (const identity of [{}, headers]) {
      const options = { method: 'POST', body, headers: identity }
      assert.equal((await asThief(cluster, token, `${RBAC}/clusterrolebindings`, options)).status, 403)
    }
    await unbind(session)
    await within(
      20_000,
      async () => (await asThief(cluster, token, configMaps('a'), { headers })).status === 403,
      'the session is nobody any more',
    )
  })

  test('J9 with upstreamIdentity serviceaccount both together reach the mapped roles and no Secret', async () => {
    const session = newSession()
    await bind(request(session, [editor]), 'accounts')
    const token = tokens.get('serviceaccount session')!
    const path = `/api/v1/namespaces/sallyport-sessions/serviceaccounts/${session}/token`
    const body = { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenRequest', spec: {} }
    const asked = await asThief(cluster, token, path, { method: 'POST', body })
    assert.equal(asked.status, 201, asked.body)
    const its = asked.json.status.token as string
    assert.equal((await asThief(cluster, its, configMaps('a'))).status, 200)
    for (const thief of [its, token]) {
      for (const headers of [{}, { 'impersonate-user': 'system:kube-controller-manager' }]) {
        assert.equal((await asThief(cluster, thief, treasure, { headers })).status, 403)
        assert.equal((await asThief(cluster, thief, '/api/v1/secrets', { headers })).status, 403)
      }
    }
  })
})

describe('what stands in the way, and what is left behind', () => {
  test('a binding of the same name that is somebody else’s is not taken over, and nothing else is left', async () => {
    const session = newSession()
    const ours = bindingObject(session, 'User', editor, new Date(now + 300_000).toISOString())
    const foreign = { ...ours, subjects: [{ ...ours.subjects![0], name: 'sallyport:s:other' }] }
    await apply(foreign)
    const answer = await bind(request(session, [editor, reader, looker]))
    assert.equal(answer.failed?.check, 'agent/binding-name-taken')
    assert.match(answer.failed!.detail, new RegExp(ours.metadata.name))
    const [left, ...others] = await bindingsOf(cluster, session)
    assert.deepEqual(others, [])
    assert.deepEqual(left!.subjects, foreign.subjects)
    await unbind(session)
    assert.equal((await bindingsOf(cluster, session)).length, 1, 'nor is it deleted')
  })

  test('a role that is not there, or that nobody lets it bind: refused, and nothing is left', async () => {
    await directly(cluster, 'delete', 'clusterrole', 'looker')
    const session = newSession()
    const late = createSessionBindings({
      binder: master('binder'),
      mayBind,
      subject: 'User',
      asker: askAsUser(master('session')),
      sweepEvery: 0,
    })
    const made = late.bind({ session, seconds: 60, roles: [editor, looker], replace: false }, () => {})
    assert.match((await refusalOf(made)).message, /cannot read the role looker: 404/)
    assert.deepEqual(await bindingsOf(cluster, session), [])
    await late.close(false)
  })

  test('the sweeper deletes what is past its end and ours, whoever made it, and nothing else', async () => {
    // Far enough ahead that nothing of the tests before is left.
    let later = Date.now() + 3_600_000
    const sweeping = createSessionBindings({
      binder: master('binder'),
      mayBind: { clusterRoles: ['editor'] },
      subject: 'User',
      asker: askAsUser(master('session')),
      clock: () => later,
      sweepEvery: 0,
    })
    await sweeping.sweep(() => {})
    const session = newSession()
    const at = (ms: number) => new Date(later + ms).toISOString()
    await apply(bindingObject(session, 'User', editor, at(60_000)))
    await apply(bindingObject(session, 'ServiceAccount', { ...editor, namespace: '' }, at(60_000)))
    await apply(bindingObject(session, 'User', { ...editor, namespace: 'b' }, at(600_000)))
    const endless = bindingObject(session, 'User', reader, at(1))
    const { annotations: _, ...metadata } = endless.metadata
    await apply({ ...endless, metadata })
    const foreign = bindingObject(session, 'User', editor, at(60_001))
    await apply({ ...foreign, subjects: [{ ...foreign.subjects![0], name: 'alice' }] })
    await apply({ ...foreign, metadata: { ...foreign.metadata, name: 'not-ours' } })
    assert.equal(await sweeping.sweep(() => {}), 1, 'one without an end has none left')
    later += 120_000
    assert.equal(await sweeping.sweep(() => {}), 2)
    const left = (await bindingsOf(cluster, session)).map(each => each.metadata.name).sort()
    const kept = bindingObject(
      session,
      'User',
      { ...editor, namespace: 'b' },
      new Date(later + 480_000).toISOString(),
    )
    assert.deepEqual(left, [foreign.metadata.name, 'not-ours', kept.metadata.name].sort())
    await sweeping.close(false)
  })
})

async function apply(object: object): Promise<void> {
  const done = await runKubectl(cluster, ['create', '-f', '-'], { stdin: JSON.stringify(object) })
  assert.equal(done.code, 0, done.stderr)
}
