import { spawn } from 'node:child_process'
import { Refusal } from '../../errors/refusal.ts'
import type { UpstreamTarget } from '../upstream/target.ts'
import { type Fetched, fetchedCredential, type UpstreamCredential } from './credential.ts'
import { bearer } from './token.ts'

export const EXEC_API_VERSIONS = [
  'client.authentication.k8s.io/v1',
  'client.authentication.k8s.io/v1beta1',
] as const

export interface ExecPlugin {
  readonly apiVersion: (typeof EXEC_API_VERSIONS)[number]
  /** Absolute, or a bare name for PATH. */
  readonly command: string
  readonly args: readonly string[]
  readonly env: readonly (readonly [name: string, value: string])[]
  readonly provideClusterInfo: boolean
  /** `config` of the cluster's `client.authentication.k8s.io/exec` extension. */
  readonly clusterConfig: unknown
  readonly installHint: string
}

export interface ExecOptions {
  readonly timeout?: number
  readonly env?: Readonly<Record<string, string | undefined>>
  readonly clock?: () => number
}

const OUTPUT_LIMIT = 256 * 1024
/** A new credential is fetched this long before the old one ends. */
const EARLY = 60_000
/** Without an expiry the plugin is asked again only when the upstream says 401. */
const NO_EXPIRY = Number.POSITIVE_INFINITY

/**
 * A credential plugin of a kubeconfig (`users[].user.exec`), run without a shell and without a terminal. What it
 * prints is held in memory until it ends.
 */
export function execCredential(
  target: UpstreamTarget,
  plugin: ExecPlugin,
  options: ExecOptions = {},
): UpstreamCredential {
  const clock = options.clock ?? Date.now
  return fetchedCredential(target, `credential plugin ${plugin.command}`, async () => {
    try {
      return readExecCredential(await run(plugin, target, options), plugin, clock())
    } catch (error) {
      throw new Refusal('upstream-unreachable', {
        check: 'agent-credential',
        detail: `the agent's credential plugin failed: ${(error as Error).message}`,
        cause: error,
      })
    }
  })
}

/** Takes an ExecCredential apart. Error messages never quote what the plugin printed. */
function readExecCredential(output: string, plugin: ExecPlugin, now: number): Fetched {
  let parsed: unknown
  try {
    parsed = JSON.parse(output)
  } catch {
    throw new Error('it did not print JSON')
  }
  const { kind, apiVersion, status } = (parsed ?? {}) as Record<string, unknown>
  if (kind !== 'ExecCredential' || apiVersion !== plugin.apiVersion) {
    throw new Error(`it did not print an ExecCredential of ${plugin.apiVersion}`)
  }
  const { token, clientCertificateData, clientKeyData, expirationTimestamp } = (status ?? {}) as Record<
    string,
    unknown
  >
  const hasCertificate = typeof clientCertificateData === 'string' && typeof clientKeyData === 'string'
  if (typeof token !== 'string' && !hasCertificate)
    throw new Error('it printed neither a token nor a certificate')
  const expiresAt = expirationTimestamp === undefined ? NO_EXPIRY : Date.parse(String(expirationTimestamp))
  if (Number.isNaN(expiresAt) || expiresAt <= now) throw new Error('what it printed has already expired')
  return {
    material: {
      authorization: typeof token === 'string' ? bearer(token) : '',
      ...(hasCertificate ? { certificate: { certificate: clientCertificateData, key: clientKeyData } } : {}),
    },
    expiresAt,
    staleAt: expiresAt - Math.min(EARLY, (expiresAt - now) / 2),
  }
}

function run(plugin: ExecPlugin, target: UpstreamTarget, options: ExecOptions): Promise<string> {
  const info = {
    apiVersion: plugin.apiVersion,
    kind: 'ExecCredential',
    spec: {
      interactive: false,
      ...(plugin.provideClusterInfo ? { cluster: clusterInfo(plugin, target) } : {}),
    },
  }
  return new Promise((resolve, reject) => {
    const child = spawn(plugin.command, [...plugin.args], {
      env: {
        ...(options.env ?? process.env),
        ...Object.fromEntries(plugin.env),
        KUBERNETES_EXEC_INFO: JSON.stringify(info),
      },
      // Its messages are for the operator, who reads the agent's own standard error.
      stdio: ['ignore', 'pipe', 'inherit'],
      shell: false,
      windowsHide: true,
    })
    const timer = setTimeout(() => {
      child.kill('SIGKILL')
      reject(new Error('it did not finish in time'))
    }, options.timeout ?? 60_000)
    let output = ''
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      output += text
      if (output.length > OUTPUT_LIMIT) {
        child.kill('SIGKILL')
        reject(new Error('it printed too much'))
      }
    })
    child.on('error', error => {
      clearTimeout(timer)
      const missing = (error as NodeJS.ErrnoException).code === 'ENOENT'
      const hint = plugin.installHint === '' ? '' : `; ${plugin.installHint.slice(0, 300)}`
      reject(new Error(missing ? `${plugin.command} is not installed${hint}` : 'it could not be started'))
    })
    child.on('close', code => {
      clearTimeout(timer)
      if (code === 0) resolve(output)
      else reject(new Error(`it ended with exit code ${code}`))
    })
  })
}

function clusterInfo(plugin: ExecPlugin, target: UpstreamTarget): Record<string, unknown> {
  return {
    server: target.origin + target.basePath,
    ...(target.serverName === undefined ? {} : { 'tls-server-name': target.serverName }),
    ...(target.insecure ? { 'insecure-skip-tls-verify': true } : {}),
    ...(target.certificateAuthority === undefined
      ? {}
      : { 'certificate-authority-data': Buffer.from(target.certificateAuthority).toString('base64') }),
    ...(plugin.clusterConfig === undefined ? {} : { config: plugin.clusterConfig }),
  }
}
