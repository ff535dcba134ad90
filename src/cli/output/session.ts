import type { SessionItem } from '../../api/schema/sessions.ts'
import { factLines } from './facts.ts'
import type { Column } from './table.ts'
import { shortTime, span } from './time.ts'

export const sessionColumns: readonly Column<SessionItem>[] = [
  { title: 'ID', value: s => s.id },
  { title: 'USER', value: s => s.principal.username, least: 12 },
  { title: 'CONNECTION', value: s => s.connection, least: 10 },
  { title: 'STATE', value: s => s.state },
  { title: 'OPENED', value: s => span(Date.now() - Date.parse(s.openedAt)) },
  {
    title: 'EXPIRES',
    value: s => (s.state === 'live' ? span(Date.parse(s.expiresAt) - Date.now()) : ''),
    from: 90,
  },
  { title: 'HOW', value: s => s.opened, wide: true },
  { title: 'LAST USED', value: s => (s.lastUsedAt === undefined ? '' : shortTime(s.lastUsedAt)), wide: true },
]

export function sessionFacts(s: SessionItem): string {
  const time = (iso: string | undefined): string | undefined =>
    iso === undefined ? undefined : `${shortTime(iso)} UTC`
  return factLines([
    ['Session', s.id],
    ['User', s.principal.username],
    ['Issuer', s.principal.issuer],
    ['Subject', s.principal.subject],
    ['Connection', s.connection],
    ['State', s.endReason === undefined ? s.state : `${s.state}: ${s.endReason}`],
    ['Opened', `${time(s.openedAt)}, ${s.opened}`],
    ['Last used', time(s.lastUsedAt)],
    ['Ended', time(s.endedAt)],
    ['Rights', rights(s)],
    ['Expires', s.state === 'live' ? time(s.expiresAt) : undefined],
  ])
}

/** What it has on the cluster by bindings of its own; undefined: nobody can say. */
function rights({ bindings }: SessionItem): string | undefined {
  if (bindings === undefined) return undefined
  if (bindings.length === 0) return 'none of its own now'
  return bindings
    .map(({ kind, name, namespace }) => `${kind} ${name} in ${namespace ?? 'the whole cluster'}`)
    .join(', ')
}
