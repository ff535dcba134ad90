import assert from 'node:assert/strict'
import { after, before, beforeEach, describe, test } from 'node:test'
import type { UpstreamCall } from '../tunnel/contract.ts'
import type { Agent } from './agent.ts'
import { alice, callOf, Recorder, refusalOf, send, until } from './testing/calls.ts'
import { agentFor, TOKEN } from './testing/plain-agent.ts'
import {
  answerJson,
  type Behaviour,
  type StubApiServer,
  startStub,
  valuesOf,
} from './testing/stub-api-server.ts'
import { defaultPoolLimits } from './upstream/pool.ts'

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

describe('what reaches the upstream', () => {
  test('the rebuilt target, the allowed headers, identity and credential, and nothing else', async () => {
    const answer = await send(agent, callOf({ target: '/api/v1/namespaces/default/pods?limit=5' }))
    assert.equal(answer.status, 200)
    assert.equal(answer.body.toString(), '{"kind":"ConfigMap"}')
    const [seen] = stub.seen
    assert.equal(seen!.target, '/api/v1/namespaces/default/pods?limit=5')
    const fields: Record<string, string> = {}
    for (let i = 0; i < seen!.rawHeaders.length; i += 2)
      fields[seen!.rawHeaders[i]!] = seen!.rawHeaders[i + 1]!
    assert.deepEqual(fields, {
      host: new URL(stub.origin).host,
      connection: 'keep-alive',
      'impersonate-user': 'sallyport:local:alice',
      'impersonate-group': 'sallyport:devs',
      'impersonate-extra-sallyport.dev%2Fsession': alice.sessionId,
      'audit-id': '0198c0de-0000-7000-8000-000000000001',
      accept: 'application/json',
      'user-agent': 'kubectl/v1.36',
      authorization: `Bearer ${TOKEN}`,
    })
  })

  test('no gzip is asked for unless the gateway asks', async () => {
    await send(agent, callOf())
    await send(agent, callOf({ headers: ['accept-encoding', 'identity'] }))
    assert.deepEqual(
      stub.seen.map(one => valuesOf(one.rawHeaders, 'accept-encoding')),
      [[], ['identity']],
    )
  })

  test('a body goes as it is, with its length', async () => {
    const body = Buffer.from('{"metadata":{"name":"ü","labels":{"n":9007199254740993}}}')
    await send(
      agent,
      callOf({
        method: 'POST',
        target: '/api/v1/namespaces/default/configmaps',
        headers: ['content-type', 'application/json'],
        body,
      }),
    )
    assert.equal(stub.seen[0]!.body, body.toString())
    assert.deepEqual(valuesOf(stub.seen[0]!.rawHeaders, 'content-length'), [String(body.length)])
  })

  test('a path prefix of the upstream comes before the target', async () => {
    const prefixed = agentFor({ ...stub.target, basePath: '/k8s/clusters/c-1' })
    await send(prefixed, callOf())
    assert.equal(stub.seen[0]!.target, '/k8s/clusters/c-1/api/v1/namespaces/default/configmaps/plain')
    await prefixed.close()
  })
})

describe('answers', () => {
  async function refused(behaviour: Behaviour, changes: Partial<UpstreamCall> = {}): Promise<string> {
    stub.behaviour = behaviour
    const fresh = agentFor(stub.target)
    const refusal = await refusalOf(send(fresh, callOf(changes)))
    fresh.destroy()
    return `${refusal.code} ${refusal.check}`
  }

  test('D49: a 3xx with Location is refused, never followed, never passed on', async () => {
    for (const status of [301, 302, 303, 307, 308]) {
      const seen = await refused((_, response) => {
        response.writeHead(status, { location: `${stub.origin}/api/v1/secrets` }).end()
      })
      assert.equal(seen, 'upstream-answer-refused redirect')
    }
    assert.equal(stub.seen.length, 5)
  })

  test('D50: an aggregated API that redirects to another host is refused', async () => {
    const seen = await refused(
      (_, response) => response.writeHead(302, { Location: 'https://169.254.169.254/' }).end(),
      { target: '/apis/metrics.example.com/v1/nodes' },
    )
    assert.equal(seen, 'upstream-answer-refused redirect')
  })

  test('304 without a Location is an answer', async () => {
    stub.behaviour = (_, response) => response.writeHead(304, { etag: '"x"' }).end()
    const answer = await send(agent, callOf({ headers: ['if-none-match', '"x"'] }))
    assert.equal(answer.status, 304)
    assert.deepEqual(valuesOf(answer.headers, 'etag'), ['"x"'])
  })

  test('a 101 that nobody asked for is refused', async () => {
    const seen = await refused(request => {
      request.socket.write('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n')
    })
    assert.equal(seen, 'upstream-answer-refused unasked-switch')
  })

  test('D52: 1xx answers and trailers are dropped', async () => {
    stub.behaviour = (request, response) => {
      request.socket.write('HTTP/1.1 103 Early Hints\r\nLink: </x>\r\nConnection: x-y\r\n\r\n')
      response.writeHead(200, { trailer: 'x-late', 'content-type': 'text/plain' })
      response.write('body')
      response.addTrailers({ 'x-late': 'impersonate' })
      response.end()
    }
    const recorder = new Recorder()
    agent.dispatch(callOf(), recorder)
    const answer = await recorder.done
    assert.equal(answer.status, 200)
    assert.equal(answer.body.toString(), 'body')
    assert.deepEqual(
      recorder.events.filter(event => event !== 'data'),
      ['head', 'end'],
    )
    assert.ok(!answer.headers.includes('x-late') && !answer.headers.includes('trailer'))
    assert.ok(!answer.headers.includes('link'))
  })

  test('hop-by-hop fields of the answer, and those that Connection names, are dropped', async () => {
    stub.behaviour = request => {
      request.socket.write(
        'HTTP/1.1 200 OK\r\nConnection: keep-alive, X-Inner\r\nX-Inner: 1\r\nKeep-Alive: timeout=5\r\n' +
          'Alt-Svc: h3=":443"\r\nProxy-Authenticate: Basic\r\nX-Outer: 1\r\nX-Outer: 2\r\nContent-Length: 2\r\n\r\nok',
      )
    }
    const fresh = agentFor(stub.target)
    const answer = await send(fresh, callOf())
    fresh.destroy()
    assert.deepEqual(answer.headers, ['x-outer', '1', 'x-outer', '2', 'content-length', '2'])
  })

  test('header fields that never end are refused', async () => {
    const seen = await refused(request => {
      request.socket.write(
        `HTTP/1.1 200 OK\r\n${'X-Filler: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\r\n'.repeat(4_000)}`,
      )
    })
    assert.equal(seen, 'upstream-answer-refused headers-too-large')
  })

  test('bytes that are not HTTP are refused', async () => {
    const seen = await refused(request => request.socket.write('SSH-2.0-OpenSSH_9.9\r\n\r\n'))
    assert.equal(seen, 'upstream-answer-refused malformed-answer')
  })

  test('two framings at once (Content-Length and chunked) are refused', async () => {
    const seen = await refused(request =>
      request.socket.write(
        'HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n',
      ),
    )
    assert.equal(seen, 'upstream-answer-refused length-mismatch')
  })

  test('a body that breaks off is an error after the head, never an end', async () => {
    stub.behaviour = (_, response) => {
      response.writeHead(200, { 'content-length': 100 })
      response.write('half', () => response.socket!.destroy())
    }
    const recorder = new Recorder()
    agent.dispatch(callOf(), recorder)
    const refusal = await refusalOf(recorder.done)
    assert.equal(`${refusal.code} ${refusal.check}`, 'upstream-unreachable connection-lost')
    assert.deepEqual([recorder.events[0], recorder.events.at(-1)], ['head', 'error'])
    assert.ok(!recorder.events.includes('end'))
  })

  test('a chunked body that breaks off is an error too', async () => {
    stub.behaviour = (_, response) => {
      response.write('{"half":', () => response.socket!.end())
    }
    const refusal = await refusalOf(send(agent, callOf()))
    assert.equal(`${refusal.code} ${refusal.check}`, 'upstream-unreachable connection-lost')
  })

  test('an upstream that answers nothing is a 504', async () => {
    const seen = await refused(() => {}, { headTimeout: 100 })
    assert.equal(seen, 'upstream-timeout head-timeout')
  })

  test('a long-running call waits for its head and body as long as it takes', async () => {
    const impatient = agentFor(stub.target, { ...defaultPoolLimits, bodyTimeout: 100 })
    let finish = () => {}
    stub.behaviour = (_, response) => {
      response.writeHead(200)
      response.write('1')
      finish = () => response.end('2')
    }
    const watch = new Recorder()
    impatient.dispatch(callOf({ target: '/api/v1/pods?watch=true', headTimeout: 0 }), watch)
    // The short call on the same agent runs into the time-out that the watch must not have.
    const refusal = await refusalOf(send(impatient, callOf()))
    assert.equal(refusal.check, 'body-timeout')
    assert.deepEqual(watch.events, ['head', 'data'])
    stub.behaviour = plain
    const finishWatch = finish
    finishWatch()
    impatient.destroy()
    await until(() => impatient.inFlight === 0)
  })

  test("a 401 is the agent's own trouble, but for what answers behind a proxy subresource", async () => {
    const seen = await refused((_, response) => answerJson(response, 401, {}))
    assert.equal(seen, 'upstream-unreachable agent-credential')
    const answer = await send(agent, callOf({ target: '/api/v1/namespaces/d/services/web:80/proxy/login' }))
    assert.equal(answer.status, 401)
  })

  test('an upstream that is not there is a 502 that names no address', async () => {
    const gone = await startStub(plain)
    await gone.stop()
    const lonely = agentFor(gone.target)
    const refusal = await refusalOf(send(lonely, callOf()))
    assert.equal(`${refusal.code} ${refusal.check}`, 'upstream-unreachable connection-refused')
    assert.doesNotMatch(refusal.message, /127\.0\.0\.1/)
    lonely.destroy()
  })
})

describe('TLS', () => {
  test('C40: a server that the CA did not sign, or that has another name, gets no byte of a request', async () => {
    const other = await startStub(plain)
    const cases = [
      { ...stub.target, certificateAuthority: other.target.certificateAuthority! },
      { ...stub.target, serverName: 'kubernetes.default' },
      { ...stub.target, origin: stub.origin.replace('127.0.0.1', 'localhost') },
    ]
    for (const target of cases) {
      const wrong = agentFor(target)
      const refusal = await refusalOf(send(wrong, callOf()))
      assert.equal(`${refusal.code} ${refusal.check}`, 'upstream-unreachable certificate')
      wrong.destroy()
    }
    assert.equal(stub.seen.length, 0)
    await other.stop()
  })

  test('a server name in the configuration is what the certificate is checked against', async () => {
    const named = await startStub(plain, { names: ['kubernetes.default'] })
    const right = agentFor({ ...named.target, serverName: 'kubernetes.default' })
    assert.equal((await send(right, callOf())).status, 200)
    right.destroy()
    await named.stop()
  })

  test('HTTP/2 is not spoken upstream, though the server offers it', async () => {
    await send(agent, callOf())
    assert.ok(
      [...stub.sockets].every(socket => (socket as { alpnProtocol?: string }).alpnProtocol === 'http/1.1'),
    )
  })
})
