/** @kubernetes/client-node: generated API classes, watch, informer, logs, exec, port-forward, patch. */
import { createServer } from 'node:net'
import { PassThrough } from 'node:stream'
import { setTimeout as sleep } from 'node:timers/promises'
import * as k8s from '@kubernetes/client-node'

// Aborted streams of the library throw where nobody can catch; the requests have been sent by then.
process.on('uncaughtException', () => {})
const config = new k8s.KubeConfig()
config.loadFromDefault()
const namespace = 'default'
const core = config.makeApiClient(k8s.CoreV1Api)
const apps = config.makeApiClient(k8s.AppsV1Api)
const rbac = config.makeApiClient(k8s.RbacAuthorizationV1Api)
const objects = k8s.KubernetesObjectApi.makeApiClient(config)
const sink = new PassThrough()
sink.resume()

const steps: [string, () => Promise<unknown>][] = [
  ['versions', () => config.makeApiClient(k8s.VersionApi).getCode()],
  ['core versions', () => config.makeApiClient(k8s.CoreApi).getAPIVersions()],
  ['groups', () => config.makeApiClient(k8s.ApisApi).getAPIVersions()],
  ['resources', () => core.getAPIResources()],
  ['group', () => config.makeApiClient(k8s.AppsApi).getAPIGroup()],
  [
    'list',
    () =>
      core.listNamespacedPod({
        namespace,
        labelSelector: 'app in (box,web)',
        fieldSelector: 'metadata.name=box',
        limit: 5,
      }),
  ],
  ['list all', () => core.listPodForAllNamespaces({ resourceVersion: '0', timeoutSeconds: 3 })],
  ['deployments', () => apps.listNamespacedDeployment({ namespace, pretty: 'true' })],
  ['cluster role', () => rbac.readClusterRole({ name: 'system:node' })],
  [
    'create',
    () =>
      core.createNamespacedConfigMap({
        namespace,
        body: { metadata: { name: 'jsr' }, data: { a: 'b' } },
        dryRun: 'All',
      }),
  ],
  [
    'create for real',
    () =>
      core.createNamespacedConfigMap({ namespace, body: { metadata: { name: 'jsr' }, data: { a: 'b' } } }),
  ],
  [
    'patch',
    () =>
      core.patchNamespacedConfigMap({
        namespace,
        name: 'jsr',
        body: [{ op: 'add', path: '/data/x', value: 'y' }],
      }),
  ],
  [
    'apply',
    () =>
      objects.patch(
        { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'jsr', namespace } },
        undefined,
        undefined,
        'me',
        true,
        k8s.PatchStrategy.ServerSideApply,
      ),
  ],
  [
    'delete',
    () =>
      core.deleteNamespacedConfigMap({
        namespace,
        name: 'jsr',
        gracePeriodSeconds: 0,
        propagationPolicy: 'Background',
      }),
  ],
  [
    'delete collection',
    () => core.deleteCollectionNamespacedConfigMap({ namespace, labelSelector: 'none=here' }),
  ],
  [
    'token',
    () =>
      core.createNamespacedServiceAccountToken({
        namespace,
        name: 'default',
        body: { spec: { audiences: [] } },
      }),
  ],
  ['log', () => core.readNamespacedPodLog({ namespace, name: 'box', container: 'main', tailLines: 1 })],
  [
    'log follow',
    async () =>
      (await new k8s.Log(config).log(namespace, 'box', 'main', sink, { follow: true, tailLines: 1 })).abort(),
  ],
  [
    'exec',
    () =>
      new k8s.Exec(config).exec(
        namespace,
        'box',
        'main',
        ['sh', '-c', 'echo "a & b"'],
        sink,
        sink,
        null,
        false,
      ),
  ],
  ['attach', () => new k8s.Attach(config).attach(namespace, 'box', 'main', sink, sink, null, false)],
  [
    'watch',
    async () => {
      const watch = await new k8s.Watch(config).watch(
        '/api/v1/namespaces/default/pods',
        { allowWatchBookmarks: true },
        () => {},
        () => {},
      )
      await sleep(200)
      watch.abort()
    },
  ],
  [
    'informer',
    async () => {
      const informer = k8s.makeInformer(config, '/api/v1/namespaces/default/pods', () =>
        core.listNamespacedPod({ namespace }),
      )
      await informer.start()
      await sleep(200)
      await informer.stop()
    },
  ],
  [
    'port-forward',
    () =>
      new Promise<void>(resolve => {
        const forward = new k8s.PortForward(config)
        const server = createServer(
          socket => void forward.portForward(namespace, 'web', [18080], socket, null, socket),
        )
        server.listen(0, '127.0.0.1', async () => {
          const { port } = server.address() as { port: number }
          await fetch(`http://127.0.0.1:${port}/`).catch(() => {})
          server.close()
          resolve()
        })
      }),
  ],
]
for (const [name, step] of steps) {
  try {
    await step()
  } catch (error) {
    console.log(`  ${name}: ${String(error).slice(0, 120)}`)
  }
}
await sleep(500)
process.exit(0)
