import type { UpstreamIdentity } from '../connections/connection.ts'
import { Refusal } from '../errors/refusal.ts'
import type { AgentWitness, AnswerHandler, UpstreamCall } from '../tunnel/contract.ts'
import { refuseLater } from '../tunnel/refuse-later.ts'
import type { ServingLink } from '../tunnel/remote-agent.ts'
import { createSessionAccounts, type SessionAccounts } from './accounts/session-accounts.ts'
import { answerBindings } from './bindings/answer-bindings.ts'
import { askAsUser, askWithToken } from './bindings/in-force.ts'
import { createSessionBindings, type SessionBindings } from './bindings/session-bindings.ts'
import { keep } from './bindings/sweeper.ts'
import { type Ceiling, lowestCeiling, noCeiling } from './ceiling/ceiling.ts'
import { answerChecks } from './checks/answer-checks.ts'
import type { UpstreamCredential } from './credentials/credential.ts'
import { type JudgedCall, judge } from './judge.ts'
import type { MadeRequest } from './upstream/api-client.ts'
import { defaultPoolLimits, type PoolLimits } from './upstream/pool.ts'
import type { UpstreamTarget } from './upstream/target.ts'
import { createUpstream, type Upstream } from './upstream.ts'

/** One upstream as this agent serves it. Its own configuration: what a gateway says about it is only compared. */
export interface AgentConnection {
  readonly name: string
  readonly upstreamIdentity: UpstreamIdentity
  /** See IdentityRules, as are `groups` and `users`. */
  readonly serviceAccounts: boolean | readonly string[]
  readonly groups?: readonly string[]
  readonly users?: readonly string[]
  /** Impersonates; sends every call of a session, and the few calls of the gateway itself. */
  readonly session: UpstreamCredential
  /**
   * Creates and deletes just-in-time bindings and does nothing else. Held apart, with connections of its own; no call
   * of a gateway can reach it.
   */
  readonly binder?: UpstreamCredential
  /** What the binder may bind at most; there when `binder` is. */
  readonly mayBind?: MayBind
  readonly ceiling?: Ceiling
}

export interface MayBind {
  readonly clusterRoles?: readonly string[] | undefined
  readonly roles?: readonly { readonly namespace: string; readonly name: string }[] | undefined
  /** Only in these, and nothing cluster-wide; absent: everywhere. */
  readonly namespaces?: readonly string[] | undefined
  /** Role by role, when not all of them may be bound in the same places. */
  readonly grants?:
    | readonly {
        readonly clusterRole?: string | undefined
        readonly role?: string | undefined
        /** Absent: everywhere, and cluster-wide. Never absent for a role. */
        readonly namespaces?: readonly string[] | undefined
      }[]
    | undefined
}

export interface AgentOptions {
  readonly name: string
  readonly connections: readonly AgentConnection[]
  /** Holds for all connections, on top of their own. */
  readonly ceiling?: Ceiling
  readonly limits?: PoolLimits
  /** Of an agent that cosigns the gateway's log. */
  readonly witness?: AgentWitness
  readonly clock?: () => number
}

export interface Agent extends ServingLink {
  /** Replaces the served connections. Those that stay as they are keep their sockets; calls in flight end first. */
  setConnections(connections: readonly AgentConnection[]): void
  /** Calls in flight, of all connections. */
  readonly inFlight: number
  /** Ends calls in flight too. */
  destroy(): void
}

interface Served {
  readonly connection: AgentConnection
  readonly ceiling: Ceiling
  readonly upstream: Upstream
  /** Mode `serviceaccount`: where its tokens come from, and connections that the agent's own credential never opened. */
  readonly accounts?: { readonly of: SessionAccounts; readonly upstream: Upstream }
  /** There when the connection has a binder and sessions are somebody of their own upstream. */
  readonly bindings?: SessionBindings
}

/**
 * The agent as a link: the form that `sallyport up` embeds, and what the other end of the tunnel calls. It judges
 * each call again, writes identity and sends it; the gateway's side of it never sees a credential.
 */
export function createAgent(options: AgentOptions): Agent {
  const clock = options.clock ?? Date.now
  const limits = options.limits ?? defaultPoolLimits
  let served = new Map<string, Served>()
  /** By connection: requests of sweepers that the gateway has not heard of. */
  const kept = new Map<string, MadeRequest[]>()
  let closed = false

  function serve(connection: AgentConnection): Served {
    const ceilings = [options.ceiling, connection.ceiling].filter(one => one !== undefined)
    const { session, upstreamIdentity } = connection
    const unheard = kept.get(connection.name) ?? []
    kept.set(connection.name, unheard)
    const accounts =
      upstreamIdentity === 'serviceaccount'
        ? {
            // Without a binder nobody asks for what was done unasked.
            of: createSessionAccounts(session, {
              clock,
              ...(connection.binder === undefined ? {} : { made: one => keep(unheard, one) }),
            }),
            upstream: createUpstream(noCredential(session.target), limits, clock),
          }
        : undefined
    const bindings = bindingsOf(connection, accounts?.of, unheard, clock)
    return {
      connection,
      ceiling: ceilings.length === 0 ? noCeiling : lowestCeiling(ceilings),
      upstream: createUpstream(session, limits, clock),
      ...(accounts === undefined ? {} : { accounts }),
      ...(bindings === undefined ? {} : { bindings }),
    }
  }

  function setConnections(connections: readonly AgentConnection[]): void {
    const next = new Map<string, Served>()
    for (const connection of connections) {
      const before = served.get(connection.name)
      next.set(connection.name, before?.connection === connection ? before : serve(connection))
    }
    for (const [name, before] of served) {
      // What it made for sessions goes with a connection that is gone.
      if (next.get(name) !== before) void closeServed(before, !next.has(name))
    }
    served = next
  }
  setConnections(options.connections)

  return {
    name: options.name,
    witness: options.witness,
    get connected() {
      return !closed
    },
    get inFlight() {
      let sum = 0
      for (const { upstream, accounts } of served.values())
        sum += upstream.inFlight + (accounts?.upstream.inFlight ?? 0)
      return sum
    },
    serves: connection => served.has(connection),
    setConnections,
    dispatch(call, handler) {
      const found = served.get(call.connection)
      if (closed || found === undefined) {
        return refuseLater(handler, closed ? closing() : notServed())
      }
      let judged: JudgedCall
      try {
        judged = judge(call, found.connection, found.ceiling)
      } catch (error) {
        return refuseLater(
          handler,
          error instanceof Refusal ? error : new Refusal('internal', { cause: error }),
        )
      }
      if (call.identity.mode === 'agent' && call.identity.purpose === 'checks')
        return answerChecks(found.connection, handler)
      if (isAboutBindings(call)) return answerBindings(found.bindings, call, handler)
      return sendJudged(found, judged, call, handler)
    },
    async close() {
      closed = true
      await Promise.all([...served.values()].map(one => closeServed(one, false)))
    },
    destroy() {
      closed = true
      for (const { upstream, accounts, bindings } of served.values()) {
        upstream.destroy()
        void bindings?.close(false)
        accounts?.upstream.destroy()
        void accounts?.of.close()
      }
    },
  }
}

/** Which credential a judged call goes under is decided here and nowhere else. */
function sendJudged(
  { upstream, accounts }: Served,
  judged: JudgedCall,
  call: UpstreamCall,
  handler: AnswerHandler,
): () => void {
  if (judged.ends !== undefined) accounts?.of.forget(judged.ends)
  if (judged.account === undefined) return upstream.send(judged, call, handler)
  try {
    if (accounts === undefined) throw new Refusal('internal')
    return accounts.upstream.send(judged, call, handler, accounts.of.credentialOf(judged.account))
  } catch (error) {
    return refuseLater(handler, error instanceof Refusal ? error : new Refusal('internal', { cause: error }))
  }
}

function isAboutBindings({ identity }: UpstreamCall): boolean {
  const { mode, purpose } = identity
  return mode === 'agent' && (purpose === 'bind' || purpose === 'unbind' || purpose === 'bindings')
}

function bindingsOf(
  { session, binder, mayBind, upstreamIdentity }: AgentConnection,
  accounts: SessionAccounts | undefined,
  kept: MadeRequest[],
  clock: () => number,
): SessionBindings | undefined {
  if (binder === undefined || mayBind === undefined || upstreamIdentity === 'principal') return undefined
  return createSessionBindings({
    binder,
    mayBind,
    subject: accounts === undefined ? 'User' : 'ServiceAccount',
    asker: accounts === undefined ? askAsUser(session) : askWithToken(session.target, accounts.credentialOf),
    kept,
    clock,
  })
}

async function closeServed({ upstream, accounts, bindings }: Served, gone: boolean): Promise<void> {
  await bindings?.close(gone)
  await Promise.all([upstream.close(), accounts?.upstream.close()])
  await accounts?.of.close()
}

/** Nothing goes out under it: every call brings the token of its session. */
function noCredential(target: UpstreamTarget): UpstreamCredential {
  return {
    target,
    description: 'service accounts of sessions',
    current: () => undefined,
    refresh: () => Promise.reject(new Refusal('internal', { check: 'agent-credential' })),
    rejected() {},
  }
}

function closing(): Refusal {
  return new Refusal('agent-unavailable', { check: 'agent/closing', retryAfter: 1 })
}

function notServed(): Refusal {
  return new Refusal('agent-unavailable', {
    check: 'agent/connection-not-served',
    detail: 'this agent does not serve the connection',
  })
}
