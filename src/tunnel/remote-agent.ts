import { Refusal } from '../errors/refusal.ts'
import { type AgentSession, noAgent } from './agent-session.ts'
import type { AgentLink, AgentWitness } from './contract.ts'
import { refuseLater } from './refuse-later.ts'

/** A link that knows which connections are behind it. */
export interface ServingLink extends AgentLink {
  serves(connection: string): boolean
  /** Undefined while it is not connected, or is none. */
  readonly witness?: AgentWitness | undefined
}

/** An agent of another process: one name, any number of tunnel connections. */
export interface RemoteAgent extends ServingLink {
  readonly sessions: ReadonlySet<AgentSession>
  add(session: AgentSession): void
  /** False when it was not there. */
  remove(session: AgentSession): boolean
}

export function createRemoteAgent(name: string): RemoteAgent {
  const sessions = new Set<AgentSession>()

  /** The one with the fewest calls: a stalled bulk transfer on one connection holds nobody up on another. */
  function* candidates(): Generator<AgentSession> {
    const ready = [...sessions].filter(session => session.ready)
    yield* ready.length > 1 ? ready.sort((a, b) => a.inFlight - b.inFlight) : ready
  }

  return {
    name,
    sessions,
    get connected() {
      for (const session of sessions) if (session.ready) return true
      return false
    },
    serves(connection) {
      for (const session of sessions) {
        if (session.ready && session.facts?.connections.includes(connection)) return true
      }
      return false
    },
    get witness() {
      const session = [...sessions].find(one => one.ready && one.facts?.witness !== undefined)
      return session === undefined
        ? undefined
        : { vkey: session.facts!.witness!, addCheckpoint: session.askWitness }
    },
    add(session) {
      sessions.add(session)
    },
    remove: session => sessions.delete(session),
    dispatch(call, handler) {
      try {
        for (const session of candidates()) {
          const abort = session.dispatch(call, handler)
          if (abort !== undefined) return abort
        }
      } catch (error) {
        return refuseLater(
          handler,
          error instanceof Refusal ? error : new Refusal('internal', { cause: error }),
        )
      }
      return refuseLater(handler, noAgent())
    },
    async close() {
      for (const session of sessions) session.destroy('the gateway is closing')
    },
  }
}
