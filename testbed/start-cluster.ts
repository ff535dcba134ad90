import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { type Binaries, type BuildOptions, buildTestbed } from './build.ts'
import {
  type ClusterFiles,
  prepareClusterFiles,
  type StaticToken,
  writeAuditPolicy,
  writeStaticTokens,
} from './cluster-files.ts'
import { type Component, logTail, startComponent } from './component.ts'
import {
  apiServerFlags,
  controllerManagerFlags,
  etcdFlags,
  type FlagFacts,
  kubeletFlags,
} from './component-flags.ts'
import { freePorts, isPortFree } from './free-ports.ts'
import { writeKubeconfig } from './kubeconfig.ts'
import type { CertificateRequest, KeyPair } from './pki.ts'
import { createProbe, type Probe } from './probe.ts'

export interface ClusterOptions {
  /** Executables; default `await buildTestbed({ onProgress })`. */
  readonly binaries?: Binaries
  /** Folder to keep PKI and data in; a later start with the same folder continues. Default: a temporary one, removed at stop. */
  readonly dir?: string
  /** Port of the API server. Default: a free one, or in a kept folder the one of the last run when it is free. */
  readonly port?: number
  /** Default: true when `binaries` has one. True without one is an error. */
  readonly controllerManager?: boolean
  /** Names of nodes, each a kubelet process; the first takes all unassigned pods. Default `['node-a']`; `[]` for none. */
  readonly nodes?: readonly string[]
  /** How containers run: in `namespaces` (root, or a user who may make user namespaces) or as plain processes; `auto` tries. */
  readonly isolation?: 'auto' | 'namespaces' | 'none'
  /** Nodes declare `ExtendWebSocketsToKubelet`, so the API server passes WebSockets through. Default true. */
  readonly nodeWebSockets?: boolean
  /** Programs that every container finds in its PATH, by name. Default: our kubectl. */
  readonly podTools?: Readonly<Record<string, string>>
  /** Further flags of kube-apiserver, given last: for a flag that is also ours, yours wins. */
  readonly apiServerFlags?: readonly string[]
  readonly staticTokens?: readonly StaticToken[]
  /** Audiences accepted by the API server. Default: its URL and `https://kubernetes.default.svc`. */
  readonly apiAudiences?: readonly string[]
  /** Default false: without a credential everything is 401, /readyz too. */
  readonly anonymousAuth?: boolean
  readonly onProgress?: (line: string) => void
  /** Ends the build or the start with an error, after cleaning up. */
  readonly signal?: AbortSignal
  /** Time limit for everything to be ready, in milliseconds. Default 120 000. */
  readonly readyTimeoutMs?: number
}

export interface Cluster {
  /** https://127.0.0.1:port */
  readonly url: string
  readonly dir: string
  /** Kubeconfig of the administrator (client certificate in system:masters). */
  readonly kubeconfig: string
  /**
   * Kubeconfig of a gateway's agent: as strong, under a name of its own (`sallyport-agent`), so that the cluster's audit
   * log tells what came through the gateway from what tests do directly.
   */
  readonly agentKubeconfig: string
  readonly caFile: string
  readonly adminCertFile: string
  readonly adminKeyFile: string
  /** Private key of `agentKubeconfig`. */
  readonly agentKeyFile: string
  /** Client certificate that the API server takes as an authenticating proxy. */
  readonly frontProxyCertFile: string
  readonly frontProxyKeyFile: string
  /** Public key of the service-account issuer (PEM). */
  readonly serviceAccountKeyFile: string
  /** Our kubectl, of the server's version. */
  readonly kubectl: string
  /** Audit log: one audit.k8s.io/v1 Event a line, written before the answer leaves. */
  readonly auditLog: string
  readonly issuer: string
  readonly apiAudiences: readonly string[]
  readonly nodes: readonly string[]
  readonly processes: readonly { readonly name: string; readonly pid: number; readonly logFile: string }[]
  /** Resolves with an error that names the first process that ended before `stop` was called. */
  readonly died: Promise<Error>
  /** Issues a client certificate of the cluster's authority. */
  clientCertificate(commonName: string, organizations?: readonly string[]): KeyPair
  /** Ends all processes; removes the folder when it is a temporary one. Can be called twice. */
  stop(): Promise<void>
}

/** The user that a cluster sees behind `agentKubeconfig`. */
export const AGENT_USER = 'sallyport-agent'

const attempts = 3

/**
 * Starts etcd, kube-apiserver, kube-controller-manager and kubelets on free loopback ports and resolves
 * when pods can be created. Throws with the end of the log of a component that dies.
 */
export async function startCluster(options: ClusterOptions = {}): Promise<Cluster> {
  const binaries = options.binaries ?? (await buildTestbed(buildOptions(options)))
  for (let attempt = 1; ; attempt++) {
    try {
      return await startOnce(options, binaries)
    } catch (error) {
      // Between choosing a free port and using it, another process can have taken it.
      const portTaken = error instanceof Error && error.message.includes('address already in use')
      if (!portTaken || options.port !== undefined || attempt === attempts) throw error
    }
  }
}

async function startOnce(options: ClusterOptions, binaries: Binaries): Promise<Cluster> {
  const dir = options.dir === undefined ? temporaryDir() : resolve(options.dir)
  mkdirSync(dir, { recursive: true, mode: 0o700 })
  const components: Component[] = []
  const stop = async (): Promise<void> => {
    await stopAll(components, options.dir === undefined)
    if (options.dir === undefined) rmSync(dir, { recursive: true, force: true })
  }
  try {
    return await bringUp(options, binaries, dir, components, stop)
  } catch (error) {
    await stop()
    throw error
  }
}

async function bringUp(
  options: ClusterOptions,
  binaries: Binaries,
  dir: string,
  components: Component[],
  stop: () => Promise<void>,
): Promise<Cluster> {
  const started = Date.now()
  const progress = options.onProgress ?? (() => {})
  const files = prepareClusterFiles(dir)
  const facts = await flagFacts(options, dir, files)
  writeAuditPolicy(join(dir, 'audit-policy.json'))
  if (facts.staticTokens) writeStaticTokens(join(dir, 'tokens.csv'), options.staticTokens ?? [])
  const kubeconfig = join(dir, 'kubeconfig')
  const admin = files.certificate('admin', unused)
  writeKubeconfig(kubeconfig, { server: facts.url, ca: files.ca.cert, user: admin })
  const agent = { commonName: AGENT_USER, organizations: ['system:masters'], usage: 'client' } as const
  const agentUser = files.certificate('agent', ca => ca.issue(agent))
  writeKubeconfig(join(dir, 'agent-kubeconfig'), { server: facts.url, ca: files.ca.cert, user: agentUser })

  const run = async (name: string, executable: string, args: string[]): Promise<void> => {
    const logFile = join(dir, 'logs', `${name}.log`)
    components.push(await startComponent({ name, executable, args, dir, logFile }))
  }
  const probe = createProbe(facts.url, files.ca.cert, admin)
  const deadline = started + (options.readyTimeoutMs ?? 120_000)
  const until = (what: string, ready: () => Promise<boolean>): Promise<void> =>
    waitFor(what, ready, components, deadline, options.signal)
  try {
    await run('etcd', binaries.etcd, etcdFlags(facts))
    await run('kube-apiserver', binaries.kubeApiserver, apiServerFlags(facts))
    await until('kube-apiserver', () => probe.ok('/readyz'))
    progress(`API server ready after ${seconds(started)}`)
    const nodes = await startOthers(options, binaries, facts, run)
    if (components.some(each => each.name === 'kube-controller-manager')) {
      await until('the default service account', () => defaultNamespaceReady(probe))
    }
    for (const node of nodes) await until(`node ${node}`, () => nodeReady(probe, node))
    progress(`cluster ready after ${seconds(started)}`)
    return describe(facts, binaries, kubeconfig, nodes, components, stop)
  } finally {
    probe.close()
  }
}

async function flagFacts(options: ClusterOptions, dir: string, files: ClusterFiles): Promise<FlagFacts> {
  const [freePort = 0, etcdPort = 0, etcdPeerPort = 0] = await freePorts(3)
  const port = options.port ?? (await lastPort(dir)) ?? freePort
  writeFileSync(join(dir, 'port'), `${port}\n`)
  const url = `https://127.0.0.1:${port}`
  return {
    dir,
    files,
    url,
    port,
    etcdPort,
    etcdPeerPort,
    apiAudiences: options.apiAudiences ?? [url, 'https://kubernetes.default.svc'],
    anonymousAuth: options.anonymousAuth ?? false,
    staticTokens: (options.staticTokens ?? []).length > 0,
    extra: options.apiServerFlags ?? [],
  }
}

/** Keeping the port keeps the issuer of service-account tokens, and users' kubeconfigs, valid. */
async function lastPort(dir: string): Promise<number | undefined> {
  const file = join(dir, 'port')
  const port = existsSync(file) ? Number(readFileSync(file, 'utf8')) : Number.NaN
  return Number.isInteger(port) && (await isPortFree(port)) ? port : undefined
}

async function startOthers(
  options: ClusterOptions,
  binaries: Binaries,
  facts: FlagFacts,
  run: (name: string, executable: string, args: string[]) => Promise<void>,
): Promise<readonly string[]> {
  const wanted = (asked: boolean | undefined, path: string | undefined, name: string): path is string => {
    if (asked === true && path === undefined) throw new Error(`the testbed has no ${name} executable here`)
    return asked !== false && path !== undefined
  }
  const controllers = binaries.kubeControllerManager
  if (wanted(options.controllerManager, controllers, 'kube-controller-manager')) {
    const request = { commonName: 'system:kube-controller-manager', usage: 'client' } as const
    const kubeconfig = componentKubeconfig(facts, 'controller-manager', request)
    await run('kube-controller-manager', controllers, controllerManagerFlags(facts, kubeconfig))
  }
  const nodes = options.nodes ?? ['node-a']
  if (!wanted(options.nodes && nodes.length > 0, binaries.kubelet, 'kubelet')) return []
  for (const [index, name] of nodes.entries()) {
    await run(
      `kubelet-${name}`,
      binaries.kubelet,
      nodeFlags(options, facts, binaries.kubectl, name, index === 0),
    )
  }
  return nodes
}

/** A node has its own identity, as on a real cluster: the Node authorizer and NodeRestriction apply to it. */
function nodeFlags(
  options: ClusterOptions,
  facts: FlagFacts,
  kubectl: string,
  name: string,
  scheduler: boolean,
): string[] {
  const identity = { commonName: `system:node:${name}`, organizations: ['system:nodes'] }
  facts.files.certificate(`node-${name}-serving`, ca =>
    ca.issue({ ...identity, usage: 'server', addresses: ['127.0.0.1', 'localhost', name] }),
  )
  return kubeletFlags(facts, {
    name,
    dir: join(facts.dir, 'nodes', name),
    kubeconfig: componentKubeconfig(facts, `node-${name}`, { ...identity, usage: 'client' }),
    schedulerKubeconfig: scheduler
      ? componentKubeconfig(facts, 'scheduler', { commonName: 'system:kube-scheduler', usage: 'client' })
      : undefined,
    isolation: options.isolation ?? 'auto',
    websockets: options.nodeWebSockets ?? true,
    tools: options.podTools ?? { kubectl },
  })
}

function componentKubeconfig(facts: FlagFacts, name: string, request: CertificateRequest): string {
  const path = join(facts.dir, 'kubeconfigs', name)
  const user = facts.files.certificate(name, ca => ca.issue(request))
  writeKubeconfig(path, { server: facts.url, ca: facts.files.ca.cert, user, name })
  return path
}

async function defaultNamespaceReady(probe: Probe): Promise<boolean> {
  const inDefault = '/api/v1/namespaces/default'
  return (
    (await probe.ok(`${inDefault}/serviceaccounts/default`)) &&
    (await probe.ok(`${inDefault}/configmaps/kube-root-ca.crt`))
  )
}

async function nodeReady(probe: Probe, name: string): Promise<boolean> {
  const node = (await probe.get(`/api/v1/nodes/${name}`)) as NodeObject | undefined
  const conditions = node?.status?.conditions ?? []
  return conditions.some(each => each.type === 'Ready' && each.status === 'True')
}

interface NodeObject {
  readonly status?: { readonly conditions?: readonly { readonly type: string; readonly status: string }[] }
}

async function waitFor(
  what: string,
  ready: () => Promise<boolean>,
  components: readonly Component[],
  deadline: number,
  signal: AbortSignal | undefined,
): Promise<void> {
  while (!(await ready())) {
    signal?.throwIfAborted()
    for (const component of components) component.check()
    if (Date.now() > deadline) {
      const logs = components.map(each => `${each.name}: ${logTail(each.logFile)}`)
      throw new Error(`the test cluster waited too long for ${what}\n${logs.join('\n')}`)
    }
    await sleep(50)
  }
}

/** Nodes first, because they end the pods; data that nobody will read needs no orderly end. */
async function stopAll(components: readonly Component[], discard: boolean): Promise<void> {
  const nodes = components.filter(each => each.name.startsWith('kubelet'))
  await Promise.all(nodes.map(each => each.stop(5_000)))
  const others = components.filter(each => each.name !== 'etcd')
  await Promise.all(others.map(each => each.stop(discard ? 0 : 10_000)))
  await Promise.all(components.map(each => each.stop(discard ? 0 : 5_000)))
}

function describe(
  facts: FlagFacts,
  binaries: Binaries,
  kubeconfig: string,
  nodes: readonly string[],
  components: readonly Component[],
  stop: () => Promise<void>,
): Cluster {
  const { ca, pki } = facts.files
  let stopped: Promise<void> | undefined
  const died = new Promise<Error>(resolve => {
    for (const component of components) {
      component.gone.then(() => {
        if (stopped !== undefined) return
        resolve(new Error(`${component.name} ended: ${logTail(component.logFile)}`))
      })
    }
  })
  return {
    url: facts.url,
    dir: facts.dir,
    kubeconfig,
    agentKubeconfig: join(facts.dir, 'agent-kubeconfig'),
    caFile: pki('ca.crt'),
    adminCertFile: pki('admin.crt'),
    adminKeyFile: pki('admin.key'),
    agentKeyFile: pki('agent.key'),
    frontProxyCertFile: pki('front-proxy-client.crt'),
    frontProxyKeyFile: pki('front-proxy-client.key'),
    serviceAccountKeyFile: pki('sa.pub'),
    kubectl: binaries.kubectl,
    auditLog: join(facts.dir, 'audit.log'),
    issuer: facts.url,
    apiAudiences: facts.apiAudiences,
    nodes,
    processes: components.map(({ name, pid, logFile }) => ({ name, pid, logFile })),
    died,
    clientCertificate: (commonName, organizations = []) =>
      ca.issue({ commonName, organizations, usage: 'client' }),
    stop() {
      stopped ??= stop()
      return stopped
    },
  }
}

function buildOptions({ onProgress, signal }: ClusterOptions): BuildOptions {
  return { ...(onProgress === undefined ? {} : { onProgress }), ...(signal === undefined ? {} : { signal }) }
}

function temporaryDir(): string {
  return mkdtempSync(join(tmpdir(), 'sallyport-testbed-'))
}

function seconds(since: number): string {
  return `${((Date.now() - since) / 1000).toFixed(1)} s`
}

function unused(): never {
  throw new Error('prepareClusterFiles has made this certificate')
}
