import { isAllNames } from '../kubernetes/access-review.ts'
import type { Answered, Masking } from './exchange.ts'
import type { Gateway } from './gateway.ts'

/** At most so many of ours with one answer: more is noise. */
const MOST = 2
/** Before the end of a session. */
const SOON = 600_000
/** Sessions whose warnings are remembered; the oldest is forgotten first, and would be warned once more. */
const SESSIONS = 10_000

/** What each session has been told. One gateway process has one such memory. */
const told = new Map<string, Set<string>>()

/**
 * What the caller should know beside the answer, as texts for Warning headers (KEP-1693): that something differs from
 * what the cluster alone would do. Each is said once in a session, and none where the connection switches them off.
 */
export function warningsOf(gateway: Gateway, x: Masking, isMasked: boolean): string[] {
  if (x.connection.warnings === false) return []
  const found = [
    aboutGlass(x),
    aboutIdentity(x),
    aboutQuestion(x),
    aboutMasks(x, isMasked),
    ...about(gateway, x).filter(([key]) => isNew(x.session.id, key)),
  ]
  const texts = found.flatMap(one => (one === undefined ? [] : [`sallyport: ${one[1]}`]))
  return texts.slice(0, MOST)
}

type Warning = readonly [key: string, text: string]

function about(gateway: Gateway, x: Answered): Warning[] {
  const { session, action, answer, decision } = x
  const warnings: Warning[] = []
  if (session.expiresAt - gateway.now() < SOON) {
    const end = new Date(session.expiresAt).toISOString().slice(11, 16)
    warnings.push([`ends ${session.expiresAt}`, `this session ends at ${end} UTC; watches end with it`])
  }
  const { part } = decision
  if (part !== undefined && action.verb !== 'get' && answer.status < 400) {
    const by = decision.rules.join(', ')
    const of =
      part.namespaces.length === 0 ? '' : `, in namespaces ${part.namespaces.slice(0, 10).join(', ')}`
    warnings.push([`part ${by}`, `filtered: only what ${by} allows is shown${of}`])
  }
  const { grant } = x.progress
  if (grant?.until !== undefined) {
    const end = new Date(grant.until).toISOString().slice(11, 16)
    warnings.push([`grant ${grant.id}`, `grant ${grant.id} ends at ${end} UTC`])
  }
  if (answer.status === 403) {
    const rule = decision.rules[0] ?? 'policy'
    warnings.push(['cluster 403', `${rule} allows this; it is the RBAC of the cluster that refuses it`])
    const unmapped = x.connection.upstreamIdentity === 'principal' ? unmappedGroups(x) : []
    if (unmapped.length > 0) {
      const names = unmapped.slice(0, 5).join(', ')
      warnings.push([
        'groups',
        `groups of yours that mean nothing to this cluster (no groupMapping): ${names}`,
      ])
    }
  }
  if (isReview(x, 'selfsubjectaccessreviews') && isAllNames(action.body?.object)) {
    warnings.push(['review of all', 'asked with *: rules that deny single actions are not looked at'])
  }
  return warnings
}

/** Each time, and first. */
function aboutGlass(x: Answered): Warning | undefined {
  const { grant } = x.progress
  if (grant?.brokenGlass !== true) return undefined
  return [
    'glass',
    `GLASS BROKEN: nobody approved this (approval ${grant.approval}); another person will review it`,
  ]
}

/** `kubectl auth whoami` prints the user that the cluster sees; who that is here belongs beside it, each time. */
function aboutIdentity(x: Answered): Warning | undefined {
  if (x.action.apiGroup !== 'authentication.k8s.io' || x.action.resource !== 'selfsubjectreviews') return
  const { principal, session, connection } = x
  const until = new Date(session.expiresAt).toISOString().slice(0, 16).replace('T', ' ')
  return [
    'whoami',
    `you are ${principal.username} (${principal.authentication.method}), session ${session.id} on ${connection.name} until ${until} UTC`,
  ]
}

/** kubectl prints the reason of a no alone. */
function aboutQuestion({ progress: { asked } }: Answered): Warning | undefined {
  return asked === undefined ? undefined : ['asked', asked.replace(/^sallyport: /, '')]
}

/**
 * Each time: who looks at a value must know that it is not the value. A watch is told before its first event. Who changes
 * something seldom looks at what comes back, unless it is a dry run.
 */
function aboutMasks(x: Masking, isMasked: boolean): Warning | undefined {
  if (x.action.hasSideEffect && !x.action.query.dryRun) return undefined
  const willBe =
    x.action.longRunning &&
    x.answerKind !== null &&
    x.maskRules.fields(x.answerKind.group, x.answerKind.kind).length > 0
  if (!isMasked && !willBe) return undefined
  const text = isMasked ? 'secret values in this answer are masked' : 'secret values in this watch are masked'
  return ['masked', `${text}; written back unchanged they stay as they are`]
}

function isReview(x: Answered, resource: string): boolean {
  return x.action.apiGroup === 'authorization.k8s.io' && x.action.resource === resource
}

function unmappedGroups(x: Answered): string[] {
  const mapped = new Set(x.connection.groupMappings.map(m => m.group))
  return x.principal.groups.filter(group => !mapped.has(group))
}

function isNew(session: string, key: string): boolean {
  let keys = told.get(session)
  if (keys === undefined) {
    if (told.size >= SESSIONS) told.delete(told.keys().next().value!)
    keys = new Set()
    told.set(session, keys)
  }
  if (keys.has(key)) return false
  keys.add(key)
  return true
}
