import { Refusal } from '../../errors/refusal.ts'
import type { RecordedLink } from '../contract.ts'
import { collect, headerOf } from './collect.ts'
import { ownCall } from './own-call.ts'

/** The agent's own path, for a call that goes to no API server as it is. */
export const CHECKS_PATH = '/sallyport/checks'
const LIMIT = 1024 * 1024
const MOST_REQUESTS = 1_000
/** Some twenty questions, one after the other, each with 10 s at most. */
const TIME = 120_000

/** One thing that the agent found out about its upstream. */
export interface UpstreamFinding {
  readonly check: string
  readonly level: 'ok' | 'note' | 'warning' | 'danger'
  readonly text: string
  readonly advice?: string
}

/** A request that the agent made for it. */
export interface CheckRequest {
  /** Its Audit-ID. */
  readonly id: string
  readonly method: string
  readonly target: string
  readonly at: number
  readonly milliseconds: number
  /** 0: there was no answer. */
  readonly status: number
  readonly as?: string
}

export interface UpstreamLook {
  readonly findings: readonly UpstreamFinding[]
  /** To be recorded before anything of this is used. */
  readonly requests: readonly CheckRequest[]
  /** What its binder may bind: in a namespace, or '*' everywhere. Absent: it has no binder, or is an older agent. */
  readonly mayBind?: readonly BindablePlace[]
}

export interface BindablePlace {
  readonly kind: string
  readonly name: string
  readonly namespace: string
}

/**
 * Asks the agent to look: which rights and locks its credential and its cluster have. `link` need not record: nothing
 * of the call itself goes upstream. Rejects with a Refusal.
 */
export async function checkUpstream(link: RecordedLink, connection: string): Promise<UpstreamLook> {
  const call = ownCall(connection, 'checks', { method: 'GET', target: CHECKS_PATH, headTimeout: TIME })
  const { status, body } = await collect(link, call, LIMIT)
  if (status !== 200) throw new Refusal('upstream-answer-refused', { check: 'checks' })
  let value: unknown
  try {
    value = JSON.parse(body.toString('utf8'))
  } catch {
    throw new Refusal('upstream-answer-refused', { check: 'checks' })
  }
  const { findings, requests, mayBind } = (value ?? {}) as Record<string, unknown>
  if (!Array.isArray(findings) || !findings.every(isFinding))
    throw new Refusal('upstream-answer-refused', { check: 'checks' })
  if (!Array.isArray(requests) || requests.length > MOST_REQUESTS || !requests.every(isRequest))
    throw new Refusal('upstream-answer-refused', { check: 'checks' })
  if (mayBind === undefined) return { findings, requests }
  if (!Array.isArray(mayBind) || !mayBind.every(isPlace))
    throw new Refusal('upstream-answer-refused', { check: 'checks' })
  return { findings, requests, mayBind }
}

export interface UpstreamVersion {
  /** `v1.36.3` */
  readonly version: string
  /** Date header; undefined when there is none. */
  readonly date: string | undefined
  readonly auditId: string | undefined
}

/** `/version` under the agent's credential: the shortest proof that the way, TLS and the credential are good. */
export async function askVersion(link: RecordedLink, connection: string): Promise<UpstreamVersion> {
  const { status, headers, body } = await collect(
    link,
    ownCall(connection, 'discovery', { method: 'GET', target: '/version' }),
    LIMIT,
  )
  if (status !== 200)
    throw new Refusal('upstream-answer-refused', {
      check: 'version',
      detail: `the API server answered ${status}`,
    })
  let version = ''
  try {
    version = String((JSON.parse(body.toString('utf8')) as { gitVersion?: unknown }).gitVersion ?? '')
  } catch {
    // No API server: said below.
  }
  if (!/^v\d/.test(version))
    throw new Refusal('upstream-answer-refused', {
      check: 'version',
      detail: 'what answers is no API server',
    })
  return {
    version: version.slice(0, 64),
    date: headerOf(headers, 'date'),
    auditId: headerOf(headers, 'audit-id'),
  }
}

function isPlace(value: unknown): value is BindablePlace {
  const { kind, name, namespace } = (value ?? {}) as Record<string, unknown>
  return [kind, name, namespace].every(text => typeof text === 'string' && text.length < 512)
}

export function isRequest(value: unknown): value is CheckRequest {
  const { id, method, target, at, milliseconds, status, as } = (value ?? {}) as Record<string, unknown>
  return (
    typeof id === 'string' &&
    /^[0-9a-f-]{36}$/.test(id) &&
    typeof method === 'string' &&
    /^[A-Z]{3,6}$/.test(method) &&
    typeof target === 'string' &&
    target.startsWith('/') &&
    target.length < 1024 &&
    [at, milliseconds, status].every(Number.isFinite) &&
    (as === undefined || (typeof as === 'string' && as.length < 512))
  )
}

function isFinding(value: unknown): value is UpstreamFinding {
  const { check, level, text, advice } = (value ?? {}) as Record<string, unknown>
  return (
    typeof check === 'string' &&
    typeof text === 'string' &&
    (advice === undefined || typeof advice === 'string') &&
    ['ok', 'note', 'warning', 'danger'].includes(String(level))
  )
}
