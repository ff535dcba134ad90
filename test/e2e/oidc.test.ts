import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { writeKubeconfig } from '../../testbed/kubeconfig.ts'
import { type OidcProvider, startOidcProvider } from '../../testbed/oidc/start-provider.ts'
import { type Finished, runKubectl } from '../../testbed/run-kubectl.ts'
import { type Cluster, startCluster } from '../../testbed/start-cluster.ts'
import { type Answered, call, expectStatus, openStream, signInAsAdmin } from './call.ts'
import { clusterEvents } from './cluster-audit.ts'
import { assertCrosschecked } from './crosscheck.ts'
import { sallyport, startUp, type Up } from './rig.ts'

let cluster: Cluster
let provider: OidcProvider
let up: Up
let admin: string
const scratch = mkdtempSync(join(tmpdir(), 'sallyport-oidc-'))

before(
  async () => {
    provider = await startOidcProvider()
    cluster = await startCluster({ nodes: [], controllerManager: false })
    // `view` is filled by the controller manager, which this cluster does not have.
    const looker = ['create', 'clusterrole', 'looker', '--verb=get,list,watch', '--resource=pods,configmaps']
    await directly(...looker)
    for (const [group, role] of [
      ['dev', 'looker'],
      ['ops', 'cluster-admin'],
    ]) {
      const binding = ['create', 'clusterrolebinding', group!, `--clusterrole=${role}`]
      await directly(...binding, `--group=sallyport:${group}`)
    }
    writeFileSync(join(scratch, 'corp.yaml'), JSON.stringify(identityProvider()))
    writeFileSync(join(scratch, 'prod.yaml'), JSON.stringify(connection()))
    writeFileSync(join(scratch, 'policy.yaml'), JSON.stringify(policy()))
    up = await startUp({ configDir: scratch, env: { KUBECONFIG: '' } })
    admin = await signInAsAdmin(up)
  },
  { timeout: 600_000 },
)
after(async () => {
  await up?.stop()
  await cluster?.stop()
  await provider?.stop()
  rmSync(scratch, { recursive: true, force: true })
})

const apiVersion = 'sallyport.dev/v1'

function identityProvider(): object {
  const { issuer, ca } = provider
  const oidc = { issuer, audiences: ['sallyport'], prefix: 'corp:', ca, login: { clientId: 'sallyport' } }
  return { apiVersion, kind: 'IdentityProvider', metadata: { name: 'corp' }, spec: { oidc } }
}

function connection(): object {
  return {
    apiVersion,
    kind: 'Connection',
    metadata: { name: 'prod' },
    spec: {
      agents: ['embedded'],
      groupMappings: [
        { group: 'corp:dev', upstream: ['sallyport:dev'] },
        { group: 'corp:ops', upstream: ['sallyport:ops'] },
      ],
      kubernetes: { kubeconfig: cluster.agentKubeconfig },
    },
  }
}

const allow = (name: string, group: string, verbs: string[], resources: string[]): object => ({
  name,
  effect: 'allow',
  match: { principals: { groups: [group] }, verbs, apiGroups: [''], resources },
})

function policy(): object {
  const rules = [
    allow('developers-look-at-pods', 'corp:dev', ['get', 'list', 'watch'], ['pods']),
    {
      name: 'developers-open-sessions',
      effect: 'allow',
      match: { principals: { groups: ['corp:dev'] }, admin: { verbs: ['session.open'] } },
    },
    allow('operators', 'corp:ops', ['*'], ['*']),
    {
      name: 'operators-leave-pods',
      effect: 'deny',
      reason: 'pods belong to their developers',
      match: { principals: { groups: ['corp:ops'] }, resources: ['pods'] },
    },
    {
      name: 'administrators',
      effect: 'allow',
      match: { principals: { groups: ['local:admins'] }, admin: { verbs: ['*'] } },
    },
  ]
  return { apiVersion, kind: 'Policy', metadata: { name: 'people' }, spec: { rules } }
}

async function directly(...args: string[]): Promise<void> {
  const done = await runKubectl(cluster, args)
  assert.equal(done.code, 0, done.stderr)
}

/** Unchanged kubectl with an ID token as its bearer token. */
function kubectl(token: string, ...args: string[]): Promise<Finished> {
  const kubeconfig = join(scratch, 'kubeconfig')
  const ca = readFileSync(up.caFile, 'utf8')
  writeKubeconfig(kubeconfig, { server: `${up.url}/k/prod`, ca, user: { token } })
  return runKubectl(cluster, args, { kubeconfig })
}

const pods = '/k/prod/api/v1/namespaces/default/pods'
const listPods = (token: string): Promise<Answered> => call(up, pods, { token })

function assertRefused(answered: Answered, status: number, code: string): void {
  assert.equal(answered.status, status, answered.body)
  assert.equal(answered.json.kind, 'Status')
  assert.equal(answered.json.details.causes[0].reason, code)
}

test('alice does what policy allows, under a name that the cluster knows', async () => {
  const token = await provider.idToken('alice')
  const listed = await kubectl(token, 'get', 'pods')
  assert.equal(listed.code, 0, listed.stderr)
  assert.match(listed.stderr, /No resources found/)
  const event = clusterEvents(cluster).find(
    each => each.objectRef?.resource === 'pods' && each.verb === 'list',
  )
  assert.match(event?.impersonatedUser?.username ?? '', /^sallyport:.*alice/)
  assert.deepEqual(
    event?.impersonatedUser?.groups?.filter(group => group !== 'system:authenticated'),
    ['sallyport:dev'],
  )
})

test('ten unchanged kubectl at once, over SSH and without a terminal: one address, and after it all of them work', {
  timeout: 300_000,
}, async () => {
  const home = join(scratch, 'home')
  const kubeconfig = join(scratch, 'sign-in-kubeconfig')
  const env = { HOME: home, SSH_CONNECTION: '10.0.0.1 1 10.0.0.2 22' }
  const gateway = { SALLYPORT_GATEWAY: up.url, SALLYPORT_CA_FILE: up.caFile, SALLYPORT_TOKEN: admin }
  const used = await sallyport(['connection', 'use', 'prod', '--kubeconfig-out', kubeconfig], {
    env: { HOME: home, ...gateway },
  })
  assert.equal(used.code, 0, used.stderr)
  // Without discovery, which would start the plugin five times for one command.
  const raw = ['get', '--raw', '/api/v1/namespaces/default/pods']
  const getPods = (): Promise<Finished> => runKubectl(cluster, raw, { kubeconfig, env })
  const ten = (): Promise<Finished[]> => Promise.all(Array.from({ length: 10 }, getPods))
  const addressOf = ({ stderr }: Finished): string | undefined => /^ {2}(https:\/\/\S+)$/m.exec(stderr)?.[1]
  // On a busy machine the first ones may only be told that the address is not there yet.
  const seen = new Set<string>()
  for (let left = 20; seen.size === 0 && left > 0; left--) {
    for (const ran of await ten()) {
      assert.equal(ran.code, 1, ran.stdout)
      const address = addressOf(ran)
      if (address !== undefined) seen.add(address)
    }
  }
  assert.equal(seen.size, 1, [...seen].join('\n'))
  await provider.approveDevice([...seen][0]!, 'alice')
  let ran = await getPods()
  for (let left = 30; ran.code !== 0 && left > 0; left--) {
    assert.ok([undefined, ...seen].includes(addressOf(ran)), ran.stderr)
    await sleep(500)
    ran = await getPods()
  }
  for (const each of [ran, ...(await ten())]) {
    assert.equal(each.code, 0, each.stderr)
    assert.equal(JSON.parse(each.stdout).kind, 'PodList')
  }
})

test("bob's kubectl prints the name of the rule and its reason", async () => {
  const refused = await kubectl(await provider.idToken('bob'), 'get', 'pods')
  assert.equal(refused.code, 1)
  assert.match(refused.stderr, /people\/operators-leave-pods/)
  assert.match(refused.stderr, /pods belong to their developers/)
})

test('a claim to system:masters gives nothing', async () => {
  const token = await provider.idToken('carol')
  const me = await expectStatus(200, up, '/v1/whoami', { token })
  assert.deepEqual(me.json.principal.groups, ['corp:auditors'])
  assertRefused(await call(up, '/k/prod/api/v1/secrets', { token }), 403, 'denied-by-policy')
  assertRefused(await listPods(token), 403, 'denied-by-policy')
  const masters = clusterEvents(cluster).filter(each =>
    each.impersonatedUser?.groups?.includes('system:masters'),
  )
  assert.deepEqual(masters, [])
})

test('tokens for somebody else, too old, or not of the issuer are 401', async () => {
  const elsewhere = await provider.idToken('alice', { audience: 'cluster' })
  assertRefused(await listPods(elsewhere), 401, 'credential-invalid')
  const expired = await provider.idToken('alice', { lifetime: -120 })
  assertRefused(await listPods(expired), 401, 'credential-expired')
  const [head, body, signature = ''] = (await provider.idToken('alice')).split('.')
  const flipped = `${signature.startsWith('A') ? 'B' : 'A'}${signature.slice(1)}`
  assertRefused(await listPods(`${head}.${body}.${flipped}`), 401, 'credential-invalid')
  const hint = await kubectl(elsewhere, 'get', 'pods')
  assert.match(hint.stderr, /credential could not be verified|Unauthorized|logged in/)
})

test('new keys of the issuer count at once, and withdrawn ones no more', async () => {
  assert.equal((await listPods(await provider.idToken('alice'))).status, 200)
  const unseen = await provider.idToken('alice', { nonce: 'unseen' })
  // Unknown keys make the gateway ask the issuer at most every 10 s, so there is one rotation here.
  await provider.rotateKeys({ forgetOld: true })
  assert.equal((await listPods(await provider.idToken('alice'))).status, 200)
  assertRefused(await listPods(unseen), 401, 'credential-invalid')
})

test('--as is refused, and what was asked for is in the log', async () => {
  const refused = await kubectl(await provider.idToken('alice'), '--as=root', 'get', 'pods')
  assert.equal(refused.code, 1)
  assert.match(refused.stderr, /sallyport: /)
  const query = 'effect=deny&verb=list&resource=pods&limit=1'
  const denied = await expectStatus(200, up, `/v1/audit/entries?${query}`, { token: admin })
  assert.equal(denied.json.items[0].head.action.impersonate.user, 'root')
  assert.ok(clusterEvents(cluster).every(each => each.impersonatedUser?.username !== 'root'))
})

test('a change of policy counts from the next request on', async () => {
  const token = await provider.idToken('alice')
  const configMaps = '/k/prod/api/v1/namespaces/default/configmaps'
  assertRefused(await call(up, configMaps, { token }), 403, 'denied-by-policy')
  const rules = [allow('configuration', 'corp:dev', ['list'], ['configmaps'])]
  const body = { apiVersion, kind: 'Policy', metadata: { name: 'more' }, spec: { rules } }
  const path = '/v1/documents/Policy/more'
  await expectStatus(200, up, path, { method: 'PUT', token: admin, body })
  assert.equal((await call(up, configMaps, { token })).status, 200)
  await expectStatus(200, up, path, { method: 'DELETE', token: admin })
  assertRefused(await call(up, configMaps, { token }), 403, 'denied-by-policy')
  // What the configuration directory owns cannot be changed behind its back.
  await expectStatus(409, up, '/v1/documents/Policy/people', { method: 'DELETE', token: admin })
  // And alice may not do it at all.
  await expectStatus(403, up, path, { method: 'PUT', token, body })
})

test('revoking alice cuts her running watch and her token', async t => {
  const token = await provider.idToken('alice')
  const watch = await openStream(up, `${pods}?watch=1`, { token })
  assert.equal(watch.status, 200)
  const target = { kind: 'principal', issuer: provider.issuer, subject: 'user-alice' }
  const body = { target, reason: 'left the company' }
  const began = Date.now()
  const revoked = await expectStatus(201, up, '/v1/revocations', { method: 'POST', token: admin, body })
  assert.ok(revoked.json.sessionsEnded >= 1)
  const { at, clean } = await watch.ended
  t.diagnostic(`the watch ended ${at - began} ms after the request to revoke`)
  assert.ok(at - began < 2_000)
  // No client takes it for a normal end: it is told why.
  assert.ok(clean)
  const last = JSON.parse(watch.lines.at(-1)!)
  assert.deepEqual([last.type, last.object.kind, last.object.code], ['ERROR', 'Status', 401])
  assert.match(last.object.message, /left the company|revoked/)
  assertRefused(await listPods(token), 401, 'credential-invalid')
  // Others are not touched.
  assertRefused(await listPods(await provider.idToken('carol')), 403, 'denied-by-policy')
})

// The last test of this file: it stops the gateway.
test(
  'every call is in both logs',
  { timeout: 60_000 },
  async t => void (await assertCrosschecked(t, cluster, up)),
)
