import assert from 'node:assert/strict'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Ran } from '../e2e/rig.ts'
import { base64, type Plant } from './canary.ts'
import { admission, kinds, node } from './cluster-objects.ts'

type Kubectl = (args: readonly string[], stdin?: string) => Promise<Ran>

const listOf = (items: readonly object[]): string => JSON.stringify({ apiVersion: 'v1', kind: 'List', items })

/** Puts everything into the cluster, past the gateway, and waits until the talking pod has said all it has to say. */
export async function sow(plant: Plant, kubectl: Kubectl): Promise<void> {
  const must = async (args: readonly string[], stdin?: string): Promise<Ran> => {
    const ran = await kubectl(args, stdin)
    assert.equal(ran.code, 0, `kubectl ${args.join(' ')}: ${ran.stderr.slice(-2000)}`)
    return ran
  }
  const namespace = { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'leaks' } }
  await must(['create', '-f', '-'], listOf([namespace, node, ...kinds]))
  await must(['wait', '--for=condition=Established', 'crd', '--all', '--timeout=30s'])
  await waitFor('the default service account', async () => {
    return (await kubectl(['get', 'serviceaccount', 'default'])).code === 0
  })
  await must(['create', '-f', '-'], listOf([known(plant), script(plant), talker, ...plant.objects]))
  await must(['apply', '-f', '-'], listOf(plant.applied))
  for (const [name, message] of Object.entries(plant.ended)) {
    const terminated = { exitCode: 1, reason: 'Error', message }
    const state = { name: 'main', image: 'pause', imageID: '', ready: false, restartCount: 1 }
    const containerStatuses = [{ ...state, state: { terminated }, lastState: { terminated } }]
    const patch = JSON.stringify({ status: { phase: 'Failed', message, containerStatuses } })
    await must(['patch', 'pod', name, '--subresource=status', '--type=merge', '-p', patch])
  }
  await must(['create', '-f', '-'], listOf(admission))
  await waitFor('the log', async () => (await kubectl(['logs', 'talker'])).stdout.includes('all is said'))
}

/** Values that stand elsewhere as well, in a Secret that is read first. */
function known(plant: Plant): object {
  const data = Object.fromEntries(Object.entries(plant.known).map(([name, value]) => [name, base64(value)]))
  return { apiVersion: 'v1', kind: 'Secret', metadata: { name: 'known', labels: { suite: 'leaks' } }, data }
}

/** The script is in a Secret, packed: the log alone shows what is in it. */
function script(plant: Plant): object {
  const text = [...plant.log, 'echo all is said', 'exec sleep 3600', ''].join('\n')
  const data = { run: base64(base64(text)) }
  return { apiVersion: 'v1', kind: 'Secret', metadata: { name: 'script', labels: { suite: 'leaks' } }, data }
}

const talker = {
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name: 'talker', labels: { suite: 'leaks' } },
  spec: {
    restartPolicy: 'Never',
    terminationGracePeriodSeconds: 0,
    volumes: [{ name: 'script', secret: { secretName: 'script' } }],
    containers: [
      {
        name: 'main',
        image: 'sh',
        // Where containers share the machine's files, volumes are below a folder of their own.
        command: ['sh', '-c', `base64 -d < "$\{CONTAINER_ROOT:-}/script/run" | sh`],
        volumeMounts: [{ name: 'script', mountPath: '/script' }],
      },
    ],
  },
}

async function waitFor(what: string, isThere: () => Promise<boolean>): Promise<void> {
  for (let left = 300; !(await isThere()); left--) {
    assert.ok(left > 0, `${what} does not come`)
    await sleep(200)
  }
}
