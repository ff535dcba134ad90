/** D53 and D54: connections that cost more than they bring, over HTTP/1.1 and HTTP/2. */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import type { ServerResponse } from 'node:http'
import { type ClientHttp2Session, connect as connectHttp2, constants } from 'node:http2'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, beforeEach, test } from 'node:test'
import { type Listener, listen } from '../../src/gateway/listener.ts'
import { openAuthority } from '../../src/pki/authority.ts'
import { ensureServerCertificate } from '../../src/pki/server-certificate.ts'
import { CONNECTION, kube, openRig, type Rig, until } from './harness.ts'
import { openSocket } from './raw.ts'
import { assertRecordedAsSent } from './record.ts'
import { answerAsCluster, beginStream, chunk } from './upstream.ts'

const CONFIGMAPS = '/api/v1/namespaces/d/configmaps'
let rig: Rig
let token: string
before(async () => {
  rig = await openRig({ limits: { requestBodyTime: 300, readerTime: 300, requestsPerPrincipal: 20 } })
  token = (await rig.session('dev')).token
})
beforeEach(() => {
  rig.upstream.requests.length = 0
})
after(() => rig.close())

async function session(): Promise<ClientHttp2Session> {
  const opened = connectHttp2(`https://127.0.0.1:${rig.port}`, { ca: rig.ca })
  opened.on('error', () => {})
  await new Promise(resolve => opened.once('connect', resolve))
  return opened
}

/** Status of one request over HTTP/2; 0 when the stream or the session was reset. */
function statusOf(opened: ClientHttp2Session, headers: Record<string, string>): Promise<number> {
  return new Promise(resolve => {
    const stream = opened.request({ ':method': 'GET', authorization: `Bearer ${token}`, ...headers })
    let status = 0
    stream.on('response', answer => {
      status = Number(answer[':status'])
    })
    stream.on('error', () => {})
    stream.on('close', () => resolve(status))
    stream.resume()
    stream.end()
  })
}

async function stillServes(): Promise<void> {
  assert.equal((await kube(rig, token, 'GET', CONFIGMAPS)).status, 200)
  assert.equal(rig.agent.inFlight, 0)
}

test('D53 over HTTP/2 :path is judged as the request line of HTTP/1.1 is', async () => {
  const opened = await session()
  const k = `/k/${CONNECTION}`
  for (const path of [
    `${k}//evil.example/api/v1/secrets`,
    `${k}/api/v1/namespaces//secrets`,
    `${k}/api/v1/namespaces/d/pods/p%2Fexec`,
    `${k}/api/v1/namespaces/d/pods/../secrets`,
    `${k}/api/v1/namespaces/d/pods/p/proxy/%2e%2e/exec`,
    `${k}/api/v1/po\tds`,
    `${k}/api/v1/namespaces/d/configmaps/`,
    `${k}/api/v1/namespaces/d/configmaps#x`,
    `${k}/api/v1/watch/pods`,
    `https://evil.example${k}${CONFIGMAPS}`,
    `${k}\\api`,
    '*',
    `${k}${CONFIGMAPS} HTTP/1.1\r\nX-Remote-User: root`,
  ]) {
    const status = await statusOf(opened, { ':path': path }).catch(() => 0)
    assert.ok(status === 0 || status >= 400, `${path}: ${status}`)
  }
  opened.destroy()
  assert.equal(rig.upstream.requests.length, 0)
  await stillServes()
})

test('D53 :authority and Host must not disagree', async () => {
  const opened = await session()
  const own = { ':path': CONFIGMAPS, ':authority': 'dev.example' }
  assert.equal(await statusOf(opened, own), 200)
  assert.equal(await statusOf(opened, { ...own, host: 'dev.example' }), 200)
  assert.equal(await statusOf(opened, { ...own, host: 'other.example' }), 400)
  const prefixed = { ':path': `/k/${CONNECTION}${CONFIGMAPS}`, ':authority': '127.0.0.1' }
  assert.equal(await statusOf(opened, { ...prefixed, host: 'dev.example' }), 400)
  opened.destroy()
  assert.equal(rig.upstream.requests.length, 2)
  assertRecordedAsSent(rig)
})

test('D53 identity headers and an upgrade over HTTP/2 get no further than over HTTP/1.1', async () => {
  const opened = await session()
  const path = { ':path': `/k/${CONNECTION}${CONFIGMAPS}` }
  const headers = { 'x-remote-user': 'root', cookie: 'a=b; c=d', forwarded: 'for=x', range: 'bytes=0-1' }
  assert.equal(await statusOf(opened, { ...path, ...headers }), 200)
  assert.ok([400, 403].includes(await statusOf(opened, { ...path, 'impersonate-user': 'root' })))
  assert.equal(await statusOf(opened, { ...path, 'x-http-method-override': 'DELETE' }), 400)
  opened.destroy()
  assert.equal(rig.upstream.requests.length, 1)
  assertRecordedAsSent(rig)
})

test('D53 rapid reset ends the connection or its requests, and holds nothing', async () => {
  const opened = await session()
  let gone = false
  opened.on('close', () => {
    gone = true
  })
  const path = `/k/${CONNECTION}${CONFIGMAPS}`
  for (let i = 0; i < 3000 && !gone && !opened.destroyed; i++) {
    try {
      const stream = opened.request({ ':path': path, authorization: `Bearer ${token}` })
      stream.on('error', () => {})
      stream.close(constants.NGHTTP2_CANCEL)
    } catch {
      break
    }
    if (i % 100 === 0) await new Promise(resolve => setImmediate(resolve))
  }
  await until(() => rig.agent.inFlight === 0, 'no call is in flight upstream')
  opened.destroy()
  await stillServes()
})

/** A frame of HTTP/2 (RFC 9113 section 4.1). */
function frame(type: number, flags: number, stream: number, payload: Buffer): Buffer {
  const head = Buffer.alloc(9)
  head.writeUIntBE(payload.length, 0, 3)
  head[3] = type
  head[4] = flags
  head.writeUInt32BE(stream, 5)
  return Buffer.concat([head, payload])
}

test('D53 a flood of CONTINUATION frames ends the connection within bounds', async () => {
  const socket = await openSocket(rig, 'h2')
  let closed = false
  socket.on('close', () => {
    closed = true
  })
  socket.on('data', () => {})
  socket.write('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n')
  socket.write(frame(4, 0, 0, Buffer.alloc(0)))
  // A literal field without indexing, a new name of one byte, a value of 4 KiB less a little.
  const value = Buffer.alloc(4000, 0x61)
  const field = Buffer.concat([Buffer.from([0x00, 0x01, 0x78, 0x7f, 0xa1, 0x1e]), value])
  socket.write(frame(1, 0, 1, field))
  let sent = 0
  while (!closed && sent < 64 * 1024 * 1024) {
    for (let i = 0; i < 50; i++) {
      socket.write(frame(9, 0, 1, field))
      sent += field.length
    }
    await new Promise(resolve => setTimeout(resolve, 2))
  }
  assert.ok(closed, `${sent} bytes of CONTINUATION were taken`)
  assert.ok(sent < 16 * 1024 * 1024, `${sent} bytes before the end`)
  await stillServes()
})

test('D54 too many and too long headers are refused', async () => {
  const many = Array.from({ length: 20_000 }, (_, i) => [`x-${i}`, '1']).flat()
  await kube(rig, token, 'GET', CONFIGMAPS, { headers: many }).then(
    ({ status }) => assert.equal(status, 431),
    // The answer may be lost when the connection is closed with bytes of the request unread.
    error => assert.match(String(error), /ECONNRESET|EPIPE|socket hang up/),
  )
  await stillServes()
})

test('D54 a body that does not come is given up', async () => {
  const socket = await openSocket(rig)
  let received = ''
  socket.on('data', data => {
    received += data
  })
  const head = `POST /k/${CONNECTION}${CONFIGMAPS} HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer ${token}\r\n`
  socket.write(`${head}Content-Type: application/json\r\nContent-Length: 100\r\n\r\n{`)
  await until(() => received.startsWith('HTTP/1.1 408'), 'the answer 408')
  await until(() => socket.closed || socket.readableEnded, 'the connection is closed')
  socket.destroy()
  await stillServes()
})

test('D54 who does not read an answer that has an end loses it, and a watch that nobody reads stays', async () => {
  rig.upstream.answer = request => {
    beginStream(request)
    const more = (): void => {
      do {
        if (request.socket.destroyed) return
      } while (chunk(request, Buffer.alloc(64 * 1024, 0x20)))
    }
    request.socket.on('drain', more)
    more()
  }
  const ask = async (query: string) => {
    const socket = await openSocket(rig)
    const head = `GET /k/${CONNECTION}${CONFIGMAPS}${query} HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer ${token}`
    socket.write(`${head}\r\n\r\n`)
    socket.pause()
    return socket
  }
  const watch = await ask('?watch=1')
  const list = await ask('?limit=500')
  const endings = () =>
    rig.entries.filter(e => e.phase === 'outcome' && e.head.error?.check === 'slow-reader')
  await until(() => endings().length === 1, 'the list is cut')
  assert.equal(endings()[0]!.head.result?.ended, 'cut')
  assert.equal(rig.agent.inFlight, 1)
  watch.destroy()
  list.destroy()
  await until(() => rig.agent.inFlight === 0, 'no call is in flight upstream')
  rig.upstream.answer = answerAsCluster
  await stillServes()
})

test('D54 connections that say nothing or stop amid their headers are closed, of both protocols', async t => {
  const directory = mkdtempSync(join(tmpdir(), 'attacks-listener-'))
  const authority = openAuthority(join(directory, 'pki'))
  const { chain, key } = ensureServerCertificate(authority, join(directory, 'pki'), [
    '127.0.0.1',
    'localhost',
  ])
  const slow: Listener = await listen({
    host: '127.0.0.1',
    port: 0,
    tls: { cert: chain, key },
    connectionOfHost: () => undefined,
    onExchange: () => {},
    onOwnRequest: (_, response) => void (response as ServerResponse).writeHead(200).end('ok'),
    now: Date.now,
    times: { headers: 300, idle: 300 },
  })
  t.after(async () => {
    slow.destroy()
    await slow.drain()
    rmSync(directory, { recursive: true, force: true })
  })
  const at = { port: slow.port, ca: authority.pem }
  const preface = Buffer.concat([
    Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'),
    frame(4, 0, 0, Buffer.alloc(0)),
  ])
  const openings: [alpn: string, bytes: Buffer][] = [
    ['http/1.1', Buffer.alloc(0)],
    ['http/1.1', Buffer.from('GET /version HTTP/1.1\r\nHost: a\r\nX-Slow: ')],
    ['h2', Buffer.alloc(0)],
    ['h2', preface],
    ['h2', Buffer.concat([preface, frame(1, 0, 1, Buffer.from([0x82]))])],
  ]
  for (const [alpn, bytes] of openings) {
    const socket = await openSocket(at, alpn)
    let closed = false
    socket.on('data', () => {})
    socket.on('close', () => {
      closed = true
    })
    if (bytes.length > 0) socket.write(bytes)
    await until(() => closed, `${alpn} after ${bytes.length} bytes is closed`)
  }
})
