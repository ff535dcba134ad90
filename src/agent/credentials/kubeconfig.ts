import { readFile } from 'node:fs/promises'
import { homedir } from 'node:os'
import { delimiter, dirname, join, resolve } from 'node:path'
import { parse } from 'yaml'
import { parseServer, type UpstreamTarget } from '../upstream/target.ts'
import { fixedCredential, type UpstreamCredential } from './credential.ts'
import { EXEC_API_VERSIONS, type ExecPlugin, execCredential } from './exec-plugin.ts'
import { bearer, tokenFileCredential } from './token.ts'

export interface KubeconfigOptions {
  /** One file; absent: `$KUBECONFIG` (a list), else `~/.kube/config`. */
  readonly path?: string
  /** Absent: the current context. */
  readonly context?: string
  /** Accept `insecure-skip-tls-verify`. */
  readonly allowInsecure?: boolean
  readonly env?: Readonly<Record<string, string | undefined>>
}

export interface KubeconfigCredential {
  readonly context: string
  readonly credential: UpstreamCredential
}

type Fields = Readonly<Record<string, unknown>>

/** A named entry and the folder that its relative paths start from. */
interface Entry {
  readonly fields: Fields
  readonly folder: string
}

/**
 * Reads a kubeconfig's context: cluster, CA and credential. Only reads: the files are the user's. What it cannot do
 * safely (proxies, basic passwords, impersonation, legacy auth providers) it refuses by name.
 */
export async function readKubeconfig(options: KubeconfigOptions = {}): Promise<KubeconfigCredential> {
  const paths = kubeconfigPaths(options)
  const files = await Promise.all(paths.map(path => readFields(path, paths.length > 1)))
  const present = files.filter(file => file !== undefined)
  if (present.length === 0) throw new Error(`no kubeconfig at ${paths.join(delimiter)}`)
  // As client-go merges: the first file that says something wins.
  const find = (list: string, kind: string, name: string): Entry => {
    for (const file of present) {
      const entries = file.fields[list]
      const found = Array.isArray(entries) ? entries.find(entry => fieldsOf(entry).name === name) : undefined
      if (found !== undefined) return { fields: fieldsOf(fieldsOf(found)[kind]), folder: file.folder }
    }
    throw new Error(`the kubeconfig has no ${kind} named ${JSON.stringify(name)}`)
  }
  const context =
    options.context ?? present.map(file => text(file.fields, 'current-context')).find(name => name !== '')
  if (context === undefined) throw new Error('the kubeconfig has no current context; name one')
  const { fields } = find('contexts', 'context', context)
  const cluster = find('clusters', 'cluster', text(fields, 'cluster'))
  const user = find('users', 'user', text(fields, 'user'))
  const target = await readCluster(cluster, options.allowInsecure === true)
  return { context, credential: await readUser(user, cluster, target, options) }
}

export function kubeconfigPaths(options: Pick<KubeconfigOptions, 'path' | 'env'>): string[] {
  if (options.path !== undefined) return [options.path]
  const env = options.env ?? process.env
  const listed = (env.KUBECONFIG ?? '').split(delimiter).filter(path => path !== '')
  return listed.length > 0 ? [...new Set(listed)] : [join(env.HOME ?? homedir(), '.kube', 'config')]
}

/** Of a list, files that do not exist are passed over, as client-go does. */
async function readFields(path: string, mayBeMissing: boolean): Promise<Entry | undefined> {
  let content: string
  try {
    content = await readFile(path, 'utf8')
  } catch (error) {
    if (mayBeMissing && (error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw new Error(`cannot read the kubeconfig ${path}: ${(error as NodeJS.ErrnoException).code}`)
  }
  let parsed: unknown
  try {
    parsed = parse(content, { maxAliasCount: 0 })
  } catch {
    // The parser's own message quotes lines of the file, and with them secrets.
    throw new Error(`the kubeconfig ${path} is not valid YAML`)
  }
  return { fields: fieldsOf(parsed), folder: dirname(resolve(path)) }
}

async function readCluster(cluster: Entry, allowInsecure: boolean): Promise<UpstreamTarget> {
  const { fields } = cluster
  if (text(fields, 'proxy-url') !== '') {
    throw new Error('proxy-url is not supported: run an agent where it reaches the cluster directly')
  }
  const insecure = fields['insecure-skip-tls-verify'] === true
  if (insecure && !allowInsecure) {
    throw new Error('insecure-skip-tls-verify is refused: give the cluster a certificate-authority')
  }
  const certificateAuthority = await fileOrData(cluster, 'certificate-authority')
  const serverName = text(fields, 'tls-server-name')
  return {
    ...parseServer(text(fields, 'server')),
    ...(certificateAuthority === undefined ? {} : { certificateAuthority }),
    ...(serverName === '' ? {} : { serverName }),
    ...(insecure ? { insecure } : {}),
  }
}

async function readUser(
  user: Entry,
  cluster: Entry,
  target: UpstreamTarget,
  options: KubeconfigOptions,
): Promise<UpstreamCredential> {
  const { fields } = user
  for (const field of [
    'as',
    'as-uid',
    'as-groups',
    'as-user-extra',
    'username',
    'password',
    'auth-provider',
  ]) {
    if (fields[field] !== undefined) {
      throw new Error(`${field} of a kubeconfig user is not supported; use a token, a certificate or exec`)
    }
  }
  const certificate = await fileOrData(user, 'client-certificate')
  const key = await fileOrData(user, 'client-key')
  if ((certificate === undefined) !== (key === undefined)) {
    throw new Error('client-certificate and client-key must be given together')
  }
  const tokenFile = text(fields, 'tokenFile')
  const token = text(fields, 'token')
  const exec = fields.exec
  const given = [certificate, tokenFile || token || undefined, exec].filter(one => one !== undefined)
  if (given.length === 0) throw new Error('the kubeconfig user has no credential')
  if (given.length > 1) throw new Error('the kubeconfig user has more than one credential; keep one')
  if (certificate !== undefined && key !== undefined) {
    return fixedCredential(target, 'client certificate of a kubeconfig', {
      authorization: '',
      certificate: { certificate, key },
    })
  }
  if (exec !== undefined) {
    const plugin = readExec(fieldsOf(exec), user.folder, cluster.fields)
    return execCredential(target, plugin, options.env === undefined ? {} : { env: options.env })
  }
  if (tokenFile !== '') return tokenFileCredential(target, resolve(user.folder, tokenFile))
  return fixedCredential(target, 'token of a kubeconfig', { authorization: bearer(token) })
}

function readExec(exec: Fields, folder: string, cluster: Fields): ExecPlugin {
  const apiVersion = EXEC_API_VERSIONS.find(version => version === exec.apiVersion)
  if (apiVersion === undefined) {
    throw new Error(`exec must name apiVersion ${EXEC_API_VERSIONS.join(' or ')}`)
  }
  const command = text(exec, 'command')
  if (command === '') throw new Error('exec has no command')
  if (exec.interactiveMode === 'Always') {
    throw new Error('a credential plugin that always needs a terminal cannot be used by an agent')
  }
  const extensions = Array.isArray(cluster.extensions) ? cluster.extensions.map(fieldsOf) : []
  return {
    apiVersion,
    // A path is relative to the kubeconfig; a bare name is for PATH (client-go: ResolveLocalPaths).
    command: /[/\\]/.test(command) ? resolve(folder, command) : command,
    args: stringsOf(exec.args),
    env: (Array.isArray(exec.env) ? exec.env : []).map(entry => {
      const { name, value } = fieldsOf(entry)
      return [String(name), String(value ?? '')] as const
    }),
    provideClusterInfo: exec.provideClusterInfo === true,
    clusterConfig: extensions.find(one => one.name === 'client.authentication.k8s.io/exec')?.extension,
    installHint: text(exec, 'installHint'),
  }
}

/** `<name>-data` (base64) wins over the file `<name>`, as in client-go. */
async function fileOrData(entry: Entry, name: string): Promise<string | undefined> {
  const data = text(entry.fields, `${name}-data`)
  if (data !== '') return Buffer.from(data, 'base64').toString('utf8')
  const path = text(entry.fields, name)
  if (path === '') return undefined
  try {
    return await readFile(resolve(entry.folder, path), 'utf8')
  } catch (error) {
    throw new Error(`cannot read ${name} ${path}: ${(error as NodeJS.ErrnoException).code}`)
  }
}

function fieldsOf(value: unknown): Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Fields) : {}
}

function text(fields: Fields, name: string): string {
  const value = fields[name]
  return typeof value === 'string' ? value : ''
}

function stringsOf(value: unknown): string[] {
  return Array.isArray(value) ? value.map(String) : []
}
