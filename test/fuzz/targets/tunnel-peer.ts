import assert from 'node:assert/strict'
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net'
import type { TLSSocket } from 'node:tls'
import { serveSession } from '../../../src/agent/link/serve-session.ts'
import { Refusal } from '../../../src/errors/refusal.ts'
import { openAgentSession } from '../../../src/tunnel/agent-session.ts'
import type { AgentLink, AnswerHandler, UpstreamCall } from '../../../src/tunnel/contract.ts'
import { encodeCall } from '../../../src/tunnel/descriptor.ts'
import {
  CALL_PATH,
  CONTROL_PATH,
  VERSION_HEADER,
  VERSIONS_HEADER,
  WITNESS_PATH,
} from '../../../src/tunnel/protocol.ts'
import { RecordType, recordHeader, textRecord } from '../../../src/tunnel/records.ts'
import type { Random } from '../../parity/random.ts'
import { ACK, END_STREAM, frame, headers, PREFACE, Type } from '../http2-frames.ts'
import { mutate } from '../mutate.ts'
import { type Checker, type FuzzTarget, textOf } from '../target.ts'

/** Short: some ends are noticed by silence only. */
const LIVENESS = { interval: 1_000, deadline: 1_000 }
const HELLO = '{"type":"hello","software":"x","connections":["prod"]}\n'
const DEADLINE = 20_000

const call: UpstreamCall = {
  connection: 'prod',
  method: 'GET',
  target: '/api/v1/pods',
  headers: ['accept', 'application/json'],
  body: null,
  identity: { sessionId: 's-a', mode: 'principal', user: 'sallyport:a', groups: [], extra: [] },
  auditId: 'x',
  headTimeout: 0,
}

/** A frame that means no good, on one of the first streams. */
function odd(random: Random): Buffer {
  const stream = random.pick([0, 1, 2, 3, 5, 7, 9, 0x7fffffff])
  const junk = Buffer.from(Array.from({ length: random.below(40) }, () => random.below(256)))
  switch (random.below(8)) {
    case 0:
      return frame(Type.reset, 0, stream, Buffer.from([0, 0, 0, random.below(14)]))
    case 1:
      return frame(Type.goaway, 0, 0, Buffer.from([0, 0, 0, random.below(9), 0, 0, 0, random.below(14)]))
    case 2:
      return frame(
        Type.window,
        0,
        stream,
        Buffer.from([random.pick([0, 0x7f]), 0xff, 0xff, random.below(256)]),
      )
    case 3:
      return frame(
        Type.settings,
        0,
        0,
        Buffer.from([0, random.below(8), random.below(256), 0xff, 0, random.below(256)]),
      )
    case 4:
      return frame(random.below(12), random.below(256), stream, junk)
    case 5:
      return frame(Type.data, random.below(2), stream, junk)
    case 6:
      return headers(
        stream,
        [[random.pick([':status', ':path', 'x', '']), random.pick(['200', '', '99', '\r\n'])]],
        random.below(8),
      )
    default:
      return frame(Type.ping, 0, 0, Buffer.alloc(random.pick([8, 8, 7])))
  }
}

/** What a hostile agent says: at once, and after calls were sent to it. */
function fromAgent(random: Random): [Buffer, Buffer] {
  const first = [frame(Type.settings, 0, 0), frame(Type.settings, ACK, 0)]
  const version: [string, string][] = [
    [':status', random.chance(0.9) ? '200' : '426'],
    [VERSION_HEADER, random.pick(['1', '1', '1', '2', '7', ''])],
  ]
  if (random.chance(0.95)) first.push(headers(1, version))
  if (random.chance(0.95))
    first.push(
      frame(
        Type.data,
        0,
        1,
        Buffer.from(
          random.chance(0.9)
            ? HELLO
            : random.pick(['{}\n', 'null\n', '[', HELLO + HELLO, '{"type":"draining"}\n']),
        ),
      ),
    )
  const second: Buffer[] = []
  for (const stream of [3, 5, 7]) {
    if (random.chance(0.9)) second.push(headers(stream, [[':status', '200']]))
    const records = [
      textRecord(RecordType.head, '[200,["content-type","application/json"]]'),
      recordHeader(RecordType.data, 2),
      Buffer.from('{}'),
      recordHeader(RecordType.end, 0),
    ]
    const bytes = Buffer.concat(records)
    second.push(
      frame(
        Type.data,
        random.chance(0.5) ? END_STREAM : 0,
        stream,
        random.chance(0.5) ? bytes : mutate(bytes, random),
      ),
    )
  }
  return [Buffer.concat(first), Buffer.concat(second)]
}

/** What a hostile gateway says. */
function fromGateway(random: Random): [Buffer, Buffer] {
  const post = (path: string, more: readonly [string, string][] = []): [string, string][] => [
    [':method', 'POST'],
    [':path', path],
    [':scheme', 'https'],
    [':authority', 'agent'],
    ...more,
  ]
  const first = [PREFACE, frame(Type.settings, 0, 0), frame(Type.settings, ACK, 0)]
  if (random.chance(0.95))
    first.push(headers(1, post(CONTROL_PATH, [[VERSIONS_HEADER, random.pick(['1', '1,2', '2', '9', ''])]])))
  const second: Buffer[] = []
  for (const stream of [3, 5, 7]) {
    second.push(
      headers(stream, post(random.pick([CALL_PATH, CALL_PATH, CALL_PATH, CONTROL_PATH, WITNESS_PATH, '/x']))),
    )
    const bytes = encodeCall(call)
    second.push(
      frame(
        Type.data,
        random.chance(0.5) ? END_STREAM : 0,
        stream,
        random.chance(0.5) ? bytes : mutate(bytes, random),
      ),
    )
  }
  if (random.chance(0.2))
    second.push(
      frame(Type.data, 0, 1, Buffer.from(random.pick(['{"type":"drained"}\n', 'x\n', '{'.repeat(100)]))),
    )
  return [Buffer.concat(first), Buffer.concat(second)]
}

/** Counts what a handler is told, and objects when it is told too much. */
class Told implements AnswerHandler {
  heads = 0
  ends = 0
  fault = ''
  onHead(): void {
    if (this.heads++ > 0 || this.ends > 0) this.fault ||= 'a head too many'
  }
  onData(): void {
    if (this.heads === 0 || this.ends > 0) this.fault ||= 'data outside of an answer'
  }
  onEnd(): void {
    if (this.heads === 0) this.fault ||= 'an end without a head'
    this.ends += 1
  }
  onError(error: Refusal): void {
    if (!(error instanceof Refusal)) this.fault ||= `not a Refusal: ${error}`
    this.ends += 1
  }
}

/** Sends both parts; `between` runs when the first had time to be understood. Then the peer hangs up. */
async function attack(
  server: Server,
  first: Buffer,
  second: Buffer,
  serve: (socket: TLSSocket) => void,
  between: () => Promise<void>,
): Promise<void> {
  const accepted = new Promise<Socket>(resolve => server.once('connection', resolve))
  const peer = connect((server.address() as AddressInfo).port, '127.0.0.1')
  peer.on('error', () => {})
  peer.resume()
  serve((await accepted) as TLSSocket)
  peer.write(first)
  await between()
  peer.write(second)
  await new Promise(resolve => setTimeout(resolve, 15))
  peer.end()
  setTimeout(() => peer.destroy(), 30)
}

const within = <T>(promise: Promise<T>, what: string): Promise<T> => {
  let timer: NodeJS.Timeout
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`hangs: ${what}`)), DEADLINE)
  })
  return Promise.race([promise, late]).finally(() => clearTimeout(timer))
}

async function attackGateway(server: Server, first: Buffer, second: Buffer): Promise<string> {
  const closed = Promise.withResolvers<void>()
  const ready = Promise.withResolvers<void>()
  let closings = 0
  let session!: ReturnType<typeof openAgentSession>
  const told: Told[] = []
  await attack(
    server,
    first,
    second,
    socket => {
      session = openAgentSession(socket, LIVENESS, {
        ready: () => ready.resolve(),
        closed: () => {
          closings += 1
          closed.resolve()
        },
      })
    },
    async () => {
      await Promise.race([ready.promise, closed.promise, new Promise(resolve => setTimeout(resolve, 25))])
      for (let i = 0; i < 3; i++) {
        const handler = new Told()
        if (session.dispatch(call, handler) !== undefined) told.push(handler)
      }
    },
  )
  await within(closed.promise, 'the session of a peer that is gone')
  await new Promise(setImmediate)
  assert.equal(closings, 1)
  for (const handler of told) {
    assert.equal(handler.fault, '')
    assert.equal(handler.ends, 1, 'a call without exactly one end')
  }
  assert.equal(session.inFlight, 0)
  return told.length === 0 ? 'gateway: turned away' : `gateway: ${told.length} calls`
}

async function attackAgent(server: Server, first: Buffer, second: Buffer): Promise<string> {
  let [open, dispatched] = [0, 0]
  const link: AgentLink = {
    name: 'fuzz',
    connected: true,
    close: async () => {},
    dispatch(given, handler) {
      assert.equal(typeof given.target, 'string')
      open += 1
      dispatched += 1
      let over = false
      const end = (): void => {
        if (over) return
        over = true
        open -= 1
      }
      setImmediate(() => {
        if (over) return
        handler.onHead(200, ['content-type', 'application/json'], { pause() {}, resume() {} })
        handler.onData(Buffer.from('{}'))
        end()
        handler.onEnd()
      })
      return end
    },
  }
  let served!: ReturnType<typeof serveSession>
  await attack(
    server,
    first,
    second,
    socket => {
      served = serveSession(socket, link, { software: 'fuzz', connections: ['prod'], liveness: LIVENESS })
    },
    () => new Promise(resolve => setTimeout(resolve, 10)),
  )
  await within(served.closed, 'the session of a peer that is gone')
  await new Promise(setImmediate)
  assert.equal(open, 0, 'a call outlives its caller')
  assert.equal(served.inFlight, 0)
  return `agent: ${dispatched} calls`
}

/** A peer on the tunnel that keeps to nothing, on either side: sessions end, calls end once, nobody falls over. */
async function open(): Promise<Checker> {
  const server = createServer()
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const counts = new Map<string, number>()
  return {
    counts,
    async close() {
      await new Promise(resolve => server.close(resolve))
    },
    async check(inputs) {
      const problems: (string | null)[] = []
      for (const input of inputs) {
        const length = input.length < 3 ? 0 : input.readUInt16BE(1)
        const [first, second] = [input.subarray(3, 3 + length), input.subarray(3 + length)]
        try {
          const attacked = (input[0] ?? 0) % 2 === 0 ? attackGateway : attackAgent
          const became = await attacked(server, first, second)
          counts.set(became, (counts.get(became) ?? 0) + 1)
          problems.push(null)
        } catch (error) {
          problems.push(textOf(error))
        }
      }
      return problems
    },
  }
}

export const target: FuzzTarget = {
  name: 'tunnel-peer',
  batch: 10,
  generate(random, corpus) {
    if (corpus.length > 0 && random.chance(0.1)) return mutate(random.pick(corpus), random)
    const side = random.below(2)
    let [first, second] = side === 0 ? fromAgent(random) : fromGateway(random)
    for (let left = random.below(3); left > 0; left--)
      second = Buffer.concat(random.chance(0.5) ? [second, odd(random)] : [odd(random), second])
    if (random.chance(0.2)) first = Buffer.concat([first, odd(random)])
    if (random.chance(0.2)) second = mutate(second, random)
    if (random.chance(0.1)) first = mutate(first, random)
    const length = Buffer.alloc(3)
    length[0] = side
    length.writeUInt16BE(first.length, 1)
    return Buffer.concat([length, first, second])
  },
  open,
}
