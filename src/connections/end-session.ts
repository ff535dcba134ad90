import { Refusal } from '../errors/refusal.ts'
import type { ChangeFeed } from '../store/change-feed.ts'
import { ignoreConflict } from '../store/failures.ts'
import { type StateStore, StoreConflict } from '../store/store.ts'
import type { LiveSession, LiveSessions } from './live-sessions.ts'
import type { Session } from './session.ts'
import type { PastSession, SessionEnd, SessionRecord } from './session-record.ts'

const PAST = 'session-past'
const KEEP = 7 * 86_400_000
/** A close that another process is still writing is left to it. Milliseconds. */
const OTHERS_CLOSE = 60_000

export interface PastSessions {
  get(id: string): Promise<PastSession | undefined>
  list(page: { readonly after?: string; readonly limit: number }): Promise<PastSession[]>
  /** Runs the `closed` hook and notes that it was run; kept for the next sweep when it fails. */
  close(session: PastSession): Promise<void>
  /** Repeats closes that a crash of this or another process left open. */
  finish(): Promise<void>
  /** Repeats closes that failed here; deletes what ended more than seven days ago. */
  sweep(): Promise<void>
}

export interface EndParts {
  readonly store: StateStore
  readonly feed: ChangeFeed
  readonly known: LiveSessions
  readonly past: PastSessions
}

/** The part that nothing can delay: afterwards no look-up finds the session and its streams are cut. */
export function endHere(known: LiveSessions, live: LiveSession, end: SessionEnd, at: number): PastSession {
  known.ending(live.session.id)
  known.end(live, end)
  return { session: live.session, lastUsedAt: live.lastUsedAt, endedAt: at, end, closed: false }
}

/**
 * The rest: the store, then the log. May be repeated until it resolves. False when another process ended the session
 * first (that one writes the entry). Rejects with `state-unavailable` or as the `closed` hook does.
 */
export async function endEverywhere(
  { store, feed, known, past }: EndParts,
  live: LiveSession,
  ended: PastSession,
): Promise<boolean> {
  try {
    const ours = await move(store, live, ended)
    // Until the feed has seen the deletion it may still report the session as live.
    await feed.catchUp()
    known.settled(live.session.id)
    if (ours) await past.close(ended)
    return ours
  } catch (error) {
    throw error instanceof Refusal ? error : new Refusal('state-unavailable', { cause: error })
  }
}

/** From the live ones to the past ones, in one commit. False when it is no longer among the live ones. */
async function move(store: StateStore, live: LiveSession, ended: PastSession): Promise<boolean> {
  let { version } = live
  for (;;) {
    try {
      await store.commit([
        { op: 'delete', kind: 'session', key: live.key, version },
        { op: 'create', kind: PAST, key: live.session.id, value: ended },
      ])
      return true
    } catch (error) {
      if (!(error instanceof StoreConflict)) throw error
      const record = await store.get<SessionRecord>('session', live.key)
      if (record === undefined || record.value.id !== live.session.id) return false
      version = record.version
    }
  }
}

export function keepPastSessions(
  store: StateStore,
  now: () => number,
  closed: (session: Session, end: SessionEnd) => Promise<void>,
): PastSessions {
  const unfinished = new Map<string, PastSession>()

  async function close(session: PastSession): Promise<void> {
    const key = session.session.id
    unfinished.delete(key)
    try {
      await closed(session.session, session.end)
    } catch (error) {
      unfinished.set(key, session)
      throw error
    }
    const record = await store.get<PastSession>(PAST, key)
    if (record === undefined || record.value.closed) return
    const value = { ...record.value, closed: true }
    await store
      .commit([{ op: 'update', kind: PAST, key, version: record.version, value }])
      .catch(ignoreConflict)
  }

  async function each(
    visit: (key: string, version: number, past: PastSession) => Promise<void>,
  ): Promise<void> {
    let after: string | undefined
    for (;;) {
      const page = await store.list<PastSession>(PAST, after === undefined ? {} : { after })
      for (const { key, version, value } of page) await visit(key, version, value)
      after = page.at(-1)?.key
      if (after === undefined) return
    }
  }

  let forgottenAt = Number.NEGATIVE_INFINITY
  return {
    get: async id => (await store.get<PastSession>(PAST, id))?.value,
    list: async page => (await store.list<PastSession>(PAST, page)).map(record => record.value),
    close,
    async finish() {
      const before = now() - OTHERS_CLOSE
      await each(async (_key, _version, past) => {
        if (!past.closed && past.endedAt < before) unfinished.set(past.session.id, past)
      })
    },
    async sweep() {
      for (const past of [...unfinished.values()]) await close(past)
      if (now() - forgottenAt < 3_600_000) return
      forgottenAt = now()
      const before = now() - KEEP
      await each(async (key, version, past) => {
        if (past.endedAt >= before || !past.closed) return
        await store.commit([{ op: 'delete', kind: PAST, key, version }]).catch(ignoreConflict)
      })
    },
  }
}
