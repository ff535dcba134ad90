import { renameSync, writeFileSync } from 'node:fs'
import { stringify } from 'yaml'
import { API_GROUP } from '../brand.ts'

export interface KubeconfigFacts {
  readonly file: string
  /** Base URL of the connection, path prefix included. */
  readonly server: string
  /** PEM. */
  readonly certificateAuthority: string
  readonly connection: string
  /** Program and arguments of the exec credential plugin. */
  readonly command: string
  readonly args: readonly string[]
}

/**
 * Our own kubeconfig for kubectl and every other client: one context, signed in through the exec credential plugin
 * (client.authentication.k8s.io/v1), no secret in it. It carries a mark by which `up` knows that it is ours.
 */
export function writeKubeconfig(facts: KubeconfigFacts): void {
  const context = `${facts.connection}@sallyport`
  const document = {
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [
      {
        name: context,
        cluster: {
          server: facts.server,
          'certificate-authority-data': Buffer.from(facts.certificateAuthority).toString('base64'),
        },
      },
    ],
    users: [
      {
        name: context,
        user: {
          exec: {
            apiVersion: 'client.authentication.k8s.io/v1',
            command: facts.command,
            args: [...facts.args],
            interactiveMode: 'IfAvailable',
            provideClusterInfo: true,
            installHint: 'npm install in the Sallyport checkout that wrote this file',
          },
        },
      },
    ],
    contexts: [{ name: context, context: { cluster: context, user: context, namespace: 'default' } }],
    'current-context': context,
    extensions: [
      { name: API_GROUP, extension: { apiVersion: 'v1', kind: 'Mark', connection: facts.connection } },
    ],
  }
  const next = `${facts.file}.new`
  writeFileSync(next, stringify(document), { mode: 0o600 })
  renameSync(next, facts.file)
}
