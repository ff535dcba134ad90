import assert from 'node:assert/strict'
import { connect as connectHttp2 } from 'node:http2'
import { after, before, beforeEach, describe, test } from 'node:test'
import { setTimeout as wait } from 'node:timers/promises'
import { connect as connectTls } from 'node:tls'
import type { AgentLink, AnswerHandler, UpstreamCall } from '../../tunnel/contract.ts'
import { removeAgent } from '../../tunnel/enrolment/enrolment.ts'
import { AGENT_PROTOCOL } from '../../tunnel/protocol.ts'
import { type Agent, createAgent } from '../agent.ts'
import { fixedCredential } from '../credentials/credential.ts'
import { alice, callOf, Recorder, refusalOf, send, until } from '../testing/calls.ts'
import { startGateway, type TestGateway } from '../testing/gateway.ts'
import { dialIn, enrolled, type Identity } from '../testing/remote.ts'
import {
  answerJson,
  type Behaviour,
  type StubApiServer,
  startStub,
  valuesOf,
} from '../testing/stub-api-server.ts'
import { dialGateway } from './dial.ts'
import { type ServedSession, serveSession } from './serve-session.ts'

const plain: Behaviour = (_, response) => answerJson(response, 200, { kind: 'ConfigMap' })

let stub: StubApiServer
let gateway: TestGateway
let identity: Identity
let agent: Agent
let session: ServedSession
let link: AgentLink

function agentFor(): Agent {
  const credential = fixedCredential(stub.target, 'test', { authorization: 'Bearer agent' })
  return createAgent({
    name: 'edge',
    connections: [
      { name: 'prod', upstreamIdentity: 'principal', serviceAccounts: true, session: credential },
    ],
  })
}

before(async () => {
  stub = await startStub(plain)
  gateway = await startGateway({ recheck: 50 })
  identity = await enrolled(gateway, 'edge')
  agent = agentFor()
  link = gateway.registry.linkFor({ name: 'prod', agents: ['edge'] })
  session = await dialIn(gateway, identity, agent)
  await until(() => link.connected)
})
beforeEach(() => {
  stub.behaviour = plain
  stub.seen.length = 0
})
after(async () => {
  session.destroy()
  agent.destroy()
  await gateway.stop()
  await stub.stop()
})

describe('calls', () => {
  test('a call and its answer come through unchanged', async () => {
    stub.behaviour = (_, response) => {
      response.writeHead(201, [
        ['content-type', 'application/json'],
        ['warning', '299 - "one"'],
        ['warning', '299 - "twö"'],
      ])
      response.end(Buffer.from([0, 1, 2, 255]))
    }
    const body = Buffer.from('{"a":"ü"}')
    const answer = await send(
      link,
      callOf({
        method: 'POST',
        target: '/api/v1/namespaces/default/configmaps?fieldManager=k',
        headers: ['content-type', 'application/json', 'impersonate-user', 'system:admin'],
        body,
      }),
    )
    assert.equal(answer.status, 201)
    assert.deepEqual(valuesOf(answer.headers, 'warning'), ['299 - "one"', '299 - "twö"'])
    assert.deepEqual([...answer.body], [0, 1, 2, 255])
    const [seen] = stub.seen
    assert.equal(seen!.body, body.toString())
    assert.equal(seen!.target, '/api/v1/namespaces/default/configmaps?fieldManager=k')
    assert.deepEqual(valuesOf(seen!.rawHeaders, 'impersonate-user'), [alice.user])
    assert.deepEqual(valuesOf(seen!.rawHeaders, 'authorization'), ['Bearer agent'])
  })

  test('a thousand groups, a large body and a large answer', async () => {
    const groups = Array.from({ length: 1_000 }, (_, i) => `sallyport:${'g'.repeat(40)}-${i}`)
    const large = Buffer.alloc(3 * 1024 * 1024, 'x')
    stub.behaviour = (request, response, body) => {
      response.end(body + String(valuesOf(request.rawHeaders, 'impersonate-group').length))
    }
    const answer = await send(
      link,
      callOf({
        method: 'POST',
        target: '/api/v1/namespaces/d/configmaps',
        body: large,
        identity: { ...alice, groups },
      }),
    )
    assert.equal(answer.body.length, large.length + 4)
    assert.equal(answer.body.subarray(-4).toString(), '1000')
  })

  test("the agent's refusals come back with code, check and detail", async () => {
    const refusal = await refusalOf(send(link, callOf({ identity: { ...alice, user: 'system:admin' } })))
    assert.equal(`${refusal.code} ${refusal.check}`, 'denied-by-agent agent/identity-user')
    assert.match(refusal.message, /must begin with/)
    const unserved = await refusalOf(send(link, callOf({ connection: 'other' })))
    assert.equal(unserved.check, 'agent/connection-not-served')
    stub.behaviour = (_, response) => response.writeHead(302, { location: 'https://x/' }).end()
    assert.equal((await refusalOf(send(link, callOf()))).check, 'redirect')
  })

  test('an answer that breaks off in the middle is an error, never an end', async () => {
    stub.behaviour = (_, response) => {
      response.writeHead(200, { 'content-length': 100_000 })
      response.write(Buffer.alloc(50_000), () => response.socket!.destroy())
    }
    const recorder = new Recorder()
    link.dispatch(callOf(), recorder)
    assert.equal((await refusalOf(recorder.done)).check, 'connection-lost')
    assert.ok(!recorder.events.includes('end'))
  })

  test('events of a watch arrive one by one, at once', async () => {
    let write = (_: string): void => {}
    stub.behaviour = (_, response) => {
      write = text => response.write(text)
      response.writeHead(200).flushHeaders()
    }
    const watch = new Recorder()
    const abort = link.dispatch(callOf({ target: '/api/v1/pods?watch=true', headTimeout: 0 }), watch)
    await watch.head
    for (let i = 1; i <= 3; i++) {
      write(`event${i}\n`)
      await until(() => watch.bytes === 7 * i)
    }
    abort()
    await until(() => agent.inFlight === 0)
  })
})

describe('back pressure and aborts', () => {
  test('a paused answer stops the upstream; resumed, it comes whole and in order', async () => {
    const size = 32 * 1024 * 1024
    let written = 0
    stub.behaviour = (_, response) => {
      response.writeHead(200)
      const more = (): void => {
        while (written < size) {
          const chunk = Buffer.alloc(64 * 1024, written / (64 * 1024))
          written += chunk.length
          if (!response.write(chunk)) {
            response.once('drain', more)
            return
          }
        }
        response.end()
      }
      more()
    }
    const recorder = new Recorder()
    recorder.onChunk = () => recorder.controller!.pause()
    link.dispatch(callOf({ headTimeout: 0 }), recorder)
    await until(() => recorder.bytes > 0)
    let before = -1
    while (written !== before) {
      before = written
      await wait(40)
    }
    assert.ok(written < size / 2, `the upstream wrote ${written} bytes to a paused reader`)
    recorder.onChunk = undefined
    recorder.controller!.resume()
    const { body } = await recorder.done
    assert.equal(body.length, size)
    for (let at = 0; at < size; at += 64 * 1024) assert.equal(body[at], (at / (64 * 1024)) % 256)
  })

  test('pausing and resuming at every chunk loses nothing', async () => {
    const content = Buffer.from(Array.from({ length: 300_000 }, (_, i) => i % 251))
    stub.behaviour = (_, response) => response.end(content)
    const recorder = new Recorder()
    recorder.onChunk = () => {
      recorder.controller!.pause()
      setImmediate(() => recorder.controller!.resume())
    }
    link.dispatch(callOf(), recorder)
    assert.ok((await recorder.done).body.equals(content))
  })

  test('a small answer that is paused at its head ends only after it is resumed', async () => {
    const recorder = new Recorder()
    const head = recorder.onHead.bind(recorder)
    recorder.onHead = (status, headers, controller) => {
      head(status, headers, controller)
      controller.pause()
    }
    link.dispatch(callOf(), recorder)
    await recorder.head
    await wait(50)
    assert.deepEqual(recorder.events, ['head'])
    recorder.controller!.resume()
    assert.equal((await recorder.done).body.toString(), '{"kind":"ConfigMap"}')
  })

  test('24 readers that stand still, each with a full window, do not stop another call', async () => {
    stub.behaviour = (request, response) => {
      if (request.url!.endsWith('plain')) plain(request, response, '')
      else response.writeHead(200).write(Buffer.alloc(1.5 * 1024 * 1024))
    }
    const aborts: (() => void)[] = []
    const stalled = Array.from({ length: 24 }, () => new Recorder())
    for (const recorder of stalled) {
      recorder.onChunk = () => recorder.controller!.pause()
      aborts.push(
        link.dispatch(callOf({ target: '/api/v1/namespaces/d/configmaps/big', headTimeout: 0 }), recorder),
      )
    }
    await until(() => stalled.every(recorder => recorder.bytes > 0))
    await wait(100)
    assert.equal((await send(link, callOf())).status, 200)
    for (const abort of aborts) abort()
    await until(() => agent.inFlight === 0 && session.inFlight === 0)
  })

  test('an abort reaches the upstream at any stage, and no handler hears of it', async () => {
    const stages: Record<string, (recorder: Recorder) => Promise<void>> = {
      'at once': async () => {},
      'when the request has arrived': () => until(() => stub.seen.length > 0),
      'after the head': recorder => recorder.head,
      'in the middle of the body': recorder => until(() => recorder.bytes > 0),
    }
    for (const [stage, reached] of Object.entries(stages)) {
      stub.seen.length = 0
      stub.behaviour = (_, response) => {
        if (stage.startsWith('after')) response.writeHead(200).flushHeaders()
        if (stage.startsWith('in the')) response.writeHead(200).write('x'.repeat(1_000))
      }
      const recorder = new Recorder()
      const abort = link.dispatch(callOf({ headTimeout: 0 }), recorder)
      await reached(recorder)
      const events = recorder.events.length
      abort()
      abort()
      await until(() => agent.inFlight === 0 && session.inFlight === 0)
      assert.equal(recorder.events.length, events, stage)
    }
    stub.behaviour = plain
    assert.equal((await send(link, callOf())).status, 200)
  })

  test('noDelay is set on both ends of a tunnel', async t => {
    const { Socket } = await import('node:net')
    const calls = t.mock.method(Socket.prototype, 'setNoDelay').mock
    const second = await dialIn(gateway, identity, agent)
    await until(() => gateway.sockets.size === 2)
    assert.ok(calls.calls.length >= 2)
    second.destroy()
    await until(() => gateway.sockets.size === 1)
  })
})

describe('agents come and go', () => {
  test('an agent that dies ends its calls at once; the next connection serves without a new gateway', async () => {
    const own = await startGateway()
    const mine = await enrolled(own, 'edge')
    const remote = own.registry.linkFor({ name: 'prod', agents: ['edge'] })
    const first = await dialIn(own, mine, agent)
    await until(() => remote.connected)
    stub.behaviour = (_, response) => response.writeHead(200).write('half')
    const read = new Recorder()
    remote.dispatch(callOf({ headTimeout: 0 }), read)
    await until(() => read.bytes === 4)
    stub.behaviour = () => {}
    const change = new Recorder()
    remote.dispatch(
      callOf({ method: 'POST', target: '/api/v1/namespaces/d/configmaps', body: Buffer.from('{}') }),
      change,
    )
    await until(() => stub.seen.length === 2)
    const started = Date.now()
    for (const socket of own.sockets) socket.destroy()
    const refusals = [await refusalOf(read.done), await refusalOf(change.done)]
    assert.ok(Date.now() - started < 1_000)
    assert.deepEqual(
      refusals.map(refusal => `${refusal.code} ${refusal.check} ${refusal.retryAfter}`),
      // A client repeats what comes with Retry-After: never for a change that may have been made.
      ['agent-unavailable agent-lost 1', 'agent-unavailable agent-lost undefined'],
    )
    await until(() => agent.inFlight === 0)
    const absent = await refusalOf(send(remote, callOf()))
    assert.equal(`${absent.code} ${absent.check} ${absent.retryAfter}`, 'agent-unavailable not-connected 2')
    stub.behaviour = plain
    await first.closed
    const second = await dialIn(own, mine, agent)
    await until(() => remote.connected)
    assert.equal((await send(remote, callOf())).status, 200)
    assert.deepEqual(
      own.events.map(event => event.type),
      ['connected', 'disconnected', 'connected'],
    )
    second.destroy()
    await own.stop()
  })

  test('an agent that hangs is found by the ping deadline', async () => {
    const own = await startGateway({ liveness: { interval: 30, deadline: 80 } })
    const mine = await enrolled(own, 'edge')
    const remote = own.registry.linkFor({ name: 'prod', agents: ['edge'] })
    await dialIn(own, mine, agent)
    await until(() => remote.connected)
    stub.behaviour = () => {}
    const call = refusalOf(send(remote, callOf({ headTimeout: 0 })))
    await until(() => stub.seen.length === 1)
    // The socket stays open, but nothing moves: what a stopped process or a vanished network looks like.
    for (const socket of own.sockets)
      (socket as unknown as { _handle: { readStop(): void } })._handle.readStop()
    assert.equal((await call).check, 'agent-lost')
    assert.equal(remote.connected, false)
    await own.stop()
  })

  test('several agents: the first that is connected and serves it; several tunnels: the one with fewer calls', async () => {
    const own = await startGateway()
    const names: string[] = []
    const named = (name: string): AgentLink => ({
      ...agent,
      name,
      connected: true,
      dispatch: (call: UpstreamCall, handler: AnswerHandler) => {
        names.push(name)
        return agent.dispatch(call, handler)
      },
    })
    const remote = own.registry.linkFor({ name: 'prod', agents: ['a', 'b', 'c'] })
    const c = await dialIn(own, await enrolled(own, 'c'), named('c'))
    const b = await dialIn(own, await enrolled(own, 'b'), named('b'))
    const a = await dialIn(own, await enrolled(own, 'a'), named('a'), undefined, ['another'])
    await until(() => own.events.length === 3)
    await send(remote, callOf())
    b.destroy()
    await until(() => own.events.length === 4)
    await send(remote, callOf())
    assert.deepEqual(names, ['b', 'c'])
    for (const one of [a, c]) one.destroy()
    await own.stop()
  })

  test('a draining tunnel takes no new call and lets those in flight end', async () => {
    const own = await startGateway()
    const mine = await enrolled(own, 'edge')
    const remote = own.registry.linkFor({ name: 'prod', agents: ['edge'] })
    const first = await dialIn(own, mine, agent)
    await until(() => remote.connected)
    let answer = (): void => {}
    stub.behaviour = (_, response) => {
      answer = () => answerJson(response, 200, { slow: true })
    }
    const slow = send(remote, callOf())
    await until(() => stub.seen.length === 1)
    const drained = first.drain(5_000)
    await until(() => !remote.connected)
    assert.equal((await refusalOf(send(remote, callOf()))).check, 'not-connected')
    answer()
    assert.equal((await slow).body.toString(), '{"slow":true}')
    await drained
    await until(() => own.sockets.size === 0)
    await own.stop()
  })

  test('a removed agent is cut off, and is told so when it comes back', async () => {
    const own = await startGateway({ recheck: 20 })
    const mine = await enrolled(own, 'edge')
    const remote = own.registry.linkFor({ name: 'prod', agents: ['edge'] })
    const first = await dialIn(own, mine, agent)
    await until(() => remote.connected)
    await removeAgent(own.store, 'edge')
    assert.match(await first.closed, /removed this agent/)
    assert.equal(remote.connected, false)
    const socket = await dialGateway({ host: '127.0.0.1', port: own.port, ...mine })
    const again = serveSession(socket, agent, {
      software: 'x',
      connections: ['prod'],
      liveness: { interval: 1_000, deadline: 1_000 },
    })
    assert.match(await again.closed, /enrol it again/)
    assert.equal(remote.connected, false)
    await own.stop()
  })

  test('a certificate of another authority, and none at all, are turned away', async () => {
    const other = await startGateway()
    const foreign = { ...(await enrolled(other, 'edge')), certificateAuthority: gateway.authority.pem }
    const socket = await dialGateway({ host: '127.0.0.1', port: gateway.port, ...foreign })
    const options = { software: 'x', connections: ['prod'], liveness: { interval: 1_000, deadline: 1_000 } }
    assert.match(await serveSession(socket, agent, options).closed, /does not accept our certificate/)
    const bare = connectTls({
      host: '127.0.0.1',
      port: gateway.port,
      ca: gateway.authority.pem,
      ALPNProtocols: [AGENT_PROTOCOL],
    })
    bare.on('error', () => {})
    await new Promise(resolve => bare.once('secureConnect', resolve))
    assert.match(await serveSession(bare, agent, options).closed, /does not accept our certificate/)
    assert.ok(gateway.events.every(event => event.type !== 'connected' || event.agent === 'edge'))
    await other.stop()
  })
})

describe('versions and nonsense', () => {
  test('a gateway of another version is refused in plain words by the agent', async () => {
    const pair = await rawPair()
    const served = serveSession(pair.agentSide, agent, {
      software: 'x',
      connections: [],
      liveness: { interval: 9_000, deadline: 9_000 },
    })
    served.closed.catch(() => {})
    const client = connectHttp2('https://agent', { createConnection: () => pair.gatewaySide })
    client.on('error', () => {})
    const request = client.request({ ':method': 'POST', ':path': '/control', 'sallyport-versions': '7,8' })
    const status = await new Promise<unknown>(resolve =>
      request.once('response', headers => resolve(headers[':status'])),
    )
    assert.equal(status, 426)
    client.destroy()
    assert.match(await served.closed, /speaks version 7,8 .* this agent 1,2: bring both to the same release/)
    await pair.stop()
  })

  test('bytes that are no call are refused, one stream at a time; the tunnel goes on', async () => {
    const pair = await rawPair()
    const served = serveSession(pair.agentSide, agent, {
      software: 'x',
      connections: [],
      liveness: { interval: 9_000, deadline: 9_000 },
    })
    const client = connectHttp2('https://agent', { createConnection: () => pair.gatewaySide })
    client.on('error', () => {})
    const control = client.request({ ':method': 'POST', ':path': '/control', 'sallyport-versions': '1' })
    control.resume()
    await served.ready
    const answerTo = async (bytes: Buffer): Promise<string> => {
      const request = client.request({ ':method': 'POST', ':path': '/call' })
      request.on('error', () => {})
      const chunks: Buffer[] = []
      request.on('data', (chunk: Buffer) => chunks.push(chunk))
      request.write(bytes)
      await new Promise(resolve => request.once('close', resolve).once('end', resolve))
      request.close()
      return Buffer.concat(chunks).subarray(5).toString()
    }
    const prefix = (text: number, body: number, flag = 0): Buffer => {
      const buffer = Buffer.alloc(9)
      buffer.writeUInt32BE(text, 0)
      buffer.writeUInt32BE(body, 4)
      buffer[8] = flag
      return buffer
    }
    const json = (value: unknown): Buffer => {
      const text = Buffer.from(JSON.stringify(value))
      return Buffer.concat([prefix(text.length, 0), text])
    }
    const { body: _, ...wire } = callOf()
    assert.match(await answerTo(prefix(0xffffffff, 0)), /request-too-large/)
    assert.match(await answerTo(prefix(1, 0xffffffff)), /request-too-large/)
    assert.match(
      await answerTo(Buffer.concat([prefix(2, 0), Buffer.from('{'), Buffer.from('x')])),
      /malformed/,
    )
    for (const broken of [
      null,
      [],
      {},
      { ...wire, method: 'TRACE' },
      { ...wire, headers: ['a'] },
      { ...wire, headers: [1, 2] },
      { ...wire, headTimeout: -1 },
      { ...wire, headTimeout: 1e12 },
      { ...wire, identity: { ...wire.identity, mode: 'root' } },
      { ...wire, identity: { ...wire.identity, extra: [['a']] } },
      { ...wire, identity: { ...wire.identity, groups: 'x' } },
      { ...wire, identity: null },
    ]) {
      assert.match(await answerTo(json(broken)), /malformed/, JSON.stringify(broken))
    }
    client.destroy()
    await served.closed
    assert.equal(stub.seen.length, 0)
    await pair.stop()
  })

  test('a call whose stream is cut before it arrived whole is never made', async () => {
    const pair = await rawPair()
    const served = serveSession(pair.agentSide, agent, {
      software: 'x',
      connections: [],
      liveness: { interval: 9_000, deadline: 9_000 },
    })
    const client = connectHttp2('https://agent', { createConnection: () => pair.gatewaySide })
    client.on('error', () => {})
    client.request({ ':method': 'POST', ':path': '/control', 'sallyport-versions': '1' }).resume()
    await served.ready
    const { encodeCall } = await import('../../tunnel/descriptor.ts')
    const bytes = encodeCall(
      callOf({ method: 'POST', target: '/api/v1/namespaces/d/configmaps', body: Buffer.from('{}') }),
    )
    const request = client.request({ ':method': 'POST', ':path': '/call' })
    request.on('error', () => {})
    request.write(Buffer.concat([bytes, Buffer.from('{')]))
    await until(() => served.inFlight === 1)
    request.end()
    await wait(30)
    request.close()
    client.destroy()
    await served.closed
    assert.equal(stub.seen.length, 0)
    await pair.stop()
  })

  /** Two ends of a TLS connection without a gate in between. */
  async function rawPair() {
    const { createServer } = await import('node:tls')
    const { ensureServerCertificate } = await import('../../pki/server-certificate.ts')
    const made = ensureServerCertificate(gateway.authority, gateway.directory, ['127.0.0.1'])
    const server = createServer({ key: made.key, cert: made.chain, ALPNProtocols: [AGENT_PROTOCOL] })
    await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
    const accepted = new Promise<import('node:tls').TLSSocket>(resolve =>
      server.once('secureConnection', resolve),
    )
    const { port } = server.address() as import('node:net').AddressInfo
    const agentSide = await dialGateway({ host: '127.0.0.1', port, ...identity })
    const gatewaySide = await accepted
    gatewaySide.on('error', () => {})
    return { agentSide, gatewaySide, stop: () => new Promise<void>(resolve => server.close(() => resolve())) }
  }
})
