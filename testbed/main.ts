import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import type { OidcProvider } from './oidc/start-provider.ts'
import { type Cluster, type ClusterOptions, startCluster } from './start-cluster.ts'

const usage = `Usage: npm run testbed -- [options]

Starts a Kubernetes cluster of real parts on loopback and stops it on Ctrl-C.

  --dir FOLDER   keep PKI and data there; a later start goes on with them
                 (default: a temporary folder, removed at the end)
  --port PORT    port of the API server (default: a free one)
  --nodes N      number of nodes, 0 for none (default: 1)
  --oidc         also start an OIDC provider with the users alice, bob and carol
  --help
`

interface Arguments {
  readonly cluster: ClusterOptions
  readonly oidc: boolean
}

function readArguments(args: readonly string[]): Arguments | undefined {
  const { values } = parseArgs({
    args: [...args],
    options: {
      dir: { type: 'string' },
      port: { type: 'string' },
      nodes: { type: 'string', default: '1' },
      oidc: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  })
  if (values.help) return undefined
  const count = wholeNumber('--nodes', values.nodes, 20)
  const cluster: ClusterOptions = {
    onProgress: line => console.error(line),
    nodes: Array.from({ length: count }, (_, index) => `node-${String.fromCharCode(97 + index)}`),
    ...(values.dir === undefined ? {} : { dir: values.dir }),
    ...(values.port === undefined ? {} : { port: wholeNumber('--port', values.port, 65_535) }),
  }
  return { cluster, oidc: values.oidc }
}

function wholeNumber(option: string, text: string, max: number): number {
  const value = Number(text)
  if (/^\d+$/.test(text) && value <= max) return value
  throw new Error(`${option} wants a number up to ${max}, not "${text}"`)
}

function printTour(cluster: Cluster, provider: OidcProvider | undefined): void {
  const lines = [
    '',
    `export KUBECONFIG=${cluster.kubeconfig}`,
    `kubectl of the same version: ${cluster.kubectl}`,
    `API server: ${cluster.url} (authority ${cluster.caFile})`,
    `audit log: ${cluster.auditLog}`,
    `logs: ${join(cluster.dir, 'logs')}`,
  ]
  if (provider !== undefined) {
    const caFile = join(cluster.dir, 'pki', 'oidc-ca.crt')
    writeFileSync(caFile, provider.ca ?? '')
    lines.push(
      `OIDC issuer: ${provider.issuer} (authority ${caFile}), any client id, PKCE, users ${[...provider.users.keys()].join(', ')}`,
    )
  }
  console.log([...lines, 'Ctrl-C stops it.'].join('\n'))
}

async function main(): Promise<void> {
  const args = readArguments(process.argv.slice(2))
  if (args === undefined) return void process.stdout.write(usage)
  const interrupted = new Promise<void>(resolve => {
    // Kept for the whole life: a second Ctrl-C must not cut the stop short.
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => resolve())
  })
  const abort = new AbortController()
  interrupted.then(() => abort.abort(new Error('interrupted')))
  const cluster = await startCluster({ ...args.cluster, signal: abort.signal })
  const provider = args.oidc ? await startProvider() : undefined
  printTour(cluster, provider)
  await Promise.race([interrupted, death(cluster)])
  console.error('stopping')
  await Promise.all([cluster.stop(), provider?.stop()])
}

/** Loaded when asked for: the package is a development dependency and greets with a warning. */
async function startProvider(): Promise<OidcProvider> {
  const { startOidcProvider } = await import('./oidc/start-provider.ts')
  return startOidcProvider()
}

/** Resolves when a process of the cluster is gone. */
async function death(cluster: Cluster): Promise<void> {
  console.error((await cluster.died).message)
  process.exitCode = 1
}

main().catch((error: unknown) => {
  console.error(error instanceof Error ? error.message : error)
  process.exit(1)
})
