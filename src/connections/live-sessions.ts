import type { Principal } from '../identity/principal.ts'
import type { Stored } from '../store/store.ts'
import type { Session } from './session.ts'
import { type SessionEnd, type SessionRecord, toSession } from './session-record.ts'

/** A session in memory. The record is as last seen in the store; `lastUsedAt` runs ahead of it. */
export interface LiveSession {
  readonly key: string
  /** Another object when its reason changes. */
  session: Session
  /** What the session's own token stands for. */
  readonly principal: Principal
  record: SessionRecord
  version: number
  revision: number
  lastUsedAt: number
  ended: SessionEnd | undefined
  readonly listeners: Set<(end: SessionEnd) => void>
}

/** All live sessions, of this process and of others, by every name under which they are looked for. */
export interface LiveSessions {
  byKey(key: string): LiveSession | undefined
  byId(id: string): LiveSession | undefined
  byCredential(digest: string): LiveSession | undefined
  all(): IterableIterator<LiveSession>
  readonly size: number
  /** From the feed or from a write of our own; an older state than the known one is ignored. */
  put(stored: Stored<SessionRecord>): LiveSession | undefined
  /** From the feed. */
  remove(key: string, revision: number): void
  /** Takes it out and tells its listeners. Synchronous: nothing finds it afterwards. */
  end(live: LiveSession, end: SessionEnd): void
  /** An id that is being ended: what the feed still says of it is ignored, until `settled`. */
  ending(id: string): void
  settled(id: string): void
}

export function createLiveSessions(onError: (error: unknown) => void): LiveSessions {
  const keys = new Map<string, LiveSession>()
  const ids = new Map<string, LiveSession>()
  const credentials = new Map<string, LiveSession>()
  const ending = new Set<string>()

  function end(live: LiveSession, why: SessionEnd): void {
    if (live.ended !== undefined) return
    live.ended = why
    if (keys.get(live.key) === live) keys.delete(live.key)
    ids.delete(live.session.id)
    if (live.record.credential !== null) credentials.delete(live.record.credential)
    for (const listener of live.listeners) {
      try {
        listener(why)
      } catch (error) {
        onError(error)
      }
    }
    live.listeners.clear()
  }

  return {
    byKey: key => keys.get(key),
    byId: id => ids.get(id),
    byCredential: digest => credentials.get(digest),
    all: () => ids.values(),
    get size() {
      return ids.size
    },
    put({ key, value: record, version, revision }) {
      if (ending.has(record.id)) return undefined
      const present = keys.get(key)
      if (present !== undefined) {
        if (revision < present.revision) return present
        if (present.session.id === record.id) {
          if (present.record.reason !== record.reason) present.session = toSession(record)
          present.record = record
          present.version = version
          present.revision = revision
          present.lastUsedAt = Math.max(present.lastUsedAt, record.lastUsedAt)
          return present
        }
        end(present, { reason: 'ended', detail: 'through another gateway' })
      }
      const live: LiveSession = {
        key,
        session: toSession(record),
        principal: ofCredential(record),
        record,
        version,
        revision,
        lastUsedAt: record.lastUsedAt,
        ended: undefined,
        listeners: new Set(),
      }
      keys.set(key, live)
      ids.set(record.id, live)
      if (record.credential !== null) credentials.set(record.credential, live)
      return live
    },
    remove(key, revision) {
      const present = keys.get(key)
      if (present !== undefined && present.revision <= revision) {
        end(present, { reason: 'ended', detail: 'through another gateway' })
      }
    },
    end,
    ending: id => void ending.add(id),
    settled: id => void ending.delete(id),
  }
}

function ofCredential(record: SessionRecord): Principal {
  const { principal, credential, openedAt, expiresAt } = record
  if (credential === null) return principal
  return {
    ...principal,
    authentication: {
      method: 'session',
      provider: principal.authentication.provider,
      validUntil: expiresAt,
      issuedAt: openedAt,
      credentialDigest: credential,
    },
  }
}
