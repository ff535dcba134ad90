import { API_GROUP } from '../../brand.ts'
import type { ExecEntry } from './exec-entry.ts'

export interface EntryFacts {
  readonly connection: string
  readonly gatewayName: string
  /** Base URL for kubectl. */
  readonly server: string
  /** PEM. */
  readonly certificateAuthority: string
  readonly exec: ExecEntry
  readonly namespace?: string
}

/** Cluster, user and context of one connection, all of one name: `<connection>@<gateway>`. No secret is in them. */
export interface KubeconfigEntries {
  readonly name: string
  readonly cluster: object
  readonly user: object
  readonly context: object
}

export function entriesOf(facts: EntryFacts): KubeconfigEntries {
  const name = `${facts.connection}@${facts.gatewayName}`
  return {
    name,
    cluster: {
      server: facts.server,
      'certificate-authority-data': Buffer.from(facts.certificateAuthority).toString('base64'),
    },
    user: {
      exec: {
        apiVersion: 'client.authentication.k8s.io/v1',
        command: facts.exec.command,
        args: [...facts.exec.args],
        interactiveMode: 'IfAvailable',
        provideClusterInfo: true,
        installHint:
          'the credential plugin of Sallyport is missing: write this file anew with `sallyport connection use`',
      },
    },
    context: {
      cluster: name,
      user: name,
      ...(facts.namespace === undefined ? {} : { namespace: facts.namespace }),
    },
  }
}

/** A whole kubeconfig of our own, marked so that `sallyport up` never takes it for a cluster of its own. */
export async function renderKubeconfig(
  entries: readonly KubeconfigEntries[],
  current: string,
): Promise<string> {
  const { stringify } = await import('yaml')
  return stringify(
    {
      apiVersion: 'v1',
      kind: 'Config',
      clusters: entries.map(({ name, cluster }) => ({ name, cluster })),
      users: entries.map(({ name, user }) => ({ name, user })),
      contexts: entries.map(({ name, context }) => ({ name, context })),
      'current-context': current,
      extensions: [{ name: API_GROUP, extension: { apiVersion: 'v1', kind: 'Mark' } }],
    },
    { lineWidth: 0 },
  )
}
