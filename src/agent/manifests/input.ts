import type { Connection } from '../../connections/connection.ts'
import type { MayBind } from '../agent.ts'
import { mayBindOf } from '../bindings/may-bind.ts'
import type { CeilingSpec } from '../ceiling/schema.ts'
import type { AgentConfig } from '../config.ts'

/** Everything that decides what the agent needs on a cluster. */
export interface ManifestInput {
  readonly connection: string
  /** Of the agent and its two accounts; begins with `sallyport`, so that no rule for all service accounts covers it. */
  readonly namespace: string
  /** Kubernetes 1.x of the API server. */
  readonly minor: number
  readonly upstreamIdentity: Connection['upstreamIdentity']
  /** Undefined: nobody limits them, and RBAC cannot by prefix. */
  readonly groups: readonly string[] | undefined
  readonly users: readonly string[] | undefined
  readonly serviceAccounts: boolean | readonly string[]
  readonly ceiling: CeilingSpec | undefined
  readonly mayBind: MayBind | undefined
  readonly deployment: DeploymentInput | undefined
}

export interface DeploymentInput {
  readonly image: string
  /** `https://host:port`. */
  readonly gateway: string
}

/** KEP-5284 is on by default from there; before, only the older, unconstrained verb works. */
export const CONSTRAINED_IMPERSONATION = 36
/** ValidatingAdmissionPolicy is v1 from there. */
export const ADMISSION_POLICIES = 30

type ConfiguredConnection = AgentConfig['connections'][number]

export interface ManifestSources {
  readonly connection: string
  readonly namespace: string
  readonly minor: number
  readonly document: Connection | undefined
  readonly configured: ConfiguredConnection | undefined
  /** Of the whole agent. */
  readonly ceiling: CeilingSpec | undefined
  readonly mayBind: MayBind | undefined
  readonly deployment: DeploymentInput | undefined
}

/**
 * Document and agent configuration together: what either limits is limited. Throws an Error when they contradict each
 * other.
 */
export function manifestInput(sources: ManifestSources): ManifestInput {
  const { document, configured } = sources
  const { connection, namespace, minor, deployment } = sources
  if (!/^sallyport(-[a-z0-9-]{0,50}[a-z0-9])?$/.test(namespace)) {
    throw new Error('the namespace must be sallyport, or begin with sallyport-')
  }
  if (
    document !== undefined &&
    configured !== undefined &&
    document.upstreamIdentity !== configured.upstreamIdentity
  ) {
    throw new Error(
      `upstreamIdentity is ${document.upstreamIdentity} in the document and ${configured.upstreamIdentity} in the agent configuration`,
    )
  }
  const upstreamIdentity = document?.upstreamIdentity ?? configured?.upstreamIdentity ?? 'principal'
  const mapped = document?.groupMappings.flatMap(mapping => mapping.upstream)
  const ceilings = [sources.ceiling, configured?.ceiling].filter(one => one !== undefined)
  if (ceilings.length > 1) {
    throw new Error('the agent and the connection both have a ceiling; manifests are rendered from one')
  }
  return {
    connection,
    namespace,
    minor,
    upstreamIdentity,
    groups: upstreamIdentity === 'principal' ? narrower(mapped, configured?.groups) : [],
    users: upstreamIdentity === 'principal' ? configured?.users : undefined,
    serviceAccounts: upstreamIdentity === 'principal' ? accounts(document, configured) : false,
    ceiling: ceilings[0],
    mayBind: sources.mayBind ?? configured?.mayBind ?? mayBindOf(document?.bindings ?? []),
    deployment,
  }
}

function narrower(
  mapped: readonly string[] | undefined,
  listed: readonly string[] | undefined,
): readonly string[] | undefined {
  if (mapped === undefined || listed === undefined) return sorted(mapped ?? listed)
  return sorted(mapped.filter(group => listed.includes(group)))
}

function sorted(names: readonly string[] | undefined): readonly string[] | undefined {
  return names === undefined ? undefined : [...new Set(names)].sort()
}

function accounts(
  document: Connection | undefined,
  configured: ConfiguredConnection | undefined,
): boolean | readonly string[] {
  if (document?.serviceAccounts.enabled === false) return false
  return configured?.serviceAccounts ?? document?.serviceAccounts.enabled ?? false
}
