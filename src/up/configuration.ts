import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { stringify } from 'yaml'
import { API_VERSION } from '../brand.ts'
import { presetNames } from '../policy/presets/read-preset.ts'
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

/** A policy that uses shipped presets, as one more YAML document; '' when there is none. Throws for an unknown name. */
export function presetsPolicy(names: readonly string[]): string {
  if (names.length === 0) return ''
  const unknown = names.find(name => !presetNames.includes(name))
  if (unknown !== undefined) {
    throw new Error(`--preset ${unknown}: there is no such preset; see them: sallyport policy preset list`)
  }
  // Whoever started the gateway is who may read Secrets, where a preset asks for groups.
  const use = [...new Set(names)].map(preset =>
    preset === 'secrets-read-only-by' ? { preset, groups: [LOCAL_ADMIN_GROUP] } : preset,
  )
  return `---\n${stringify({ apiVersion: API_VERSION, kind: 'Policy', metadata: { name: 'presets' }, spec: { use } })}`
}
