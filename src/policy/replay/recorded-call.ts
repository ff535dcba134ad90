import type { AuditRow } from '../../audit/search/contract.ts'
import type { Connection } from '../../connections/connection.ts'
import type { Session } from '../../connections/session.ts'
import type { Principal } from '../../identity/principal.ts'
import type { BodyFacts, ImpersonationRequest, KubernetesAction } from '../../kubernetes/action.ts'
import { storageNames } from '../../kubernetes/discovery/storage-identity.ts'
import type { Action, AdminAction, Circumstances, ClientFacts } from '../decision.ts'
import { standIn } from '../stand-in.ts'

/** Of a row of the trail what a decision is made from. */
export type JudgedRow = Pick<AuditRow, 'call' | 'session' | 'head'>

/** What the trail has beside the rows, asked for only when a rule looks at it. */
export interface TrailReader {
  /** Text of a recorded request body; null: it was not kept, or not whole. */
  requestBody(call: string): Promise<string | null>
  /** Text of the recorded answer, of a call that succeeded; null: it was not kept, not whole, or not all of it is shown. */
  answerBody(call: string): Promise<string | null>
  /** When and how a session was opened, and until when it was good. */
  session(id: string): Promise<Pick<Session, 'opened' | 'openedAt' | 'expiresAt'> | undefined>
  connection(name: string): Connection | undefined
}

/** Facts that the rules to be asked look at, and that are not in every row. */
export interface Wanted {
  /** `action.body.object` in a condition. */
  readonly bodies: boolean
  /** `action.before`. */
  readonly before: boolean
  readonly images: boolean
  readonly sessions: boolean
  /** More of the connection than its name. */
  readonly connections: boolean
}

/** A recorded call as it was judged then; several actions of one call are judged one by one. */
export interface RecordedCall {
  readonly actions: readonly Action[]
  readonly circumstances: Circumstances
}

/** Why a call cannot be judged again. */
export interface NotJudged {
  readonly missing: string
}

export async function recordedCall(
  row: JudgedRow,
  wanted: Wanted,
  trail: TrailReader,
): Promise<RecordedCall | NotJudged> {
  const { head } = row
  const at = head.decision?.at
  const recorded = head.principal
  const facts = head.action
  if (at === undefined || recorded === undefined || facts === undefined) {
    return { missing: 'it was recorded before all that policy looks at was kept' }
  }
  const principal: Principal = {
    ...recorded,
    kind: recorded.kind as Principal['kind'],
    authentication: {
      method: recorded.method as Principal['authentication']['method'],
      provider: recorded.provider ?? '',
      validUntil: 0,
      credentialDigest: '',
    },
  }
  const client: ClientFacts = {
    address: head.client?.address ?? '',
    userAgent: head.client?.userAgent ?? '',
    command: head.client?.command ?? '',
  }
  if (facts.protocol === 'admin') {
    return { actions: adminActions(facts), circumstances: { ...standIn(principal, '', at), client } }
  }
  const name = head.connection ?? ''
  const connection = trail.connection(name)
  if (connection === undefined && wanted.connections) return { missing: `connection ${name} is gone` }
  const there = standIn(principal, name, at)
  const session = wanted.sessions ? await sessionOf(row, there.session, trail) : there.session
  if (session === undefined) return { missing: 'the entry of its session is gone' }
  const action = await actionOf(row, facts, wanted, trail)
  if ('missing' in action) return action
  return {
    actions: [action],
    circumstances: { now: at, client, session, connection: connection ?? there.connection },
  }
}

async function sessionOf(row: JudgedRow, there: Session, trail: TrailReader): Promise<Session | undefined> {
  const known = row.session === null ? undefined : await trail.session(row.session)
  return known === undefined ? undefined : { ...there, ...known, id: row.session! }
}

type Facts = Readonly<Record<string, unknown>>

function adminActions(facts: Facts): AdminAction[] {
  const first: AdminAction = {
    protocol: 'admin',
    verb: text(facts.verb),
    resource: text(facts.resource),
    name: text(facts.name),
  }
  const also = Array.isArray(facts.also) ? facts.also.map(String) : []
  return [
    first,
    ...also.map((words): AdminAction => {
      const space = words.indexOf(' ')
      const slash = words.indexOf('/', space)
      return {
        protocol: 'admin',
        verb: words.slice(0, space),
        resource: words.slice(space + 1, slash),
        name: words.slice(slash + 1),
      }
    }),
  ]
}

async function actionOf(
  row: JudgedRow,
  facts: Facts,
  wanted: Wanted,
  trail: TrailReader,
): Promise<KubernetesAction | NotJudged> {
  const isResource = typeof facts.resource === 'string'
  const given = facts.body as Facts | undefined
  const kept = Object.hasOwn(facts, 'images')
  let object: unknown
  if (wanted.before && given !== undefined && ['update', 'patch'].includes(text(facts.verb))) {
    return { missing: 'a rule looks at the object before the write, which was not kept' }
  }
  const result = given?.result === true && wanted.bodies ? await answeredObject(row, trail) : null
  if (result !== null && 'missing' in result) return result
  if (result !== null) object = result.object
  else if (given !== undefined && (wanted.bodies || (wanted.images && !kept))) {
    const body = await trail.requestBody(row.call)
    if (body === null) return { missing: 'a rule looks at the body, which was not kept (or not whole)' }
    try {
      object = JSON.parse(body)
    } catch {
      return { missing: 'a rule looks at the body, which cannot be read' }
    }
  }
  const body: BodyFacts | null =
    given === undefined
      ? null
      : {
          apiVersion: text(given.apiVersion),
          kind: text(given.kind),
          name: text(given.name),
          namespace: text(given.namespace),
          form: text(given.form),
          ...(result === null ? {} : { result: true }),
          object,
        }
  const risk = text(facts.risk) === '' ? 'none' : text(facts.risk)
  const risks = Array.isArray(facts.risks) ? facts.risks.map(String) : risk === 'none' ? [] : [risk]
  const names = isResource ? storageNames(text(facts.apiGroup), text(facts.resource)) : []
  return {
    protocol: 'k8s',
    verb: text(facts.verb),
    isResource,
    apiGroup: text(facts.apiGroup),
    apiVersion: text(facts.apiVersion),
    resource: text(facts.resource),
    subresource: text(facts.subresource),
    namespace: text(facts.namespace),
    name: text(facts.name),
    path: isResource ? (row.head.request?.uri ?? '').split('?', 1)[0]! : text(facts.path),
    query: {
      fieldSelector: text(facts.fieldSelector),
      labelSelector: text(facts.labelSelector),
      dryRun: facts.dryRun === true,
      follow: facts.follow === true,
      container: text(facts.container),
      command: Array.isArray(facts.command) ? facts.command.map(String) : [],
    },
    body,
    ...(kept ? { images: facts.images as readonly string[] | null } : {}),
    impersonate: (facts.impersonate as ImpersonationRequest | undefined) ?? null,
    risk,
    risks,
    ...(typeof facts.namespaced === 'boolean' ? { namespaced: facts.namespaced } : {}),
    ...(names.length < 2
      ? {}
      : { sameStorage: names.map(n => ({ apiGroup: n.group, resource: n.resource })) }),
    hasSideEffect: false,
    longRunning: facts.longRunning === true,
  }
}

function text(value: unknown): string {
  return typeof value === 'string' ? value : ''
}

/** The write with what came of it, where that stands in its recorded answer. */
export async function withResult(
  row: JudgedRow,
  action: KubernetesAction,
  trail: TrailReader,
): Promise<KubernetesAction | NotJudged> {
  if (action.body === null || action.body.result === true) return action
  const seen = await answeredObject(row, trail)
  if ('missing' in seen) return seen
  const { images: _, ...rest } = action
  const { object, apiVersion, kind } = seen
  return { ...rest, body: { ...action.body, apiVersion, kind, result: true, object } }
}

const NO_RESULT = 'a rule looks at what came of the write, which is not in its recorded answer'

/** An answer may be something else than the object: an error, a table, its metadata only. */
async function answeredObject(
  row: JudgedRow,
  trail: TrailReader,
): Promise<{ readonly object: Facts; readonly apiVersion: string; readonly kind: string } | NotJudged> {
  const body = await trail.answerBody(row.call)
  if (body === null) return { missing: NO_RESULT }
  try {
    const object = JSON.parse(body) as Facts
    const [apiVersion, kind] = [text(object.apiVersion), text(object.kind)]
    const isObject = kind !== '' && apiVersion !== 'meta.k8s.io/v1' && kind !== 'Status'
    const { name } = (object.metadata ?? {}) as Facts
    const asked = text(row.head.action?.name)
    if (!isObject || (asked !== '' && name !== asked)) return { missing: NO_RESULT }
    return { object, apiVersion, kind }
  } catch {
    return { missing: NO_RESULT }
  }
}
