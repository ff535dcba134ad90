import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { buildProgram, type ProgramOptions, TestbedUnavailable } from './build-program.ts'

/** Paths of the executables that make a cluster. */
export interface Binaries {
  readonly etcd: string
  readonly kubeApiserver: string
  readonly kubectl: string
  /** Undefined when it cannot be had and `partial` was asked for. */
  readonly kubeControllerManager: string | undefined
  /** Our small kubelet; undefined as above. */
  readonly kubelet: string | undefined
}

export interface BuildOptions extends ProgramOptions {
  /**
   * Accept a cluster without controller manager and kubelet (API server only) when
   * `KUBEBUILDER_ASSETS` has the API server and Go is absent. Default: throw TestbedUnavailable.
   */
  readonly partial?: boolean
}

const advice =
  'install Go 1.26 or newer (https://go.dev/dl), or set KUBEBUILDER_ASSETS to a folder with etcd, kube-apiserver and kubectl'

/**
 * Returns the executables of a cluster, built from Go modules where needed.
 *
 * `KUBEBUILDER_ASSETS` (the convention of envtest) names a folder with etcd, kube-apiserver and kubectl,
 * and perhaps kube-controller-manager: what is there is used, the rest is built. A cold build takes 6 to 9
 * CPU-minutes, a warm one under a minute, a cached one milliseconds.
 *
 * Throws TestbedUnavailable, which says what is missing.
 */
export async function buildTestbed(options: BuildOptions = {}): Promise<Binaries> {
  const assets = (options.env ?? process.env).KUBEBUILDER_ASSETS
  if (assets === undefined || assets === '') return builtBinaries(options)
  return assetBinaries(assets, options)
}

async function builtBinaries(options: BuildOptions): Promise<Binaries> {
  const cluster = await explained(buildProgram('cluster', options))
  const kubelet = await explained(buildProgram('kubelet', options))
  const named = (name: string): string => join(cluster, '..', name)
  return {
    etcd: named('etcd'),
    kubeApiserver: named('kube-apiserver'),
    kubectl: named('kubectl'),
    kubeControllerManager: named('kube-controller-manager'),
    kubelet,
  }
}

async function assetBinaries(assets: string, options: BuildOptions): Promise<Binaries> {
  const inAssets = (name: string): string | undefined => {
    const path = join(assets, name)
    return existsSync(path) ? path : undefined
  }
  const etcd = inAssets('etcd')
  const kubeApiserver = inAssets('kube-apiserver')
  const kubectl = inAssets('kubectl')
  if (etcd === undefined || kubeApiserver === undefined || kubectl === undefined) {
    const absent = ['etcd', 'kube-apiserver', 'kubectl'].filter(name => inAssets(name) === undefined)
    throw new TestbedUnavailable(`KUBEBUILDER_ASSETS is ${assets}, which has no ${absent.join(', no ')}`)
  }
  const kubelet = await optional(options, buildProgram('kubelet', options))
  const kubeControllerManager =
    inAssets('kube-controller-manager') ?? (await optional(options, controllerManager(options)))
  return { etcd, kubeApiserver, kubectl, kubeControllerManager, kubelet }
}

async function controllerManager(options: BuildOptions): Promise<string> {
  return join(await buildProgram('cluster', options), '..', 'kube-controller-manager')
}

/** What cannot be had is undefined when the caller accepts a part; a failed build is always an error. */
async function optional(options: BuildOptions, path: Promise<string>): Promise<string | undefined> {
  return explained(path).catch((error: unknown) => {
    if (options.partial === true && error instanceof TestbedUnavailable) return undefined
    throw error
  })
}

async function explained(path: Promise<string>): Promise<string> {
  return path.catch((error: unknown) => {
    if (!(error instanceof TestbedUnavailable)) throw error
    throw new TestbedUnavailable(`${error.message}: ${advice}`)
  })
}
