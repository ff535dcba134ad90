import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { writeKubeconfig } from '../../../testbed/kubeconfig.ts'
import { type OidcProvider, startOidcProvider } from '../../../testbed/oidc/start-provider.ts'
import { type Cluster, startCluster } from '../../../testbed/start-cluster.ts'
import { expectStatus, openSession, signInAsAdmin } from '../../e2e/call.ts'
import { type Direct, directly } from '../../e2e/direct.ts'
import { startUp, type Up } from '../../e2e/rig.ts'
import { container, object } from './door.ts'
import { furnish } from './furnish.ts'

export const kinds = ['person', 'serviceaccount', 'job', 'agent'] as const
export type Kind = (typeof kinds)[number]

export interface Caller {
  readonly kind: Kind
  /** As the trail names it; ends with the id that the cluster's log has in its name as well. */
  readonly username: string
  readonly id: string
  readonly token: string
}

export interface DoorRig {
  readonly cluster: Cluster
  readonly up: Up
  readonly admin: string
  readonly direct: Direct
  /** Somebody new of this kind; with rights to everything in the cluster. `id` is a DNS label. */
  caller(kind: Kind, id: string): Promise<Caller>
  /** The token of a session of somebody's, instead of his credential. */
  session(caller: Caller): Promise<string>
  kubeconfig(name: string, token: string): string
  stop(): Promise<void>
}

const apiVersion = 'sallyport.dev/v1'
const issuers = ['person', 'job', 'agent'] as const

export async function startDoors(guards: object): Promise<DoorRig> {
  const home = mkdtempSync(join(tmpdir(), 'sallyport-doors-'))
  const providers = new Map<string, OidcProvider>()
  let cluster: Cluster | undefined
  let up: Up | undefined
  const stop = async (): Promise<void> => {
    await up?.stop()
    await cluster?.stop()
    for (const provider of providers.values()) await provider.stop()
    rmSync(home, { recursive: true, force: true })
  }
  try {
    for (const kind of issuers) providers.set(kind, await startOidcProvider())
    cluster = await startCluster({ nodes: [], controllerManager: true })
    const direct = directly(cluster.kubeconfig)
    await furnish(direct)
    const config = join(home, 'config')
    mkdirSync(config)
    for (const [i, document] of [...documents(cluster, providers), guards].entries()) {
      writeFileSync(join(config, `${i}.yaml`), JSON.stringify(document))
    }
    up = await startUp({ configDir: config, dataDir: join(home, 'data'), env: { KUBECONFIG: '' } })
    const gateway = up
    const admin = await signInAsAdmin(up)
    return {
      cluster,
      up,
      admin,
      direct,
      caller: (kind, id) =>
        kind === 'serviceaccount' ? podToken(direct, id) : idToken(providers.get(kind)!, kind, id),
      session: async caller => (await openSession(gateway, caller.token, 'demo')).token,
      kubeconfig(name, token) {
        const file = join(home, name)
        writeKubeconfig(file, {
          server: `${gateway.url}/k/demo`,
          ca: readFileSync(gateway.caFile, 'utf8'),
          user: { token },
        })
        return file
      },
      stop,
    }
  } catch (error) {
    await stop()
    throw error
  }
}

async function idToken(
  provider: OidcProvider,
  kind: Exclude<Kind, 'serviceaccount'>,
  id: string,
): Promise<Caller> {
  const now = Math.floor(Date.now() / 1000)
  const claims = {
    iss: provider.issuer,
    aud: 'sallyport',
    sub: id,
    iat: now,
    exp: now + 3600,
    groups: ['callers'],
    repository: 'corp/shop',
  }
  return { kind, id, username: `${kind}:${id}`, token: provider.signClaims(claims) }
}

/** A token as a pod gets it in its volume: bound to the pod. */
async function podToken(direct: Direct, name: string): Promise<Caller> {
  const made = async (path: string, body: object): Promise<Awaited<ReturnType<Direct>>> => {
    const answer = await direct(`/api/v1/namespaces/callers/${path}`, { method: 'POST', body })
    if (answer.status !== 201) throw new Error(`${path}: ${answer.status} ${answer.body}`)
    return answer
  }
  await made('serviceaccounts', object('v1', 'ServiceAccount', name))
  const pod = await made(
    'pods',
    object('v1', 'Pod', name, { spec: { serviceAccountName: name, containers: [container] } }),
  )
  const boundObjectRef = { kind: 'Pod', apiVersion: 'v1', name, uid: pod.json.metadata.uid }
  const body = { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenRequest', spec: { boundObjectRef } }
  const { json } = await made(`serviceaccounts/${name}/token`, body)
  const username = `system:serviceaccount:callers:${name}`
  return { kind: 'serviceaccount', id: name, username, token: json.status.token }
}

function documents(cluster: Cluster, providers: ReadonlyMap<string, OidcProvider>): object[] {
  const providerOf = (kind: string): object => {
    const { issuer, ca } = providers.get(kind)!
    const oidc = {
      issuer,
      audiences: ['sallyport'],
      prefix: `${kind}:`,
      ca,
      principalKind: kind,
      carriedClaims: ['repository'],
    }
    return { apiVersion, kind: 'IdentityProvider', metadata: { name: kind }, spec: { oidc } }
  }
  const groups = issuers.map(kind => `${kind}:callers`)
  const connection = {
    agents: ['embedded'],
    groupMappings: groups.map(group => ({ group, upstream: ['sallyport:callers'] })),
    kubernetes: { kubeconfig: cluster.agentKubeconfig },
  }
  const principals = { groups, serviceAccounts: ['demo/callers:*'] }
  const everything = { principals, verbs: ['*'], apiGroups: ['*'], resources: ['*'] }
  const rules = [
    // All that the guards are there for; of the other doors none.
    {
      name: 'everything',
      effect: 'allow',
      match: {
        ...everything,
        riskClasses: ['node-proxy', 'control-plane', 'rbac', 'secret-read', 'collection-delete'],
      },
    },
    { name: 'sessions', effect: 'allow', match: { principals, admin: { verbs: ['session.open'] } } },
    {
      name: 'sallyport',
      effect: 'allow',
      match: { principals: { groups: ['local:admins'] }, admin: { verbs: ['*'] } },
    },
  ]
  return [
    ...issuers.map(providerOf),
    { apiVersion, kind: 'Connection', metadata: { name: 'demo' }, spec: connection },
    { apiVersion, kind: 'Policy', metadata: { name: 'callers' }, spec: { rules } },
  ]
}

export interface Entry {
  readonly call: string
  readonly effect: string | null
  readonly head: {
    readonly principal?: { readonly kind: string; readonly username: string }
    readonly action?: Readonly<Record<string, unknown>>
    readonly decision?: {
      readonly effect: string
      readonly rules: readonly string[]
      readonly reason: string
    }
    readonly result?: { readonly code: number }
    readonly error?: { readonly code: string }
  }
}

/** All that the trail has of somebody. */
export async function trailOf(rig: DoorRig, caller: Caller): Promise<Entry[]> {
  const query = `principal=${encodeURIComponent(caller.username)}&kind=k8s.request&limit=200`
  return (await expectStatus(200, rig.up, `/v1/audit/entries?${query}`, { token: rig.admin })).json.items
}
