import type { ClientCertificate, UpstreamTarget } from '../upstream/target.ts'

/** What is shown to the upstream, now. Lives in the agent's memory only. */
export interface CredentialMaterial {
  /** Value of the Authorization header; empty when the client certificate alone speaks. */
  readonly authorization: string
  readonly certificate?: ClientCertificate
}

/** One upstream credential and the upstream it is for. */
export interface UpstreamCredential {
  readonly target: UpstreamTarget
  /** One line for the operator: what kind it is and where it comes from. No secret in it. */
  readonly description: string
  /** What to show at `now` (milliseconds since the epoch); undefined when it must be fetched first. */
  current(now: number): CredentialMaterial | undefined
  /** Fetches it. Calls at the same time share one attempt. Rejects with Refusal `upstream-unreachable`. */
  refresh(): Promise<CredentialMaterial>
  /** The upstream refused `material`; it is not shown again if it can be fetched anew. */
  rejected(material: CredentialMaterial): void
}

/** A credential that never changes. */
export function fixedCredential(
  target: UpstreamTarget,
  description: string,
  material: CredentialMaterial,
): UpstreamCredential {
  return {
    target,
    description,
    current: () => material,
    refresh: () => Promise.resolve(material),
    rejected() {},
  }
}

export interface Fetched {
  readonly material: CredentialMaterial
  /** Milliseconds since the epoch: use it until then. Infinity when it has no end. */
  readonly expiresAt: number
  /** From then on a new one is fetched in the background. */
  readonly staleAt: number
}

/** A credential that `fetch` brings anew: before it ends, or when the upstream refused it. */
export function fetchedCredential(
  target: UpstreamTarget,
  description: string,
  fetch: () => Promise<Fetched>,
): UpstreamCredential {
  let held: Fetched | undefined
  let running: Promise<CredentialMaterial> | undefined

  function refresh(): Promise<CredentialMaterial> {
    running ??= fetch()
      .then(fetched => {
        held = fetched
        return fetched.material
      })
      .finally(() => {
        running = undefined
      })
    return running
  }

  return {
    target,
    description,
    current(now) {
      if (held === undefined || now >= held.expiresAt) return undefined
      // A failure here shows when the held one ends; until then it is still good.
      if (now >= held.staleAt) refresh().catch(() => {})
      return held.material
    },
    refresh,
    rejected(material) {
      if (held?.material === material) held = undefined
    },
  }
}
