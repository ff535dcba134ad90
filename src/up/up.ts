import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { join, resolve } from 'node:path'
import { type Agent, type AgentConnection, createAgent } from '../agent/agent.ts'
import { mayBindOf } from '../agent/bindings/may-bind.ts'
import { isOneIdentity } from '../agent/checks/separate.ts'
import type { UpstreamCredential } from '../agent/credentials/credential.ts'
import { readKubeconfig } from '../agent/credentials/kubeconfig.ts'
import { openAgentWitness } from '../agent/witness/open-agent-witness.ts'
import type { Retention } from '../audit/shred/shreds.ts'
import { parseWitness } from '../audit/witnesses/url-witness.ts'
import { nameOf } from '../cli/config/gateway.ts'
import { replacePrivately } from '../cli/config/private-file.ts'
import { entriesOf, renderKubeconfig } from '../cli/kubeconfig/render.ts'
import type { ConfigDocument } from '../documents/kinds.ts'
import type { ConnectionDocument } from '../documents/schema/connection.ts'
import { toConnection } from '../documents/to-connection.ts'
import { openGateway, type RunningGateway } from '../gateway/compose.ts'
import { readRecipients } from '../gateway/services/two-persons.ts'
import { putLocalUser } from '../identity/local/users.ts'
import { chooseKeyEncryption } from '../keys/parse-key-encryption.ts'
import { readPreset } from '../policy/presets/read-preset.ts'
import { chooseStore, isInTheClear } from '../store/choose-store.ts'
import { createLogger, type Logger } from '../telemetry/logger.ts'
import { type ClusterChoice, chooseCluster, connectionNameOf } from './choose-cluster.ts'
import { presetsPolicy, writeOwnConfiguration } from './configuration.ts'
import { type DemoCluster, startDemoCluster } from './demo-cluster.ts'
import { createLiveLine } from './live.ts'
import { ensureLocalAdmins } from './local-admins.ts'

export interface UpOptions {
  readonly dataDir?: string | undefined
  readonly configDir?: string | undefined
  /** Shipped presets that hold beside the policies of `up` itself; not with a configuration of one's own. */
  readonly presets?: readonly string[] | undefined
  /** HOST:PORT; port 0 takes a free one. Default 127.0.0.1:8443, or a free port when that is taken. */
  readonly listen?: string | undefined
  readonly kubeconfig?: string | undefined
  readonly context?: string | undefined
  /** `json`: one line on stdout when it serves, nothing else there. */
  readonly output?: 'text' | 'json' | undefined
  readonly logLevel?: string | undefined
  /** `postgres://…`; default `SALLYPORT_STORE`, else SQLite in the data directory. */
  readonly store?: string | undefined
  /** `file:/path` or `${VARIABLE}`. */
  readonly storePassword?: string | undefined
  /** As `parse-key-encryption.ts` reads it; default `SALLYPORT_KEY_ENCRYPTION`, else a key file in the data directory. */
  readonly keyEncryption?: string | undefined
  /** What wrapped keys before; still read. Default `SALLYPORT_FORMER_KEY_ENCRYPTION`. */
  readonly formerKeyEncryption?: string | undefined
  /** `<vkey>=<url>` of witnesses to ask, beside the agents. */
  readonly witnesses?: readonly string[] | undefined
  /** Cosignatures that a checkpoint needs. */
  readonly witnessesRequired?: number | undefined
  /** Milliseconds between two rounds. */
  readonly witnessInterval?: number | undefined
  /** Milliseconds for which entries may stay without, and what happens then. */
  readonly unwitnessedAfter?: number | undefined
  readonly unwitnessed?: 'alert' | 'seal' | undefined
  /** Bytes that the log may take, and bytes of its file system that must stay free; see `audit/log/quota.ts`. */
  readonly logQuota?: { readonly bytes?: number; readonly minFree?: number } | undefined
  /** File of age recipients; see `docs/security/reveal.md`. */
  readonly recipients?: string | undefined
  /** Days after which keys are destroyed, by class. */
  readonly retention?: Retention | undefined
  /** False: put nothing on the cluster; the local administrator then has whatever RBAC gives to its group. */
  readonly bindAdmins?: boolean | undefined
  /** Program and first arguments that run this CLI, for the kubeconfig. */
  readonly self: readonly string[]
  readonly version: string
}

/** The name of the local administrator. */
const ADMIN = 'admin'
const DEFAULT_PORT = 8443
const CODE_LIFETIME = 12 * 3_600_000

export interface Up {
  readonly gateway: RunningGateway
  readonly facts: UpFacts
  /** A kubectl that comes with the demo cluster. */
  readonly kubectl: string | undefined
  stop(): Promise<void>
}

/** What a script gets on one line. */
export interface UpFacts {
  readonly apiVersion: string
  readonly kind: 'Up'
  readonly url: string
  readonly caFile: string
  readonly kubeconfig: string
  readonly dataDir: string
  readonly configDir: string
  readonly connection: string
  readonly cluster: string
  readonly codeFile: string
  /** Where the CLI keeps the sign-in of this gateway. */
  readonly stateDir: string
  readonly processes: { readonly gateway: number; readonly [name: string]: number }
}

/**
 * Gateway, embedded agent, local sign-in and a connection to a cluster, in one process and one data directory. Every
 * choice that it makes can be given instead.
 */
export async function up(options: UpOptions, talk: (line: string) => void): Promise<Up> {
  const dataDir = resolve(options.dataDir ?? defaultDataDir(process.env))
  mkdirSync(dataDir, { recursive: true, mode: 0o700 })
  const logger = createLogger(options.logLevel ?? 'warn')
  if (options.configDir !== undefined && (options.presets ?? []).length > 0) {
    throw new Error('--preset is given beside --config-dir: name presets under `use` in a policy there')
  }
  const postgres = await chooseStore(
    { url: options.store, password: options.storePassword },
    process.env,
    process.cwd(),
  )
  const keyEncryption = chooseKeyEncryption(options.keyEncryption, process.env)
  const formerKeyEncryption = chooseKeyEncryption(
    options.formerKeyEncryption,
    process.env,
    'SALLYPORT_FORMER_KEY_ENCRYPTION',
  )
  if (formerKeyEncryption !== undefined && keyEncryption === undefined) {
    throw new Error('--former-key-encryption is given without --key-encryption')
  }
  if (postgres !== undefined && isInTheClear(postgres)) {
    talk('the store is on another machine, and nothing encrypts the way there (sslmode=disable)')
  }
  // A configuration of one's own names its clusters itself; nothing is taken from the environment then.
  const named = options.configDir === undefined || options.kubeconfig !== undefined
  const choice = named
    ? chooseCluster({ kubeconfig: options.kubeconfig, context: options.context, env: process.env })
    : undefined
  const demoKubeconfig = join(dataDir, 'demo-cluster', 'kubeconfig')
  const cluster =
    choice?.kind === 'kubeconfig'
      ? {
          connection: connectionNameOf(choice.context),
          kubeconfig: resolve(choice.file),
          context: choice.context,
        }
      : { connection: 'demo', kubeconfig: demoKubeconfig }
  const configDir =
    options.configDir ??
    writeOwnConfiguration(dataDir, cluster, readPreset('local') + presetsPolicy(options.presets ?? []))

  // On the same machine as the log: it shows what is rewritten by mistake or from a backup, not what its owner does.
  const witness = await openAgentWitness({
    directory: join(dataDir, 'embedded-agent', 'witness'),
    agent: 'embedded',
    logs: [],
    onTrouble: detail => logger.error({ detail }, 'the embedded witness'),
  })
  const agent = createAgent({ name: 'embedded', connections: [], witness })
  const gateway = await openOn(options, {
    dataDir,
    configDir,
    origin: `sallyport.local/${randomOrigin(dataDir)}`,
    version: options.version,
    logger,
    ...(postgres === undefined ? {} : { postgres }),
    ...(keyEncryption === undefined ? {} : { keyEncryption }),
    ...(formerKeyEncryption === undefined ? {} : { formerKeyEncryption }),
    embedded: agent,
    witnesses: witnessesOf(options),
    audit: {
      ...(options.logQuota === undefined ? {} : { quota: options.logQuota }),
      ...(options.recipients === undefined ? {} : { recipients: await readRecipients(options.recipients) }),
    },
    ...(options.retention === undefined ? {} : { retention: options.retention }),
    onFinished: options.output === 'json' ? undefined : createLiveLine(line => talk(`  ${line}`)),
  }).catch(async error => {
    await witness.close()
    throw error
  })
  let demo: DemoCluster | undefined
  try {
    gateway.documents.subscribe(() => void connectAgent(agent, gateway, logger))
    const caFile = join(dataDir, 'pki', 'ca.crt')
    const stateDir = join(dataDir, 'client')
    const codeFile = await issueCode(gateway, dataDir)
    const name = gateway.directory.byName(cluster.connection)?.name ?? gateway.directory.all()[0]?.name
    if (name === undefined)
      throw new Error(`${configDir} holds no Connection; add one with agents: [embedded]`)
    const kubeconfig = join(dataDir, 'kubeconfig')
    const [command = '', ...first] = options.self
    const flags = ['--gateway', gateway.url, '--connection', name, '--ca-file', caFile]
    const entries = entriesOf({
      connection: name,
      gatewayName: nameOf(gateway.url),
      server: `${gateway.url}/k/${name}`,
      certificateAuthority: gateway.authority.pem,
      exec: {
        command,
        args: [...first, 'credential', ...flags, '--code-file', codeFile, '--state-dir', stateDir],
      },
      namespace: 'default',
    })
    replacePrivately(kubeconfig, await renderKubeconfig([entries], entries.name))
    const facts: UpFacts = {
      apiVersion: 'sallyport.dev/v1',
      kind: 'Up',
      url: gateway.url,
      caFile,
      kubeconfig,
      dataDir,
      configDir,
      connection: name,
      cluster: clusterOf(choice, configDir),
      codeFile,
      stateDir,
      processes: { gateway: process.pid },
    }
    const ready = (async () => {
      if (choice?.kind === 'demo')
        demo = await startDemoCluster(dataDir, line => talk(`demo cluster: ${line}`))
      await connectAgent(agent, gateway, logger)
      if (options.bindAdmins !== false && options.configDir === undefined) await bind(cluster, gateway, talk)
    })()
    // With a cluster at hand it takes milliseconds; the demo cluster comes up in the background.
    if (choice?.kind !== 'demo') await ready
    else ready.catch(error => talk(`demo cluster: ${error instanceof Error ? error.message : error}`))
    return {
      gateway,
      facts,
      get kubectl() {
        return demo?.kubectl
      },
      async stop() {
        await gateway.close()
        await agent.close()
        await witness.close()
        await demo?.stop()
      },
    }
  } catch (error) {
    await gateway.close()
    await witness.close()
    throw error
  }
}

/** Options and no document: who may write documents must not be able to send the witnesses away. */
function witnessesOf(options: UpOptions): NonNullable<Parameters<typeof openGateway>[0]['witnesses']> {
  const { witnesses, witnessesRequired, witnessInterval, unwitnessedAfter, unwitnessed } = options
  return {
    links: (witnesses ?? []).map(parseWitness),
    ...(witnessesRequired === undefined ? {} : { required: witnessesRequired }),
    ...(witnessInterval === undefined ? {} : { interval: witnessInterval }),
    ...(unwitnessedAfter === undefined ? {} : { unwitnessedAfter }),
    ...(unwitnessed === undefined ? {} : { action: unwitnessed }),
  }
}

/** For the person who started it. */
function clusterOf(choice: ClusterChoice | undefined, configDir: string): string {
  if (choice === undefined) return `the connections in ${configDir}`
  return choice.kind === 'demo' ? 'demo' : `${resolve(choice.file)} (${choice.context})`
}

/** The default port, or a free one when somebody else has it; what was asked for is never replaced. */
async function openOn(
  options: UpOptions,
  rest: Omit<Parameters<typeof openGateway>[0], 'listen' | 'names' | 'onFinished'> & {
    readonly onFinished: Parameters<typeof openGateway>[0]['onFinished'] | undefined
  },
): Promise<RunningGateway> {
  const { onFinished, ...others } = rest
  const { host, port } = parseListen(options.listen ?? `127.0.0.1:${DEFAULT_PORT}`)
  const names =
    host === '0.0.0.0' || host === '::' ? ['localhost', '127.0.0.1'] : [host, 'localhost', '127.0.0.1']
  const open = (at: number) =>
    openGateway({
      ...others,
      listen: { host, port: at },
      names: [...new Set(names)],
      ...(onFinished === undefined ? {} : { onFinished }),
    })
  try {
    return await open(port)
  } catch (error) {
    if (options.listen !== undefined || (error as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw error
    return await open(0)
  }
}

export function parseListen(text: string): { host: string; port: number } {
  const match = /^(?:\[([0-9a-fA-F:]+)\]|([^:]*)):(\d{1,5})$/.exec(text)
  const port = Number(match?.[3])
  if (match === null || port > 65_535)
    throw new Error(`--listen takes HOST:PORT, not ${JSON.stringify(text)}`)
  return { host: match[1] ?? (match[2] === '' ? '127.0.0.1' : match[2]!), port }
}

/** Gives the embedded agent the connections that name it, with the credentials that their documents point to. */
async function connectAgent(agent: Agent, gateway: RunningGateway, logger: Logger): Promise<void> {
  const connections: AgentConnection[] = []
  const records = gateway.documents.current().records.filter(r => r.document.kind === 'Connection')
  // A kubeconfig can name a program to run. Which ones are read is decided by who may write files on this machine, not
  // by who may write documents through the API.
  const named = new Set(records.filter(r => r.source === 'file').flatMap(r => kubeconfigsOf(r.document)))
  for (const { document } of records) {
    if (document.kind !== 'Connection' || document.spec.kubernetes === undefined) continue
    if (!document.spec.agents.includes('embedded')) continue
    if (!kubeconfigsOf(document).every(path => named.has(path))) {
      logger.warn(
        { connection: document.metadata.name },
        'its kubeconfig is named by no document of the directory',
      )
      continue
    }
    try {
      connections.push(await agentConnection(document, gateway))
    } catch (error) {
      logger.warn(
        { connection: document.metadata.name, error },
        'the embedded agent cannot serve a connection',
      )
    }
  }
  agent.setConnections(connections)
}

/** All that it points to, also by leaving it out. */
function kubeconfigsOf(document: ConfigDocument): (string | undefined)[] {
  if (document.kind !== 'Connection') return []
  const { kubernetes } = document.spec
  return [kubernetes?.kubeconfig, ...(kubernetes?.binder === undefined ? [] : [kubernetes.binder.kubeconfig])]
}

async function agentConnection(
  document: ConnectionDocument,
  { ownCalls }: RunningGateway,
): Promise<AgentConnection> {
  const place = document.spec.kubernetes!
  const { name, upstreamIdentity, serviceAccounts, bindings = [] } = toConnection(document)
  const mayBind = mayBindOf(bindings)
  const connection: AgentConnection = {
    name,
    upstreamIdentity,
    serviceAccounts: serviceAccounts.enabled,
    session: await credentialAt(place),
    ...(place.binder === undefined || mayBind === undefined
      ? {}
      : { binder: await credentialAt(place.binder), mayBind }),
  }
  const oneIdentity = await isOneIdentity(connection, request => {
    const { method, target } = request
    // A log that cannot take it is sealed, and says so by itself.
    ownCalls.made({ connection: name, purpose: 'checks', method, target }, request).catch(() => {})
  })
  if (oneIdentity) {
    throw new Error('kubernetes and kubernetes.binder are the same identity; the binder needs one of its own')
  }
  return connection
}

async function credentialAt(place: {
  readonly kubeconfig?: string | undefined
  readonly context?: string | undefined
}): Promise<UpstreamCredential> {
  const { kubeconfig, context } = place
  const { credential } = await readKubeconfig({
    ...(kubeconfig === undefined ? {} : { path: kubeconfig }),
    ...(context === undefined ? {} : { context }),
  })
  return credential
}

async function bind(
  cluster: { connection: string; kubeconfig: string; context?: string },
  gateway: RunningGateway,
  talk: (line: string) => void,
): Promise<void> {
  try {
    const { credential } = await readKubeconfig({
      path: cluster.kubeconfig,
      ...(cluster.context === undefined ? {} : { context: cluster.context }),
    })
    const outcome = await ensureLocalAdmins(credential, cluster.connection, gateway.ownCalls)
    if (outcome.state === 'created') {
      talk(
        'put one object on the cluster: ClusterRoleBinding sallyport-local-admins (gives local:admins cluster-admin;',
      )
      talk(
        'remove it with: kubectl delete clusterrolebinding sallyport-local-admins; start with --no-bind to go without)',
      )
    } else if (outcome.state === 'refused') {
      talk(`could not bind the local administrators (${outcome.detail}); RBAC decides what they may do`)
    }
  } catch (error) {
    talk(`could not reach the cluster: ${error instanceof Error ? error.message : error}`)
  }
}

/** A one-time code for the local administrator, in a file that only this user can read: never in argv. */
async function issueCode(gateway: RunningGateway, dataDir: string): Promise<string> {
  await putLocalUser(gateway.store, { name: ADMIN, displayName: 'Local administrator', groups: ['admins'] })
  const { code } = await gateway.codes.issue(ADMIN, CODE_LIFETIME)
  const file = join(dataDir, 'admin-code')
  rmSync(file, { force: true })
  writeFileSync(file, `${code}\n`, { mode: 0o600 })
  return file
}

/** Fixed for the life of the data directory, different between any two. */
function randomOrigin(dataDir: string): string {
  const file = join(dataDir, 'origin')
  try {
    return readFileSync(file, 'utf8').trim()
  } catch {
    const origin = crypto.randomUUID().slice(0, 8)
    writeFileSync(file, `${origin}\n`, { mode: 0o600 })
    return origin
  }
}

function defaultDataDir(env: NodeJS.ProcessEnv): string {
  if (env.SALLYPORT_DATA_DIR) return env.SALLYPORT_DATA_DIR
  if (process.platform === 'win32')
    return join(env.LOCALAPPDATA ?? join(homedir(), 'AppData', 'Local'), 'sallyport')
  if (process.platform === 'darwin') return join(homedir(), 'Library', 'Application Support', 'sallyport')
  // The XDG specification: what is not an absolute path is to be ignored.
  const xdg = env.XDG_DATA_HOME?.startsWith('/') ? env.XDG_DATA_HOME : join(homedir(), '.local', 'share')
  return join(xdg, 'sallyport')
}
