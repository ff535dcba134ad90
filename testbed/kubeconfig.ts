import { Buffer } from 'node:buffer'
import { writeFileSync } from 'node:fs'
import type { KeyPair } from './pki.ts'

export interface KubeconfigContent {
  /** https://host:port, with or without a path. */
  readonly server: string
  /** PEM of the authority that signed the server's certificate. */
  readonly ca: string
  readonly user: KeyPair | { readonly token: string }
  /** Name of cluster, user and context. Default `testbed`. */
  readonly name?: string
  readonly namespace?: string
}

/** Writes a self-contained kubeconfig (certificates inline, mode 0600). JSON is YAML. */
export function writeKubeconfig(path: string, content: KubeconfigContent): void {
  const name = content.name ?? 'testbed'
  const base64 = (text: string): string => Buffer.from(text).toString('base64')
  const user =
    'token' in content.user
      ? { token: content.user.token }
      : {
          'client-certificate-data': base64(content.user.cert),
          'client-key-data': base64(content.user.key),
        }
  const config = {
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [
      { name, cluster: { server: content.server, 'certificate-authority-data': base64(content.ca) } },
    ],
    users: [{ name, user }],
    contexts: [{ name, context: { cluster: name, user: name, namespace: content.namespace ?? 'default' } }],
    'current-context': name,
  }
  writeFileSync(path, `${JSON.stringify(config, null, 2)}\n`, { mode: 0o600 })
}
