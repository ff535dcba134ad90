import { execFile } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'

/** Popular projects whose Go modules hold the manifests that people apply. */
const modules = [
  'github.com/prometheus-operator/prometheus-operator@v0.78.2',
  'github.com/cert-manager/cert-manager@v1.16.2',
  'k8s.io/ingress-nginx@v0.0.0-20240708192948-52c50467d67d',
  'github.com/argoproj/argo-cd/v2@v2.13.2',
  'github.com/tektoncd/pipeline@v0.66.0',
  'github.com/fluxcd/flux2/v2@v2.4.0',
  'knative.dev/serving@v0.43.0',
  'github.com/zalando/postgres-operator@v1.13.0',
  'github.com/rook/rook@v1.15.6',
  'sigs.k8s.io/gateway-api@v1.2.1',
  'github.com/kedacore/keda/v2@v2.16.0',
  'github.com/elastic/cloud-on-k8s/v2@v2.15.0',
  'github.com/cloudnative-pg/cloudnative-pg@v1.24.1',
  'k8s.io/kubernetes@v1.36.3',
]

/**
 * The folders of the modules, from the module cache or the Go proxy, as the testbed takes its own. Rejects with the name of
 * the module that cannot be had.
 */
export async function moduleFolders(): Promise<
  readonly { readonly name: string; readonly folder: string }[]
> {
  const cwd = mkdtempSync(join(tmpdir(), 'sallyport-corpus-'))
  writeFileSync(join(cwd, 'go.mod'), 'module corpus\n')
  try {
    const folders: { name: string; folder: string }[] = []
    for (const name of modules) {
      const { stdout } = await promisify(execFile)('go', ['mod', 'download', '-json', name], { cwd }).catch(
        (error: Error & { stdout?: string }) => {
          throw new Error(
            `this corpus needs Go, and ${name} from the module cache or a Go proxy: ${error.message} ${error.stdout ?? ''}`,
          )
        },
      )
      folders.push({ name, folder: (JSON.parse(stdout) as { Dir: string }).Dir })
    }
    return folders
  } finally {
    rmSync(cwd, { recursive: true, force: true })
  }
}
