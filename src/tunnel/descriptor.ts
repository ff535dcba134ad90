import { Refusal } from '../errors/refusal.ts'
import type { SessionDescriptor, UpstreamCall } from './contract.ts'
import { LONGEST_BODY, LONGEST_DESCRIPTOR } from './protocol.ts'

/** Lengths of descriptor and body, 4 bytes each; the flag says whether there is a body at all. */
const PREFIX = 9
const METHODS: ReadonlySet<string> = new Set(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE'])
const MODES: ReadonlySet<string> = new Set(['principal', 'session', 'serviceaccount', 'agent'])
const PURPOSES: ReadonlySet<string> = new Set([
  'tokenreview',
  'discovery',
  'accessreview',
  'jwks',
  'apiservice',
  'session-end',
  'checks',
  'bind',
  'unbind',
  'bindings',
])
/** A day: no head time-out is longer. */
const LONGEST_TIME = 86_400_000

type WireCall = Omit<UpstreamCall, 'body'>

/** Everything of a call but its body, ready to be written. The body follows as it is. */
export function encodeCall(call: UpstreamCall): Buffer {
  const { connection, method, target, headers, identity, auditId, headTimeout, body } = call
  const wire: WireCall = { connection, method, target, headers, identity, auditId, headTimeout }
  const text = JSON.stringify(wire)
  const length = Buffer.byteLength(text)
  if (length > LONGEST_DESCRIPTOR || (body?.length ?? 0) > LONGEST_BODY) {
    throw new Refusal('request-too-large', { check: 'tunnel' })
  }
  const buffer = Buffer.allocUnsafe(PREFIX + length)
  buffer.writeUInt32BE(length, 0)
  buffer.writeUInt32BE(body?.length ?? 0, 4)
  buffer[8] = body === null ? 0 : 1
  buffer.write(text, PREFIX)
  return buffer
}

/** Collects one call from the chunks of a stream. A call that does not arrive whole is never made. */
export class CallReader {
  readonly #chunks: Buffer[] = []
  #bytes = 0
  #expected = 0

  /** Returns the call when it is complete. Throws a Refusal when it is none. */
  push(chunk: Buffer): UpstreamCall | undefined {
    this.#chunks.push(chunk)
    this.#bytes += chunk.length
    if (this.#expected === 0 && this.#bytes >= PREFIX) {
      const prefix = this.#join()
      const [text, body] = [prefix.readUInt32BE(0), prefix.readUInt32BE(4)]
      if (text > LONGEST_DESCRIPTOR || body > LONGEST_BODY) {
        throw new Refusal('request-too-large', { check: 'tunnel' })
      }
      this.#expected = PREFIX + text + body
    }
    if (this.#expected === 0 || this.#bytes < this.#expected) return undefined
    if (this.#bytes > this.#expected) throw malformed()
    return decode(this.#join())
  }

  #join(): Buffer {
    if (this.#chunks.length > 1) this.#chunks.splice(0, this.#chunks.length, Buffer.concat(this.#chunks))
    return this.#chunks[0]!
  }
}

function decode(buffer: Buffer): UpstreamCall {
  const end = PREFIX + buffer.readUInt32BE(0)
  let wire: unknown
  try {
    wire = JSON.parse(buffer.toString('utf8', PREFIX, end))
  } catch {
    throw malformed()
  }
  if (!isWireCall(wire)) throw malformed()
  const { connection, method, target, headers, identity, auditId, headTimeout } = wire
  const body = buffer[8] === 0 ? null : buffer.subarray(end)
  return { connection, method, target, headers, identity, auditId, headTimeout, body }
}

/** Types and bounds only: what the values mean is for the agent to judge. */
function isWireCall(value: unknown): value is WireCall {
  if (!isRecord(value)) return false
  const { connection, method, target, headers, identity, auditId, headTimeout } = value
  return (
    typeof connection === 'string' &&
    typeof method === 'string' &&
    METHODS.has(method) &&
    typeof target === 'string' &&
    isStrings(headers) &&
    headers.length % 2 === 0 &&
    typeof auditId === 'string' &&
    typeof headTimeout === 'number' &&
    Number.isInteger(headTimeout) &&
    headTimeout >= 0 &&
    headTimeout <= LONGEST_TIME &&
    isDescriptor(identity)
  )
}

function isDescriptor(value: unknown): value is SessionDescriptor {
  if (!isRecord(value)) return false
  const { sessionId, mode, user, groups, extra, purpose } = value
  return (
    typeof sessionId === 'string' &&
    typeof mode === 'string' &&
    MODES.has(mode) &&
    typeof user === 'string' &&
    isStrings(groups) &&
    Array.isArray(extra) &&
    extra.every(pair => isStrings(pair) && pair.length === 2) &&
    (purpose === undefined || (typeof purpose === 'string' && PURPOSES.has(purpose)))
  )
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function isStrings(value: unknown): value is string[] {
  return Array.isArray(value) && value.every(one => typeof one === 'string')
}

function malformed(): Refusal {
  return new Refusal('request-ambiguous', { check: 'tunnel-protocol', detail: 'the call is malformed' })
}
