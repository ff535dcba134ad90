import { strict as assert } from 'node:assert'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { readPreset } from '../../src/policy/presets/read-preset.ts'
import type { Cluster } from '../../testbed/start-cluster.ts'
import { type AgentProcess, startAgent, writeAgentConfig } from '../e2e/agent-process.ts'
import { runProgram, sallyport, startUp, type Up } from '../e2e/rig.ts'
import { pluginToken } from './plugin-token.ts'

const apiVersion = 'sallyport.dev/v1'
const connection = {
  apiVersion,
  kind: 'Connection',
  metadata: { name: 'far' },
  spec: {
    agents: ['site'],
    groupMappings: [{ group: 'local:admins', upstream: ['sallyport:admins'] }],
  },
}
export interface BehindAgent {
  readonly up: Up
  /** SIGTERM, and waits. */
  stopAgent(): Promise<void>
}

/** A gateway that holds no credential of the cluster, and an agent process of its own that does. */
export async function startBehindAgent(cluster: Cluster, home: string): Promise<BehindAgent> {
  const binding = ['create', 'clusterrolebinding', 'admins', '--clusterrole=cluster-admin']
  const admins = ['--kubeconfig', cluster.kubeconfig, ...binding, '--group=sallyport:admins']
  const bound = await runProgram(cluster.kubectl, admins)
  assert.equal(bound.code, 0, bound.stderr)
  const configDir = join(home, 'config')
  mkdirSync(configDir)
  writeFileSync(join(configDir, 'connection.yaml'), JSON.stringify(connection))
  writeFileSync(join(configDir, 'policy.yaml'), readPreset('local'))
  const up = await startUp({ configDir, dataDir: join(home, 'data'), env: { KUBECONFIG: '', HOME: home } })
  try {
    const agent = await startRemote(up, cluster, home)
    return { up, stopAgent: async () => void (await agent.end('SIGTERM')) }
  } catch (error) {
    await up.stop()
    throw error
  }
}

async function startRemote(up: Up, cluster: Cluster, home: string): Promise<AgentProcess> {
  // The plugin of the kubeconfig signs in with the one-time code; the CLI goes on with that sign-in.
  await pluginToken(up.kubeconfig)
  const issued = await sallyport(['agent', 'token', 'site', '--gateway', up.url, '--ca-file', up.caFile], {
    env: { SALLYPORT_STATE_DIR: join(up.dataDir, 'client') },
  })
  assert.equal(issued.code, 0, issued.stderr)
  const file = join(home, 'agent.yaml')
  writeAgentConfig(file, {
    gateway: up.url,
    dataDir: join(home, 'agent'),
    connections: [{ name: 'far', credential: { kubeconfig: { path: cluster.agentKubeconfig } } }],
  })
  return startAgent(file, { token: issued.stdout.trim() })
}
