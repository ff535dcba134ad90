import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { request as httpsRequest } from 'node:https'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { stringify } from 'yaml'
import { type Agent, createAgent } from '../../src/agent/agent.ts'
import { fixedCredential } from '../../src/agent/credentials/credential.ts'
import type { NewEntry } from '../../src/audit/entry.ts'
import { API_VERSION } from '../../src/brand.ts'
import { type GatewayOptions, openGateway, type RunningGateway } from '../../src/gateway/compose.ts'
import type { FinishedExchange } from '../../src/gateway/gateway.ts'
import { putLocalUser } from '../../src/identity/local/users.ts'
import { createLogger } from '../../src/telemetry/logger.ts'
import { startUpstream, type Upstream } from './upstream.ts'

export const CONNECTION = 'dev'
export const UPSTREAM_TOKEN = 'canary-upstream-credential-7f3a'

export interface Rig {
  readonly gateway: RunningGateway
  readonly agent: Agent
  readonly upstream: Upstream
  readonly dataDir: string
  readonly port: number
  /** PEM that the gateway's certificate is checked with. */
  readonly ca: string
  /** Every entry that became durable, in order, as it was given to the log. */
  readonly entries: NewEntry[]
  readonly finished: FinishedExchange[]
  /** Everything that the gateway's logger wrote. */
  logged(): string
  /** Signs in with a one-time code; the token is for our own API. */
  signIn(user: string): Promise<{ token: string; code: string }>
  /** Signs in and opens a session: the token is for Kubernetes requests. */
  session(user: string): Promise<{ token: string; id: string; signIn: string }>
  close(): Promise<void>
}

export interface RigOptions {
  readonly limits?: GatewayOptions['limits']
  readonly audit?: GatewayOptions['audit']
  readonly now?: () => number
  readonly retention?: GatewayOptions['retention']
  readonly hosts?: readonly string[]
  readonly capture?: 'full' | 'metadata'
  readonly postgres?: GatewayOptions['postgres']
  readonly keyEncryption?: GatewayOptions['keyEncryption']
  /** Of the log; default attacks.test/log. */
  readonly origin?: string
}

/** `admin` may do everything, `dev` what no rule has to open by name, `nobody` what everybody may. */
export const users: Readonly<Record<string, readonly string[]>> = {
  admin: ['admins'],
  dev: ['devs'],
  nobody: [],
}

const everything = { principals: { groups: ['local:admins'] }, verbs: ['*'] }

const admins = {
  apiVersion: API_VERSION,
  kind: 'Policy',
  metadata: { name: 'admins' },
  spec: {
    rules: [
      {
        name: 'resources',
        effect: 'allow',
        match: { ...everything, apiGroups: ['*'], resources: ['*'], riskClasses: ['*'] },
      },
      { name: 'paths', effect: 'allow', match: { ...everything, nonResourceURLs: ['*'] } },
      {
        name: 'sallyport',
        effect: 'allow',
        match: { principals: everything.principals, admin: { verbs: ['*'] } },
      },
    ],
  },
}

const devs = {
  apiVersion: API_VERSION,
  kind: 'Policy',
  metadata: { name: 'devs' },
  spec: {
    rules: [
      {
        name: 'ordinary',
        effect: 'allow',
        match: { principals: { groups: ['local:devs'] }, verbs: ['*'], apiGroups: ['*'], resources: ['*'] },
      },
      {
        name: 'sessions',
        effect: 'allow',
        match: { principals: { users: ['*'] }, admin: { verbs: ['session.open'] } },
      },
    ],
  },
}

/** The whole gateway in this process, an embedded agent, and an upstream that keeps what it is sent. */
export async function openRig(options: RigOptions = {}): Promise<Rig> {
  const directory = mkdtempSync(join(tmpdir(), 'attacks-'))
  const dataDir = join(directory, 'data')
  const configDir = join(directory, 'config')
  const upstream = await startUpstream()
  const connection = {
    apiVersion: API_VERSION,
    kind: 'Connection',
    metadata: { name: CONNECTION },
    spec: {
      agents: ['embedded'],
      upstreamIdentity: 'principal',
      groupMappings: [{ group: 'local:admins', upstream: ['sallyport:admins'] }],
      hosts: options.hosts ?? ['dev.example'],
      // The rig gives the agent its credential itself; the file is never read.
      kubernetes: { kubeconfig: '/nonexistent' },
      capture: options.capture ?? 'full',
    },
  }
  mkdirSync(configDir)
  writeFileSync(
    join(configDir, 'all.yaml'),
    [connection, admins, devs]
      .map(document => stringify(document, { aliasDuplicateObjects: false }))
      .join('---\n'),
  )
  const agent = createAgent({
    name: 'embedded',
    connections: [
      {
        name: CONNECTION,
        upstreamIdentity: 'principal',
        serviceAccounts: true,
        session: fixedCredential(upstream.target, 'attacks', { authorization: `Bearer ${UPSTREAM_TOKEN}` }),
      },
    ],
  })
  const finished: FinishedExchange[] = []
  let logged = ''
  const gateway = await openGateway({
    dataDir,
    configDir,
    listen: { host: '127.0.0.1', port: 0 },
    names: ['127.0.0.1', 'localhost'],
    origin: options.origin ?? 'attacks.test/log',
    version: '0.0.0-test',
    logger: createLogger('debug', {
      write(line: string) {
        logged += line
      },
    }),
    embedded: agent,
    onFinished: x => finished.push(x),
    ...(options.limits === undefined ? {} : { limits: options.limits }),
    ...(options.postgres === undefined ? {} : { postgres: options.postgres }),
    ...(options.keyEncryption === undefined ? {} : { keyEncryption: options.keyEncryption }),
    ...(options.audit === undefined ? {} : { audit: options.audit }),
    ...(options.now === undefined ? {} : { now: options.now }),
    ...(options.retention === undefined ? {} : { retention: options.retention }),
  }).catch(async error => {
    await upstream.stop()
    throw error
  })
  const entries: NewEntry[] = []
  gateway.log.onDurable(batch => {
    for (const { entry } of batch.entries) entries.push(entry)
  })
  const port = Number(new URL(gateway.url).port)
  const ca = gateway.authority.pem
  for (const [name, groups] of Object.entries(users)) await putLocalUser(gateway.store, { name, groups })

  async function post(path: string, value: object, token?: string): Promise<Record<string, unknown>> {
    const body = JSON.stringify(value)
    const headers = ['content-type', 'application/json', 'content-length', String(body.length)]
    if (token !== undefined) headers.push('authorization', `Bearer ${token}`)
    const answer = await call(rig, 'POST', path, { headers, body })
    if (answer.status >= 300) throw new Error(`${path}: ${answer.status} ${answer.body}`)
    return JSON.parse(answer.body.toString()) as Record<string, unknown>
  }

  const rig: Rig = {
    gateway,
    agent,
    upstream,
    dataDir,
    port,
    ca,
    entries,
    finished,
    logged: () => logged,
    async signIn(user) {
      const { code } = await gateway.codes.issue(user, 600_000)
      const { token } = await post('/v1/signin/code', { code })
      return { token: token as string, code }
    },
    async session(user) {
      const { token: signIn } = await rig.signIn(user)
      const opened = await post('/v1/sessions', { connection: CONNECTION }, signIn)
      return { token: opened.token as string, id: (opened.session as { id: string }).id, signIn }
    },
    async close() {
      await gateway.close(200)
      agent.destroy()
      await upstream.stop()
      rmSync(directory, { recursive: true, force: true })
    },
  }
  return rig
}

export interface CallOptions {
  /** Flat; Host is added when it is missing. */
  readonly headers?: readonly string[]
  readonly body?: string | Buffer
  /** Called when the first bytes of the answer's body are here. */
  readonly began?: () => void
}

export interface CallAnswer {
  readonly status: number
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  readonly body: Buffer
}

/** One well-formed HTTP/1.1 request on a connection of its own. */
export function call(
  rig: Pick<Rig, 'port' | 'ca'>,
  method: string,
  path: string,
  options: CallOptions = {},
): Promise<CallAnswer> {
  return new Promise((resolve, reject) => {
    const headers = ['host', `127.0.0.1:${rig.port}`, ...(options.headers ?? [])]
    const request = httpsRequest(
      { host: '127.0.0.1', port: rig.port, ca: rig.ca, method, path, headers, agent: false },
      response => {
        const chunks: Buffer[] = []
        response.once('data', () => options.began?.())
        response.on('data', data => chunks.push(data))
        response.on('end', () =>
          resolve({ status: response.statusCode!, headers: response.headers, body: Buffer.concat(chunks) }),
        )
        response.on('error', reject)
      },
    )
    request.setTimeout(15_000, () => request.destroy(new Error(`no answer to ${method} ${path}`)))
    request.on('error', reject)
    request.end(options.body)
  })
}

/** A Kubernetes request with a session's token. */
export function kube(
  rig: Pick<Rig, 'port' | 'ca'>,
  token: string,
  method: string,
  target: string,
  options: CallOptions = {},
): Promise<CallAnswer> {
  const headers = ['authorization', `Bearer ${token}`, ...(options.headers ?? [])]
  if (options.body !== undefined && !headers.some(name => name.toLowerCase() === 'content-length')) {
    headers.push('content-length', String(Buffer.byteLength(options.body)))
  }
  return call(rig, method, `/k/${CONNECTION}${target}`, { ...options, headers })
}

/** Polls until `condition` holds; fails after `limit` milliseconds. */
export async function until(condition: () => boolean, what: string, limit = 5_000): Promise<void> {
  const deadline = performance.now() + limit
  while (!condition()) {
    if (performance.now() > deadline) throw new Error(`not within ${limit} ms: ${what}`)
    await new Promise(resolve => setTimeout(resolve, 5))
  }
}
