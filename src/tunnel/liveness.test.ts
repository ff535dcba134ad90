import assert from 'node:assert/strict'
import { performServerHandshake } from 'node:http2'
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net'
import { after, before, describe, test } from 'node:test'
import { watchLiveness } from './liveness.ts'

const PREFACE = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n')
const SETTINGS = Buffer.from([0, 0, 0, 4, 0, 0, 0, 0, 0])
/** A request without an end, by the static table (RFC 7541, appendix A): POST, https, `/`, authority `a`. */
const REQUEST = Buffer.from([0, 0, 6, 1, 4, 0, 0, 0, 1, 0x83, 0x87, 0x84, 0x41, 1, 0x61])
/** NO_ERROR, last stream 4: stream 1 may go on (RFC 9113, 6.8). */
const GOAWAY = Buffer.from([0, 0, 8, 7, 0, 0, 0, 0, 0, 0, 0, 0, 4, 0, 0, 0, 0])
/** A ping is 8 bytes long, this is 7. */
const BAD_PING = Buffer.from([0, 0, 7, 6, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0])

let server: Server
before(async () => {
  server = createServer()
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
})
after(() => server.close())

describe('a session that the other side has told to end, over a stream that stays open', () => {
  /** Whether the other side hangs up after it or stays. */
  async function endsAfter(bytes: Buffer, stays: boolean): Promise<void> {
    const accepted = new Promise<Socket>(resolve => server.once('connection', resolve))
    const peer = connect((server.address() as AddressInfo).port, '127.0.0.1').on('error', () => {})
    const socket = (await accepted).on('error', () => {})
    const session = performServerHandshake(socket)
    const over = Promise.withResolvers<void>()
    const opened = Promise.withResolvers<void>()
    session.once('close', () => over.resolve()).on('error', () => {})
    session.once('stream', stream => {
      stream.on('error', () => {})
      stream.respond({ ':status': 200 })
      opened.resolve()
    })
    const stop = watchLiveness(session, { interval: 50, deadline: 50 })
    peer.resume()
    peer.write(Buffer.concat([PREFACE, SETTINGS, REQUEST]))
    await opened.promise
    if (stays) peer.write(bytes)
    else peer.end(bytes)
    await over.promise
    assert.ok(session.destroyed)
    stop()
    socket.destroy()
    peer.destroy()
  }

  for (const stays of [true, false]) {
    const then = stays ? 'stays' : 'hangs up'
    test(`and then ${then}`, { timeout: 60_000 }, () => endsAfter(GOAWAY, stays))
    test(`and then breaks the protocol and ${then}`, { timeout: 60_000 }, () =>
      endsAfter(Buffer.concat([GOAWAY, BAD_PING]), stays),
    )
  }
})
