/** Prints everything that @kubernetes/client-node can read in a namespace. Usage: node dump.ts KUBECONFIG NAMESPACE */
import * as k8s from '@kubernetes/client-node'
import { GROUP } from './ways.ts'

const [file = '', namespace = ''] = process.argv.slice(2)
const config = new k8s.KubeConfig()
config.loadFromFile(file)
const core = config.makeApiClient(k8s.CoreV1Api)
const custom = config.makeApiClient(k8s.CustomObjectsApi)
const objects = k8s.KubernetesObjectApi.makeApiClient(config)

const show = (value: unknown): void => void process.stdout.write(`${JSON.stringify(value)}\n`)

show(await core.listNamespacedSecret({ namespace }))
show(await core.listNamespacedConfigMap({ namespace }))
show(await core.listNamespacedPod({ namespace }))
show(await core.listNamespacedEvent({ namespace }))
show(await config.makeApiClient(k8s.AppsV1Api).listNamespacedDeployment({ namespace }))
for (const plural of ['gadgets', 'vaults', 'crates'])
  show(await custom.listNamespacedCustomObject({ group: GROUP, version: 'v1', namespace, plural }))
show(await objects.list('v1', 'Secret', namespace))
const path = `/api/v1/namespaces/${namespace}/secrets`
const informer = k8s.makeInformer(config, path, () => core.listNamespacedSecret({ namespace }))
informer.on('add', show)
await informer.start()
await informer.stop()
process.stdout.write(await core.readNamespacedPodLog({ namespace, name: 'talker' }))
process.exit(0)
