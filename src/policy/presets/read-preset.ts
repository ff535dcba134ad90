import { readFileSync } from 'node:fs'
import { join } from 'node:path'

/**
 * YAML of a shipped set of policies: `local` is what `sallyport up` starts with, `team` an example to copy, `team.test`
 * its tests.
 */
export function readPreset(name: 'local' | 'team' | 'team.test'): string {
  return readFileSync(join(import.meta.dirname, `${name}.yaml`), 'utf8')
}
