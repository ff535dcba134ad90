import { usage } from '../frame/failure.ts'

/** What kubectl says in KUBERNETES_EXEC_INFO (client.authentication.k8s.io/v1 ExecCredential.spec). */
export interface ExecInfo {
  readonly interactive: boolean
  /** With `provideClusterInfo`: where the credential will be sent. */
  readonly server: string | undefined
  /** PEM. */
  readonly ca: string | undefined
  readonly insecure: boolean
}

const VERSION = 'client.authentication.k8s.io/v1'

/** Undefined when a person runs the command. */
export function readExecInfo(env: NodeJS.ProcessEnv): ExecInfo | undefined {
  const text = env.KUBERNETES_EXEC_INFO
  if (text === undefined || text === '') return undefined
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    throw usage('KUBERNETES_EXEC_INFO is not JSON')
  }
  const { apiVersion, spec } = (value ?? {}) as { apiVersion?: unknown; spec?: Record<string, unknown> }
  if (apiVersion !== VERSION) {
    throw usage(
      `the caller asks for ${String(apiVersion)}`,
      `set apiVersion in the kubeconfig's exec entry to ${VERSION}`,
    )
  }
  const cluster = (spec?.cluster ?? {}) as Record<string, unknown>
  const data = cluster['certificate-authority-data']
  const server = typeof cluster.server === 'string' && cluster.server !== '' ? cluster.server : undefined
  if (server !== undefined && !URL.canParse(server))
    throw usage('the server in KUBERNETES_EXEC_INFO is no URL')
  return {
    interactive: spec?.interactive === true,
    server,
    ca: typeof data === 'string' && data !== '' ? Buffer.from(data, 'base64').toString('utf8') : undefined,
    insecure: cluster['insecure-skip-tls-verify'] === true,
  }
}
