import type { WitnessReply } from '../audit/witnesses/contract.ts'

/**
 * The link between gateway and agent. The embedded agent and the tunnel both implement `AgentLink`, so the
 * gateway cannot tell them apart. Handlers follow undici's dispatch style: no promise per chunk.
 */

/** One rebuilt request. The agent judges it again (own parser, own ceiling) before it adds identity and sends it. */
export interface UpstreamCall {
  readonly connection: string
  readonly method: string
  /** Rebuilt path and canonical query. */
  readonly target: string
  /** Allow-listed headers, flat; none of them carries identity. */
  readonly headers: readonly string[]
  readonly body: Uint8Array | null
  readonly identity: SessionDescriptor
  /** Becomes `Audit-ID` upstream. */
  readonly auditId: string
  /** Milliseconds until the head of the answer must be there; 0 for none (long-running requests). */
  readonly headTimeout: number
}

/** As whom the upstream shall see the call. The agent writes the headers from this and refuses what its mode forbids. */
export interface SessionDescriptor {
  readonly sessionId: string
  readonly mode: 'principal' | 'session' | 'serviceaccount' | 'agent'
  /** With our prefix, or `system:serviceaccount:<ns>:<name>` for a service account of this very cluster. Empty in mode `agent`. */
  readonly user: string
  readonly groups: readonly string[]
  readonly extra: readonly (readonly [key: string, value: string])[]
  /** Mode `agent`: the gateway's own call (TokenReview, discovery); the agent has a fixed list of those. */
  readonly purpose?:
    | 'tokenreview'
    | 'discovery'
    | 'accessreview'
    | 'jwks'
    | 'apiservice'
    | 'session-end'
    | 'checks'
    | 'bind'
    | 'unbind'
    | 'bindings'
}

export interface AnswerHandler {
  /** Flat headers, lower-case names, hop-by-hop and 1xx already dropped. Called exactly once, before data. */
  onHead(status: number, headers: readonly string[], controller: AnswerController): void
  onData(chunk: Buffer): void
  /** Trailers are dropped. */
  onEnd(): void
  /** Exactly one of onEnd and onError is called, last. The error is a Refusal of the catalogue. */
  onError(error: import('../errors/refusal.ts').Refusal): void
}

export interface AnswerController {
  pause(): void
  resume(): void
}

/** An agent as a witness of this gateway's log (C2SP tlog-witness, over the tunnel). */
export interface AgentWitness {
  /** Verifier key of its cosignatures. */
  readonly vkey: string
  /** @param logKey Verifier key of the log, for an agent that has not seen it yet. Rejects when there is no answer. */
  addCheckpoint(body: Buffer, logKey: string, signal: AbortSignal): Promise<WitnessReply>
}

export interface AgentLink {
  readonly name: string
  readonly connected: boolean
  /** Starts the call; returns how to abort it (idempotent, safe at every stage; no handler method runs after it). */
  dispatch(call: UpstreamCall, handler: AnswerHandler): (reason?: unknown) => void
  close(): Promise<void>
}

/** A link on which every call is recorded in the audit log. The gateway's own calls are made on no other. */
export interface RecordedLink extends AgentLink {
  readonly recorded: true
}
