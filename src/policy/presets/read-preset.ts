import { readFileSync } from 'node:fs'
import { join } from 'node:path'

/** Shipped rules for `use`, each in a file of its name. */
export const presetNames: readonly string[] = [
  'admission-needs-approval',
  'cloud-roles-need-approval',
  'cluster-wide-reads-by-agents-limited',
  'delete-namespace-needs-approval',
  'external-storage-needs-approval',
  'no-node-proxy',
  'rbac-needs-approval',
  'secrets-read-only-by',
]

/**
 * YAML of shipped policies: `local` is what `sallyport up` starts with, `team` an example to copy, `team.test` its tests;
 * all others are for `use`.
 */
export function readPreset(name: string): string {
  return readFileSync(join(import.meta.dirname, `${name}.yaml`), 'utf8')
}
