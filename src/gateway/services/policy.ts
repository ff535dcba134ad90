import type { PolicyServices } from '../../api/services.ts'
import { atMost } from '../../at-most.ts'
import type { OpenAuditLog } from '../../audit/log/contract.ts'
import type { AuditIndex, AuditQuery, AuditRow } from '../../audit/search/contract.ts'
import type { Session } from '../../connections/session.ts'
import type { Documents } from '../../documents/documents.ts'
import { parseDocuments, type SourceText } from '../../documents/parse.ts'
import { DocumentsInvalid, errorsOf } from '../../documents/problem.ts'
import { Refusal } from '../../errors/refusal.ts'
import type { KubernetesAction } from '../../kubernetes/action.ts'
import { checkPolicies } from '../../policy/check/check-policies.ts'
import { isPolicy, policyProblems } from '../../policy/check/policy-problems.ts'
import { type CompiledPolicies, compilePolicies } from '../../policy/compile.ts'
import { describedAction } from '../../policy/described-action.ts'
import type { ConsideredRule } from '../../policy/explain.ts'
import { recordedCall, type TrailReader } from '../../policy/replay/recorded-call.ts'
import { replay, wantedBy } from '../../policy/replay/replay.ts'
import { Observer } from '../../policy/suggest/observed.ts'
import { suggest } from '../../policy/suggest/suggest.ts'
import { runPolicyTests } from '../../policy/testing/run-policy-tests.ts'
import type { Directory } from '../directory.ts'
import { ownSession } from './own-circumstances.ts'
import { unknownConnection } from './unknown-connection.ts'

export interface PolicyServicesParts {
  readonly directory: Directory
  readonly documents: Documents
  /** The trail; what is on its way into it is waited for. */
  readonly index: AuditIndex
  readonly log: Pick<OpenAuditLog, 'size'>
  policies(): CompiledPolicies
  now(): number
}

export function policyServices(parts: PolicyServicesParts): PolicyServices {
  const trail = trailReader(parts)
  /** What was decided before the question is part of the answer. */
  const caughtUp = () =>
    atMost(
      parts.index.caughtUp(parts.log.size).catch(() => {}),
      PATIENCE,
    )
  return {
    check: sources => checkPolicies(sources),
    test: sources => runPolicyTests(sources, parts.documents.current().ofKind('Policy')),
    async explain(principal, { connection: name, action: asked }) {
      const connection = parts.directory.byName(name)
      if (connection === undefined) throw unknownConnection(name)
      const session = { ...ownSession(principal, parts.now()), connection: name }
      const action = describedAction(asked)
      const { effect, rules, reason, policyDigest, considered } = parts
        .policies()
        .explain(action, { session, connection, now: parts.now() })
      return { effect, rules, reason, policyDigest, considered, notes: notesOn(action, considered) }
    },
    async explainRecorded(detail) {
      const policies = parts.policies()
      const { digest: policyDigest } = policies
      if (detail.row.head.decision === undefined) return { considered: [], notes: [], policyDigest }
      const call = await recordedCall(detail.row, wantedBy(policies), trail)
      if ('missing' in call)
        return { considered: [], notes: [`not judged again: ${call.missing}`], policyDigest }
      const considered = call.actions.flatMap(
        action => policies.explain(action, call.circumstances).considered,
      )
      return { considered, notes: [], policyDigest }
    },
    async replay({ sources, ...query }) {
      const candidate = sources.length === 0 ? parts.policies() : candidateOf(parts.documents, sources)
      await caughtUp()
      return replay({ search: q => parts.index.search(q), trail, candidate }, query)
    },
    async suggest(query) {
      await caughtUp()
      const observer = new Observer()
      let who: AuditRow['head']['principal']
      for await (const row of rowsOf(parts.index, { ...query, kind: 'k8s.request' })) {
        observer.add(row)
        who ??= row.head.principal
      }
      if (who === undefined) {
        const detail = `the trail has no call of ${query.principal} in that time`
        throw new Refusal('resource-unknown', { check: 'principal', detail })
      }
      const seen = observer.seen()
      const account = who.serviceAccount
      const principals =
        account === undefined
          ? { users: [who.username] }
          : { serviceAccounts: [`${account.connection}/${account.namespace}:${account.name}`] }
      const suggestion = suggest(seen, principals, nameFor(who.username))
      return { ...suggestion, username: who.username, calls: seen.calls, notes: seen.notes }
    },
  }
}

/** Milliseconds that a question about the past waits for the index. */
const PATIENCE = 5_000
const MOST_ROWS = 200_000

async function* rowsOf(
  index: AuditIndex,
  query: Omit<AuditQuery, 'limit' | 'after'>,
): AsyncIterable<AuditRow> {
  let after: string | undefined
  let rows = 0
  do {
    const page = await index.search({ ...query, limit: 500, ...(after === undefined ? {} : { after }) })
    yield* page.items
    rows += page.items.length
    after = page.next
  } while (after !== undefined && rows < MOST_ROWS)
}

function trailReader({ index, directory }: PolicyServicesParts): TrailReader {
  return {
    async requestBody(call) {
      const body = (await index.show(call))?.bodies.find(b => b.side === 'request')
      return body === undefined || body.sealed || body.truncated === true ? null : (body.text ?? null)
    },
    async answerBody(call) {
      const shown = await index.show(call)
      const body = shown?.bodies.find(b => b.side === 'response')
      if (body === undefined || body.sealed || body.truncated === true || body.masked !== undefined)
        return null
      const code = shown!.row.head.result?.code ?? 0
      return code >= 200 && code <= 299 ? (body.text ?? null) : null
    },
    async session(id) {
      const page = await index.search({ kind: 'session.open', session: id, limit: 1 })
      const facts = page.items[0]?.head.facts
      if (facts === undefined) return undefined
      const { opened, openedAt, expiresAt } = facts as unknown as Pick<
        Session,
        'opened' | 'openedAt' | 'expiresAt'
      >
      return { opened, openedAt, expiresAt }
    },
    connection: name => directory.byName(name),
  }
}

/** The policies in force with those of the sources in their place; nothing that could not take effect. */
function candidateOf(documents: Documents, sources: readonly SourceText[]): CompiledPolicies {
  const parsed = parseDocuments(sources)
  const policies = parsed.documents.filter(isPolicy)
  const problems = [...parsed.problems, ...policyProblems(policies)]
  if (errorsOf(problems).length > 0) throw new DocumentsInvalid(problems)
  if (policies.length === 0) {
    throw new Refusal('document-invalid', { check: 'document', detail: 'the sources hold no policy' })
  }
  const named = new Set(policies.map(p => p.document.metadata.name))
  const others = documents
    .current()
    .ofKind('Policy')
    .filter(p => !named.has(p.metadata.name))
  return compilePolicies([...others, ...policies.map(p => p.document)])
}

/** A name for documents: `seen-corp-alice`. */
function nameFor(username: string): string {
  const word = username
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^-|-$/g, '')
  return `seen-${word}`.slice(0, 60).replace(/-$/, '')
}

/** What a decision about the request itself would see, and this one cannot. */
function notesOn(action: KubernetesAction, considered: readonly ConsideredRule[]): string[] {
  const notes: string[] = []
  if (['create', 'update', 'patch'].includes(action.verb))
    notes.push('judged without a body: risk classes and conditions that look at it may decide otherwise')
  const failed = considered.filter(c => c.why.includes('its condition failed')).map(c => c.rule)
  if (failed.length > 0)
    notes.push(`a condition asks for something that is not known here: ${failed.join(', ')}`)
  return notes
}
