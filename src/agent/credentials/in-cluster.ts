import { readFile } from 'node:fs/promises'
import { isIPv6 } from 'node:net'
import { join } from 'node:path'
import { parseServer } from '../upstream/target.ts'
import type { UpstreamCredential } from './credential.ts'
import { tokenFileCredential } from './token.ts'

export interface InClusterOptions {
  /** Where the kubelet mounts the service account. */
  readonly directory?: string
  readonly env?: Readonly<Record<string, string | undefined>>
}

/** The service account of the pod that this agent runs in. Rejects with an Error that says what is missing. */
export async function inClusterCredential(options: InClusterOptions = {}): Promise<UpstreamCredential> {
  const env = options.env ?? process.env
  const directory = options.directory ?? '/var/run/secrets/kubernetes.io/serviceaccount'
  const host = env.KUBERNETES_SERVICE_HOST
  const port = env.KUBERNETES_SERVICE_PORT
  if (!host || !port) {
    throw new Error('not in a cluster: KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT are not set')
  }
  const certificateAuthority = await readFile(join(directory, 'ca.crt'), 'utf8')
  const target = {
    ...parseServer(`https://${isIPv6(host) ? `[${host}]` : host}:${port}`),
    certificateAuthority,
  }
  const credential = tokenFileCredential(target, join(directory, 'token'))
  await credential.refresh()
  return credential
}
