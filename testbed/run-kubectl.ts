import { spawn } from 'node:child_process'
import { text } from 'node:stream/consumers'

export interface Finished {
  /** Exit code; 128 and more for a signal is not told apart. */
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

export interface KubectlOptions {
  /** Default: the cluster's administrator. */
  readonly kubeconfig?: string
  readonly stdin?: string | Uint8Array
  /** Further environment variables. */
  readonly env?: Readonly<Record<string, string>>
}

/**
 * Runs the cluster's kubectl to its end with a small environment, so that nothing of the caller's own
 * configuration is used. Never rejects for an exit code.
 */
export async function runKubectl(
  cluster: { readonly kubectl: string; readonly kubeconfig: string; readonly dir: string },
  args: readonly string[],
  options: KubectlOptions = {},
): Promise<Finished> {
  const env = {
    PATH: process.env.PATH,
    // kubectl caches discovery below it.
    HOME: cluster.dir,
    KUBECONFIG: options.kubeconfig ?? cluster.kubeconfig,
    ...options.env,
  }
  const child = spawn(cluster.kubectl, args, { env, stdio: 'pipe' })
  // A command that does not read its input closes it: not an error of ours.
  child.stdin.on('error', () => {})
  child.stdin.end(options.stdin ?? '')
  const code = new Promise<number>((resolve, reject) => {
    child.once('error', reject)
    child.once('close', (exit, signal) => resolve(exit ?? (signal === null ? 1 : 128)))
  })
  const [stdout, stderr] = await Promise.all([text(child.stdout), text(child.stderr)])
  return { code: await code, stdout, stderr }
}
