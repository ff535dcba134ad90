import type { Principal } from '../identity/principal.ts'

/** One principal on one connection for a bounded time. */
export interface Session {
  /** Opaque, `s-` and 26 characters of base32; safe as a Kubernetes name and as an STS session name. */
  readonly id: string
  readonly principal: Principal
  readonly connection: string
  readonly opened: 'explicitly' | 'implicitly'
  /** Milliseconds since the epoch. */
  readonly openedAt: number
  readonly expiresAt: number
  /** Why it is used, in the words of its principal. Absent: nothing was said. */
  readonly reason?: string
}
