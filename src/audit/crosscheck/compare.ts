import { UPSTREAM_PREFIX } from '../../brand.ts'
import type { ClusterEvent } from './cluster-event.ts'
import type { OurCall } from './our-calls.ts'

export interface Difference {
  readonly field: string
  readonly ours: string
  readonly cluster: string
}

const SESSION_USER = `${UPSTREAM_PREFIX}s:`
const SESSION_ACCOUNT = 'system:serviceaccount:sallyport-sessions:'
const LAST_STAGES: ReadonlySet<string> = new Set(['ResponseComplete', 'Panic'])
/** The cluster calls the opening GET of a stream `get`; for us it is a `create`, as RBAC sees a POST. */
const STREAMS: ReadonlySet<string> = new Set(['exec', 'attach', 'portforward', 'proxy'])
/** Groups that the API server adds to an impersonated user by itself. */
const ADDED_GROUPS = /^system:(authenticated|unauthenticated|serviceaccounts(:[a-z0-9-]+)?)$/

export function isLastStage(event: ClusterEvent): boolean {
  return LAST_STAGES.has(event.stage)
}

/** Where both records of one request say different things; empty when they agree. */
export function differences(ours: OurCall, event: ClusterEvent): Difference[] {
  const found: Difference[] = []
  const same = (field: string, mine: string, theirs: string): void => {
    if (mine !== theirs) found.push({ field, ours: mine, cluster: theirs })
  }
  if (ours.state === 'refused') {
    return [{ field: 'sent', ours: `never (${ours.reason})`, cluster: `answered with ${event.code}` }]
  }
  // Facts that are gone with their keys cannot be compared.
  if (ours.verb === '') return []
  const stream = STREAMS.has(ours.object?.subresource ?? '')
  if (!stream) same('verb', ours.verb, event.verb)
  compareObject(ours, event, same)
  compareIdentity(ours, event, same)
  if (ours.status > 0 && event.code > 0 && event.stage === 'ResponseComplete' && ours.state === 'answered') {
    same('code', String(ours.status), String(event.code))
  }
  return found
}

type Same = (field: string, mine: string, theirs: string) => void

function compareObject(ours: OurCall, event: ClusterEvent, same: Same): void {
  const { object } = ours
  if (object === undefined) {
    same('path', decoded(ours.path), decoded(event.uri.split('?', 1)[0]!))
    return
  }
  const theirs = event.object
  for (const field of ['resource', 'apiGroup', 'apiVersion', 'subresource', 'namespace'] as const) {
    same(field, object[field], theirs?.[field] ?? '')
  }
  // The cluster takes the name of a new object from its body, and makes one up where that has none.
  const name = theirs?.name ?? ''
  const known = object.name !== '' || name === '' || ours.verb !== 'create' ? object.name : ours.bodyName
  if (known.endsWith('*') ? name.startsWith(known.slice(0, -1)) : known === '' && ours.verb === 'create')
    return
  same('name', known, name)
}

function compareIdentity(ours: OurCall, event: ClusterEvent, same: Same): void {
  if (ours.own) {
    // A check of which impersonations the cluster allows names whom it tried; the cluster may have refused it.
    if (ours.user !== undefined && event.asUser === undefined && event.code === 403) return
    same('user', ours.user ?? '(the agent itself)', event.asUser ?? '(the agent itself)')
    return
  }
  // An impersonation that the cluster refused, or a credential that it did not know, did nothing for anybody.
  if (event.asUser === undefined && (event.code === 403 || event.code === 401)) return
  if (ours.user === undefined) return
  // With upstreamIdentity serviceaccount a session comes as an account that is named as it is.
  if (event.asUser === undefined && sessionOf(ours.user, SESSION_USER) !== '') {
    if (sessionOf(ours.user, SESSION_USER) === sessionOf(event.user, SESSION_ACCOUNT)) return
  }
  same('user', ours.user, event.asUser ?? `${event.user} itself`)
  if (event.asUser === undefined) return
  const theirs = event.asGroups.filter(group => ours.groups.includes(group) || !ADDED_GROUPS.test(group))
  same('groups', [...ours.groups].sort().join(','), theirs.sort().join(','))
  same('session', ours.session ?? '', event.session ?? '')
}

function sessionOf(user: string, prefix: string): string {
  return user.startsWith(prefix) ? user.slice(prefix.length) : ''
}

function decoded(path: string): string {
  try {
    return decodeURIComponent(path)
  } catch {
    return path
  }
}
