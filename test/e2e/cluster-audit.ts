import { readFileSync } from 'node:fs'
import type { Cluster } from '../../testbed/start-cluster.ts'

/** What the tests read of an audit.k8s.io/v1 Event. */
export interface ClusterEvent {
  readonly auditID: string
  readonly verb: string
  readonly requestURI: string
  readonly user: { readonly username: string; readonly groups?: readonly string[] }
  readonly impersonatedUser?: {
    readonly username: string
    readonly groups?: readonly string[]
    readonly extra?: Readonly<Record<string, readonly string[]>>
  }
  readonly objectRef?: {
    readonly resource?: string
    readonly namespace?: string
    readonly name?: string
  }
  readonly responseStatus?: { readonly code: number }
}

/** All events of the cluster's own audit log so far; it is written before an answer leaves. */
export function clusterEvents(cluster: Pick<Cluster, 'auditLog'>): ClusterEvent[] {
  const lines = readFileSync(cluster.auditLog, 'utf8').split('\n')
  // The last line may still be being written.
  lines.pop()
  return lines.map(line => JSON.parse(line) as ClusterEvent)
}
