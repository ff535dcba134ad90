import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import type { ServerResponse } from 'node:http'
import { connect as connectHttp2 } from 'node:http2'
import { request } from 'node:https'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { connect, type TLSSocket } from 'node:tls'
import { openAuthority } from '../pki/authority.ts'
import { ensureServerCertificate } from '../pki/server-certificate.ts'
import { type Arrival, type Listener, listen } from './listener.ts'

const dir = mkdtempSync(join(tmpdir(), 'sallyport-listener-'))
const authority = openAuthority(dir)
const certificate = ensureServerCertificate(authority, dir, ['127.0.0.1', 'localhost', 'dev.example'])
let listener: Listener
let onExchange: (x: Arrival) => void = () => {}
const agents: TLSSocket[] = []

before(async () => {
  listener = await listen({
    host: '127.0.0.1',
    port: 0,
    tls: { cert: certificate.chain, key: certificate.key },
    agents: {
      protocol: 'agent-test/1',
      accept: socket => {
        agents.push(socket)
        socket.end()
      },
    },
    connectionOfHost: host => (host === 'dev.example' ? 'dev' : undefined),
    onExchange: x => onExchange(x),
    onOwnRequest: (_request, response) => {
      ;(response as ServerResponse).writeHead(200).end('own')
    },
    now: Date.now,
  })
})
after(async () => {
  listener.destroy()
  await listener.drain()
  rmSync(dir, { recursive: true })
})

/** Echoes what arrived; reads the body first. */
function echo(x: Arrival): void {
  x.caller.readBody(1000, 5000).then(
    body => {
      const text = JSON.stringify({
        connection: x.connectionName,
        target: x.target,
        method: x.caller.method,
        version: x.caller.httpVersion ?? null,
        host: x.caller.host,
        body: body?.toString() ?? null,
      })
      x.caller.answer(
        200,
        ['content-type', 'application/json', 'content-length', String(text.length)],
        [Buffer.from(text)],
      )
    },
    error => x.caller.answer(error.status ?? 500, [], [Buffer.from(String(error.code))]),
  )
}

interface Reply {
  readonly status: number
  readonly text: string
}

function get(
  path: string,
  options: { method?: string; headers?: Record<string, string>; body?: string } = {},
): Promise<Reply> {
  return new Promise((resolve, reject) => {
    const { body, ...rest } = options
    const outgoing = request(
      { host: '127.0.0.1', port: listener.port, path, ca: authority.pem, agent: false, ...rest },
      response => {
        let text = ''
        response.on('data', chunk => {
          text += chunk
        })
        response.on('end', () => resolve({ status: response.statusCode ?? 0, text }))
      },
    )
    outgoing.on('error', reject)
    outgoing.end(body)
  })
}

/** Writes raw bytes and returns everything that comes back until the end. */
function raw(bytes: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect({
      host: '127.0.0.1',
      port: listener.port,
      ca: authority.pem,
      ALPNProtocols: ['http/1.1'],
    })
    let text = ''
    socket.on('secureConnect', () => socket.write(bytes))
    socket.on('data', chunk => {
      text += chunk.toString('latin1')
    })
    socket.on('close', () => resolve(text))
    socket.on('error', reject)
  })
}

test('a path prefix or a host name leads to a connection, everything else is ours', async () => {
  onExchange = echo
  const byPath = JSON.parse((await get('/k/prod/api/v1/pods?limit=1')).text)
  assert.deepEqual([byPath.connection, byPath.target], ['prod', '/api/v1/pods?limit=1'])
  const byHost = JSON.parse((await get('/k/prod/api', { headers: { host: 'DEV.example:6443' } })).text)
  assert.deepEqual([byHost.connection, byHost.target], ['dev', '/k/prod/api'])
  assert.equal((await get('/v1/whoami')).text, 'own')
  assert.equal((await get('/k')).text, 'own')
})

test('bodies arrive whole, within their limit, also after 100-continue', async () => {
  onExchange = echo
  assert.equal(JSON.parse((await get('/k/a/x', { method: 'POST', body: 'hello' })).text).body, 'hello')
  assert.equal((await get('/k/a/x', { method: 'POST', body: 'x'.repeat(1001) })).status, 413)
  const text = await raw(
    'POST /k/a/x HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok',
  )
  assert.match(text, /^HTTP\/1.1 100 Continue/)
  assert.match(text, /"body":"ok"/)
})

test('HTTP/2 on the same port gives the same exchange', async () => {
  onExchange = echo
  const session = connectHttp2(`https://127.0.0.1:${listener.port}`, { ca: authority.pem })
  const stream = session.request({ ':method': 'POST', ':path': '/k/prod/api/v1/pods' })
  stream.end('two')
  let text = ''
  for await (const chunk of stream) text += chunk
  session.close()
  const seen = JSON.parse(text)
  assert.deepEqual(
    [seen.connection, seen.version, seen.body, seen.host],
    ['prod', null, 'two', `127.0.0.1:${listener.port}`],
  )
})

test('agents are told apart by their protocol before any HTTP is read', async () => {
  const before = agents.length
  await new Promise<void>((resolve, reject) => {
    const socket = connect({
      host: '127.0.0.1',
      port: listener.port,
      ca: authority.pem,
      ALPNProtocols: ['agent-test/1'],
    })
    socket.on('close', () => resolve())
    socket.on('error', reject)
    socket.resume()
  })
  assert.equal(agents.length, before + 1)
})

test('a request line of HTTP/1 that claims another version is still HTTP/1', async () => {
  onExchange = echo
  for (const version of ['2.0', '0.9', '1.0']) {
    const text = await raw(`GET /k/a/x HTTP/${version}\r\nHost: h\r\nConnection: close\r\n\r\n`)
    assert.match(text, new RegExp(`^HTTP/1.1 (200[^]*"version":"${version}"|400)`), version)
  }
})

test('an upgrade, known or not, is a request like any other: nothing slips past the pipeline', async () => {
  const seen: string[] = []
  onExchange = x => {
    seen.push(x.target)
    x.caller.answer(400, ['content-length', '0'], [])
  }
  for (const upgrade of ['websocket', 'SPDY/3.1', 'h2c', 'xyz']) {
    const text = await raw(
      `GET /k/a/exec-${upgrade} HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: ${upgrade}\r\n` +
        'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n' +
        'GET /k/a/second HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n',
    )
    assert.match(text, /^HTTP\/1.1 400/)
    assert.ok(!text.includes('101 Switching'))
  }
  // What came behind on the same connection was never read as a request.
  assert.deepEqual(seen, ['/exec-websocket', '/exec-SPDY/3.1', '/exec-h2c', '/exec-xyz'])
})

test('bytes that are not HTTP get a Status and the connection ends', async () => {
  onExchange = () => assert.fail('must not become an exchange')
  for (const bytes of [
    'nonsense\r\n\r\n',
    'GET /k/a/x HTTP/1.1\r\nHost : h\r\n\r\n',
    'GET /k/a/x HTTP/1.1\r\n\r\n',
    'POST /k/a/x HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n{}',
    'POST /k/a/x HTTP/1.1\r\nContent-Length: 2\r\n\r\n{}GET /k/a/x HTTP/1.1\r\nHost: h\r\n\r\n',
    'GET /k/a/x HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n',
    'POST /k/a/x HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
    'GET /k/a/x HTTP/1.1\r\nHost: h\r\nX: a\r\n b\r\n\r\n',
  ]) {
    const text = await raw(bytes)
    assert.match(text, /^HTTP\/1.1 400 Bad Request/, bytes)
    assert.match(text, /"kind":"Status".*http-syntax/, bytes)
  }
})

test('too many header bytes are 431 with a Status', async () => {
  const text = await raw(`GET /k/a/x HTTP/1.1\r\nHost: h\r\nX-Big: ${'x'.repeat(70_000)}\r\n\r\n`)
  assert.match(text, /^HTTP\/1.1 431 /)
  assert.match(text, /headers-too-large/)
})

test('a caller that leaves is noticed once, and writing to it then is harmless', async () => {
  const left = new Promise<void>(resolve => {
    onExchange = x => {
      x.caller.begin(200, ['content-type', 'text/plain'])
      void x.caller.write([Buffer.from('first')])
      x.caller.onGone(() => {
        assert.equal(x.caller.gone, true)
        x.caller.answer(200, [], [])
        x.caller.end()
        resolve()
      })
    }
  })
  const outgoing = request(
    { host: '127.0.0.1', port: listener.port, path: '/k/a/watch', ca: authority.pem, agent: false },
    response => {
      response.on('error', () => {})
      response.once('data', () => outgoing.destroy())
    },
  )
  outgoing.on('error', () => {})
  outgoing.end()
  await left
})

test('an HTTP/2 caller that resets its stream in the middle of an answer is noticed', async () => {
  const session = connectHttp2(`https://127.0.0.1:${listener.port}`, { ca: authority.pem })
  try {
    const gone = new Promise<boolean>(resolve => {
      onExchange = x => {
        x.caller.onGone(() => resolve(x.caller.gone))
        x.caller.begin(200, ['content-type', 'text/plain'])
        void x.caller.write([Buffer.from('first')])
      }
    })
    const stream = session.request({ ':path': '/k/dev/watch' })
    stream.on('error', () => {})
    stream.once('data', () => stream.close(8 /* CANCEL */))
    assert.equal(await gone, true)
  } finally {
    session.destroy()
  }
})

test('a client that reads slowly holds back the writer, not the process', async () => {
  const chunk = Buffer.alloc(256 * 1024, 'x')
  let written = 0
  const blocked = new Promise<void>(resolve => {
    onExchange = async x => {
      x.caller.begin(200, [])
      x.caller.onGone(() => {})
      try {
        for (;;) {
          const more = x.caller.write([chunk])
          written += chunk.length
          const waits = await Promise.race([
            more.then(() => false),
            new Promise(r => setImmediate(() => setImmediate(() => r(true)))),
          ])
          if (waits) resolve()
          await more
        }
      } catch {
        // The caller left at the end of the test.
      }
    }
  })
  const socket = connect({
    host: '127.0.0.1',
    port: listener.port,
    ca: authority.pem,
    ALPNProtocols: ['http/1.1'],
  })
  socket.on('error', () => {})
  socket.pause()
  socket.write('GET /k/a/big HTTP/1.1\r\nHost: h\r\n\r\n')
  await blocked
  assert.ok(written < 64 * 1024 * 1024, `${written} bytes were taken without a reader`)
  socket.destroy()
})
