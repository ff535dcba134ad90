import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type OidcProvider, startOidcProvider } from '../../../testbed/oidc/start-provider.ts'
import { runKubectl } from '../../../testbed/run-kubectl.ts'
import { type Cluster, startCluster } from '../../../testbed/start-cluster.ts'
import { call, expectStatus, openSession, signInAsAdmin } from '../../e2e/call.ts'
import { cli, startUp, type Up } from '../../e2e/rig.ts'
import type { Identity, Way } from './client.ts'

/** A cluster, a gateway with an embedded agent and a remote one, and people who may use both. */
export interface SoakRig {
  readonly cluster: Cluster
  readonly up: Up
  readonly agent: ChildProcess
  readonly admin: string
  readonly ways: { readonly direct: Way; readonly embedded: Way; readonly remote: Way }
  /** Persons by ID token, a service account, and sessions of the local administrator, one on each connection. */
  readonly identities: {
    readonly direct: Identity
    readonly alice: Identity
    readonly bob: Identity
    readonly account: Identity
    readonly embedded: Identity
    readonly remote: Identity
  }
  /** All credentials anew, as clients do long before the old ones end. */
  renew(): Promise<void>
  agentSaid(): string
  stopAgent(): Promise<number | null>
  close(): Promise<void>
}

export const NAMESPACE = 'soak'
const apiVersion = 'sallyport.dev/v1'

export async function openRig(): Promise<SoakRig> {
  const home = mkdtempSync(join(tmpdir(), 'sallyport-soak-'))
  const closing: (() => Promise<unknown>)[] = [async () => rmSync(home, { recursive: true, force: true })]
  const close = async (): Promise<void> => {
    for (const end of closing.splice(0).reverse()) await end()
  }
  try {
    const provider = await startOidcProvider()
    closing.push(() => provider.stop())
    // One audit log file: crosscheck reads the whole run.
    const cluster = await startCluster({ apiServerFlags: ['--audit-log-maxsize=20000'] })
    closing.push(() => cluster.stop())
    await prepareCluster(cluster)
    const configDir = join(home, 'config')
    mkdirSync(configDir)
    for (const [name, document] of Object.entries(documents(cluster, provider)))
      writeFileSync(join(configDir, `${name}.yaml`), JSON.stringify(document))
    const up = await startUp({ configDir, dataDir: join(home, 'data'), env: { KUBECONFIG: '' } })
    closing.push(() => up.stop())
    const admin = await signInAsAdmin(up)
    const { child, said } = await startAgent(up, cluster, home, admin)
    const stopAgent = async (): Promise<number | null> => {
      if (child.exitCode !== null || child.signalCode !== null) return child.exitCode
      const gone = once(child, 'exit')
      child.kill('SIGTERM')
      return (await gone)[0]
    }
    closing.push(stopAgent)
    const callers = createIdentities(cluster, provider, up, admin)
    await callers.renew()
    return {
      cluster,
      up,
      agent: child,
      admin,
      ways: waysOf(cluster, up),
      identities: callers.identities,
      renew: callers.renew,
      agentSaid: said,
      stopAgent,
      close,
    }
  } catch (error) {
    await close()
    throw error
  }
}

function waysOf(cluster: Cluster, up: Up): SoakRig['ways'] {
  const through = { url: up.url, tls: { ca: readFileSync(up.caFile, 'utf8') } }
  return {
    direct: {
      name: 'direct',
      url: cluster.url,
      prefix: '',
      tls: {
        ca: readFileSync(cluster.caFile, 'utf8'),
        cert: readFileSync(cluster.adminCertFile, 'utf8'),
        key: readFileSync(cluster.adminKeyFile, 'utf8'),
      },
    },
    embedded: { name: 'embedded', prefix: '/k/near', ...through },
    remote: { name: 'remote', prefix: '/k/far', ...through },
  }
}

async function prepareCluster(cluster: Cluster): Promise<void> {
  const direct = async (args: readonly string[], stdin?: string): Promise<void> => {
    const done = await runKubectl(cluster, args, stdin === undefined ? {} : { stdin })
    assert.equal(done.code, 0, `kubectl ${args.join(' ')}: ${done.stderr}`)
  }
  for (const name of [NAMESPACE, 'soak-large', 'soak-lost']) await direct(['create', 'namespace', name])
  for (const group of ['dev', 'ops', 'admins']) {
    const binding = ['create', 'clusterrolebinding', `soak-${group}`, '--clusterrole=cluster-admin']
    await direct([...binding, `--group=sallyport:${group}`])
  }
  await direct(['-n', NAMESPACE, 'create', 'serviceaccount', 'worker'])
  await direct([
    ...['create', 'clusterrolebinding', 'soak-worker', '--clusterrole=cluster-admin'],
    `--serviceaccount=${NAMESPACE}:worker`,
  ])
  await direct(['-n', NAMESPACE, 'create', 'configmap', 'small', `--from-literal=text=${'x'.repeat(1000)}`])
  const items = Array.from({ length: 100 }, (_, i) => ({
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name: `item-${i}`, namespace: 'soak-large' },
    data: { text: `line ${i} of a text that is long. `.repeat(1600) },
  }))
  await direct(['create', '-f', '-'], JSON.stringify({ apiVersion: 'v1', kind: 'List', items }))
  const script = 'while :; do i=$((i+1)); echo tick $i; sleep 0.2; done'
  const pod = {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'ticker', namespace: NAMESPACE },
    spec: {
      terminationGracePeriodSeconds: 1,
      containers: [{ name: 'main', image: 'shell', command: ['sh', '-c', script] }],
    },
  }
  await direct(['create', '-f', '-'], JSON.stringify(pod))
  await direct(['-n', NAMESPACE, 'wait', 'pod/ticker', '--for=condition=Ready', '--timeout=60s'])
}

function documents(cluster: Cluster, provider: OidcProvider): Record<string, object> {
  const oidc = { issuer: provider.issuer, audiences: ['sallyport'], prefix: 'corp:', ca: provider.ca }
  const groupMappings = [
    { group: 'corp:dev', upstream: ['sallyport:dev'] },
    { group: 'corp:ops', upstream: ['sallyport:ops'] },
    { group: 'local:admins', upstream: ['sallyport:admins'] },
  ]
  const connection = (name: string, spec: object): object => ({
    apiVersion,
    kind: 'Connection',
    metadata: { name },
    spec: { groupMappings, ...spec },
  })
  const everyone = { groups: ['corp:dev', 'corp:ops', 'local:admins'], serviceAccounts: ['*:worker'] }
  const core = { principals: everyone, apiGroups: [''] }
  const rules = [
    { name: 'configmaps', effect: 'allow', match: { ...core, verbs: ['*'], resources: ['configmaps'] } },
    {
      name: 'logs',
      effect: 'allow',
      match: { ...core, verbs: ['get', 'list', 'watch'], resources: ['pods', 'pods/log'] },
    },
    {
      name: 'kept-shut',
      effect: 'deny',
      reason: 'this one is kept shut',
      match: { namespaces: ['soak-shut'] },
    },
    {
      name: 'administrators',
      effect: 'allow',
      match: { principals: { groups: ['local:admins'] }, admin: { verbs: ['*'] } },
    },
  ]
  return {
    corp: { apiVersion, kind: 'IdentityProvider', metadata: { name: 'corp' }, spec: { oidc } },
    near: connection('near', {
      agents: ['embedded'],
      kubernetes: { kubeconfig: cluster.agentKubeconfig },
    }),
    far: connection('far', { agents: ['site'] }),
    policy: { apiVersion, kind: 'Policy', metadata: { name: 'soak' }, spec: { rules } },
  }
}

/** Starts `sallyport agent run`; resolves when its tunnels are up. */
async function startAgent(
  up: Up,
  cluster: Cluster,
  home: string,
  admin: string,
): Promise<{ child: ChildProcess; said(): string }> {
  const body = { agent: 'site' }
  const issued = await expectStatus(201, up, '/v1/agents/tokens', { method: 'POST', token: admin, body })
  const credential = { kubeconfig: { path: cluster.agentKubeconfig } }
  const file = join(home, 'agent.yaml')
  const config = {
    apiVersion,
    kind: 'AgentConfig',
    gateway: up.url,
    dataDir: join(home, 'agent'),
    connections: [{ name: 'far', serviceAccounts: ['soak/worker'], credential }],
  }
  writeFileSync(file, JSON.stringify(config))
  const child = spawn(process.execPath, [cli, 'agent', 'run', '--config', file, '--token-file', '-'], {
    stdio: ['pipe', 'ignore', 'pipe'],
  })
  child.stdin!.end(issued.json.token)
  let said = ''
  await new Promise<void>((resolve, reject) => {
    child.stderr!.on('data', chunk => {
      said = (said + chunk).slice(-100_000)
      if (said.split(' connected').length > 2) resolve()
    })
    child.once('exit', code => reject(new Error(`the agent ended with ${code}: ${said}`)))
  })
  return { child, said: () => said }
}

function createIdentities(
  cluster: Cluster,
  provider: OidcProvider,
  up: Up,
  admin: string,
): { identities: SoakRig['identities']; renew(): Promise<void> } {
  const bearers = new Map<string, string>()
  const identity = (name: string): Identity => ({ name, bearer: () => bearers.get(name) })
  /** Of the renewal before and of the one before that; the older ones are ended, nobody uses them any more. */
  let [recent, old]: [string[], string[]] = [[], []]
  return {
    identities: {
      direct: { name: 'direct', bearer: () => undefined },
      alice: identity('alice'),
      bob: identity('bob'),
      account: identity('account'),
      embedded: identity('embedded'),
      remote: identity('remote'),
    },
    async renew() {
      for (const person of ['alice', 'bob'])
        bearers.set(person, await provider.idToken(person, { lifetime: 600 }))
      const created = await runKubectl(cluster, [
        ...['-n', NAMESPACE, 'create', 'token', 'worker', '--duration=10m'],
      ])
      assert.equal(created.code, 0, created.stderr)
      bearers.set('account', created.stdout.trim())
      const opened: string[] = []
      for (const [name, connection] of [
        ['embedded', 'near'],
        ['remote', 'far'],
      ] as const) {
        const { id, token } = await openSession(up, admin, connection)
        bearers.set(name, token)
        opened.push(id)
      }
      for (const id of old) {
        const ended = await call(up, `/v1/sessions/${id}`, { method: 'DELETE', token: admin })
        assert.ok(ended.status < 300, `end of session: ${ended.status} ${ended.body}`)
      }
      ;[recent, old] = [opened, recent]
    },
  }
}
