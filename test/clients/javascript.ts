/**
 * What a program with @kubernetes/client-node does all day, against whatever its kubeconfig names. Prints one JSON
 * object a step; the caller compares two runs. Usage: node javascript.ts KUBECONFIG NAMESPACE
 */
import { once } from 'node:events'
import { Writable } from 'node:stream'
import * as k8s from '@kubernetes/client-node'

const [file = '', namespace = ''] = process.argv.slice(2)
const config = new k8s.KubeConfig()
config.loadFromFile(file)
const core = config.makeApiClient(k8s.CoreV1Api)
const apps = config.makeApiClient(k8s.AppsV1Api)
const objects = k8s.KubernetesObjectApi.makeApiClient(config)
const labels = { suite: 'javascript' }
const labelSelector = 'suite=javascript'
const fieldManager = 'javascript'

type Result = unknown

/** Type, name and data of an object: what has to be the same. */
const shown = (object: k8s.V1ConfigMap): Result => ({
  name: object.metadata?.name,
  labels: object.metadata?.labels,
  data: object.data,
  uid: typeof object.metadata?.uid,
  created: object.metadata?.creationTimestamp instanceof Date,
})

async function refused(work: Promise<unknown>): Promise<Result> {
  try {
    await work
  } catch (error) {
    if (!(error instanceof k8s.ApiException)) throw error
    const status = (typeof error.body === 'string' ? JSON.parse(error.body) : error.body) as k8s.V1Status
    return { code: error.code, reason: status.reason, message: status.message, details: status.details }
  }
  throw new Error('the API server did not refuse')
}

const create = (name: string, data: Record<string, string>): Promise<k8s.V1ConfigMap> =>
  core.createNamespacedConfigMap({ namespace, body: { metadata: { name, labels }, data } })

async function creates(): Promise<Result> {
  const made = []
  for (const name of ['a', 'b', 'c', 'd', 'e'])
    made.push(shown(await create(name, { text: `ä "${name}" \u2028` })))
  return made
}

async function lists(): Promise<Result> {
  const pages: (string | undefined)[][] = []
  let _continue: string | undefined
  do {
    const page = await core.listNamespacedConfigMap({
      namespace,
      labelSelector,
      limit: 2,
      ...(_continue === undefined ? {} : { _continue }),
    })
    pages.push(page.items.map(item => item.metadata?.name))
    _continue = page.metadata?._continue
  } while (_continue)
  return pages
}

async function patches(): Promise<Result> {
  const target = { namespace, name: 'a' }
  const object = { apiVersion: 'v1', kind: 'ConfigMap', metadata: target }
  const json = await core.patchNamespacedConfigMap({
    ...target,
    body: [{ op: 'add', path: '/data/json', value: 'yes' }],
  })
  const by = async (data: Record<string, string | null>, strategy: k8s.PatchStrategy): Promise<Result> => {
    const force = strategy === k8s.PatchStrategy.ServerSideApply ? true : undefined
    const patch = { ...object, data } as k8s.KubernetesObject
    return shown(await objects.patch(patch, undefined, undefined, fieldManager, force, strategy))
  }
  return [
    shown(json),
    await by({ merge: 'yes', json: null }, k8s.PatchStrategy.MergePatch),
    await by({ strategic: 'yes' }, k8s.PatchStrategy.StrategicMergePatch),
    await by({ applied: 'yes' }, k8s.PatchStrategy.ServerSideApply),
  ]
}

async function replaces(): Promise<Result> {
  const current = await core.readNamespacedConfigMap({ namespace, name: 'b' })
  current.data = { replaced: 'yes' }
  return shown(await core.replaceNamespacedConfigMap({ namespace, name: 'b', body: current }))
}

async function refusals(): Promise<Result> {
  return {
    missing: await refused(core.readNamespacedConfigMap({ namespace, name: 'missing' })),
    twice: await refused(create('a', {})),
    invalid: await refused(create('Not_A_Name', {})),
    path: await refused(core.readNamespacedPodLog({ namespace, name: 'missing' })),
  }
}

/** From the creation of an object to its deletion. */
async function watches(): Promise<Result> {
  const { metadata } = await core.listNamespacedConfigMap({ namespace })
  const events: string[] = []
  let finished: () => void = () => {}
  const seen = new Promise<void>(resolve => {
    finished = resolve
  })
  const query = { fieldSelector: 'metadata.name=watched', resourceVersion: metadata?.resourceVersion }
  const watch = await new k8s.Watch(config).watch(
    `/api/v1/namespaces/${namespace}/configmaps`,
    query,
    (type: string, object: k8s.V1ConfigMap) => {
      events.push(`${type} ${object.data?.v}`)
      if (type === 'DELETED') finished()
    },
    () => finished(),
  )
  await create('watched', { v: '1' })
  await objects.patch(
    {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name: 'watched', namespace },
      data: { v: '2' },
    } as never,
    undefined,
    undefined,
    fieldManager,
    undefined,
    k8s.PatchStrategy.MergePatch,
  )
  await core.deleteNamespacedConfigMap({ namespace, name: 'watched' })
  await seen
  watch.abort()
  return events
}

async function informs(): Promise<Result> {
  const events: string[] = []
  const informer = k8s.makeInformer(
    config,
    `/api/v1/namespaces/${namespace}/configmaps`,
    () => core.listNamespacedConfigMap({ namespace, labelSelector }),
    labelSelector,
  )
  const gone = new Promise<void>((resolve, reject) => {
    informer.on('delete', object => {
      events.push(`deleted ${object.metadata?.name}`)
      resolve()
    })
    informer.on('error', reject)
  })
  informer.on('add', object => void events.push(`added ${object.metadata?.name}`))
  await informer.start()
  const listed = events.slice().sort()
  await create('informed', {})
  await core.deleteNamespacedConfigMap({ namespace, name: 'informed' })
  await gone
  await informer.stop()
  return { listed, later: events.slice(listed.length) }
}

async function follows(): Promise<Result> {
  const command = ['sh', '-c', 'for i in 1 2 3; do echo line $i; sleep 0.2; done']
  const container = { name: 'main', image: 'sh', command }
  const spec = { restartPolicy: 'Never', terminationGracePeriodSeconds: 1, containers: [container] }
  await core.createNamespacedPod({ namespace, body: { metadata: { name: 'talker' }, spec } })
  for (;;) {
    const pod = await core.readNamespacedPod({ namespace, name: 'talker' })
    if (pod.status?.phase !== 'Pending') break
    await new Promise(resolve => setTimeout(resolve, 50))
  }
  let text = ''
  const sink = new Writable({
    write(chunk, _encoding, done) {
      text += chunk
      done()
    },
  })
  const ended = once(sink, 'finish')
  await new k8s.Log(config).log(namespace, 'talker', 'main', sink, { follow: true })
  await ended
  const tail = await core.readNamespacedPodLog({ namespace, name: 'talker', tailLines: 1 })
  return { text, tail }
}

async function workloads(): Promise<Result> {
  const template = { metadata: { labels }, spec: { containers: [{ name: 'main', image: 'pause' }] } }
  const spec = { replicas: 0, selector: { matchLabels: labels }, template }
  const made = await apps.createNamespacedDeployment({ namespace, body: { metadata: { name: 'web' }, spec } })
  const scale = await apps.readNamespacedDeploymentScale({ namespace, name: 'web' })
  await apps.deleteNamespacedDeployment({ namespace, name: 'web', propagationPolicy: 'Background' })
  return {
    strategy: made.spec?.strategy,
    replicas: scale.spec?.replicas ?? 0,
    defaults: made.spec?.template.spec,
  }
}

async function deletes(): Promise<Result> {
  const one = await core.deleteNamespacedConfigMap({ namespace, name: 'a' })
  const many = await core.deleteCollectionNamespacedConfigMap({ namespace, labelSelector })
  await core.deleteNamespacedPod({ namespace, name: 'talker', gracePeriodSeconds: 0 })
  const left = await core.listNamespacedConfigMap({ namespace, labelSelector })
  return { one: one.status, many: many.status ?? many.kind ?? null, left: left.items.length }
}

async function discovers(): Promise<Result> {
  const version = await config.makeApiClient(k8s.VersionApi).getCode()
  const groups = await config.makeApiClient(k8s.ApisApi).getAPIVersions()
  const resources = await core.getAPIResources()
  return [
    version.gitVersion,
    groups.groups.map(group => group.name),
    resources.resources.map(each => each.name),
  ]
}

const steps = {
  discovers,
  creates,
  lists,
  patches,
  replaces,
  refusals,
  watches,
  informs,
  follows,
  workloads,
  deletes,
}
for (const [step, run] of Object.entries(steps)) {
  process.stdout.write(`${JSON.stringify({ step, result: await run() })}\n`)
}
process.exit(0)
