import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import type { Cluster } from '../../../testbed/start-cluster.ts'
import { runProgram } from '../../e2e/rig.ts'
import type { Sample } from './objects.ts'

const workload = `apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: 2
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      terminationGracePeriodSeconds: 1
      containers: [{name: main, image: nginx, ports: [{containerPort: 8080}]}]
---
apiVersion: v1
kind: Service
metadata: {name: web}
spec: {selector: {app: web}, ports: [{port: 80, targetPort: 8080}]}
`

async function kubectl(cluster: Cluster, args: readonly string[], stdin = ''): Promise<string> {
  const ran = await runProgram(cluster.kubectl, ['--kubeconfig', cluster.kubeconfig, ...args], { stdin })
  assert.equal(ran.code, 0, ran.stderr)
  return ran.stdout
}

/** All that a cluster holds in which something runs, but Secrets: what the API server and controllers write themselves. */
export async function liveObjects(cluster: Cluster): Promise<Sample[]> {
  await kubectl(cluster, ['apply', '-f', '-'], workload)
  await kubectl(cluster, ['rollout', 'status', 'deployment/web', '--timeout=100s'])
  const kinds = (await kubectl(cluster, ['api-resources', '--verbs=list', '-o', 'name'])).trim().split('\n')
  const listed = kinds.filter(kind => kind !== 'secrets').join(',')
  const list = JSON.parse(
    await kubectl(cluster, ['get', listed, '-A', '-o', 'json', '--show-managed-fields']),
  )
  return (list as { items: { kind: string }[] }).items.map(object => ({
    from: 'cluster',
    kind: object.kind,
    object,
  }))
}

/** What the parts of the cluster have logged, and the API server's audit log. */
export function logsOf(cluster: Cluster): { readonly name: string; readonly text: string }[] {
  const folder = join(cluster.dir, 'logs')
  const files = [...readdirSync(folder).map(name => join(folder, name)), cluster.auditLog]
  return files.map(file => ({ name: basename(file), text: readFileSync(file, 'utf8') }))
}
