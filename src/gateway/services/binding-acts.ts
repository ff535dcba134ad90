import type { Connection } from '../../connections/connection.ts'
import type { Session } from '../../connections/session.ts'
import { Refusal } from '../../errors/refusal.ts'
import {
  BINDINGS_PATH,
  type BindingsAnswer,
  type BindRequest,
  type BindRole,
  type BoundRole,
  bindSession,
  listSessionBindings,
  takeSweptRequests,
  unbindSession,
} from '../../tunnel/calls/session-bindings.ts'
import type { AgentLink, RecordedLink } from '../../tunnel/contract.ts'
import { newCallId } from '../call-id.ts'
import type { MadeRequest, OwnCall, OwnCalls } from '../own-calls.ts'

/** What agents are asked to do with bindings, each act recorded with every request that it took. */
export interface BindingActs {
  /** Resolves when the session has the roles. Rejects with a Refusal, also when the agent says why not. */
  give(session: Session, connection: Connection, request: Omit<BindRequest, 'session'>): Promise<void>
  take(session: Session, connection: Connection): Promise<void>
  list(session: Session, connection: Connection): Promise<readonly BoundRole[] | undefined>
  /** What sweepers did by themselves belongs in the trail too. An agent that is away is asked again. */
  hear(connections: readonly Connection[]): Promise<void>
}

export interface BindingActsParts {
  linkTo(connection: Connection): AgentLink
  readonly ownCalls: Pick<OwnCalls, 'act' | 'made'>
  now(): number
}

export function createBindingActs({ linkTo, ownCalls, now }: BindingActsParts): BindingActs {
  async function act(
    connection: Connection,
    call: OwnCall,
    ask: (link: RecordedLink) => Promise<BindingsAnswer>,
  ): Promise<void> {
    const link = linkTo(connection)
    const { answer } = await ownCalls.act(call, async auditId => {
      const answer = await ask(underId(link, auditId))
      return { status: answer.failed === undefined ? 200 : 503, requests: answer.requests, answer }
    })
    // Nobody waits for these. A log that cannot take them is sealed, and says so by itself.
    recordAll(connection, 'sweep', answer.swept).catch(() => {})
    const { failed } = answer
    if (failed === undefined) return
    throw new Refusal('binding-failed', { check: failed.check, detail: failed.detail, retryAfter: 5 })
  }

  async function recordAll(
    connection: Connection,
    purpose: string,
    requests: readonly MadeRequest[],
  ): Promise<void> {
    await Promise.all(
      requests.map(request => {
        const { method, target, as } = request
        const call = { connection: connection.name, purpose, method, target }
        return ownCalls.made(as === undefined ? call : { ...call, as }, request)
      }),
    )
  }

  return {
    give(session, connection, request) {
      const { seconds, roles } = request
      const call = callOf(session, connection, 'bind', { seconds, roles: roles.map(wordsOf) })
      return act(connection, call, link =>
        bindSession(link, connection.name, { session: session.id, ...request }),
      )
    },
    take(session, connection) {
      const call = callOf(session, connection, 'unbind', {})
      return act(connection, call, link => unbindSession(link, connection.name, session.id))
    },
    async list(session, connection) {
      const link = underId(linkTo(connection), newCallId(now()))
      const answer = await listSessionBindings(link, connection.name, session.id)
      await recordAll(connection, 'bindings', answer.requests)
      return answer.failed === undefined ? answer.bindings : undefined
    },
    async hear(connections) {
      for (const connection of connections) {
        const link = linkTo(connection)
        if (!gives(connection) || !link.connected) continue
        try {
          const { swept } = await takeSweptRequests(underId(link, newCallId(now())), connection.name)
          await recordAll(connection, 'sweep', swept)
        } catch {
          // An older agent, or one that has just gone.
        }
      }
    },
  }
}

/** Whether sessions of a connection can get roles at all. */
export function gives(connection: Connection): boolean {
  return connection.bindings !== undefined && connection.upstreamIdentity !== 'principal'
}

export function wordsOf({ kind, name, namespace }: BindRole): string {
  return `${kind} ${name} ${namespace === '' ? 'in the whole cluster' : `in ${namespace}`}`
}

function callOf(
  { id }: Session,
  connection: Connection,
  purpose: 'bind' | 'unbind',
  facts: Readonly<Record<string, unknown>>,
): OwnCall {
  const bind = purpose === 'bind'
  return {
    connection: connection.name,
    purpose,
    method: bind ? 'POST' : 'DELETE',
    target: bind ? BINDINGS_PATH : `${BINDINGS_PATH}/${id}`,
    session: id,
    facts: { session: id, ...facts },
  }
}

/** What goes through it is recorded by whoever gave it its id. */
function underId(link: AgentLink, auditId: string): RecordedLink {
  return {
    recorded: true,
    name: link.name,
    connected: link.connected,
    dispatch: (sent, handler) => link.dispatch({ ...sent, auditId }, handler),
    close: () => link.close(),
  }
}
