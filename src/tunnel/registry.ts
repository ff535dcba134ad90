import { noAgent } from './agent-session.ts'
import type { AgentLink, AgentWitness } from './contract.ts'
import { refuseLater } from './refuse-later.ts'
import { createRemoteAgent, type RemoteAgent, type ServingLink } from './remote-agent.ts'

export interface AgentStatus {
  readonly name: string
  readonly embedded: boolean
  readonly connected: boolean
  readonly connections: readonly string[]
  readonly software?: string
  readonly address?: string
  readonly lastSeenAt?: number
  /** Verifier key of its cosignatures, when it is a witness and connected. */
  readonly witness?: string
}

/** What the registry needs of a connection: its name and its agents in order of preference. */
export interface ServedBy {
  readonly name: string
  readonly agents: readonly string[]
}

export interface AgentRegistry {
  /** Adds an agent of this process. */
  addEmbedded(link: ServingLink, connections: () => readonly string[]): void
  /** The remote agent of that name, connected or not. Made when first asked for. */
  remote(name: string): RemoteAgent
  forget(name: string): void
  /** The first agent of the list that is connected and serves the connection. */
  agentFor(connection: ServedBy): AgentLink | undefined
  /** The same choice as a link, made anew at each call; a call goes to one agent and is never sent twice. */
  linkFor(connection: ServedBy): AgentLink
  status(): readonly AgentStatus[]
  /** Agents that are witnesses and connected, by name. */
  witnesses(): readonly { readonly agent: string; readonly witness: AgentWitness }[]
  /** Called after an agent became reachable or unreachable; returns how to stop. */
  onChange(listener: (agent: string, connected: boolean) => void): () => void
  changed(agent: string, connected: boolean): void
}

export function createAgentRegistry(clock: () => number = Date.now): AgentRegistry {
  const embedded = new Map<string, { link: ServingLink; connections: () => readonly string[] }>()
  const remotes = new Map<string, RemoteAgent>()
  const lastSeen = new Map<string, number>()
  const listeners = new Set<(agent: string, connected: boolean) => void>()

  function agentFor(connection: ServedBy): AgentLink | undefined {
    for (const name of connection.agents) {
      const link = embedded.get(name)?.link ?? remotes.get(name)
      if (link?.connected && link.serves(connection.name)) return link
    }
    return undefined
  }

  return {
    addEmbedded(link, connections) {
      embedded.set(link.name, { link, connections })
    },
    remote(name) {
      let agent = remotes.get(name)
      if (agent === undefined) {
        agent = createRemoteAgent(name)
        remotes.set(name, agent)
      }
      return agent
    },
    forget(name) {
      remotes.delete(name)
      lastSeen.delete(name)
    },
    agentFor,
    linkFor(connection) {
      return {
        name: connection.agents.join(','),
        get connected() {
          return agentFor(connection) !== undefined
        },
        dispatch: (call, handler) =>
          agentFor(connection)?.dispatch(call, handler) ?? refuseLater(handler, noAgent()),
        close: () => Promise.resolve(),
      }
    },
    status() {
      const local = [...embedded].map(([name, { link, connections }]) => ({
        name,
        embedded: true,
        connected: link.connected,
        connections: connections(),
        ...(link.witness === undefined ? {} : { witness: link.witness.vkey }),
      }))
      return [...local, ...[...remotes].map(([name, agent]) => remoteStatus(name, agent))]
    },
    witnesses() {
      const all = [...[...embedded.values()].map(one => one.link), ...remotes.values()]
      return all.flatMap(({ name, witness }) => (witness === undefined ? [] : [{ agent: name, witness }]))
    },
    onChange(listener) {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
    changed(agent, connected) {
      lastSeen.set(agent, clock())
      for (const listener of listeners) listener(agent, connected)
    },
  }

  function remoteStatus(name: string, agent: RemoteAgent): AgentStatus {
    const facts = [...agent.sessions].find(session => session.facts !== undefined)?.facts
    const seen = agent.connected ? clock() : lastSeen.get(name)
    return {
      name,
      embedded: false,
      connected: agent.connected,
      connections: facts?.connections ?? [],
      ...(facts === undefined ? {} : { software: facts.software, address: facts.address }),
      ...(seen === undefined ? {} : { lastSeenAt: seen }),
      ...(facts?.witness === undefined ? {} : { witness: facts.witness }),
    }
  }
}
