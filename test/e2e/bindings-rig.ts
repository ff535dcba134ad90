import assert from 'node:assert/strict'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { writeKubeconfig } from '../../testbed/kubeconfig.ts'
import { runKubectl } from '../../testbed/run-kubectl.ts'
import type { Cluster } from '../../testbed/start-cluster.ts'
import { type Answered, call } from './call.ts'
import { sallyport } from './rig.ts'

const apiVersion = 'sallyport.dev/v1'

export const RBAC = '/apis/rbac.authorization.k8s.io/v1'

/** One binding as the cluster has it. */
export interface FoundBinding {
  readonly metadata: {
    readonly name: string
    readonly namespace?: string
    readonly uid: string
    readonly labels?: Readonly<Record<string, string>>
    readonly annotations?: Readonly<Record<string, string>>
  }
  readonly roleRef: { readonly kind: string; readonly name: string }
  readonly subjects?: readonly Readonly<Record<string, string>>[]
}

export async function directly(cluster: Cluster, ...args: string[]): Promise<string> {
  const done = await runKubectl(cluster, args)
  assert.equal(done.code, 0, `kubectl ${args.join(' ')}: ${done.stderr}`)
  return done.stdout
}

/** Namespaces and roles that the tests bind; `view` and `edit` are filled by a controller that is not there. */
export async function furnish(cluster: Cluster): Promise<void> {
  for (const args of [
    ['create', 'namespace', 'a'],
    ['create', 'namespace', 'b'],
    ['create', 'clusterrole', 'editor', '--verb=get,list,create,delete', '--resource=configmaps'],
    ['create', 'clusterrole', 'looker', '--verb=get,list', '--resource=pods,nodes'],
    ['create', 'clusterrole', 'powerful', '--verb=*', '--resource=*'],
    ['create', 'role', 'reader', '--verb=get,list', '--resource=endpoints', '-n', 'b'],
    ['create', 'secret', 'generic', 'treasure', '--from-literal=a=b', '-n', 'a'],
  ]) {
    await directly(cluster, ...args)
  }
}

/** Renders from the Connection document with the real command, applies with the real kubectl. */
export async function applyFor(cluster: Cluster, scratch: string, document: object, namespace: string) {
  const file = join(scratch, `${namespace}.json`)
  writeFileSync(file, JSON.stringify(document))
  const args = ['agent', 'manifests', '-f', file, '-n', namespace, '--server-version', '1.36']
  const rendered = await sallyport(args)
  assert.equal(rendered.code, 0, rendered.stderr)
  const manifests = join(scratch, `${namespace}.yaml`)
  writeFileSync(manifests, rendered.stdout)
  await directly(cluster, 'apply', '-f', manifests)
}

/** A kubeconfig with a token of one of the agent's accounts, as an operator gives it to the agent. */
export async function credentialOf(
  cluster: Cluster,
  scratch: string,
  namespace: string,
  account: string,
): Promise<{ readonly path: string; readonly token: string }> {
  const token = (await directly(cluster, 'create', 'token', account, '-n', namespace)).trim()
  const path = join(scratch, `${namespace}-${account}`)
  const ca = readFileSync(cluster.caFile, 'utf8')
  writeKubeconfig(path, { server: cluster.url, ca, user: { token } })
  return { path, token }
}

export function connectionDocument(name: string, spec: object): object {
  return { apiVersion, kind: 'Connection', metadata: { name }, spec }
}

/** Everything for the local administrators: RBAC alone decides. */
export function writeConfiguration(configDir: string, ...documents: readonly object[]): void {
  const principals = { groups: ['local:admins'] }
  const everything = { principals, verbs: ['*'], apiGroups: ['*'], resources: ['*'], riskClasses: ['*'] }
  const rules = [
    { name: 'resources', effect: 'allow', match: everything },
    { name: 'no-events', effect: 'deny', match: { principals, resources: ['events'] } },
    { name: 'sallyport', effect: 'allow', match: { principals, admin: { verbs: ['*'] } } },
  ]
  const policy = { apiVersion, kind: 'Policy', metadata: { name: 'administrators' }, spec: { rules } }
  mkdirSync(configDir, { recursive: true })
  for (const [i, document] of [...documents, policy].entries()) {
    writeFileSync(join(configDir, `${i}.yaml`), JSON.stringify(document))
  }
}

/** All bindings with our labels, of a session or of all, straight from the API server. */
export async function bindingsOf(cluster: Cluster, session?: string): Promise<FoundBinding[]> {
  const label = session === undefined ? 'sallyport.dev/session' : `sallyport.dev/session=${session}`
  const args = ['get', 'rolebindings,clusterrolebindings', '-A', '-o', 'json', '-l', label]
  return JSON.parse(await directly(cluster, ...args)).items
}

/** `role in namespace`, sorted; a role in the whole cluster is in `*`. */
export function rolesIn(bindings: readonly FoundBinding[]): string[] {
  return bindings.map(one => `${one.roleRef.name} in ${one.metadata.namespace ?? '*'}`).sort()
}

/** Resolves with the milliseconds until `holds` is true; looks again and again. */
export async function within(limit: number, holds: () => Promise<boolean>, what: string): Promise<number> {
  const began = Date.now()
  while (!(await holds())) {
    assert.ok(Date.now() - began < limit, `${what}: not within ${limit} ms`)
    await new Promise(resolve => setTimeout(resolve, 50))
  }
  return Date.now() - began
}

/** A thief of this token at the API server itself. */
export function asThief(
  cluster: Cluster,
  token: string,
  path: string,
  options: Parameters<typeof call>[2] = {},
): Promise<Answered> {
  return call(cluster, path, { token, ...options })
}
