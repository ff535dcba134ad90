import type { AgentWitness } from '../../tunnel/contract.ts'
import { openWitness } from '../../witness/witness.ts'

export interface AgentWitnessOptions {
  /** Holds its key and what it has seen; on the agent's own disk. */
  readonly directory: string
  /** Of the agent; part of a new key's name. */
  readonly agent: string
  /** Verifier keys of the logs. Empty: the first key that the gateway shows for a log is believed, and no other after it. */
  readonly logs: readonly string[]
  /** A log that contradicts itself, a disk that refuses. */
  onTrouble(detail: string): void
}

export interface OpenAgentWitness extends AgentWitness {
  close(): Promise<void>
}

/** One gateway has one log, a gateway of several replicas a few. */
const MOST_LOGS = 64

/** The agent as a witness of the gateway's log. Throws an Error when key or state cannot be used. */
export async function openAgentWitness(options: AgentWitnessOptions): Promise<OpenAgentWitness> {
  const witness = await openWitness({
    directory: options.directory,
    fallbackName: () => `sallyport-agent/${options.agent}/${crypto.randomUUID().slice(0, 8)}`,
    logs: options.logs,
    ...(options.logs.length === 0 ? { firstUse: MOST_LOGS } : {}),
    onEvent: event => options.onTrouble(`${event.type} ${event.origin}: ${event.detail}`),
  })
  return {
    vkey: witness.vkey,
    addCheckpoint: (body, logKey) => witness.addCheckpoint(body, logKey),
    close: () => witness.close(),
  }
}
