import { basename } from 'node:path'

/** A line that sets a variable in the caller's shell, quoted for it. */
export function exportLine(
  name: string,
  value: string,
  env: NodeJS.ProcessEnv,
  platform: string = process.platform,
): string {
  if (platform === 'win32' && (env.SHELL ?? '') === '')
    return `$env:${name} = '${value.replaceAll("'", "''")}'`
  if (basename(env.SHELL ?? '') === 'fish') return `set -gx ${name} '${value.replace(/['\\]/g, '\\$&')}'`
  return `export ${name}='${value.replaceAll("'", `'\\''`)}'`
}
