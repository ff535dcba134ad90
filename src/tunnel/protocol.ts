/**
 * The agent protocol. The agent dials out over TLS with its client certificate and this ALPN name, then the roles of
 * HTTP/2 are reversed on that connection: the gateway is its client and opens a stream for each call, the agent is
 * its server.
 *
 *     control stream   first; `POST /control`, versions offered in a header; then JSON lines both ways
 *     call streams     `POST /call`; request: descriptor and body; answer: records
 *     witness streams  `POST /witness`, since version 2; request: a log's key and checkpoint; answer: a JSON object
 *
 * Nothing of a call travels as an HTTP/2 header: no limit of a header table applies to it, and no intermediary's
 * idea of a header either.
 */
export const AGENT_PROTOCOL = 'sallyport-agent'

/** Versions of the protocol that this build speaks, best last. The ALPN name has none, so a mismatch can be explained. */
export const PROTOCOL_VERSIONS: readonly number[] = [1, 2]
/** From this version on an agent may offer to be a witness. */
export const WITNESS_VERSION = 2

export const CONTROL_PATH = '/control'
export const CALL_PATH = '/call'
export const WITNESS_PATH = '/witness'
/** Gateway to agent: versions offered, comma separated. */
export const VERSIONS_HEADER = 'sallyport-versions'
/** Gateway to agent: why this agent is turned away; a `TurnedAway`. */
export const REFUSED_HEADER = 'sallyport-refused'
/** Agent to gateway: the version that it chose. */
export const VERSION_HEADER = 'sallyport-version'

export type TurnedAway = 'certificate' | 'not-enrolled' | 'version' | 'closing'

/** What the agent says first on the control stream. */
export interface AgentHello {
  readonly type: 'hello'
  /** Of the software, for `sallyport status`. */
  readonly software: string
  readonly connections: readonly string[]
  /** Verifier key of its cosignatures, when it is a witness; since version 2. */
  readonly witness?: string
}

/** `draining`: open no more calls here; answered by `drained`, after which none is on its way. */
export type AgentMessage = AgentHello | { readonly type: 'draining' }
export type GatewayMessage = { readonly type: 'drained' }

/** Flow control: one stream may hold this much, and one connection that much, on its way. Bytes. */
export const STREAM_WINDOW = 1024 * 1024
export const CONNECTION_WINDOW = 16 * 1024 * 1024
/** Calls at once on one connection. */
export const MOST_STREAMS = 4_000

export const LONGEST_LINE = 256 * 1024
export const LONGEST_DESCRIPTOR = 1024 * 1024
export const LONGEST_BODY = 4 * 1024 * 1024
export const LONGEST_HEAD = 512 * 1024
export const LONGEST_ERROR = 8 * 1024
export const LONGEST_WITNESS_REQUEST = 132 * 1024
export const LONGEST_WITNESS_ANSWER = 16 * 1024

export interface Liveness {
  /** Milliseconds between two pings. */
  readonly interval: number
  /** Milliseconds after which an unanswered ping means that the other side is gone. */
  readonly deadline: number
}

export const defaultLiveness: Liveness = { interval: 10_000, deadline: 10_000 }

/** The best version that both sides speak. */
export function commonVersion(offered: string): number | undefined {
  const theirs = new Set(offered.split(',').map(text => Number(text.trim())))
  return PROTOCOL_VERSIONS.findLast(version => theirs.has(version))
}
