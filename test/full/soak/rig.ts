import type { ChildProcess } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startOidcProvider } from '../../../testbed/oidc/start-provider.ts'
import { type Cluster, startCluster } from '../../../testbed/start-cluster.ts'
import { type AgentProcess, startAgent, writeAgentConfig } from '../../e2e/agent-process.ts'
import { expectStatus, signInAsAdmin } from '../../e2e/call.ts'
import { startUp, type Up } from '../../e2e/rig.ts'
import type { Way } from './client.ts'
import { prepareCluster } from './cluster.ts'
import { documents } from './documents.ts'
import { createIdentities, type Identities } from './identities.ts'

/** A cluster, a gateway with an embedded agent and a remote one, and people who may use both. */
export interface SoakRig {
  readonly cluster: Cluster
  readonly up: Up
  readonly agent: ChildProcess
  readonly admin: string
  readonly ways: { readonly direct: Way; readonly embedded: Way; readonly remote: Way }
  readonly identities: Identities
  /** All credentials anew, as clients do long before the old ones end. */
  renew(): Promise<void>
  agentSaid(): string
  stopAgent(): Promise<number | null>
  close(): Promise<void>
}

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
    const agent = await startRemote(up, cluster, home, admin)
    const stopAgent = () => agent.end('SIGTERM')
    closing.push(stopAgent)
    const callers = createIdentities(cluster, provider, up, admin)
    await callers.renew()
    return {
      cluster,
      up,
      agent: agent.child,
      admin,
      ways: waysOf(cluster, up),
      identities: callers.identities,
      renew: callers.renew,
      agentSaid: agent.said,
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

async function startRemote(up: Up, cluster: Cluster, home: string, admin: string): Promise<AgentProcess> {
  const body = { agent: 'site' }
  const issued = await expectStatus(201, up, '/v1/agents/tokens', { method: 'POST', token: admin, body })
  const credential = { kubeconfig: { path: cluster.agentKubeconfig } }
  const file = join(home, 'agent.yaml')
  writeAgentConfig(file, {
    gateway: up.url,
    dataDir: join(home, 'agent'),
    connections: [{ name: 'far', serviceAccounts: ['soak/worker'], credential }],
  })
  return startAgent(file, { token: issued.json.token })
}
