import { Refusal } from '../../errors/refusal.ts'
import type { RecordedLink } from '../contract.ts'
import { collect, headerOf } from './collect.ts'
import { ownCall } from './own-call.ts'

/** The agent's own path, for a call that goes to no API server as it is. */
export const CHECKS_PATH = '/sallyport/checks'
const LIMIT = 1024 * 1024
/** Some twenty questions, one after the other, each with 10 s at most. */
const TIME = 120_000

/** One thing that the agent found out about its upstream. */
export interface UpstreamFinding {
  readonly check: string
  readonly level: 'ok' | 'note' | 'warning' | 'danger'
  readonly text: string
  readonly advice?: string
}

/** Asks the agent to look: which rights and locks its credential and its cluster have. Rejects with a Refusal. */
export async function checkUpstream(link: RecordedLink, connection: string): Promise<UpstreamFinding[]> {
  const call = ownCall(connection, 'checks', { method: 'GET', target: CHECKS_PATH, headTimeout: TIME })
  const { status, body } = await collect(link, call, LIMIT)
  if (status !== 200) throw new Refusal('upstream-answer-refused', { check: 'checks' })
  let value: unknown
  try {
    value = JSON.parse(body.toString('utf8'))
  } catch {
    throw new Refusal('upstream-answer-refused', { check: 'checks' })
  }
  const findings = (value as { findings?: unknown } | null)?.findings
  if (!Array.isArray(findings) || !findings.every(isFinding))
    throw new Refusal('upstream-answer-refused', { check: 'checks' })
  return findings
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

function isFinding(value: unknown): value is UpstreamFinding {
  const { check, level, text, advice } = (value ?? {}) as Record<string, unknown>
  return (
    typeof check === 'string' &&
    typeof text === 'string' &&
    (advice === undefined || typeof advice === 'string') &&
    ['ok', 'note', 'warning', 'danger'].includes(String(level))
  )
}
