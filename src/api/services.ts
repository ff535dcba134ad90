import type { Readable } from 'node:stream'
import type { Approval } from '../approvals/contract.ts'
import type { Foresight } from '../approvals/foresight.ts'
import type { Approvals } from '../approvals/open-approvals.ts'
import type { GrantScope } from '../approvals/scope.ts'
import type { NewEntry } from '../audit/entry.ts'
import type { Reveals } from '../audit/reveal/reveals.ts'
import type {
  AuditDetail,
  AuditQuery,
  AuditRow,
  MaskCount,
  MaskReportQuery,
} from '../audit/search/contract.ts'
import type { Holds } from '../audit/shred/holds.ts'
import type { Shreds } from '../audit/shred/shreds.ts'
import type { WitnessingStatus } from '../audit/witnesses/contract.ts'
import type { Session } from '../connections/session.ts'
import type { PolicyVersion } from '../documents/history.ts'
import type { Principal } from '../identity/principal.ts'
import type { Revocation, RevocationTarget } from '../identity/revocation/revocations.ts'
import type { MaskingView } from '../masking/rules/describe.ts'
import type { Sample, SampleResult } from '../masking/rules/mask-sample.ts'
import type { ChannelLink, Invitation } from '../notify/links/contract.ts'
import type { AdminAction, Decision } from '../policy/decision.ts'
import type { ReplayReport } from '../policy/replay/replay.ts'
import type { Suggestion } from '../policy/suggest/suggest.ts'
import type { PolicyTestResult } from '../policy/test.ts'
import type { BoundRole } from '../tunnel/calls/session-bindings.ts'

/**
 * What the management API needs of the rest of the product, as plain functions. The composition root fills it; a
 * test can fill it with anything. Times are milliseconds since the epoch; failures are Refusals of the catalogue.
 */
export interface ApiServices {
  readonly version: string
  now(): number
  /** UUIDv7: the request id that the caller sees and that intent and outcome share in the log. */
  newCallId(): string
  /** Verifies a bearer token. 401 and 503 as Refusals; the API records them. */
  authenticate(token: string, client: Client): Promise<ApiCaller>
  /** The policy engine. Must answer deny for whatever no rule allows. */
  decideAdmin(principal: Principal, action: AdminAction, client: Client): Decision
  /** What rules hold: the decision that an approval made of it, or a Refusal that names the approval to wait for. */
  hold(principal: Principal, wish: HeldRequest): Promise<Decision>
  /** Resolves when the entry is durable; rejects with Refusal `audit-unavailable`. */
  record(entry: NewEntry): Promise<unknown>
  /** An error of our own that no code describes: for the operator's log, never for the caller. */
  broke(error: unknown, call: string): void

  readonly health: HealthServices
  readonly signIn: SignInServices
  readonly sessions: SessionServices
  readonly connections: ConnectionServices
  readonly revocations: RevocationServices
  readonly audit: AuditServices
  readonly documents: DocumentServices
  readonly agents: AgentServices
  readonly policy: PolicyServices
  readonly masking: MaskingServices
  readonly approvals: ApprovalServices
  readonly channels: ChannelServices
  readonly reveals: RevealServices
  readonly shreds: ShredServices
  readonly holds: HoldServices
  status(): Promise<StatusFacts>
}

/** A request to the API that rules hold. */
export interface HeldRequest {
  readonly call: string
  readonly held: readonly { readonly action: AdminAction; readonly decision: Decision }[]
  /** All of it: an approval is for this request and no other. */
  readonly request: readonly unknown[]
  foresee(): Promise<Foresight | undefined>
}

export interface Client {
  readonly address: string
  readonly port: number
  readonly userAgent: string
}

export interface ApiCaller {
  readonly principal: Principal
  /** Set when the credential was a session's own token. */
  readonly sessionId?: string
  /** Roles as policy sees them, for `whoami`. */
  readonly roles?: readonly string[]
}

/** Keyset paging: `after` is whatever the previous page returned as `next`. */
export interface PageRequest {
  readonly limit: number
  readonly after?: string
}

export interface Page<T> {
  readonly items: readonly T[]
  readonly next?: string
}

export interface HealthCheck {
  readonly name: string
  readonly ok: boolean
  /** Why not, in words that an unauthenticated reader may see. */
  readonly detail?: string
}

export interface HealthServices {
  live(): readonly HealthCheck[]
  ready(): Promise<readonly HealthCheck[]>
}

export interface LoginProvider {
  readonly name: string
  readonly displayName?: string
  readonly issuer: string
  readonly clientId: string
  readonly scopes: readonly string[]
  /** PEM; for an issuer whose certificate is not publicly trusted. */
  readonly certificateAuthority?: string
}

/** The token is a bearer credential of this API and is shown exactly once. */
export interface SignedIn {
  readonly token: string
  readonly expiresAt: number
  readonly principal: Principal
}

export interface SignInServices {
  /** Whether one-time codes can be used at all. */
  readonly codes: boolean
  providers(): Promise<readonly LoginProvider[]>
  /** Consumes the code. Refusal `credential-invalid` when it is wrong, used or too old. The API records both ends. */
  byCode(code: string, client: Client): Promise<SignedIn>
  byIdToken(idToken: string, provider: string | undefined, client: Client): Promise<SignedIn>
  /** Ends this sign-in and every session that it opened; returns how many sessions were ended. */
  signOut(principal: Principal): Promise<number>
}

export interface SessionRecord extends Session {
  readonly state: 'live' | 'ended' | 'expired'
  readonly lastUsedAt?: number
  readonly endedAt?: number
  readonly endReason?: string
}

export interface SessionFilter extends PageRequest {
  readonly issuer?: string
  readonly subject?: string
  readonly username?: string
  readonly connection?: string
  readonly state?: 'live' | 'ended' | 'expired'
}

export interface OpenedSession {
  readonly session: SessionRecord
  /** Bearer credential of this connection only, shown exactly once. */
  readonly token: string
  /** Milliseconds without a request after which the session ends by itself. */
  readonly idle: number
}

export interface SessionServices {
  list(filter: SessionFilter): Promise<Page<SessionRecord>>
  get(id: string): Promise<SessionRecord | undefined>
  /** What a live session has on the cluster; undefined: no connection gives it anything, or nobody can say. */
  bindings(id: string): Promise<readonly BoundRole[] | undefined>
  /** Refusals: connection-unknown, denied-by-policy. */
  open(principal: Principal, connection: string, client: Client): Promise<OpenedSession>
  /** Undefined: it is not live. */
  setReason(id: string, reason: string): Promise<SessionRecord | undefined>
  /** False when it had ended before. */
  end(id: string, by: Principal, reason: string): Promise<boolean>
}

export interface ConnectionView {
  readonly name: string
  readonly kind: 'kubernetes'
  readonly description?: string
  /** Base URL for kubectl, path prefix included. */
  readonly server: string
  /** PEM. */
  readonly certificateAuthority: string
  readonly agents: readonly { readonly name: string; readonly connected: boolean }[]
  readonly upstreamIdentity: string
  readonly capture: string
}

/** One step of the way to a cluster. */
export interface ConnectionCheck {
  readonly check: string
  readonly level: 'ok' | 'note' | 'warning' | 'failed'
  readonly text: string
  readonly cure?: string
}

export interface ConnectionServices {
  /** Undefined: there is no such connection. */
  check(name: string): Promise<readonly ConnectionCheck[] | undefined>
  /** Only those that this principal may open a session on. */
  usableBy(principal: Principal): Promise<readonly ConnectionView[]>
}

export type { Revocation, RevocationTarget }

export interface Revoked {
  readonly revocation: Revocation
  readonly sessionsEnded: number
}

export interface RevocationServices {
  list(page: PageRequest): Promise<Page<Revocation>>
  /** `until`: credentials issued before it stay refused; absent means for ever. */
  revoke(target: RevocationTarget, by: Principal, reason: string, until?: number): Promise<Revoked>
}

export type { AuditDetail, AuditQuery, AuditRow, MaskCount }

export interface AuditServices {
  search(filter: AuditQuery): Promise<Page<AuditRow>>
  show(call: string): Promise<AuditDetail | undefined>
  /** What was masked, where, by which rule; most values first. */
  masked(filter: MaskReportQuery): Promise<readonly MaskCount[]>
  /** Rows as they become complete; ends when `signal` aborts. */
  tail(filter: AuditQuery, signal: AbortSignal): AsyncIterable<AuditRow>
  /** One for each entry of a call but its frames. */
  proofs(call: string): Promise<readonly AuditProof[] | undefined>
  /** The whole log as a tar.gz; with heads and bodies, encrypted as they are, when `records`. */
  export(records: boolean): Readable
}

export interface AuditProof {
  readonly index: number
  readonly phase: string
  /** Witnesses have signed the checkpoint in it. */
  readonly cosigned: boolean
  /** Text of a C2SP tlog-proof. */
  readonly proof: string
}

export interface SourceText {
  /** Name for messages; never opened by the gateway. */
  readonly file: string
  readonly text: string
}

export interface SourceProblem {
  readonly file: string
  readonly line: number
  readonly column: number
  /** Inside the document, e.g. `spec.rules[2].match.verbs`; empty for the document itself. */
  readonly path: string
  readonly message: string
  readonly severity: 'error' | 'warning'
}

export interface DocumentRef {
  readonly kind: string
  readonly name: string
}

export interface DocumentRecord extends DocumentRef {
  /** The document as it is written: apiVersion, kind, metadata, spec. */
  readonly document: Readonly<Record<string, unknown>>
  readonly version: number
  /** Documents of a directory are read-only here. */
  readonly source: 'api' | 'file'
  readonly file?: string
  readonly updatedAt?: number
}

export interface DocumentChange extends DocumentRef {
  readonly change: 'create' | 'update' | 'unchanged' | 'delete'
  /** After the change; null for a deletion. */
  readonly version: number | null
  /** YAML before and after; null where there is none. */
  readonly before: string | null
  readonly after: string | null
}

export interface ApplyRequest {
  readonly sources: readonly SourceText[]
  readonly dryRun: boolean
  /** Versions that the caller has seen, `Kind/name` to version; another version is Refusal `conflict`. 0: must not exist. */
  readonly versions: Readonly<Record<string, number>>
  /** Deleted in the same step. */
  readonly remove?: readonly DocumentRef[]
}

export interface DocumentServices {
  /** Versions of a policy, newest first. */
  history(policy: string): Promise<readonly PolicyVersion[]>
  version(policy: string, number: number): Promise<PolicyVersion | undefined>
  kinds(): readonly string[]
  /** What the sources hold, without applying it; pure. */
  parse(sources: readonly SourceText[]): {
    readonly documents: readonly DocumentRef[]
    readonly problems: readonly SourceProblem[]
  }
  list(kind: string | undefined, page: PageRequest): Promise<Page<DocumentRecord>>
  get(kind: string, name: string): Promise<DocumentRecord | undefined>
  /** All or nothing; records `document.change` before it takes effect. */
  apply(by: Principal, call: string, request: ApplyRequest): Promise<readonly DocumentChange[]>
  remove(by: Principal, call: string, ref: DocumentRef, version: number | undefined): Promise<DocumentChange>
}

export interface AgentRecord {
  readonly name: string
  readonly embedded: boolean
  readonly connected: boolean
  readonly version?: string
  readonly address?: string
  readonly connections: readonly string[]
  readonly enrolledAt?: number
  readonly certificateExpiresAt?: number
  readonly lastSeenAt?: number
}

export interface EnrolmentToken {
  readonly token: string
  readonly agent: string
  readonly expiresAt: number
}

export interface AgentCertificate {
  /** PEM, leaf first. */
  readonly certificate: string
  /** PEM. */
  readonly certificateAuthority: string
  readonly agent: string
  readonly expiresAt: number
  /** `host:port` of the tunnel. */
  readonly tunnel: string
}

export interface AgentServices {
  list(): Promise<readonly AgentRecord[]>
  token(agent: string, lifetime: number, by: Principal): Promise<EnrolmentToken>
  /** Consumes a one-time token; the certificate request is PEM (PKCS#10). */
  enrol(token: string, certificateRequest: string, client: Client): Promise<AgentCertificate>
  /** `peer` is the DER of the verified client certificate of this connection. */
  renew(peer: Uint8Array | undefined, certificateRequest: string, client: Client): Promise<AgentCertificate>
  /** False when there was no such agent. */
  remove(name: string, by: Principal): Promise<boolean>
}

export interface ExplainRequest {
  readonly connection: string
  readonly action: {
    readonly verb: string
    readonly group: string
    readonly resource: string
    readonly subresource: string
    readonly namespace: string
    readonly name: string
    /** Of a request that is not about a resource. */
    readonly path: string
  }
}

export interface Explanation {
  readonly effect: 'allow' | 'deny' | 'hold'
  readonly rules: readonly string[]
  readonly reason: string
  readonly policyDigest: string
  /** Every rule that was looked at and what came of it; may be empty. */
  readonly considered: readonly {
    readonly rule: string
    readonly matched: boolean
    readonly effect: string
    readonly why: string
  }[]
  /** What was not known when it was judged, in words. */
  readonly notes: readonly string[]
}

export interface PolicyServices {
  check(sources: readonly SourceText[]): readonly SourceProblem[]
  test(sources: readonly SourceText[]): readonly PolicyTestResult[]
  /** What this principal would be told for this action, now. */
  explain(principal: Principal, request: ExplainRequest): Promise<Explanation>
  /** What the rules of now say to a recorded call; only notes when it cannot be judged again. */
  explainRecorded(detail: AuditDetail): Promise<Pick<Explanation, 'considered' | 'notes' | 'policyDigest'>>
  /** Recorded decisions under other policies: those in force, with the sources in the place of what they name. */
  replay(request: ReplayRequest): Promise<ReplayReport>
  suggest(request: SuggestRequest): Promise<SuggestedPolicy>
}

export interface ReplayRequest {
  /** Milliseconds since the epoch; `until` exclusive. */
  readonly since: number
  readonly until: number
  readonly principal?: string
  readonly connection?: string
  /** Empty: the policies in force. Refusal `document-invalid` when they cannot take effect. */
  readonly sources: readonly SourceText[]
}

export interface SuggestRequest {
  readonly since: number
  readonly until: number
  /** User name, or the principal's key. */
  readonly principal: string
  readonly connection?: string
}

export interface SuggestedPolicy extends Suggestion {
  readonly username: string
  readonly calls: number
  readonly notes: readonly string[]
}

export interface MaskingServices {
  /** What is in force now. */
  list(): MaskingView
  /** What the rules would do to a text. Throws `UnreadableSample`. */
  test(sample: Sample): SampleResult
}

export type { RevealRecord } from '../audit/reveal/reveals.ts'
export type { Hold as HoldRecord } from '../audit/shred/holds.ts'
export type { ShredRecord } from '../audit/shred/shreds.ts'

/** What waits for people, and what they have granted. */
/** Who of a channel is which principal. */
export interface ChannelServices {
  /** Newest first. */
  links(): readonly ChannelLink[]
  /** Channels that are read: there a code links, for nobody can be told anything in private. */
  withCodes(): readonly string[]
  begin(channel: string, by: Principal): Promise<string>
  invitation(by: Principal, token: string): Promise<Invitation>
  confirm(by: Principal, token: string): Promise<ChannelLink>
  unlink(by: Principal, id: string): Promise<ChannelLink>
}

export type ApprovalServices = Pick<
  Approvals,
  | 'list'
  | 'get'
  | 'wait'
  | 'waitUntil'
  | 'barred'
  | 'glassBarred'
  | 'reviewBarred'
  | 'decide'
  | 'cancel'
  | 'breakGlass'
  | 'review'
  | 'delegate'
  | 'endDelegation'
  | 'delegations'
  | 'shown'
  | 'grants'
  | 'grantOf'
  | 'revoke'
> & {
  /** For what is to be done later, within a scope, until an absolute time. */
  askAhead(by: Principal, wish: AheadWish): Promise<Approval>
}

export interface AheadWish {
  readonly call: string
  readonly connection: string
  readonly scope: GrantScope
  readonly milliseconds: number
  readonly reason: string
}

/** Opening sealed originals: asked for by one person, approved by another, opened once. */
export type RevealServices = Pick<Reveals, 'request' | 'approve' | 'deny' | 'list' | 'open'>

/** Destroying keys of a day. */
export type ShredServices = Pick<Shreds, 'request' | 'approve' | 'deny' | 'list'>

export type HoldServices = Pick<Holds, 'add' | 'release' | 'list'>

export interface StatusFacts {
  readonly url: string
  readonly startedAt: number
  readonly log: {
    readonly origin: string
    readonly size: number
    readonly sealed: boolean
    readonly lastEntryAt?: number
    readonly witnessing?: WitnessingStatus
    readonly failure?: string
    readonly quota?: {
      readonly state: 'ok' | 'low' | 'full'
      readonly freeBytes: number
      readonly minFreeBytes: number
      readonly usedBytes?: number
      readonly limitBytes?: number
    }
    readonly keyFailure?: string
  }
  readonly agents: readonly { readonly name: string; readonly connected: boolean }[]
  readonly liveSessions: number
  readonly policyDigest: string
  readonly issuers: readonly { readonly name: string; readonly ok: boolean; readonly detail?: string }[]
}
