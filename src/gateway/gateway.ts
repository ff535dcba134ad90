import type { Trial } from '../approvals/foresight.ts'
import type { Approvals } from '../approvals/open-approvals.ts'
import type { AuditLog, NewEntry } from '../audit/entry.ts'
import type { Connection } from '../connections/connection.ts'
import type { Session } from '../connections/session.ts'
import type { SessionEnd } from '../connections/session-record.ts'
import type { Principal } from '../identity/principal.ts'
import type { MaskEngines } from '../masking/engines.ts'
import type { MaskEngine } from '../masking/json/mask-engine.ts'
import type { CompiledMasking } from '../masking/rules/compile.ts'
import type { PolicySet } from '../policy/decision.ts'
import type { RateLimits } from '../policy/rate-limits.ts'
import type { CollectedAnswer } from '../tunnel/calls/collect.ts'
import type { AgentLink } from '../tunnel/contract.ts'
import type { Classified, InSession } from './exchange.ts'
import type { Guesses } from './guesses.ts'
import type { LiveCalls } from './live-calls.ts'
import type { AgainCall, OwnPurpose } from './services/live-object.ts'

/**
 * What the pipeline needs of the rest of the product, as plain functions. The composition root fills it once; a
 * test can fill it with anything. Getters are functions where the answer changes while the gateway runs.
 */
export interface Gateway {
  readonly log: AuditLog
  /** Takes the entry of a caller who could not be identified: written, or counted when there are too many. */
  recordFailure(entry: NewEntry): Promise<void>
  readonly limits: Limits
  now(): number
  connection(name: string): Connection | undefined
  /** Name of the connection that this host name stands for. */
  connectionOfHost(host: string): string | undefined
  /** 401 and 503 as Refusals. Synchronous when the credential was verified a moment ago. */
  authenticate(token: string, connection: string): Principal | Promise<Principal>
  /** Finds or opens the session; resolves only when its `session.open` entry is durable. */
  openSession(principal: Principal, connection: Connection): Session | Promise<Session>
  /** Undefined: the session has the roles that its connection gives. Else resolves when it has, or rejects with a Refusal. */
  haveRights(session: Session, connection: Connection): Promise<void> | undefined
  /** Runs `listener` when the session ends for whatever reason; returns how to stop listening. */
  onSessionEnd(sessionId: string, listener: (end: SessionEnd) => void): () => void
  /** Bytes to action. Throws Refusals 400, 405, 406, 413, 415. */
  classify(x: InSession): Promise<Classified>
  /** Whether the API server of a connection serves a group version itself, and so knows dry runs there. */
  isLocal(connection: string, group: string, version: string): Promise<boolean>
  policies(): PolicySet
  /** Who waits for people, and what they have granted. */
  readonly approvals: Pick<Approvals, 'use' | 'giveBack' | 'ask' | 'wait' | 'grantOf'>
  /** Calls that go on, which end when they are allowed no more. */
  readonly live: Pick<LiveCalls, 'add'>
  /** Counts of rules with effect limit. */
  readonly rates: RateLimits
  /** What is masked, for whom and where. */
  masking(): CompiledMasking
  readonly maskEngine: MaskEngines
  /** Refused writes to masked values, which tell of them. */
  readonly guesses: Guesses
  /** For what the trail shows of requests, whoever they are of. */
  trailEngine(): MaskEngine
  /** Reads from the cluster as the session, for the gateway itself; recorded as a call of its own. */
  readLive(x: Classified, target: string, purpose?: OwnPurpose): Promise<CollectedAnswer>
  /** What would come of a request, asked as the session; recorded as a call of its own. */
  dryRun(x: Classified, trial: Trial, purpose?: OwnPurpose): Promise<CollectedAnswer>
  /** Sends a request anew that was refused because its object had changed; under an id of its own, as a change of the gateway's. */
  sendAgain(x: Classified, call: AgainCall): Promise<CollectedAnswer>
  /** Keyed hash of a value, the same in all replicas; of bytes as latin1. */
  fingerprintOf(value: string): string
  /** The first connected agent of this connection. */
  agentFor(connection: Connection): AgentLink | undefined
  /**
   * Runs `listener`, once, when calls under way must end because they cannot be recorded any more: a grace after the
   * log failed or met its quota. Returns how to stop listening.
   */
  onRecordingEnds(listener: (error: Error) => void): () => void
  /** True while this process shuts down. */
  draining(): boolean
  /** Runs `listener` when this process begins to shut down, at once if it has; returns how to stop listening. */
  onDrain(listener: () => void): () => void
  readonly observe: Observer
}

export interface Limits {
  /** Bytes of a request body; kube-apiserver's own limit is 3 MiB. */
  readonly requestBody: number
  /** Milliseconds for a request body to arrive. */
  readonly requestBodyTime: number
  /** Milliseconds without room for more of an answer that has an end; who reads a watch or a log may take its time. */
  readonly readerTime: number
  /** Bytes of an answer that are held back and released whole after one commit. */
  readonly wholeAnswer: number
  /** Bytes per frame of a longer answer. */
  readonly frame: number
  /** Requests in flight of one principal. */
  readonly requestsPerPrincipal: number
  /** Milliseconds until the head of an answer to a short request must be there. */
  readonly headTime: number
  /** Bytes that are kept, sealed, of an answer that cannot be read; as many as one object may have. */
  readonly unreadable: number
  /** Milliseconds for them to arrive, before the caller is told. */
  readonly unreadableTime: number
  /** Milliseconds between two verifications of the credential of a long-running request. */
  readonly recheck: number
}

export const defaultLimits: Limits = {
  requestBody: 3 * 1024 * 1024,
  requestBodyTime: 60_000,
  readerTime: 60_000,
  wholeAnswer: 256 * 1024,
  frame: 256 * 1024,
  requestsPerPrincipal: 500,
  headTime: 65_000,
  unreadable: 16 * 1024 * 1024,
  unreadableTime: 5_000,
  recheck: 5_000,
}

/** Metrics and the live line of `sallyport up`. Called on the hot path: must not throw, must not wait. */
export interface Observer {
  /** `milliseconds` from the first byte of the request to the end of the answer. */
  finished(x: FinishedExchange): void
  /** An error of our own that no stage had a code for. */
  broke(error: unknown, callId: string): void
}

export interface FinishedExchange {
  readonly callId: string
  readonly connectionName: string
  readonly progress: import('./exchange.ts').Progress
  readonly status: number
  readonly milliseconds: number
  readonly rawHeaders: readonly string[]
  readonly error?: string
}
