import assert from 'node:assert/strict'
import { after, before, beforeEach, describe, test } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import { type Agent, createAgent } from '../agent.ts'
import { fixedCredential } from '../credentials/credential.ts'
import { callOf, Recorder, refusalOf, send, until } from '../testing/calls.ts'
import { agentFor } from '../testing/plain-agent.ts'
import { answerJson, type Behaviour, type StubApiServer, startStub } from '../testing/stub-api-server.ts'
import { defaultPoolLimits } from './pool.ts'

const plain: Behaviour = (_, response) => answerJson(response, 200, { kind: 'ConfigMap' })

let stub: StubApiServer
let agent: Agent

before(async () => {
  stub = await startStub(plain)
  agent = agentFor(stub.target)
})
beforeEach(() => {
  stub.behaviour = plain
  stub.seen.length = 0
})
after(async () => {
  agent.destroy()
  await stub.stop()
})

describe('connections', () => {
  test('calls one after the other share one connection', async () => {
    const own = await startStub(plain)
    const one = agentFor(own.target)
    for (let i = 0; i < 20; i++) await send(one, callOf())
    assert.equal(own.accepted, 1)
    one.destroy()
    await own.stop()
  })

  test('a call that starts within the end of another waits its turn and shares its connection', async () => {
    const own = await startStub(plain)
    const one = agentFor(own.target)
    const second = Promise.withResolvers<number>()
    const first = new Recorder()
    const end = first.onEnd.bind(first)
    first.onEnd = () => {
      end()
      send(one, callOf()).then(answer => second.resolve(answer.status), second.reject)
    }
    one.dispatch(callOf(), first)
    assert.equal(await second.promise, 200)
    assert.equal(own.accepted, 1)
    one.destroy()
    await own.stop()
  })

  test('never more connections than calls in flight', async () => {
    const own = await startStub((_, response) => setImmediate(() => answerJson(response, 200, {})))
    const one = agentFor(own.target)
    const worker = async () => {
      for (let i = 0; i < 25; i++) await send(one, callOf())
    }
    await Promise.all(Array.from({ length: 8 }, worker))
    assert.equal(own.seen.length, 200)
    assert.ok(own.peak <= 8, `${own.peak} connections for 8 callers`)
    assert.ok(own.accepted <= 8, `${own.accepted} connections were made`)
    one.destroy()
    await own.stop()
  })

  test('above the limit a call is refused with 429 and the rest go on', async () => {
    const held: (() => void)[] = []
    const own = await startStub((_, response) => held.push(() => answerJson(response, 200, {})))
    const one = agentFor(own.target, { ...defaultPoolLimits, connections: 2 })
    const calls = [send(one, callOf()), send(one, callOf())]
    const refusal = await refusalOf(send(one, callOf()))
    assert.equal(`${refusal.code} ${refusal.retryAfter}`, 'too-many-requests 1')
    await until(() => held.length === 2)
    for (const answer of held) answer()
    assert.deepEqual(
      (await Promise.all(calls)).map(answer => answer.status),
      [200, 200],
    )
    one.destroy()
    await own.stop()
  })

  test('noDelay is set on every upstream socket', async t => {
    const { Socket } = await import('node:net')
    const calls = t.mock.method(Socket.prototype, 'setNoDelay').mock
    const one = agentFor(stub.target)
    await send(one, callOf())
    assert.ok(calls.calls.some(call => call.arguments[0] === true))
    one.destroy()
  })

  test('an idle connection that the server closes is replaced without an error', async () => {
    const own = await startStub(plain)
    const one = agentFor(own.target)
    await send(one, callOf())
    for (const socket of own.sockets) socket.end()
    await until(() => own.sockets.size === 0)
    assert.equal((await send(one, callOf())).status, 200)
    assert.equal(own.accepted, 2)
    one.destroy()
    await own.stop()
  })

  test('the request side is never half-closed while the answer is awaited', async () => {
    const own = await startStub(plain)
    const ended = Promise.withResolvers<boolean>()
    own.behaviour = (request, response) => {
      request.socket.once('end', () => ended.resolve(true))
      setTimeout(() => {
        ended.resolve(false)
        answerJson(response, 200, {})
      }, 60)
    }
    const one = agentFor(own.target)
    await send(
      one,
      callOf({ method: 'POST', target: '/api/v1/namespaces/d/configmaps', body: Buffer.from('{}') }),
    )
    assert.equal(await ended.promise, false)
    one.destroy()
    await own.stop()
  })
})

describe('aborts and back pressure', () => {
  test('an abort at any stage ends the connection, tells the handler nothing and leaks nothing', async () => {
    const own = await startStub(plain)
    const one = agentFor(own.target)
    const stages: Record<string, (abort: () => void, recorder: Recorder) => Promise<void>> = {
      'at once': async abort => abort(),
      'while connecting': async abort => {
        await turn()
        abort()
      },
      'when the request has arrived': async abort => {
        await until(() => own.seen.length > 0)
        abort()
      },
      'after the head': async (abort, recorder) => {
        await recorder.head
        abort()
      },
      'in the middle of the body': async (abort, recorder) => {
        await until(() => recorder.bytes > 0)
        abort()
      },
      'twice, and after the end': async (abort, recorder) => {
        await recorder.done
        abort()
        abort()
      },
    }
    for (const [stage, act] of Object.entries(stages)) {
      own.seen.length = 0
      own.behaviour = (_, response) => {
        if (stage.startsWith('twice')) answerJson(response, 200, {})
        else if (stage.startsWith('after')) response.writeHead(200).flushHeaders()
        else if (stage.startsWith('in the')) response.writeHead(200).write('x'.repeat(1_000))
      }
      const recorder = new Recorder()
      const abort = one.dispatch(callOf({ headTimeout: 0 }), recorder)
      await act(abort, recorder)
      const events = recorder.events.length
      await until(() => one.inFlight === 0)
      if (!stage.startsWith('twice')) await until(() => own.sockets.size === 0)
      await turn()
      assert.equal(recorder.events.length, events, stage)
      assert.ok(!recorder.events.includes('error'), stage)
    }
    one.destroy()
    await until(() => own.sockets.size === 0)
    await own.stop()
  })

  test('an abort from within each callback is safe', async () => {
    const own = await startStub(plain)
    const one = agentFor(own.target)
    for (const where of ['onHead', 'onData', 'onEnd'] as const) {
      const recorder = new Recorder()
      const original = recorder[where].bind(recorder) as (...args: unknown[]) => void
      let abort = () => {}
      const reached = Promise.withResolvers<void>()
      recorder[where] = (...args: unknown[]) => {
        original(...args)
        abort()
        reached.resolve()
      }
      abort = one.dispatch(callOf(), recorder)
      await reached.promise
      await until(() => one.inFlight === 0)
      assert.ok(!recorder.events.includes('error'))
    }
    assert.equal((await send(one, callOf())).status, 200)
    one.destroy()
    await own.stop()
  })

  test('a handler that throws costs its own call only', async () => {
    const broken = new Recorder()
    broken.onHead = () => {
      throw new Error('a bug')
    }
    agent.dispatch(callOf(), broken)
    assert.equal((await refusalOf(broken.done)).code, 'internal')
    assert.equal((await send(agent, callOf())).status, 200)
  })

  test('a paused answer stops the upstream; resumed, it comes whole', async () => {
    const size = 24 * 1024 * 1024
    let written = 0
    stub.behaviour = (_, response) => {
      response.writeHead(200, { 'content-length': size })
      const chunk = Buffer.alloc(64 * 1024, 'x')
      const more = (): void => {
        while (written < size) {
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
    agent.dispatch(callOf({ headTimeout: 0 }), recorder)
    await until(() => recorder.bytes > 0)
    let before = -1
    while (written !== before) {
      before = written
      await new Promise(resolve => setTimeout(resolve, 30))
    }
    assert.ok(written < size / 2, `the upstream wrote ${written} bytes to a paused reader`)
    recorder.onChunk = undefined
    recorder.controller!.resume()
    assert.equal((await recorder.done).body.length, size)
  })

  test('one call may resume another from within its own data', async () => {
    stub.behaviour = (request, response) => {
      response.writeHead(200)
      response.write('1')
      if (request.url!.endsWith('second')) response.end('2')
      else setTimeout(() => response.end('2'), 20)
    }
    const first = new Recorder()
    first.onChunk = () => first.controller!.pause()
    agent.dispatch(callOf(), first)
    await until(() => first.bytes > 0)
    first.onChunk = undefined
    const second = new Recorder()
    second.onChunk = () => first.controller!.resume()
    agent.dispatch(callOf({ target: '/api/v1/namespaces/default/configmaps/second' }), second)
    assert.equal((await second.done).body.toString(), '12')
    assert.equal((await first.done).body.toString(), '12')
  })

  test('12 readers that stand still do not stop another call', async () => {
    stub.behaviour = (request, response) => {
      if (request.url!.endsWith('plain')) plain(request, response, '')
      else response.writeHead(200).write(Buffer.alloc(4 * 1024 * 1024))
    }
    const aborts: (() => void)[] = []
    for (let i = 0; i < 12; i++) {
      const stalled = new Recorder()
      stalled.onChunk = () => stalled.controller!.pause()
      aborts.push(agent.dispatch(callOf({ target: '/api/v1/namespaces/default/configmaps/big' }), stalled))
      await until(() => stalled.bytes > 0)
    }
    assert.equal((await send(agent, callOf())).status, 200)
    for (const abort of aborts) abort()
    await until(() => agent.inFlight === 0)
  })
})

describe('closing', () => {
  test('close lets calls in flight end and refuses new ones', async () => {
    let answer = () => {}
    const own = await startStub((_, response) => {
      answer = () => answerJson(response, 200, {})
    })
    const one = agentFor(own.target)
    const call = send(one, callOf())
    await until(() => own.seen.length === 1)
    const closing = one.close()
    assert.equal(one.connected, false)
    const refusal = await refusalOf(send(one, callOf()))
    assert.equal(`${refusal.code} ${refusal.retryAfter}`, 'agent-unavailable 1')
    answer()
    assert.equal((await call).status, 200)
    await closing
    await until(() => own.sockets.size === 0)
    await own.stop()
  })

  test('destroy ends calls in flight with a refusal', async () => {
    const own = await startStub(() => {})
    const one = agentFor(own.target)
    const call = refusalOf(send(one, callOf()))
    await until(() => own.seen.length === 1)
    one.destroy()
    assert.equal((await call).code, 'agent-unavailable')
    await until(() => own.sockets.size === 0)
    await own.stop()
  })

  test('a connection that is taken away is refused, one that stays keeps its socket', async () => {
    const own = await startStub(plain)
    const session = fixedCredential(own.target, 'test', { authorization: 'Bearer x' })
    const kept = { name: 'prod', upstreamIdentity: 'principal', serviceAccounts: false, session } as const
    const one = createAgent({ name: 'a', connections: [kept, { ...kept, name: 'other' }] })
    await send(one, callOf())
    await send(one, callOf({ connection: 'other' }))
    one.setConnections([kept])
    assert.equal(
      (await refusalOf(send(one, callOf({ connection: 'other' })))).check,
      'agent/connection-not-served',
    )
    assert.equal((await send(one, callOf())).status, 200)
    assert.equal(own.accepted, 2)
    one.destroy()
    await own.stop()
  })
})
