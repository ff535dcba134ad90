import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { stringify } from 'yaml'
import { API_VERSION } from '../brand.ts'
import { LOCAL_ADMIN_GROUP, UPSTREAM_ADMIN_GROUP } from './local-admins.ts'

export interface UpCluster {
  readonly connection: string
  readonly kubeconfig: string
  readonly context?: string
}

/**
 * Writes what `up` configures by itself into the configuration directory of its data directory, as documents that a
 * person can read and copy. Written anew at each start; a directory of one's own is named with --config-dir.
 */
export function writeOwnConfiguration(dataDir: string, cluster: UpCluster, policies: string): string {
  const directory = join(dataDir, 'config')
  mkdirSync(directory, { recursive: true, mode: 0o700 })
  const connection = {
    apiVersion: API_VERSION,
    kind: 'Connection',
    metadata: { name: cluster.connection },
    spec: {
      agents: ['embedded'],
      upstreamIdentity: 'principal',
      groupMappings: [{ group: LOCAL_ADMIN_GROUP, upstream: [UPSTREAM_ADMIN_GROUP] }],
      serviceAccounts: { enabled: true },
      hosts: [`${cluster.connection}.sallyport.localhost`],
      kubernetes: {
        kubeconfig: cluster.kubeconfig,
        ...(cluster.context === undefined ? {} : { context: cluster.context }),
      },
    },
  }
  const head = '# Written by `sallyport up` at each start. For a configuration of your own: --config-dir.\n'
  writeFileSync(join(directory, 'up.yaml'), `${head}${stringify(connection)}---\n${policies}`, {
    mode: 0o600,
  })
  return directory
}
