import { accessSync, constants, existsSync, readdirSync, readFileSync } from 'node:fs'
import { delimiter, isAbsolute, join } from 'node:path'
import type { ChosenGateway } from '../config/gateway.ts'
import type { Paths } from '../config/paths.ts'
import { type Check, failed, ok, warning } from './check.ts'

interface Named<T> {
  readonly name?: string
  readonly cluster?: T
  readonly user?: T
  readonly context?: T
}

/** Contexts of ours for this gateway, in our own files and in those that kubectl would read. */
export async function checkKubeconfigs(
  gateway: ChosenGateway,
  paths: Paths,
  env: NodeJS.ProcessEnv,
): Promise<{ checks: Check[]; own: string | undefined }> {
  const { parse } = await import('yaml')
  const checks: Check[] = []
  let own: string | undefined
  for (const file of filesOf(paths, env)) {
    let config: Readonly<Record<string, readonly Named<Readonly<Record<string, unknown>>>[]>>
    try {
      config = parse(readFileSync(file, 'utf8')) ?? {}
    } catch {
      checks.push(warning('kubeconfig', `${file} is not YAML; kubectl cannot read it either`))
      continue
    }
    for (const { name, user } of list(config.users)) {
      const exec = user?.exec as { command?: unknown; args?: unknown } | undefined
      const args = Array.isArray(exec?.args) ? exec.args.map(String) : []
      const at = args.findIndex(arg => arg === '--gateway' || arg === '--server')
      if (!args.includes('credential') || at === -1 || args[at + 1] !== gateway.server) continue
      own ??= file
      const connection = args[args.indexOf('--connection') + 1] ?? 'NAME'
      const again = `sallyport connection use ${connection} --gateway ${gateway.server}`
      checks.push(checkExec(`${name} in ${file}`, String(exec?.command ?? ''), args[0] ?? '', env, again))
      const cluster = list(config.clusters).find(c => c.name === name)?.cluster
      if (cluster?.['insecure-skip-tls-verify'] === true)
        checks.push(
          failed('kubeconfig-tls', `${name} in ${file} does not check the server certificate`, again),
        )
      const ca = Buffer.from(String(cluster?.['certificate-authority-data'] ?? ''), 'base64').toString()
      if (gateway.ca !== undefined && ca !== '' && ca.trim() !== gateway.ca.trim())
        checks.push(
          warning('kubeconfig-ca', `${name} in ${file} has another CA than ${gateway.caFile}`, again),
        )
    }
  }
  if (own === undefined) {
    const cure = `eval "$(sallyport connection use NAME --gateway ${gateway.server})"`
    checks.push(warning('kubeconfig', 'no kubeconfig has a context for this gateway', cure))
  }
  return { checks, own }
}

function checkExec(
  where: string,
  command: string,
  first: string,
  env: NodeJS.ProcessEnv,
  again: string,
): Check {
  const candidates = isAbsolute(command)
    ? [command]
    : (env.PATH ?? '').split(delimiter).map(folder => join(folder, command))
  if (!candidates.some(isExecutable))
    return failed(
      'kubeconfig-exec',
      `${where}: the credential plugin ${command} is not there or cannot be run`,
      again,
    )
  // `node /path/to/sallyport.mjs credential …`: the second half can be gone as well.
  if (isAbsolute(first) && !existsSync(first))
    return failed('kubeconfig-exec', `${where}: the credential plugin ${first} is gone`, again)
  return ok('kubeconfig-exec', where)
}

function filesOf(paths: Paths, env: NodeJS.ProcessEnv): string[] {
  const ours = join(paths.config, 'kubeconfigs')
  const own = existsSync(ours)
    ? readdirSync(ours)
        .filter(name => name.endsWith('.yaml'))
        .map(name => join(ours, name))
    : []
  const listed = (env.KUBECONFIG ?? '').split(delimiter).filter(file => file !== '')
  const users = listed.length > 0 ? listed : [join(paths.home, '.kube', 'config')]
  return [...new Set([...own, ...users])].filter(file => existsSync(file))
}

function list(value: unknown): readonly Named<Readonly<Record<string, unknown>>>[] {
  return Array.isArray(value) ? value.filter(entry => typeof entry === 'object' && entry !== null) : []
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK)
    return true
  } catch {
    return false
  }
}
