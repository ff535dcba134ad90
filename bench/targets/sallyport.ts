import { spawn } from 'node:child_process'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parse } from 'yaml'
import { type AgentProcess, startAgent, writeAgentConfig } from '../../test/e2e/agent-process.ts'
import { end, type Facts, firstLine, run, type Target } from './target.ts'

const cli = join(import.meta.dirname, '..', '..', 'src', 'cli', 'main.ts')
const apiVersion = 'sallyport.dev/v1'

/**
 * One gateway as `sallyport up` starts it, seen through four connections: full capture, metadata only, the static
 * upstream, and a remote agent in a process of its own. Each is a target; only one is under load at a time.
 */
export async function startSallyport(facts: Facts, staticKubeconfig: string | undefined): Promise<Target[]> {
  const { cluster, dir } = facts
  const configDir = join(dir, 'config')
  mkdirSync(configDir)
  const documents = [
    connection('full', { kubeconfig: cluster.kubeconfig }),
    connection('metadata', { kubeconfig: cluster.kubeconfig }, { capture: 'metadata' }),
    connection('far', undefined, { agents: ['site'] }),
    policy(),
  ]
  if (staticKubeconfig !== undefined) documents.push(connection('still', { kubeconfig: staticKubeconfig }))
  writeFileSync(join(configDir, 'bench.yaml'), documents.map(one => JSON.stringify(one)).join('\n---\n'))
  await bindAdministrators(facts)
  const dataDir = join(dir, 'sallyport')
  const gateway = spawn(
    process.execPath,
    [cli, 'up', '--data-dir', dataDir, '--config-dir', configDir, '--listen', '127.0.0.1:0', '-o', 'json'],
    { stdio: ['ignore', 'pipe', 'ignore'], env: { ...process.env, KUBECONFIG: '' } },
  )
  const up = JSON.parse(await firstLine(gateway)) as { url: string; caFile: string; kubeconfig: string }
  const tokens = new Map<string, string>()
  for (const name of ['full', 'metadata', 'far', ...(staticKubeconfig === undefined ? [] : ['still'])]) {
    tokens.set(name, await pluginToken(up.kubeconfig, name))
  }
  const agent = await startRemote(facts, up, dataDir)
  const stop = async (): Promise<void> => {
    await agent.end('SIGTERM')
    await end(gateway)
  }
  const target = (name: string, prefix: string, more: Partial<Target> = {}): Target => ({
    name,
    upstream: 'api',
    url: up.url,
    prefix: `/k/${prefix}`,
    headers: { authorization: `Bearer ${tokens.get(prefix)}` },
    tls: { ca: readFileSync(up.caFile) },
    pids: [gateway.pid!],
    kubeconfig: up.kubeconfig,
    stop: async () => {},
    ...more,
  })
  const targets = [
    target('sallyport', 'full', { stop }),
    target('sallyport-metadata', 'metadata'),
    target('sallyport-remote', 'far', { agentPids: [agent.child.pid!] }),
  ]
  if (staticKubeconfig !== undefined) targets.push(target('sallyport', 'still', { upstream: 'static' }))
  return targets
}

function connection(name: string, kubernetes: object | undefined, more: object = {}): object {
  const spec = {
    agents: ['embedded'],
    groupMappings: [{ group: 'local:admins', upstream: ['sallyport:admins'] }],
    ...(kubernetes === undefined ? {} : { kubernetes }),
    ...more,
  }
  return { apiVersion, kind: 'Connection', metadata: { name }, spec }
}

function policy(): object {
  const principals = { groups: ['local:admins'] }
  const everything = { principals, verbs: ['*'], apiGroups: ['*'], resources: ['*'], riskClasses: ['*'] }
  const rules = [
    { name: 'resources', effect: 'allow', match: everything },
    { name: 'paths', effect: 'allow', match: { principals, verbs: ['*'], nonResourceURLs: ['*'] } },
    { name: 'sallyport', effect: 'allow', match: { principals, admin: { verbs: ['*'] } } },
  ]
  return { apiVersion, kind: 'Policy', metadata: { name: 'administrators' }, spec: { rules } }
}

async function bindAdministrators({ cluster }: Facts): Promise<void> {
  const binding = [
    'clusterrolebinding',
    'bench-admins',
    '--clusterrole=cluster-admin',
    '--group=sallyport:admins',
  ]
  await run(cluster.kubectl, ['--kubeconfig', cluster.kubeconfig, 'create', ...binding])
}

/** What the exec entry of our own kubeconfig hands to kubectl; a session belongs to one connection. */
async function pluginToken(kubeconfig: string, connection: string): Promise<string> {
  const { command, args } = pluginOf(kubeconfig)
  const own = args.map((arg, at) => (args[at - 1] === '--connection' ? connection : arg))
  const { stdout } = await run(command, own)
  return (JSON.parse(stdout) as { status: { token: string } }).status.token
}

export function pluginOf(kubeconfig: string): { command: string; args: string[] } {
  const config = parse(readFileSync(kubeconfig, 'utf8')) as {
    users: { user: { exec: { command: string; args: string[] } } }[]
  }
  return config.users[0]!.user.exec
}

async function startRemote(
  { cluster, dir }: Facts,
  up: { url: string; caFile: string },
  dataDir: string,
): Promise<AgentProcess> {
  const token = await run(
    process.execPath,
    [cli, 'agent', 'token', 'site', '--gateway', up.url, '--ca-file', up.caFile],
    { env: { ...process.env, SALLYPORT_STATE_DIR: join(dataDir, 'client') } },
  )
  const file = join(dir, 'agent.yaml')
  writeAgentConfig(file, {
    gateway: up.url,
    dataDir: join(dir, 'agent'),
    connections: [{ name: 'far', credential: { kubeconfig: { path: cluster.kubeconfig } } }],
  })
  return startAgent(file, { token: token.stdout.trim() })
}
