import assert from 'node:assert/strict'
import { runKubectl } from '../../../testbed/run-kubectl.ts'
import type { Cluster } from '../../../testbed/start-cluster.ts'

/** Where the objects live that are made, changed, deleted and watched; the pod that writes a log is there too. */
export const NAMESPACE = 'soak'
/** A hundred ConfigMaps: a list of 5 MB. */
export const LARGE_NAMESPACE = 'soak-large'
/** What clients make who do not wait for the answer. */
export const LOST_NAMESPACE = 'soak-lost'

/** Namespaces, who may do what in them by RBAC, and what is read. */
export async function prepareCluster(cluster: Cluster): Promise<void> {
  const direct = async (args: readonly string[], stdin?: string): Promise<void> => {
    const done = await runKubectl(cluster, args, stdin === undefined ? {} : { stdin })
    assert.equal(done.code, 0, `kubectl ${args.join(' ')}: ${done.stderr}`)
  }
  for (const name of [NAMESPACE, LARGE_NAMESPACE, LOST_NAMESPACE]) await direct(['create', 'namespace', name])
  for (const group of ['dev', 'ops', 'admins']) {
    const binding = ['create', 'clusterrolebinding', `soak-${group}`, '--clusterrole=cluster-admin']
    await direct([...binding, `--group=sallyport:${group}`])
  }
  await direct(['-n', NAMESPACE, 'create', 'serviceaccount', 'worker'])
  await direct([
    ...['create', 'clusterrolebinding', 'soak-worker', '--clusterrole=cluster-admin'],
    `--serviceaccount=${NAMESPACE}:worker`,
  ])
  await direct(['-n', NAMESPACE, 'create', 'configmap', 'small', `--from-literal=text=${'x'.repeat(1000)}`])
  const items = Array.from({ length: 100 }, (_, i) => ({
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name: `item-${i}`, namespace: LARGE_NAMESPACE },
    data: { text: `line ${i} of a text that is long. `.repeat(1600) },
  }))
  await direct(['create', '-f', '-'], JSON.stringify({ apiVersion: 'v1', kind: 'List', items }))
  const script = 'while :; do i=$((i+1)); echo tick $i; sleep 0.2; done'
  const pod = {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'ticker', namespace: NAMESPACE },
    spec: {
      terminationGracePeriodSeconds: 1,
      containers: [{ name: 'main', image: 'shell', command: ['sh', '-c', script] }],
    },
  }
  await direct(['create', '-f', '-'], JSON.stringify(pod))
  await direct(['-n', NAMESPACE, 'wait', 'pod/ticker', '--for=condition=Ready', '--timeout=60s'])
}
