import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { ApprovalItem } from '../../src/api/schema/approvals.ts'
import { writeKubeconfig } from '../../testbed/kubeconfig.ts'
import { type OidcProvider, startOidcProvider } from '../../testbed/oidc/start-provider.ts'
import { type Finished, runKubectl } from '../../testbed/run-kubectl.ts'
import { type Cluster, startCluster } from '../../testbed/start-cluster.ts'
import { type Answered, call, expectStatus } from '../e2e/call.ts'
import { type Ran, sallyport, startUp, type Up } from '../e2e/rig.ts'

/** What people do at one gateway. */
export interface AtGateway {
  /** A file with which any client works through the gateway as somebody. */
  kubeconfig(user: string): Promise<string>
  kubectl(user: string, args: readonly string[], stdin?: string): Promise<Finished>
  /** A request to the cluster through the gateway. */
  request(
    user: string,
    path: string,
    options?: { method?: string; body?: unknown; agent?: string },
  ): Promise<Answered>
  /** A command of ours, signed in as somebody. */
  command(user: string, args: readonly string[]): Promise<Ran>
  approvals(user?: string): Promise<ApprovalItem[]>
  /** The approval that waits for this, when it is there. */
  pending(words: RegExp): Promise<ApprovalItem>
}

/**
 * A gateway in front of a real cluster, and people: alice asks; bob and dave are on call; carol audits. Everything that
 * the rules hold waits for one of those on call.
 */
export interface People extends AtGateway {
  readonly cluster: Cluster
  readonly provider: OidcProvider
  up: Up
  token(user: string): Promise<string>
  directly(...args: string[]): Promise<string>
  /** Another gateway with the same documents and environment, and a data directory of its own. */
  beside(): Promise<Up>
  /** The same people at another gateway. */
  at(up: Up): AtGateway
  restart(kill?: boolean): Promise<void>
  stop(): Promise<void>
}

const apiVersion = 'sallyport.dev/v1'

/**
 * @param more Documents by name, beside the provider, the connection and the policy.
 * @param mapped Groups that are cluster-admin upstream, as the developers are.
 */
export async function startPeople(
  rules: readonly object[],
  more: Readonly<Record<string, object>> = {},
  env: Readonly<Record<string, string>> = {},
  mapped: readonly string[] = [],
): Promise<People> {
  const scratch = mkdtempSync(join(tmpdir(), 'sallyport-approvals-'))
  const provider = await startOidcProvider()
  for (const [login, group] of [
    ['bob', 'oncall'],
    ['dave', 'oncall'],
    ['erin', 'security'],
    ['frank', 'dev'],
    ['grace', 'dev'],
    ['heidi', 'dev'],
    ['ivan', 'dev'],
    ['judy', 'dev'],
    ['kim', 'dev'],
  ] as const) {
    const person = { subject: `user-${login}`, name: login, email: `${login}@corp.example`, groups: [group] }
    provider.users.set(login, person)
  }
  const cluster = await startCluster({ nodes: [], controllerManager: true })
  const others: Up[] = []
  const at = (up: () => Up): AtGateway => {
    const own: AtGateway = {
      async kubeconfig(user) {
        const file = join(scratch, `kubeconfig-${user}-${new URL(up().url).port}`)
        const ca = readFileSync(up().caFile, 'utf8')
        const token = await provider.idToken(user)
        writeKubeconfig(file, { server: `${up().url}/k/prod`, ca, user: { token } })
        return file
      },
      async kubectl(user, args, stdin) {
        const kubeconfig = await own.kubeconfig(user)
        return runKubectl(cluster, args, { kubeconfig, ...(stdin === undefined ? {} : { stdin }) })
      },
      async request(user, path, { method = 'GET', body, agent = 'kubectl/test' } = {}) {
        const token = await provider.idToken(user)
        const headers = { 'user-agent': agent }
        return call(up(), `/k/prod${path}`, {
          method,
          token,
          headers,
          timeout: 60_000,
          ...(body === undefined ? {} : { body }),
        })
      },
      async command(user, args) {
        const env = {
          HOME: scratch,
          SALLYPORT_GATEWAY: up().url,
          SALLYPORT_CA_FILE: up().caFile,
          SALLYPORT_TOKEN: await provider.idToken(user),
        }
        return sallyport(args, { env })
      },
      async approvals(user = 'bob') {
        const token = await provider.idToken(user)
        return (await expectStatus(200, up(), '/v1/approvals', { token })).json.items
      },
      async pending(words) {
        const deadline = Date.now() + 30_000
        for (;;) {
          const all = await own.approvals()
          const found = all.find(one => one.state === 'pending' && words.test(one.sentence))
          if (found !== undefined) return found
          assert.ok(Date.now() < deadline, `nothing waits that says ${words}: ${JSON.stringify(all)}`)
        }
      },
    }
    return own
  }
  const people: People = {
    ...at(() => people.up),
    cluster,
    provider,
    up: undefined as unknown as Up,
    token: user => provider.idToken(user),
    async directly(...args) {
      const done = await runKubectl(cluster, args)
      assert.equal(done.code, 0, done.stderr)
      return done.stdout
    },
    async beside() {
      const up = await start(mkdtempSync(join(scratch, 'data-')))
      others.push(up)
      return up
    },
    at: up => at(() => up),
    async restart(kill = false) {
      const { dataDir } = people.up
      await (kill ? people.up.kill() : people.up.end())
      people.up = await start(dataDir)
    },
    async stop() {
      for (const other of others) await other.stop()
      await people.up?.stop()
      await cluster.stop()
      await provider.stop()
      rmSync(scratch, { recursive: true, force: true })
    },
  }

  function start(dataDir: string): Promise<Up> {
    return startUp({ dataDir, configDir: join(scratch, 'config'), env: { KUBECONFIG: '', ...env } })
  }

  try {
    const config = mkdtempSync(join(scratch, 'c-'))
    writeDocuments(config, provider, cluster, rules, more, ['corp:dev', ...mapped])
    const { renameSync, mkdirSync } = await import('node:fs')
    renameSync(config, join(scratch, 'config'))
    mkdirSync(join(scratch, 'data'))
    await people.directly(
      'create',
      'clusterrolebinding',
      'dev',
      '--clusterrole=cluster-admin',
      '--group=sallyport:dev',
    )
    people.up = await start(join(scratch, 'data'))
    return people
  } catch (error) {
    await people.stop()
    throw error
  }
}

function writeDocuments(
  folder: string,
  provider: OidcProvider,
  cluster: Cluster,
  rules: readonly object[],
  more: Readonly<Record<string, object>>,
  mapped: readonly string[],
): void {
  const { issuer, ca } = provider
  const oidc = { issuer, audiences: ['sallyport'], prefix: 'corp:', ca, login: { clientId: 'sallyport' } }
  const documents = {
    ...more,
    corp: { apiVersion, kind: 'IdentityProvider', metadata: { name: 'corp' }, spec: { oidc } },
    prod: {
      apiVersion,
      kind: 'Connection',
      metadata: { name: 'prod' },
      spec: {
        agents: ['embedded'],
        groupMappings: mapped.map(group => ({ group, upstream: ['sallyport:dev'] })),
        kubernetes: { kubeconfig: cluster.agentKubeconfig },
      },
    },
    policy: {
      apiVersion,
      kind: 'Policy',
      metadata: { name: 'people' },
      spec: { rules: [...basic, ...rules] },
    },
  }
  for (const [name, document] of Object.entries(documents))
    writeFileSync(join(folder, `${name}.yaml`), JSON.stringify(document))
}

const basic = [
  {
    name: 'developers',
    effect: 'allow',
    match: {
      principals: { groups: ['corp:dev'] },
      verbs: ['*'],
      apiGroups: ['*'],
      resources: ['*'],
      riskClasses: ['*'],
    },
  },
  {
    name: 'on-call',
    effect: 'allow',
    match: {
      principals: { groups: ['corp:oncall', 'corp:security'] },
      admin: { verbs: ['approval.*', 'grant.*', 'audit.*'] },
    },
  },
]
