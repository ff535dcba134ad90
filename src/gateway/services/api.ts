import type { ApiServices, Client, HealthCheck } from '../../api/services.ts'
import type { Approvals } from '../../approvals/open-approvals.ts'
import type { OpenAuditLog } from '../../audit/log/contract.ts'
import { type QuotaStatus, quotaWords } from '../../audit/log/quota.ts'
import type { AuditIndex } from '../../audit/search/contract.ts'
import type { Witnessing } from '../../audit/witnesses/contract.ts'
import type { Documents } from '../../documents/documents.ts'
import type { IdentityProviderSettings } from '../../documents/to-identity-provider.ts'
import type { Identity } from '../../identity/open-identity.ts'
import { revoke, signOut } from '../../identity/revocation/revoke.ts'
import type { CompiledMasking } from '../../masking/rules/compile.ts'
import type { Links } from '../../notify/links/open-links.ts'
import type { Notify } from '../../notify/open-notify.ts'
import type { CertificateAuthority } from '../../pki/authority.ts'
import type { CompiledPolicies } from '../../policy/compile.ts'
import type { StateStore } from '../../store/store.ts'
import type { Logger } from '../../telemetry/logger.ts'
import type { AgentGate } from '../../tunnel/agent-gate.ts'
import type { AgentRegistry } from '../../tunnel/registry.ts'
import { newCallId } from '../call-id.ts'
import type { Directory } from '../directory.ts'
import type { FailureBudget } from '../failure-budget.ts'
import type { OwnCalls } from '../own-calls.ts'
import { agentServices } from './agents.ts'
import { approvalServices, holdRequests } from './approvals.ts'
import { auditServices } from './audit.ts'
import { channelServices } from './channels.ts'
import { connectionServices } from './connections.ts'
import { documentServices } from './documents.ts'
import { maskingServices } from './masking.ts'
import { ownConnection, ownSession } from './own-circumstances.ts'
import { policyServices } from './policy.ts'
import type { SessionBindings } from './session-bindings.ts'
import { sessionServices } from './sessions.ts'
import type { TwoPersons } from './two-persons.ts'

export interface ApiParts {
  readonly version: string
  readonly startedAt: number
  readonly log: OpenAuditLog
  readonly failures: FailureBudget
  readonly store: StateStore
  readonly authority: CertificateAuthority
  readonly registry: AgentRegistry
  readonly witnessing: Witnessing
  readonly gate: AgentGate
  readonly documents: Documents
  readonly directory: Directory
  readonly identity: Identity
  readonly index: AuditIndex
  readonly logger: Logger
  now(): number
  policies(): CompiledPolicies
  masking(): CompiledMasking
  providers(): readonly IdentityProviderSettings[]
  url(): string
  draining(): boolean
  readonly ownCalls: OwnCalls
  readonly twoPersons: TwoPersons
  readonly approvals: Approvals
  readonly bindings: SessionBindings
  readonly links: Links
  readonly notify: Pick<Notify, 'channels'>
}

/** What the management API is given: every part of the gateway behind the narrow functions that it asks for. */
export function apiServices(parts: ApiParts): ApiServices {
  const { log, identity, registry, now } = parts
  const { sessions, revocations, authenticator } = identity
  return {
    version: parts.version,
    now,
    newCallId: () => newCallId(now()),
    async authenticate(token: string, _client: Client) {
      const principal = authenticator.cached(token, null) ?? (await authenticator.authenticate(token, null))
      return { principal }
    },
    decideAdmin: (principal, action, { address, userAgent }) =>
      parts.policies().decide(action, {
        session: ownSession(principal, now()),
        connection: ownConnection,
        client: { address, userAgent, command: '' },
        now: now(),
      }),
    hold: holdRequests(parts),
    record: entry => (entry.kind === 'auth.fail' ? parts.failures.record(entry) : log.append(entry)),
    broke: (error, call) => parts.logger.error({ error, callId: call }, 'a request to the API broke'),
    health: {
      live: () => [{ name: 'process', ok: true }],
      ready: async () => [
        logHealth(log),
        witnessCheck(parts.witnessing),
        { name: 'state-store', ok: await answers(parts.store) },
        {
          name: 'accepting',
          ok: !parts.draining(),
          ...(parts.draining() ? { detail: 'shutting down' } : {}),
        },
      ],
    },
    signIn: {
      codes: true,
      providers: async () =>
        parts.providers().flatMap(({ name, displayName, issuer, ca, login }) =>
          login === undefined
            ? []
            : [
                {
                  name,
                  ...(displayName === undefined ? {} : { displayName }),
                  issuer,
                  clientId: login.clientId,
                  scopes: login.scopes,
                  ...(ca === undefined ? {} : { certificateAuthority: ca }),
                },
              ],
        ),
      byCode: code => identity.codes.redeem(code),
      byIdToken: (idToken, provider) => authenticator.signInWithIdToken(provider, idToken),
      signOut: principal => signOut(identity, principal),
    },
    sessions: sessionServices({
      sessions,
      directory: parts.directory,
      bindings: parts.bindings,
      now,
    }),
    connections: connectionServices(parts),
    revocations: {
      async list({ limit, after }) {
        const all = revocations.list()
        const from = after === undefined ? 0 : all.findIndex(r => r.id === after) + 1
        const items = all.slice(from, from + limit)
        const last = items.at(-1)
        return from + limit < all.length && last !== undefined ? { items, next: last.id } : { items }
      },
      revoke: (target, by, reason, until) => revoke(identity, target, by.username, reason, until),
    },
    audit: auditServices(parts.index, log, parts.witnessing, now),
    documents: documentServices(parts.documents, log),
    agents: agentServices({
      store: parts.store,
      authority: parts.authority,
      registry,
      gate: parts.gate,
      tunnel: () => new URL(parts.url()).host,
      now,
    }),
    policy: policyServices(parts),
    masking: maskingServices(parts),
    approvals: approvalServices(parts),
    channels: channelServices(parts),
    reveals: parts.twoPersons.reveals,
    shreds: parts.twoPersons.shreds,
    holds: parts.twoPersons.holds,
    async status() {
      return {
        url: parts.url(),
        startedAt: parts.startedAt,
        log: {
          origin: log.origin,
          size: log.size,
          sealed: log.sealed,
          witnessing: parts.witnessing.status(),
          ...(log.failure === null ? {} : { failure: `${log.failure.check}: ${log.failure.detail}` }),
          quota: quotaFacts(log.quota),
          ...(log.keyFailure === null ? {} : { keyFailure: log.keyFailure }),
        },
        agents: registry.status().map(({ name, connected }) => ({ name, connected })),
        liveSessions: sessions.list().length,
        policyDigest: parts.policies().digest,
        issuers: authenticator
          .issuers()
          .map(({ name, ok, detail }) => ({ name, ok, ...(detail === undefined ? {} : { detail }) })),
      }
    },
  }
}

/**
 * A witness that is away or contradicts the log is told here. It takes readiness away only where the operator chose
 * so: a witness must not be able to stop a gateway.
 */
function witnessCheck(witnessing: Witnessing): HealthCheck {
  const { blocked, overdue, witnesses } = witnessing.status()
  const conflicts = witnesses.filter(one => one.state === 'conflict')
  const detail =
    conflicts.length > 0 ? 'a witness contradicts the log' : 'the log is unwitnessed for too long'
  return { name: 'witnesses', ok: !blocked, ...(conflicts.length > 0 || overdue ? { detail } : {}) }
}

function quotaFacts({ state, free, minFree, used, bytes }: QuotaStatus) {
  const limit = used === null || bytes === null ? {} : { usedBytes: used, limitBytes: bytes }
  return { state, freeBytes: free, minFreeBytes: minFree, ...limit }
}

function logHealth(log: OpenAuditLog): HealthCheck {
  const name = 'audit-log'
  if (log.failure !== null) return { name, ok: false, detail: `it cannot be written (${log.failure.check})` }
  if (log.quota.state === 'full') return { name, ok: false, detail: `disk-quota: ${quotaWords(log.quota)}` }
  const troubles = [
    ...(log.quota.state === 'low' ? [`disk-quota: ${quotaWords(log.quota)}`] : []),
    ...(log.keyFailure === null ? [] : ["key-encryption: the coming day's keys cannot be had"]),
  ]
  return troubles.length === 0 ? { name, ok: true } : { name, ok: true, detail: troubles.join('; ') }
}

async function answers(store: StateStore): Promise<boolean> {
  try {
    await store.revision()
    return true
  } catch {
    return false
  }
}
