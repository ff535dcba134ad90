import { Refusal } from '../../errors/refusal.ts'
import type { RecordedLink } from '../contract.ts'
import { type CheckRequest, isRequest } from './check-upstream.ts'
import { collect } from './collect.ts'
import { ownCall } from './own-call.ts'

/** The agent's own path: nothing of these calls goes to an API server as it is; the agent writes the objects itself. */
export const BINDINGS_PATH = '/sallyport/bindings'
/** Seconds that a binding lives at most. Whoever needs it for longer asks again. */
export const LONGEST_BINDING = 900
/** Bindings of one session. */
export const MOST_BINDINGS = 32
const LIMIT = 1024 * 1024
const MOST_REQUESTS = 2_000
/** Role, binding and review, each within seconds. */
const TIME = 30_000

/** A role and where: namespace '' is the whole cluster. */
export interface BindRole {
  readonly kind: 'ClusterRole' | 'Role'
  readonly name: string
  readonly namespace: string
}

/** What the gateway asks for; the subject is the session itself and nobody else. */
export interface BindRequest {
  readonly session: string
  /** Seconds until an agent may delete the bindings, counted by the agent's clock. */
  readonly seconds: number
  readonly roles: readonly BindRole[]
  /** Afterwards the session has these and no other bindings. */
  readonly replace: boolean
}

/** A binding that is there. */
export interface BoundRole extends BindRole {
  /** Name of the RoleBinding or ClusterRoleBinding. */
  readonly binding: string
  /** Milliseconds since the epoch, by the agent's clock. */
  readonly expiresAt: number
}

export interface BindingsAnswer {
  readonly bindings: readonly BoundRole[]
  /** Why it was not done; then nothing of it is left behind. */
  readonly failed?: { readonly check: string; readonly detail: string }
  /** What the agent asked of the API server for it, to be recorded. */
  readonly requests: readonly CheckRequest[]
  /** What its sweeper has done since the last answer. */
  readonly swept: readonly CheckRequest[]
}

/** Makes bindings for a session; resolves when the API server says that the session has the rights. Rejects with a Refusal. */
export function bindSession(
  link: RecordedLink,
  connection: string,
  request: BindRequest,
): Promise<BindingsAnswer> {
  const body = Buffer.from(JSON.stringify(request))
  const headers = ['accept', 'application/json', 'content-type', 'application/json']
  return ask(link, connection, 'bind', { method: 'POST', target: BINDINGS_PATH, headers, body })
}

/** Deletes all bindings of a session, for good: the agent makes none for it afterwards. */
export function unbindSession(
  link: RecordedLink,
  connection: string,
  session: string,
): Promise<BindingsAnswer> {
  return ask(link, connection, 'unbind', { method: 'DELETE', target: `${BINDINGS_PATH}/${session}` })
}

/** The bindings of a session as the cluster has them now. */
export function listSessionBindings(
  link: RecordedLink,
  connection: string,
  session: string,
): Promise<BindingsAnswer> {
  return ask(link, connection, 'bindings', { method: 'GET', target: `${BINDINGS_PATH}/${session}` })
}

/** What the agent's sweeper has done since the last answer; asks nothing of the cluster. */
export function takeSweptRequests(link: RecordedLink, connection: string): Promise<BindingsAnswer> {
  return ask(link, connection, 'bindings', { method: 'GET', target: BINDINGS_PATH })
}

async function ask(
  link: RecordedLink,
  connection: string,
  purpose: 'bind' | 'unbind' | 'bindings',
  request: Parameters<typeof ownCall>[2],
): Promise<BindingsAnswer> {
  const call = ownCall(connection, purpose, { ...request, headTimeout: TIME })
  const { status, body } = await collect(link, call, LIMIT)
  let value: unknown
  try {
    value = JSON.parse(body.toString('utf8'))
  } catch {
    // Said below.
  }
  if (status !== 200 || !isAnswer(value)) {
    throw new Refusal('upstream-answer-refused', { check: 'bindings' })
  }
  return value
}

function isAnswer(value: unknown): value is BindingsAnswer {
  const { bindings, failed, requests, swept } = (value ?? {}) as Record<string, unknown>
  return (
    Array.isArray(bindings) &&
    bindings.every(isBound) &&
    [requests, swept].every(
      list => Array.isArray(list) && list.length <= MOST_REQUESTS && list.every(isRequest),
    ) &&
    (failed === undefined || isFailure(failed))
  )
}

function isBound(value: unknown): value is BoundRole {
  const { kind, name, namespace, binding, expiresAt } = (value ?? {}) as Record<string, unknown>
  return (
    (kind === 'ClusterRole' || kind === 'Role') &&
    [name, namespace, binding].every(text => typeof text === 'string' && text.length < 512) &&
    typeof expiresAt === 'number'
  )
}

function isFailure(value: unknown): boolean {
  const { check, detail } = (value ?? {}) as Record<string, unknown>
  return [check, detail].every(text => typeof text === 'string' && text.length < 2048)
}
