import { type RoleThere, rolesOf } from '../../connections/binding-rule.ts'
import type { Connection } from '../../connections/connection.ts'
import type { Session } from '../../connections/session.ts'
import type { SessionHooks } from '../../connections/sessions.ts'
import { Refusal } from '../../errors/refusal.ts'
import { type BoundRole, LONGEST_BINDING, MOST_BINDINGS } from '../../tunnel/calls/session-bindings.ts'
import { type BindingActsParts, createBindingActs, gives, wordsOf } from './binding-acts.ts'

/** Milliseconds before its end at which a lease is not relied on any more: a request takes its time too. */
const MARGIN = 2_000
/** Milliseconds between two attempts to do what failed: at first, and at most. Each is recorded. */
const AGAIN = 5_000
const SELDOM = 60_000
/** Milliseconds between two questions what sweepers have done. */
const HEAR = 30_000
/** Milliseconds for which an end is remembered, so that it is not done twice. */
const REMEMBER = 60_000

/** The roles that sessions get on clusters, for as long as they live. */
export interface SessionBindings {
  /**
   * Undefined: the session has its rights. Else a promise that resolves when it has, shared by all who wait; rejects with
   * a Refusal.
   */
  ready(session: Session, connection: Connection): Promise<void> | undefined
  /** Deletes the bindings of a session that is over, again and again until an agent has done it. */
  end(session: Session): void
  /** Documents have changed: who holds other roles than it should gets the right ones now. */
  recheck(): void
  /** Bindings of a session as the cluster has them; undefined: there can be none, or nobody can say. */
  list(session: Session): Promise<readonly BoundRole[] | undefined>
  /** Waits for what is under way; bindings of live sessions stay. */
  close(): Promise<void>
}

export interface SessionBindingsParts extends BindingActsParts {
  connection(name: string): Connection | undefined
  connections(): readonly Connection[]
  /** At once when it has ended. */
  onSessionEnd(id: string, listener: () => void): void
  /** What went wrong outside of a request. */
  onError(error: unknown, session: string): void
}

/** A session that this process has given rights to. */
interface Held {
  readonly session: Session
  connection: Connection
  /** The connection under which the roles were given, and the roles as one text. */
  mode: Connection['upstreamIdentity']
  roles: string
  /** Milliseconds since the epoch: until then the bindings are there for sure. */
  until: number
  running: Promise<void> | undefined
  /** Whether an agent was asked to make any. */
  asked: boolean
  /** It may hold roles that it should not: tried again until it does not. */
  stale: boolean
}

interface Ending {
  readonly session: Session
  readonly connection: Connection
  readonly since: number
  state: 'running' | 'failed' | 'done'
  /** When it is tried again, and how long it is waited the next time. */
  next: number
  wait: number
}

export function createSessionBindings(parts: SessionBindingsParts): SessionBindings {
  const { now, onError } = parts
  const acts = createBindingActs(parts)
  const held = new Map<string, Held>()
  const ending = new Map<string, Ending>()
  const under = new Set<Promise<void>>()
  const timer = setInterval(tryAgain, AGAIN).unref()
  const ears = setInterval(() => track(acts.hear(parts.connections()), ''), HEAR).unref()

  function track(work: Promise<void>, id: string): void {
    const watched = work.catch(error => onError(error, id)).finally(() => under.delete(watched))
    under.add(watched)
  }

  async function give(one: Held): Promise<void> {
    const { session, connection } = one
    const roles = rolesOf(connection, session.principal, now())
    const text = textOf(roles)
    if (roles.length > MOST_BINDINGS) {
      const detail = `this principal is mapped to ${roles.length} bindings; at most ${MOST_BINDINGS} can be made`
      throw new Refusal('binding-failed', { check: 'too-many-bindings', detail })
    }
    const replace = one.roles !== '' && (one.roles !== text || one.mode !== connection.upstreamIdentity)
    const asked = now()
    const lease = leaseOf(one, asked)
    if (roles.length > 0 || replace) {
      const seconds = Math.min(LONGEST_BINDING, Math.max(1, Math.ceil(lease / 1000)))
      one.asked = true
      await acts.give(session, connection, { seconds, roles, replace })
    }
    one.roles = text
    one.mode = connection.upstreamIdentity
    // The documents may have changed meanwhile.
    if (!isRight(one)) return give(one)
    one.until = asked + lease
    one.stale = false
  }

  function start(one: Held): Promise<void> {
    const running: Promise<void> = give(one).finally(() => {
      if (one.running === running) one.running = undefined
    })
    one.running = running
    track(
      running.catch(() => {}),
      one.session.id,
    )
    return running
  }

  function startUnseen(one: Held): void {
    start(one).catch(error => onError(error, one.session.id))
  }

  function hold(session: Session, connection: Connection): Held | undefined {
    if (ending.has(session.id)) return undefined
    const one: Held = {
      session,
      connection,
      mode: connection.upstreamIdentity,
      roles: '',
      until: 0,
      running: undefined,
      asked: false,
      stale: false,
    }
    held.set(session.id, one)
    // Whoever ends it, this process or another one: what was made here goes.
    parts.onSessionEnd(session.id, () => end(session))
    return held.get(session.id) === one ? one : undefined
  }

  function ready(session: Session, connection: Connection): Promise<void> | undefined {
    let one = held.get(session.id)
    if (one === undefined) {
      if (!gives(connection)) return undefined
      one = hold(session, connection)
      if (one === undefined) return Promise.reject(new Refusal('session-ended'))
    }
    const at = now()
    const left = one.until - at
    if (left <= MARGIN) return one.running ?? start(one)
    // Renewed while it is used, unnoticed.
    if (left < leaseOf(one, at) / 2 && one.running === undefined) startUnseen(one)
    return undefined
  }

  function end(session: Session): void {
    if (ending.has(session.id)) return
    const known = held.get(session.id)
    held.delete(session.id)
    const connection = known?.connection ?? parts.connection(session.connection)
    if (connection === undefined || (known === undefined ? !gives(connection) : !known.asked)) return
    const over: Ending = { session, connection, since: now(), state: 'running', next: 0, wait: AGAIN }
    ending.set(session.id, over)
    track(finish(over, known?.running), session.id)
  }

  async function finish(over: Ending, running?: Promise<void>): Promise<void> {
    const { session, connection } = over
    over.state = 'running'
    // What is being made now would come after the deletion.
    await running?.catch(() => {})
    try {
      await acts.take(session, connection)
      over.state = 'done'
    } catch (error) {
      over.state = 'failed'
      over.next = now() + over.wait
      over.wait = Math.min(over.wait * 2, SELDOM)
      throw error
    }
  }

  function tryAgain(): void {
    const at = now()
    for (const [id, over] of ending) {
      // Its bindings are past their end: whichever agent comes first sweeps them.
      const given = over.state === 'failed' && at > over.since + LONGEST_BINDING * 1000
      if (given || (over.state === 'done' && at > over.since + REMEMBER)) ending.delete(id)
      else if (over.state === 'failed' && at >= over.next && isThere(over.connection)) {
        track(finish(over), id)
      }
    }
    for (const one of held.values()) {
      if (one.stale && one.running === undefined && isThere(one.connection)) startUnseen(one)
    }
  }

  /** What no agent can be asked is not recorded as tried. */
  function isThere(connection: Connection): boolean {
    return parts.linkTo(connection).connected
  }

  function isRight({ session, connection, roles, mode }: Held): boolean {
    return (
      mode === connection.upstreamIdentity && roles === textOf(rolesOf(connection, session.principal, now()))
    )
  }

  function recheck(): void {
    for (const one of held.values()) {
      const { session, connection: old } = one
      const next = parts.connection(session.connection) ?? { ...old, bindings: [] }
      one.connection = gives(next) ? next : { ...old, bindings: [] }
      if (isRight(one)) continue
      // Nobody relies on what it had, from here on.
      one.until = 0
      one.stale = true
      if (one.running === undefined) startUnseen(one)
    }
  }

  return {
    ready,
    end,
    recheck,
    async list(session) {
      const connection = parts.connection(session.connection)
      if (connection === undefined || !gives(connection)) return undefined
      try {
        return await acts.list(session, connection)
      } catch (error) {
        onError(error, session.id)
        return undefined
      }
    },
    async close() {
      clearInterval(timer)
      clearInterval(ears)
      track(acts.hear(parts.connections()), '')
      while (under.size > 0) await Promise.all(under)
    },
  }
}

/** The same hooks; the bindings of a session go when it is over. That an agent is away keeps no session open. */
export function withSessionBindings(hooks: SessionHooks, end: (session: Session) => void): SessionHooks {
  return {
    ...hooks,
    async closed(session, ended) {
      await hooks.closed(session, ended)
      if (ended.reason !== 'not-opened') end(session)
    },
  }
}

/** Milliseconds; never past the session's own end. */
function leaseOf({ connection, session }: Held, at: number): number {
  return Math.min(connection.bindingLease ?? 0, session.expiresAt - at)
}

function textOf(roles: readonly RoleThere[]): string {
  return roles.map(wordsOf).join('\n')
}
