import { randomBytes, randomUUID } from 'node:crypto'
import { Readable } from 'node:stream'
import type { NewEntry } from '../../audit/entry.ts'
import { API_VERSION } from '../../brand.ts'
import { Refusal } from '../../errors/refusal.ts'
import { type Principal, principalKey } from '../../identity/principal.ts'
import { UnreadableSample } from '../../masking/rules/mask-sample.ts'
import type { AdminAction, Decision } from '../../policy/decision.ts'
import type {
  ApiServices,
  AuditRow,
  DocumentRecord,
  LoginProvider,
  Revocation,
  SessionRecord,
  SourceProblem,
} from '../services.ts'
import { fakeApprovals } from './fake-approvals.ts'
import { fakeChannels } from './fake-channels.ts'
import { fakeTwoPersons } from './fake-reveals.ts'
import { alice, bob } from './fixtures.ts'

/** What a test can look at and change. */
export interface Fake {
  readonly services: ApiServices
  readonly entries: NewEntry[]
  readonly broken: unknown[]
  readonly sessions: SessionRecord[]
  readonly rows: AuditRow[]
  readonly documents: Map<string, DocumentRecord>
  readonly providers: LoginProvider[]
  /** Tokens to principals. */
  readonly tokens: Map<string, Principal>
  readonly codes: Set<string>
  /** Verified ID tokens to principals, as an issuer's keys would say. */
  readonly idTokens: Map<string, Principal>
  /** `effect` of every decision that `denied` does not hold. */
  deny: Set<string>
  hold: Set<string>
  logFails: boolean
  ready: boolean
  sessionLifetime: number
  sessionIdle: number
  /** Base of the server URLs that connections show. */
  url: string
  certificateAuthority: string
  push(row: AuditRow): void
}

const versionOfBase = {
  number: 1,
  at: 0,
  by: 'alice@example.com',
  change: 'create',
  text: JSON.stringify({ apiVersion: API_VERSION, kind: 'Policy', metadata: { name: 'base' }, spec: {} }),
} as const

/** A whole product in memory, for tests of the API and of its client. */
export function createFake(): Fake {
  const listeners = new Set<(row: AuditRow) => void>()
  const revocations: Revocation[] = []
  const fake: Fake = {
    entries: [],
    broken: [],
    sessions: [],
    rows: [],
    documents: new Map(),
    providers: [],
    tokens: new Map([
      ['alice-token', alice],
      ['bob-token', bob],
    ]),
    codes: new Set(['open-sesame']),
    idTokens: new Map(),
    deny: new Set(),
    hold: new Set(),
    logFails: false,
    ready: true,
    sessionLifetime: 3_600_000,
    sessionIdle: 900_000,
    url: 'https://gateway.test',
    certificateAuthority: '-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----\n',
    push(row) {
      fake.rows.unshift(row)
      for (const listener of listeners) listener(row)
    },
    services: {
      version: '9.9.9',
      now: Date.now,
      newCallId: () => `0190${randomUUID().slice(4)}`,
      async authenticate(token) {
        const principal = fake.tokens.get(token)
        if (principal === undefined) throw new Refusal('credential-invalid', { check: 'token' })
        return { principal, roles: ['engineer'] }
      },
      decideAdmin: (_, action) => decisionOf(fake, action),
      async record(entry) {
        if (fake.logFails) throw new Refusal('audit-unavailable', { check: 'log' })
        fake.entries.push(entry)
      },
      broke: error => fake.broken.push(error),
      health: {
        live: () => [{ name: 'ping', ok: true }],
        ready: async () => [
          { name: 'log', ok: fake.ready, ...(fake.ready ? {} : { detail: 'sealed' }) },
          { name: 'store', ok: true },
        ],
      },
      signIn: {
        codes: true,
        providers: async () => fake.providers,
        async byCode(code) {
          if (!fake.codes.delete(code)) throw new Refusal('credential-invalid', { check: 'one-time-code' })
          return issue(fake, alice)
        },
        async byIdToken(idToken) {
          const principal = fake.idTokens.get(idToken)
          if (principal === undefined) throw new Refusal('credential-invalid', { check: 'id-token' })
          return issue(fake, principal)
        },
        async signOut(principal) {
          for (const [token, p] of fake.tokens) if (p === principal) fake.tokens.delete(token)
          return endAll(fake, s => principalKey(s.principal) === principalKey(principal))
        },
      },
      sessions: {
        async list(filter) {
          const all = fake.sessions.filter(
            s =>
              (filter.subject === undefined || s.principal.subject === filter.subject) &&
              (filter.username === undefined || s.principal.username === filter.username) &&
              (filter.connection === undefined || s.connection === filter.connection) &&
              (filter.state === undefined || s.state === filter.state),
          )
          return page(all, filter)
        },
        get: async id => fake.sessions.find(s => s.id === id),
        bindings: async () => undefined,
        async open(principal, connection) {
          if (connection !== 'prod' && connection !== 'staging') throw new Refusal('connection-unknown')
          const session: SessionRecord = {
            id: `s-${randomBytes(13).toString('hex')}`,
            principal,
            connection,
            opened: 'explicitly',
            openedAt: Date.now(),
            expiresAt: Date.now() + fake.sessionLifetime,
            state: 'live',
          }
          fake.sessions.unshift(session)
          return { session, token: `session-token-${session.id}`, idle: fake.sessionIdle }
        },
        async setReason(id, reason) {
          const at = fake.sessions.findIndex(s => s.id === id && s.state === 'live')
          if (at < 0) return undefined
          fake.sessions[at] = { ...fake.sessions[at]!, reason }
          return fake.sessions[at]
        },
        end: async id => endAll(fake, s => s.id === id) > 0,
      },
      connections: {
        check: async name =>
          name === 'absent'
            ? undefined
            : [
                { check: 'agent', level: 'ok', text: 'connected: embedded' },
                {
                  check: 'reach',
                  level: name === 'staging' ? 'failed' : 'ok',
                  text: 'v1.36.3',
                  cure: 'look',
                },
              ],
        usableBy: async () =>
          ['prod', 'staging'].map(name => ({
            name,
            kind: 'kubernetes' as const,
            description: `the ${name} cluster`,
            server: `${fake.url}/k/${name}`,
            certificateAuthority: fake.certificateAuthority,
            agents: [{ name: 'embedded', connected: true }],
            upstreamIdentity: 'principal',
            capture: 'full',
          })),
      },
      revocations: {
        list: async filter => page(revocations, filter),
        async revoke(target, by, reason, until) {
          const revocation: Revocation = {
            id: `r-${revocations.length + 1}`,
            target,
            reason,
            by: by.username,
            at: Date.now(),
            ...(until === undefined ? {} : { until }),
          }
          revocations.unshift(revocation)
          const sessionsEnded = endAll(fake, s =>
            target.kind === 'session'
              ? s.id === target.id
              : target.kind === 'issuer'
                ? s.principal.issuer === target.issuer
                : s.principal.subject === target.subject,
          )
          return { revocation, sessionsEnded }
        },
      },
      hold: async (_, { held }) => {
        throw new Refusal('approval-pending', { check: held[0]!.decision.rules[0]! })
      },
      approvals: fakeApprovals(),
      channels: fakeChannels(),
      ...fakeTwoPersons(),
      audit: {
        async search(filter) {
          const rows = fake.rows.filter(
            r =>
              (filter.verb === undefined || r.head.action?.verb === filter.verb) &&
              (filter.effect === undefined || r.effect === filter.effect) &&
              (filter.since === undefined || r.time >= filter.since),
          )
          return page(rows, filter)
        },
        async show(call) {
          const row = fake.rows.find(r => r.call === call)
          if (row === undefined) return undefined
          return {
            row,
            leaves: [
              { index: 4, phase: 'intent', time: row.time, leafHash: 'aa'.repeat(32), provenAt: null },
              { index: 5, phase: 'outcome', time: row.time + 3, leafHash: 'bb'.repeat(32), provenAt: null },
            ],
            bodies: [
              { side: 'response', mediaType: 'application/json', bytes: 2, sealed: false, text: '{}' },
              { side: 'request', mediaType: 'application/json', bytes: 99, sealed: true },
            ],
            policyDigest: `sha256:${'0'.repeat(64)}`,
          }
        },
        masked: async () => [
          {
            rule: 'secret-data',
            connection: 'prod',
            namespace: 'shop',
            resource: 'secrets',
            values: 3,
            calls: 2,
          },
        ],
        async proofs(call) {
          if (!fake.rows.some(r => r.call === call)) return undefined
          return [{ index: 4, phase: 'intent', cosigned: false, proof: 'c2sp.org/tlog-proof@v1\nindex 4\n' }]
        },
        export: () => Readable.from([Buffer.from('archive')]),
        async *tail(_, signal) {
          const waiting: AuditRow[] = []
          let wake: () => void = () => {}
          const listener = (row: AuditRow): void => {
            waiting.push(row)
            wake()
          }
          listeners.add(listener)
          signal.addEventListener('abort', () => wake())
          try {
            while (!signal.aborted) {
              const row = waiting.shift()
              if (row !== undefined) yield row
              else await new Promise<void>(resolve => (wake = resolve))
            }
          } finally {
            listeners.delete(listener)
          }
        },
      },
      documents: {
        kinds: () => ['Connection', 'IdentityProvider', 'MaskingRules', 'Policy'],
        parse: sources => {
          const problems = sources.flatMap(s => problemsOf(s.file, s.text))
          const documents = sources.flatMap(s => documentsIn(s.text))
          return { documents, problems }
        },
        list: async (kind, filter) =>
          page(
            [...fake.documents.values()].filter(d => kind === undefined || d.kind === kind),
            filter,
          ),
        get: async (kind, name) => fake.documents.get(`${kind}/${name}`),
        history: async name => (name === 'base' ? [versionOfBase] : []),
        version: async (name, number) => (name === 'base' && number === 1 ? versionOfBase : undefined),
        async apply(by, call, request) {
          const removed = (request.remove ?? []).map(ref => {
            const key = `${ref.kind}/${ref.name}`
            const before = fake.documents.get(key)
            if (before === undefined) throw new Refusal('resource-unknown', { check: 'document' })
            if (!request.dryRun) fake.documents.delete(key)
            const text = JSON.stringify(before.document, null, 2)
            return { ...ref, change: 'delete', version: null, before: text, after: null } as const
          })
          const written = request.sources
            .flatMap(s => documentsIn(s.text))
            .map(d => {
              const key = `${d.kind}/${d.name}`
              const before = fake.documents.get(key)
              const expected = request.versions[key]
              if (expected !== undefined && expected !== (before?.version ?? 0)) {
                throw new Refusal('conflict', { check: 'version', detail: `${key} has another version` })
              }
              const after = JSON.stringify(d.document, null, 2)
              const same = before !== undefined && JSON.stringify(before.document, null, 2) === after
              const version = same ? before.version : (before?.version ?? 0) + 1
              if (!request.dryRun && !same) {
                fake.documents.set(key, { ...d, version, source: 'api' })
                fake.entries.push({
                  call,
                  kind: 'document.change',
                  phase: 'state',
                  session: null,
                  effect: null,
                  policyDigest: null,
                  head: { facts: { by: by.username, key } },
                })
              }
              return {
                kind: d.kind,
                name: d.name,
                change: same ? 'unchanged' : before === undefined ? 'create' : 'update',
                version,
                before: before === undefined ? null : JSON.stringify(before.document, null, 2),
                after,
              } as const
            })
          return [...written, ...removed]
        },
        async remove(_by, _call, ref, version) {
          const key = `${ref.kind}/${ref.name}`
          const before = fake.documents.get(key)
          if (before === undefined) throw new Refusal('resource-unknown', { check: 'document' })
          if (version !== undefined && version !== before.version) {
            throw new Refusal('conflict', { check: 'version' })
          }
          fake.documents.delete(key)
          return {
            kind: ref.kind,
            name: ref.name,
            change: 'delete',
            version: null,
            before: JSON.stringify(before.document, null, 2),
            after: null,
          }
        },
      },
      agents: {
        list: async () => [
          { name: 'embedded', embedded: true, connected: true, connections: ['prod'] },
          { name: 'far', embedded: false, connected: false, connections: ['staging'], lastSeenAt: 1 },
        ],
        token: async (agent, lifetime) => ({
          agent,
          token: 'enrol-me-once',
          expiresAt: Date.now() + lifetime,
        }),
        async enrol(token) {
          if (token !== 'enrol-me-once') throw new Refusal('credential-invalid', { check: 'enrolment-token' })
          return certificate()
        },
        async renew(peer) {
          if (peer === undefined) throw new Refusal('credential-missing', { check: 'client-certificate' })
          return certificate()
        },
        remove: async name => name === 'far',
      },
      policy: {
        check: sources => sources.flatMap(s => problemsOf(s.file, s.text)),
        test: sources => [
          {
            name: 'denies deletes',
            file: sources[0]!.file,
            line: 3,
            ok: false,
            expected: 'deny',
            got: 'allow',
          },
        ],
        explain: async (_, request) => ({
          effect: request.action.verb === 'delete' ? 'deny' : 'allow',
          rules: ['base/all'],
          reason: 'because',
          policyDigest: 'sha256:00',
          considered: [
            {
              rule: 'base/all',
              effect: 'allow',
              matched: false,
              why: 'does not cover it: needs verbs delete',
            },
            { rule: 'base/far', effect: 'allow', matched: false, why: 'does not cover it: needs a; needs b' },
          ],
          notes: ['judged without a body'],
        }),
        explainRecorded: async () => ({ considered: [], notes: [], policyDigest: 'sha256:00' }),
        replay: async () => ({
          judged: 2,
          unchanged: 1,
          changed: 1,
          changes: [
            {
              call: 'call-1',
              time: 0,
              user: 'alice@example.com',
              sentence: 'alice · get pods · prod · ok',
              before: { effect: 'allow', rules: ['base/all'] },
              after: { effect: 'deny', rules: ['base/no'], reason: 'because' },
            },
          ],
          notJudged: [{ why: 'old', count: 1, calls: ['call-0'] }],
          cut: false,
        }),
        suggest: async ({ principal }) => ({
          username: principal,
          calls: 1,
          policy: null,
          roles: [
            {
              apiVersion: 'rbac.authorization.k8s.io/v1',
              kind: 'ClusterRole',
              metadata: { name: 'seen' },
              rules: [{ apiGroups: [''], resources: ['pods'], verbs: ['get'] }],
            },
          ],
          notes: [],
        }),
      },
      masking: {
        test({ text }) {
          if (text === 'BROKEN') throw new UnreadableSample('it is no JSON')
          const place = { place: '/data/a', rule: 'secret-data', action: 'mask', keep: 'raw' } as const
          return { digest: 'sha256:00', exempt: ['env'], places: [place], masked: text }
        },
        list: () => ({
          digest: 'sha256:00',
          rules: [
            {
              name: 'secret-data',
              source: 'shipped',
              description: 'values of Secrets',
              places: ['Secret data.*'],
              action: 'mask',
              keep: 'raw',
              learn: true,
              scope: [],
            },
          ],
          exemptions: [
            {
              name: 'operator',
              source: 'shop',
              rules: ['secret-data'],
              scope: ['user corp:alice', 'namespace shop'],
              reason: 'runs the shop',
              expires: '2026-01-31T18:00:00Z',
              ended: true,
            },
          ],
        }),
      },
      status: async () => ({
        url: fake.url,
        startedAt: 0,
        log: { origin: 'gateway.test/log', size: 12, sealed: false },
        agents: [{ name: 'embedded', connected: true }],
        liveSessions: fake.sessions.filter(s => s.state === 'live').length,
        policyDigest: 'sha256:00',
        issuers: [{ name: 'corp', ok: true }],
      }),
    },
  }
  return fake
}

function decisionOf(fake: Fake, action: AdminAction): Decision {
  const effect = fake.deny.has(action.verb) ? 'deny' : fake.hold.has(action.verb) ? 'hold' : 'allow'
  return {
    effect,
    rules: effect === 'allow' ? ['base/all'] : [`guard/no-${action.verb}`],
    reason: `the test says ${effect}`,
    policyDigest: 'sha256:00',
  }
}

function issue(fake: Fake, principal: Principal) {
  const token = `signed-in-${randomBytes(16).toString('hex')}`
  // An object of its own, so that signing out ends this sign-in and no other of the same person.
  fake.tokens.set(token, { ...principal })
  return { token, expiresAt: Date.now() + 3_600_000, principal }
}

function endAll(fake: Fake, which: (s: SessionRecord) => boolean): number {
  let ended = 0
  fake.sessions.forEach((session, at) => {
    if (session.state !== 'live' || !which(session)) return
    fake.sessions[at] = { ...session, state: 'ended', endedAt: Date.now(), endReason: 'ended' }
    ended++
  })
  return ended
}

function page<T>(all: readonly T[], request: { readonly limit: number; readonly after?: string }) {
  const from = request.after === undefined ? 0 : Number(request.after)
  const items = all.slice(from, from + request.limit)
  const end = from + items.length
  return end < all.length ? { items, next: String(end) } : { items }
}

function problemsOf(file: string, text: string): SourceProblem[] {
  if (!text.includes('BROKEN')) return []
  return [{ file, line: 2, column: 5, path: 'spec.rules[0]', message: 'is broken', severity: 'error' }]
}

/** Documents as JSON, one source each, which is YAML too. */
function documentsIn(text: string) {
  if (text.includes('BROKEN')) return []
  const document = JSON.parse(text) as { kind: string; metadata: { name: string } }
  return [{ kind: document.kind, name: document.metadata.name, document }]
}

function certificate() {
  return {
    certificate: 'PEM',
    certificateAuthority: 'PEM',
    agent: 'far',
    expiresAt: 1,
    tunnel: 'gateway.test:443',
  }
}
