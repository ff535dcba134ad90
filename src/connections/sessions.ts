import { Refusal } from '../errors/refusal.ts'
import { randomBase32, randomToken } from '../identity/local/random-token.ts'
import type { SignIns } from '../identity/local/sign-ins.ts'
import { type Principal, principalKey } from '../identity/principal.ts'
import { covers, type Revocation, type Revocations } from '../identity/revocation/revocations.ts'
import type { CuttableSession, CuttableSessions } from '../identity/revocation/revoke.ts'
import { tokenDigest } from '../identity/token-digest.ts'
import type { ChangeFeed } from '../store/change-feed.ts'
import { unavailable } from '../store/failures.ts'
import { type StateStore, StoreConflict } from '../store/store.ts'
import type { Connection } from './connection.ts'
import { endEverywhere, endHere, keepPastSessions } from './end-session.ts'
import { createLiveSessions, type LiveSession } from './live-sessions.ts'
import type { Session } from './session.ts'
import {
  explicitKey,
  implicitKey,
  type PastSession,
  type SessionEnd,
  type SessionRecord,
  toSession,
} from './session-record.ts'

export type { PastSession, SessionEnd } from './session-record.ts'

/** A live session and when it was last used, as far as this process knows. */
export interface SessionView extends CuttableSession {
  readonly session: Session
  readonly lastUsedAt: number
  readonly idle: number
}

export interface Sessions extends CuttableSessions {
  /** With a token of its own, shown exactly once, that is good on this connection only. Bounded by the sign-in. */
  open(
    principal: Principal,
    connection: Connection,
  ): Promise<{ readonly session: Session; readonly token: string; readonly idle: number }>
  /** The hot path: the session that this caller is in, marked as used. Undefined: call `enter`. */
  live(principal: Principal, connection: string): Session | undefined
  /** The session of a session credential, or the one of this caller on this connection, opened if need be. */
  enter(principal: Principal, connection: Connection): Promise<Session>
  byCredential(digest: string): { readonly principal: Principal; readonly connection: string } | undefined
  /** In order of opening. */
  list(): SessionView[]
  get(id: string): SessionView | undefined
  past(id: string): Promise<PastSession | undefined>
  /** Ended ones in order of id, `after` exclusive. */
  listPast(page: { readonly after?: string; readonly limit: number }): Promise<PastSession[]>
  /** Says why it is used, from now on; everywhere. Undefined when there is no such live session. */
  setReason(id: string, reason: string): Promise<Session | undefined>
  /** False when it had ended before. Long streams are cut before the first wait. */
  end(id: string, end: SessionEnd): Promise<boolean>
  /** Runs once, when the session ends for whatever reason (at once if it has); returns how to stop listening. */
  onEnd(id: string, listener: (end: SessionEnd) => void): () => void
  /** Ends what is idle or over, writes when sessions were last used. Runs by itself every 15 s. */
  sweep(): Promise<void>
  close(): Promise<void>
}

/** Awaited before a session is first used, and after it has ended. */
export interface SessionHooks {
  /** Rejects: the session is not opened, and the caller gets this error. */
  opening(session: Session): Promise<void>
  /** At least once for each `opening` that resolved. */
  closed(session: Session, end: SessionEnd): Promise<void>
}

export interface SessionOptions {
  readonly store: StateStore
  readonly feed: ChangeFeed
  readonly now: () => number
  readonly hooks: SessionHooks
  readonly revocations: Revocations
  readonly signIns: SignIns
  /** What went wrong outside of a request. */
  readonly onError: (error: unknown) => void
  /** Milliseconds between two sweeps; 0 for none (tests sweep by hand). */
  readonly sweepEvery?: number
}

export const SESSION_KIND = 'session'
/** When a session was last used is written at most this often. */
const TOUCH_EVERY = 30_000
/** The sweeper waits for touches that another process has not written yet. */
const TOUCH_LAG = 60_000
const MOST_PER_PRINCIPAL = 200

export async function openSessions(options: SessionOptions): Promise<Sessions> {
  const { store, feed, now, hooks, revocations, signIns, onError } = options
  const known = createLiveSessions(onError)
  /** The session that a principal object was found in last: no hashing on the hot path. */
  const memo = new WeakMap<Principal, LiveSession>()
  const opening = new Map<string, Promise<LiveSession>>()
  const ends = new Set<Promise<unknown>>()
  /** Ended here, but the store or the log failed: the sweeper repeats it. */
  const unfinished = new Map<LiveSession, PastSession>()
  const past = keepPastSessions(store, now, hooks.closed)

  function isOver(live: LiveSession, at: number): SessionEnd | undefined {
    if (live.ended !== undefined) return live.ended
    if (at >= live.session.expiresAt) return { reason: 'expired' }
    if (at - live.lastUsedAt >= live.record.idle) return { reason: 'idle' }
    return undefined
  }

  function lookUp(principal: Principal, connection: string): LiveSession | undefined {
    const remembered = memo.get(principal)
    if (remembered !== undefined && remembered.session.connection === connection && !remembered.ended) {
      return remembered
    }
    const { method, credentialDigest } = principal.authentication
    const found =
      method === 'session'
        ? known.byCredential(credentialDigest)
        : known.byKey(implicitKey(principal, connection))
    if (found === undefined || found.session.connection !== connection) return undefined
    memo.set(principal, found)
    return found
  }

  function live(principal: Principal, connection: string): Session | undefined {
    const found = lookUp(principal, connection)
    if (found === undefined) return undefined
    const at = now()
    if (isOver(found, at) !== undefined) return undefined
    found.lastUsedAt = at
    return found.session
  }

  function finishEnd(target: LiveSession, ended: PastSession): Promise<boolean> {
    unfinished.delete(target)
    const finished = endEverywhere({ store, feed, known, past }, target, ended).catch(error => {
      unfinished.set(target, ended)
      throw error
    })
    const watched = finished.catch(() => false).finally(() => ends.delete(watched))
    ends.add(watched)
    return finished
  }

  function end(target: LiveSession, why: SessionEnd): Promise<boolean> {
    if (target.ended !== undefined) return Promise.resolve(false)
    return finishEnd(target, endHere(known, target, why, now()))
  }

  async function openAt(key: string, record: SessionRecord): Promise<LiveSession> {
    const session = toSession(record)
    await hooks.opening(session)
    try {
      const [stored] = await store.commit([{ op: 'create', kind: SESSION_KIND, key, value: record }])
      const opened = known.put({
        kind: SESSION_KIND,
        key,
        value: record,
        version: stored!.version,
        revision: stored!.revision,
      })
      // A revocation may have begun while it was being written: then it was not there yet to be ended.
      if (opened !== undefined && revocations.isRevoked(opened.principal)) {
        await end(opened, { reason: 'revoked' })
        revocations.check(opened.principal)
      }
      return opened!
    } catch (error) {
      if (error instanceof Refusal) throw error
      await hooks.closed(session, { reason: 'not-opened' }).catch(onError)
      throw error instanceof StoreConflict ? error : new Refusal('state-unavailable', { cause: error })
    }
  }

  function newRecord(
    principal: Principal,
    connection: Connection,
    facts: Pick<SessionRecord, 'opened' | 'expiresAt' | 'credential' | 'signIn'>,
  ): SessionRecord {
    const openedAt = now()
    return {
      id: `s-${randomBase32(26)}`,
      principal,
      connection: connection.name,
      openedAt,
      idle: connection.session.idle,
      lastUsedAt: openedAt,
      ...facts,
    }
  }

  async function enterImplicitly(
    key: string,
    principal: Principal,
    connection: Connection,
  ): Promise<LiveSession> {
    for (let attempt = 0; attempt < 5; attempt += 1) {
      const present = known.byKey(key)
      if (present !== undefined) {
        const over = isOver(present, now())
        if (over === undefined) return present
        // Through another process it may have been used a moment ago.
        await feed.catchUp()
        if (isOver(present, now()) === undefined) return present
        await end(present, over)
      }
      const expiresAt = now() + connection.session.maximum
      const record = newRecord(principal, connection, {
        opened: 'implicitly',
        expiresAt,
        credential: null,
        signIn: null,
      })
      try {
        return await openAt(key, record)
      } catch (error) {
        if (!(error instanceof StoreConflict)) throw error
        // Another process was first: its session is ours.
        await feed.catchUp()
      }
    }
    // The session that stands in the way has ended here, and the store could not be told yet.
    throw new Refusal('state-unavailable', { check: 'session-ending' })
  }

  async function enter(principal: Principal, connection: Connection): Promise<Session> {
    const hot = live(principal, connection.name)
    if (hot !== undefined) return hot
    if (principal.authentication.method === 'session') {
      await feed.catchUp().catch(unavailable)
      const session = live(principal, connection.name)
      if (session === undefined) throw new Refusal('session-ended')
      return session
    }
    const key = implicitKey(principal, connection.name)
    let running = opening.get(key)
    if (running === undefined) {
      running = enterImplicitly(key, principal, connection).finally(() => opening.delete(key))
      opening.set(key, running)
    }
    const entered = await running.catch(unavailable)
    entered.lastUsedAt = Math.max(entered.lastUsedAt, now())
    memo.set(principal, entered)
    return entered.session
  }

  function matching(matches: (session: CuttableSession) => boolean): LiveSession[] {
    return [...known.all()].filter(one => matches(cuttable(one)))
  }

  function cut(revocation: Revocation): void {
    const why: SessionEnd = { reason: 'revoked', by: revocation.by, detail: revocation.reason }
    const { target } = revocation
    const hit = matching(session =>
      target.kind === 'session'
        ? session.id === target.id
        : covers(revocation, session.principal, session.openedAt),
    )
    for (const one of hit) end(one, why).catch(onError)
  }

  async function sweep(): Promise<void> {
    const at = now()
    const used: LiveSession[] = []
    for (const one of [...known.all()]) {
      if (at >= one.session.expiresAt) await end(one, { reason: 'expired' })
      else if (at - one.lastUsedAt >= one.record.idle + TOUCH_LAG) await end(one, { reason: 'idle' })
      else if (one.lastUsedAt - one.record.lastUsedAt >= TOUCH_EVERY) used.push(one)
    }
    // Together, so that they share a sync to disk.
    await Promise.all(used.map(touch))
    for (const [target, ended] of [...unfinished]) await finishEnd(target, ended)
    await past.sweep()
  }

  async function touch(one: LiveSession): Promise<void> {
    const value: SessionRecord = { ...one.record, lastUsedAt: one.lastUsedAt }
    try {
      const [stored] = await store.commit([
        { op: 'update', kind: SESSION_KIND, key: one.key, version: one.version, value },
      ])
      known.put({ ...stored!, value })
    } catch (error) {
      // Another process wrote first: the feed brings its state.
      if (!(error instanceof StoreConflict)) throw error
    }
  }

  await feed.follow<SessionRecord>(SESSION_KIND, {
    put: stored => void known.put(stored),
    remove: known.remove,
  })
  await past.finish()
  revocations.onAdd(cut)
  signIns.onEnd(id => {
    for (const one of matching(session => session.signIn === id)) {
      end(one, { reason: 'signed-out' }).catch(onError)
    }
  })
  const every = options.sweepEvery ?? 15_000
  const timer = every > 0 ? setInterval(() => void sweep().catch(onError), every).unref() : undefined

  return {
    live,
    enter,
    async open(principal, connection) {
      const own = principalKey(principal)
      if (matching(session => principalKey(session.principal) === own).length >= MOST_PER_PRINCIPAL) {
        throw new Refusal('too-many-requests', { check: 'sessions-per-principal', retryAfter: 60 })
      }
      const { validUntil, credentialDigest } = principal.authentication
      const token = randomToken('sps_')
      const credential = tokenDigest(token)
      const record = newRecord(principal, connection, {
        opened: 'explicitly',
        expiresAt: Math.min(now() + connection.session.maximum, validUntil),
        credential,
        signIn: signIns.get(credentialDigest) === undefined ? null : credentialDigest,
      })
      const opened = await openAt(explicitKey(credential), record)
      // Signed out while the session was being opened.
      if (record.signIn !== null && signIns.get(record.signIn) === undefined) {
        await end(opened, { reason: 'signed-out' })
        throw new Refusal('credential-expired', { check: 'sign-in' })
      }
      return { session: opened.session, token, idle: record.idle }
    },
    byCredential(digest) {
      const found = known.byCredential(digest)
      if (found === undefined || isOver(found, now()) !== undefined) return undefined
      return { principal: found.principal, connection: found.session.connection }
    },
    list: () => [...known.all()].map(view).sort((a, b) => a.openedAt - b.openedAt || (a.id < b.id ? -1 : 1)),
    get(id) {
      const found = known.byId(id)
      return found === undefined ? undefined : view(found)
    },
    past: past.get,
    listPast: past.list,
    async setReason(id, reason) {
      for (let attempt = 0; attempt < 5; attempt += 1) {
        if (known.byId(id) === undefined || attempt > 0) await feed.catchUp().catch(unavailable)
        const found = known.byId(id)
        if (found === undefined || isOver(found, now()) !== undefined) return undefined
        const value: SessionRecord = { ...found.record, reason }
        try {
          const { key, version } = found
          const [stored] = await store.commit([{ op: 'update', kind: SESSION_KIND, key, version, value }])
          return known.put({ ...stored!, value })?.session
        } catch (error) {
          // It was used, or ended, meanwhile: looked at again.
          if (!(error instanceof StoreConflict)) unavailable(error)
        }
      }
      throw new Refusal('state-unavailable', { check: 'session' })
    },
    async end(id, why) {
      if (known.byId(id) === undefined) await feed.catchUp().catch(unavailable)
      const found = known.byId(id)
      return found === undefined ? false : end(found, why)
    },
    onEnd(id, listener) {
      const found = known.byId(id)
      if (found === undefined) {
        listener({ reason: 'ended' })
        return () => {}
      }
      found.listeners.add(listener)
      return () => void found.listeners.delete(listener)
    },
    count: matches => matching(matches).length,
    async settled() {
      while (ends.size > 0) await Promise.all(ends)
    },
    sweep,
    async close() {
      clearInterval(timer)
      while (ends.size > 0) await Promise.all(ends)
    },
  }
}

function cuttable({ session, record }: LiveSession): CuttableSession {
  return {
    id: session.id,
    principal: session.principal,
    openedAt: session.openedAt,
    signIn: record.signIn ?? undefined,
  }
}

function view(live: LiveSession): SessionView {
  return { ...cuttable(live), session: live.session, lastUsedAt: live.lastUsedAt, idle: live.record.idle }
}
