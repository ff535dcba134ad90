/** Deletes one object with @kubernetes/client-node. Usage: node remove.ts KUBECONFIG NAMESPACE KIND NAME */
import * as k8s from '@kubernetes/client-node'

const [file = '', namespace = '', kind = '', name = ''] = process.argv.slice(2)
const config = new k8s.KubeConfig()
config.loadFromFile(file)
const core = config.makeApiClient(k8s.CoreV1Api)
const deletions: Readonly<Record<string, () => Promise<unknown>>> = {
  namespace: () => core.deleteNamespace({ name }),
  configmap: () => core.deleteNamespacedConfigMap({ name, namespace }),
  limitrange: () => core.deleteNamespacedLimitRange({ name, namespace }),
}
const remove = deletions[kind]
if (remove === undefined) throw new Error(`${kind} is none of ${Object.keys(deletions).join(', ')}`)
try {
  await remove()
  process.stdout.write(`${kind}/${name} deleted\n`)
} catch (error) {
  if (!(error instanceof k8s.ApiException)) throw error
  const status = (typeof error.body === 'string' ? JSON.parse(error.body) : error.body) as k8s.V1Status
  process.stderr.write(`${error.code} ${status.message}\n`)
  process.exitCode = 1
}
