import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { type Cluster, startCluster } from '../../testbed/start-cluster.ts'
import { normalise } from './normalise.ts'
import { type Ran, runProgram, startUp, type Up } from './rig.ts'
import { type Step, tour } from './tour.ts'

let cluster: Cluster
let up: Up

before(
  async () => {
    cluster = await startCluster()
    up = await startUp({ kubeconfig: cluster.kubeconfig })
  },
  { timeout: 600_000 },
)
after(async () => {
  await up?.stop()
  await cluster?.stop()
})

function kubectl(kubeconfig: string, namespace: string, step: Pick<Step, 'args' | 'stdin'>): Promise<Ran> {
  const args = ['--kubeconfig', kubeconfig, '--namespace', namespace, ...step.args]
  const env = { HOME: cluster.dir, KUBECONFIG: '' }
  return runProgram(cluster.kubectl, args, step.stdin === undefined ? { env } : { env, stdin: step.stdin })
}

test('unchanged kubectl gives the same results directly and through the gateway', {
  timeout: 400_000,
}, async t => {
  const sides = [
    { kubeconfig: cluster.kubeconfig, namespace: 'tour-direct' },
    { kubeconfig: up.kubeconfig, namespace: 'tour-gateway' },
  ] as const
  for (const side of sides) {
    const made = await kubectl(side.kubeconfig, 'default', { args: ['create', 'namespace', side.namespace] })
    assert.equal(made.code, 0, made.stderr)
  }
  for (const step of tour) {
    await t.test(step.name, async () => {
      const [direct, through] = [
        await kubectl(sides[0].kubeconfig, sides[0].namespace, step),
        await kubectl(sides[1].kubeconfig, sides[1].namespace, step),
      ]
      assert.equal(direct.code, step.code ?? 0, `directly: ${direct.stderr}`)
      assert.match(direct.stdout, step.expect)
      assert.equal(through.code, direct.code, `through the gateway: ${through.stderr}`)
      assert.equal(normalise(through.stdout), normalise(direct.stdout))
      assert.equal(normalise(through.stderr), normalise(direct.stderr))
    })
  }
})
