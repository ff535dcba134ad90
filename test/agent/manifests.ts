import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { runKubectl } from '../../testbed/run-kubectl.ts'
import type { Cluster } from '../../testbed/start-cluster.ts'
import { type Answered, type CallOptions, call } from '../e2e/call.ts'
import { sallyport } from '../e2e/rig.ts'

/** Renders with the real command from an agent's configuration and applies with the real kubectl. */
export async function applyManifests(
  cluster: Cluster,
  connection: Readonly<Record<string, unknown>>,
  args: readonly string[],
): Promise<string> {
  const scratch = mkdtempSync(join(tmpdir(), 'sallyport-manifests-'))
  try {
    const config = join(scratch, 'agent.yaml')
    const document = {
      apiVersion: 'sallyport.dev/v1',
      kind: 'AgentConfig',
      gateway: 'https://127.0.0.1:1',
      dataDir: scratch,
      connections: [{ name: 'prod', credential: { inCluster: {} }, ...connection }],
    }
    writeFileSync(config, JSON.stringify(document))
    const rendered = await sallyport(['agent', 'manifests', '--config', config, ...args])
    assert.equal(rendered.code, 0, rendered.stderr)
    const file = join(scratch, 'manifests.yaml')
    writeFileSync(file, rendered.stdout)
    const applied = await runKubectl(cluster, ['apply', '-f', file])
    assert.equal(applied.code, 0, applied.stderr)
    return rendered.stdout
  } finally {
    rmSync(scratch, { recursive: true, force: true })
  }
}

/** What a thief of this token can do: every call goes straight to the API server. */
export interface Thief {
  readonly token: string
  call(path: string, options?: CallOptions): Promise<Answered>
  /** SelfSubjectAccessReview, and it must be answered. */
  may(
    verb: string,
    group: string,
    resource: string,
    more?: Readonly<Record<string, string>>,
  ): Promise<boolean>
}

export async function steal(cluster: Cluster, namespace: string, account: string): Promise<Thief> {
  const made = await runKubectl(cluster, ['create', 'token', account, '-n', namespace])
  assert.equal(made.code, 0, made.stderr)
  return thief(cluster, made.stdout.trim())
}

export function thief(cluster: Cluster, token: string): Thief {
  const at: Thief['call'] = (path, options = {}) => call(cluster, path, { token, ...options })
  return {
    token,
    call: at,
    async may(verb, group, resource, more = {}) {
      const answered = await at('/apis/authorization.k8s.io/v1/selfsubjectaccessreviews', {
        method: 'POST',
        body: {
          apiVersion: 'authorization.k8s.io/v1',
          kind: 'SelfSubjectAccessReview',
          spec: { resourceAttributes: { verb, group, resource, ...more } },
        },
      })
      assert.equal(answered.status, 201, answered.body)
      return answered.json.status.allowed
    },
  }
}

/** Header fields of an impersonation. */
export function as(user: string, groups: readonly string[] = []): Record<string, string> {
  // Node sends one field a line for an array; `call` takes strings, and one group is enough here.
  return {
    'impersonate-user': user,
    ...(groups[0] === undefined ? {} : { 'impersonate-group': groups[0] }),
  }
}

export const RBAC = '/apis/rbac.authorization.k8s.io/v1'
export const SESSION = `s-${'a'.repeat(26)}`

/** A binding with everything in order; a test changes what it is about. */
export function binding(changes: {
  readonly name?: string
  readonly labels?: Readonly<Record<string, string>>
  readonly annotations?: Readonly<Record<string, string>>
  readonly role?: string
  readonly subjects?: readonly object[]
}): object {
  const group = 'rbac.authorization.k8s.io'
  return {
    apiVersion: `${group}/v1`,
    kind: 'ClusterRoleBinding',
    metadata: {
      name: changes.name ?? 'sallyport-test',
      labels: changes.labels ?? {
        'app.kubernetes.io/managed-by': 'sallyport',
        'sallyport.dev/session': SESSION,
      },
      annotations: changes.annotations ?? { 'sallyport.dev/expires-at': inHours(0.25) },
    },
    roleRef: { apiGroup: group, kind: 'ClusterRole', name: changes.role ?? 'view' },
    subjects: changes.subjects ?? [{ apiGroup: group, kind: 'User', name: `sallyport:s:${SESSION}` }],
  }
}

export function inHours(hours: number): string {
  return new Date(Date.now() + hours * 3_600_000).toISOString()
}
