import { X509Certificate } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { CLOCK_SKEW } from '../pki/authority.ts'
import { defaultLiveness, type Liveness } from '../tunnel/protocol.ts'
import { type Agent, type AgentConnection, createAgent } from './agent.ts'
import { compileCeiling } from './ceiling/ceiling.ts'
import { isOneIdentity } from './checks/separate.ts'
import type { AgentConfig, CredentialSpec } from './config.ts'
import type { UpstreamCredential } from './credentials/credential.ts'
import { inClusterCredential } from './credentials/in-cluster.ts'
import { readKubeconfig } from './credentials/kubeconfig.ts'
import { type AgentFiles, readAgentFiles } from './enrolment/identity-files.ts'
import { enrol, renew } from './enrolment/request-certificate.ts'
import { dialGateway } from './link/dial.ts'
import { type Backoff, type KeptConnection, keepConnected } from './link/keep-connected.ts'
import { serveSession } from './link/serve-session.ts'
import { type OpenAgentWitness, openAgentWitness } from './witness/open-agent-witness.ts'

export interface RunAgentOptions {
  readonly config: AgentConfig
  /** Version of the software, for the gateway's list of agents. */
  readonly software: string
  /** An enrolment token given otherwise than by `tokenFile`. */
  readonly token?: string
  /** For the operator's log. Nothing secret in it. */
  onEvent(event: AgentEvent): void
  readonly liveness?: Liveness
  readonly backoff?: Backoff
  /** Milliseconds that calls in flight may take when the agent stops. */
  readonly drainLimit?: number
}

export interface AgentEvent {
  readonly type:
    | 'enrolled'
    | 'renewed'
    | 'renewal-failed'
    | 'connected'
    | 'disconnected'
    | 'waiting'
    | 'stopped'
    | 'witness'
    | 'witness-trouble'
  readonly detail: string
}

export interface RunningAgent {
  readonly name: string
  /** Tunnel connections that are up. */
  readonly connected: number
  readonly agent: Agent
  /** Renews now, whatever the clock says. */
  renew(): Promise<void>
  /** Says good-bye, lets calls in flight end, then closes everything. */
  stop(): Promise<void>
}

/** How long an old tunnel may serve its calls after a new certificate opened the next one. */
const REPLACED_DRAIN = 3_600_000
const RENEW_AGAIN = 60_000
const LONGEST_TIMER = 2 ** 31 - 1

/**
 * The agent process: enrols if it has to, dials the gateway, serves, renews its certificate at two thirds of its
 * life. Rejects with an Error for the operator when it cannot start; a gateway that is away is waited for.
 */
export async function runAgent(options: RunAgentOptions): Promise<RunningAgent> {
  const { config, onEvent } = options
  let files = readAgentFiles(config.dataDir)
  if (files === undefined || hasExpired(files)) {
    files = await enrol(config.gateway, await enrolmentToken(options, files !== undefined), config.dataDir)
    onEvent({ type: 'enrolled', detail: nameOf(files) })
  }
  let present: AgentFiles = files
  const name = nameOf(present)
  const connections = await Promise.all(config.connections.map(openConnection))
  const agent = createAgent({
    name,
    connections,
    ...(config.ceiling === undefined ? {} : { ceiling: compileCeiling(config.ceiling) }),
  })

  const witness = await witnessOf(config, name, onEvent)

  const tunnels: KeptConnection[] = Array.from({ length: config.tunnels }, () =>
    keepConnected({
      async open() {
        const session = serveSession(await dialGateway({ ...config.gateway, ...present }), agent, {
          software: options.software,
          connections: connections.map(one => one.name),
          liveness: options.liveness ?? defaultLiveness,
          ...(witness === undefined ? {} : { witness }),
        })
        await session.ready
        return session
      },
      onEvent,
      ...(options.backoff === undefined ? {} : { backoff: options.backoff }),
    }),
  )

  let timer: NodeJS.Timeout | undefined
  let stopped = false

  function scheduleRenewal(failed: boolean): void {
    const certificate = new X509Certificate(present.certificate)
    const expiresAt = Date.parse(certificate.validTo)
    const issuedAt = Date.parse(certificate.validFrom) + CLOCK_SKEW
    const due = failed ? RENEW_AGAIN : issuedAt + ((expiresAt - issuedAt) * 2) / 3 - Date.now()
    timer = setTimeout(() => void renewNow(), Math.max(1_000, Math.min(due, LONGEST_TIMER)))
    timer.unref()
  }

  async function renewNow(): Promise<void> {
    clearTimeout(timer)
    if (stopped) return
    try {
      present = await renew(config.gateway, present, config.dataDir)
      onEvent({ type: 'renewed', detail: new X509Certificate(present.certificate).validTo })
      for (const tunnel of tunnels) tunnel.replace(REPLACED_DRAIN)
      scheduleRenewal(false)
    } catch (error) {
      onEvent({ type: 'renewal-failed', detail: (error as Error).message })
      scheduleRenewal(true)
    }
  }
  scheduleRenewal(false)

  return {
    name,
    agent,
    get connected() {
      return tunnels.filter(tunnel => tunnel.connected).length
    },
    renew: renewNow,
    async stop() {
      if (stopped) return
      stopped = true
      clearTimeout(timer)
      await Promise.all(tunnels.map(tunnel => tunnel.stop(options.drainLimit ?? 25_000)))
      agent.destroy()
      await witness?.close()
      onEvent({ type: 'stopped', detail: '' })
    },
  }
}

/** An agent whose witness cannot be opened still serves; the gateway sees that it is no witness. */
async function witnessOf(
  config: AgentConfig,
  agent: string,
  onEvent: RunAgentOptions['onEvent'],
): Promise<OpenAgentWitness | undefined> {
  if (!config.witness.enabled) return undefined
  try {
    const witness = await openAgentWitness({
      directory: join(config.dataDir, 'witness'),
      agent,
      logs: config.witness.logs,
      onTrouble: detail => onEvent({ type: 'witness-trouble', detail }),
    })
    onEvent({ type: 'witness', detail: `cosigns the log with the key ${witness.vkey}` })
    return witness
  } catch (error) {
    onEvent({ type: 'witness-trouble', detail: (error as Error).message })
    return undefined
  }
}

/** Reads the credentials of one connection. Rejects with an Error that names the connection. */
export async function openConnection(spec: AgentConfig['connections'][number]): Promise<AgentConnection> {
  const { name, upstreamIdentity, serviceAccounts, groups, users } = spec
  try {
    const connection: AgentConnection = {
      name,
      upstreamIdentity,
      serviceAccounts,
      ...(groups === undefined ? {} : { groups }),
      ...(users === undefined ? {} : { users }),
      session: await openCredential(spec.credential),
      ...(spec.binder === undefined ? {} : { binder: await openCredential(spec.binder) }),
      ...(spec.mayBind === undefined ? {} : { mayBind: spec.mayBind }),
      ...(spec.ceiling === undefined ? {} : { ceiling: compileCeiling(spec.ceiling) }),
    }
    if (await isOneIdentity(connection)) {
      throw new Error('credential and binder are the same identity; the binder needs one of its own')
    }
    return connection
  } catch (error) {
    throw new Error(`connection ${name}: ${(error as Error).message}`)
  }
}

export async function openCredential(spec: CredentialSpec): Promise<UpstreamCredential> {
  if ('inCluster' in spec) {
    const { directory } = spec.inCluster
    return inClusterCredential(directory === undefined ? {} : { directory })
  }
  const { path, context, allowInsecureSkipTlsVerify } = spec.kubeconfig
  const { credential } = await readKubeconfig({
    ...(path === undefined ? {} : { path }),
    ...(context === undefined ? {} : { context }),
    ...(allowInsecureSkipTlsVerify === undefined ? {} : { allowInsecure: allowInsecureSkipTlsVerify }),
  })
  return credential
}

async function enrolmentToken(options: RunAgentOptions, expired: boolean): Promise<string> {
  if (options.token !== undefined) return options.token
  const { tokenFile } = options.config
  if (tokenFile !== undefined) return readFile(tokenFile, 'utf8')
  throw new Error(
    expired
      ? "this agent's certificate has expired: give it a new token from: sallyport agent token"
      : 'this agent has not enrolled: give it a token from: sallyport agent token',
  )
}

function hasExpired(files: AgentFiles): boolean {
  return Date.parse(new X509Certificate(files.certificate).validTo) <= Date.now()
}

function nameOf(files: AgentFiles): string {
  return new X509Certificate(files.certificate).subject.replace(/^CN=/, '')
}
