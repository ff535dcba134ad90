import type { SessionFilter, SessionRecord, SessionServices } from '../../api/services.ts'
import type { PastSession, Sessions, SessionView } from '../../connections/sessions.ts'
import type { Directory } from '../directory.ts'
import type { SessionBindings } from './session-bindings.ts'
import { unknownConnection } from './unknown-connection.ts'

export interface SessionServicesParts {
  readonly sessions: Sessions
  readonly directory: Directory
  readonly bindings: Pick<SessionBindings, 'ready' | 'list'>
  now(): number
}

/** Live sessions first, in order of opening, then those that have ended, in order of id. */
export function sessionServices({
  sessions,
  directory,
  bindings,
  now,
}: SessionServicesParts): SessionServices {
  return {
    async list(filter) {
      const { limit, after } = filter
      const live = sessions.list().map(view => ofView(view, now()))
      const at = after === undefined ? -1 : live.findIndex(s => s.id === after)
      const inLive = after === undefined || at >= 0
      const items = inLive
        ? live
            .slice(at + 1)
            .filter(s => matches(s, filter))
            .slice(0, limit)
        : []
      if (items.length < limit && filter.state !== 'live') {
        const from = inLive ? {} : { after: after! }
        const past = await sessions.listPast({ ...from, limit: 1000 })
        items.push(
          ...past
            .map(ofPast)
            .filter(s => matches(s, filter))
            .slice(0, limit - items.length),
        )
      }
      const last = items.at(-1)
      return items.length === limit && last !== undefined ? { items, next: last.id } : { items }
    },
    async get(id) {
      const view = sessions.get(id)
      if (view !== undefined) return ofView(view, now())
      const past = await sessions.past(id)
      return past === undefined ? undefined : ofPast(past)
    },
    async bindings(id) {
      const view = sessions.get(id)
      return view === undefined ? undefined : bindings.list(view.session)
    },
    async open(principal, name) {
      const connection = directory.byName(name)
      if (connection === undefined) throw unknownConnection(name)
      const { session, token, idle } = await sessions.open(principal, connection)
      try {
        await bindings.ready(session, connection)
      } catch (error) {
        // A session without the rights that it was opened for is none; nobody has its token.
        await sessions.end(session.id, { reason: 'ended', detail: 'its rights could not be set up' })
        throw error
      }
      return { session: { ...session, state: 'live' }, token, idle }
    },
    async setReason(id, reason) {
      const session = await sessions.setReason(id, reason)
      return session === undefined ? undefined : { ...session, state: 'live' }
    },
    end: (id, by, reason) => sessions.end(id, { reason: 'ended', by: by.username, detail: reason }),
  }
}

/** Until the sweeper comes by, a session that is over is still among the live ones, and good for nothing. */
function ofView(view: SessionView, now: number): SessionRecord {
  const state = now < view.session.expiresAt ? 'live' : 'expired'
  return { ...view.session, state, lastUsedAt: view.lastUsedAt }
}

function ofPast(past: PastSession): SessionRecord {
  const state = past.end.reason === 'expired' || past.end.reason === 'idle' ? 'expired' : 'ended'
  const why = past.end.detail === undefined ? past.end.reason : `${past.end.reason}: ${past.end.detail}`
  return { ...past.session, state, lastUsedAt: past.lastUsedAt, endedAt: past.endedAt, endReason: why }
}

function matches(s: SessionRecord, f: SessionFilter): boolean {
  return (
    (f.issuer === undefined || s.principal.issuer === f.issuer) &&
    (f.subject === undefined || s.principal.subject === f.subject) &&
    (f.username === undefined || s.principal.username === f.username) &&
    (f.connection === undefined || s.connection === f.connection) &&
    (f.state === undefined || s.state === f.state)
  )
}
