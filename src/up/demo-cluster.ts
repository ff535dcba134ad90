import { existsSync } from 'node:fs'
import { join } from 'node:path'

/** The part of the testbed's cluster that `up` needs. */
export interface DemoCluster {
  readonly kubeconfig: string
  /** A kubectl of the cluster's version, for machines without one. */
  readonly kubectl: string
  readonly processes: readonly { readonly name: string; readonly pid: number }[]
  stop(): Promise<void>
}

/**
 * Builds (once, cached) and starts a real kube-apiserver on loopback. Throws with what is missing, and with how to
 * point `up` at a cluster instead.
 */
export async function startDemoCluster(
  dataDir: string,
  onProgress: (line: string) => void,
): Promise<DemoCluster> {
  const { startCluster } = await loadTestbed()
  try {
    return await startCluster({ dir: join(dataDir, 'demo-cluster'), onProgress })
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error)
    throw new Error(`${why}\nOr use a cluster of your own: sallyport up --kubeconfig FILE [--context NAME]`)
  }
}

async function loadTestbed(): Promise<typeof import('../../testbed/start-cluster.ts')> {
  const file = join(import.meta.dirname, '..', '..', 'testbed', 'start-cluster.ts')
  if (!existsSync(file)) {
    throw new Error('this installation does not carry the demo cluster; name a kubeconfig with --kubeconfig')
  }
  return import('../../testbed/start-cluster.ts')
}
