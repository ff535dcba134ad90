import { execFile } from 'node:child_process'
import { type Check, failed, ok, warning } from './check.ts'

/** The first minor version that takes client.authentication.k8s.io/v1 (Kubernetes 1.22), and with no known fault in it. */
const OLDEST = 24

/** Whether there is a kubectl, what it is, and how far from the cluster of our context when there is one. */
export async function checkKubectl(env: NodeJS.ProcessEnv, kubeconfig: string | undefined): Promise<Check[]> {
  const client = await versionOf(env, ['version', '--client', '-o', 'json'])
  if (client === undefined)
    return [warning('kubectl', 'there is no kubectl on the PATH', 'kubectl version --client')]
  const own = minorOf(client.clientVersion)
  if (own === undefined) return [warning('kubectl', 'its version cannot be read', 'kubectl version --client')]
  if (own.minor < OLDEST)
    return [failed('kubectl', `${own.text} is too old for our credential plugin: 1.${OLDEST} or later`)]
  const found = [ok('kubectl', own.text)]
  if (kubeconfig === undefined) return found
  const both = await versionOf({ ...env, KUBECONFIG: kubeconfig }, [
    'version',
    '-o',
    'json',
    '--request-timeout=5s',
  ])
  const cluster = minorOf(both?.serverVersion)
  if (cluster === undefined)
    return [...found, warning('kubectl-skew', 'the cluster did not say its version', 'kubectl version')]
  const apart = Math.abs(cluster.minor - own.minor)
  const text = `the cluster is ${cluster.text}`
  found.push(
    apart <= 1
      ? ok('kubectl-skew', text)
      : warning(
          'kubectl-skew',
          `${text}: kubectl is ${apart} minor versions away, and 1 is supported`,
          'kubectl version',
        ),
  )
  return found
}

type Versions = Readonly<Record<string, unknown>>

/** kubectl is not asked through a shell, and has 10 s. */
function versionOf(env: NodeJS.ProcessEnv, args: readonly string[]): Promise<Versions | undefined> {
  return new Promise(resolve => {
    const child = execFile('kubectl', args, { env, timeout: 10_000 }, (_error, stdout) => {
      try {
        resolve(JSON.parse(stdout) as Versions)
      } catch {
        resolve(undefined)
      }
    })
    child.stdin?.end()
  })
}

function minorOf(version: unknown): { readonly text: string; readonly minor: number } | undefined {
  const text = (version as { gitVersion?: unknown } | undefined)?.gitVersion
  const match = typeof text === 'string' ? /^v1\.(\d{1,4})\./.exec(text) : null
  return match === null ? undefined : { text: text as string, minor: Number(match[1]) }
}
