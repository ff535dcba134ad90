import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { NewEntry } from '../audit/entry.ts'
import { Refusal } from '../errors/refusal.ts'
import { fetchDiscovery } from '../tunnel/calls/fetch-document.ts'
import { reviewToken } from '../tunnel/calls/review-token.ts'
import type { AgentLink, AnswerHandler, UpstreamCall } from '../tunnel/contract.ts'
import { createOwnCalls, type OwnCall } from './own-calls.ts'

/** A log whose appends resolve when the test says so, or fail. */
function manualLog() {
  const entries: NewEntry[] = []
  const waiting: { resolve(): void; reject(error: unknown): void }[] = []
  return {
    entries,
    append(entry: NewEntry) {
      entries.push(entry)
      return new Promise<{ index: number; time: number }>((resolve, reject) => {
        waiting.push({ resolve: () => resolve({ index: entries.length, time: 0 }), reject })
      })
    },
    durable: () => waiting.splice(0).forEach(each => void each.resolve()),
    fail: () => waiting.splice(0).forEach(each => void each.reject(new Refusal('audit-unavailable'))),
  }
}

/** A log that is always quick. */
function quickLog() {
  const entries: NewEntry[] = []
  return {
    entries,
    append: async (entry: NewEntry) => ({ index: entries.push(entry), time: 0 }),
  }
}

function linkThat(answers: (call: UpstreamCall, handler: AnswerHandler) => void): AgentLink & {
  calls: UpstreamCall[]
} {
  const calls: UpstreamCall[] = []
  return {
    name: 'embedded',
    connected: true,
    calls,
    dispatch(call, handler) {
      calls.push(call)
      setImmediate(() => answers(call, handler))
      return () => {}
    },
    close: async () => {},
  }
}

const answering = (status: number, body: object = {}) =>
  linkThat((_call, handler) => {
    handler.onHead(status, ['content-type', 'application/json'], { pause() {}, resume() {} })
    handler.onData(Buffer.from(JSON.stringify(body)))
    handler.onEnd()
  })

const settled = (promise: Promise<unknown>): Promise<boolean> =>
  Promise.race([promise.then(() => true), new Promise<boolean>(done => setTimeout(done, 50, false))])

const binding: OwnCall = {
  connection: 'prod',
  purpose: 'local-admins',
  method: 'POST',
  target: '/apis/rbac.authorization.k8s.io/v1/clusterrolebindings',
}

describe('reads', () => {
  test('an answer is used only when its record is durable; the id upstream is the one recorded', async () => {
    const log = manualLog()
    const link = answering(200)
    const own = createOwnCalls({ log, now: Date.now })
    const asked = fetchDiscovery(own.through(link), 'prod', '/apis')
    while (log.entries.length === 0) await new Promise(setImmediate)
    assert.equal(await settled(asked), false)
    log.durable()
    assert.equal((await asked).status, 200)
    const [entry] = log.entries
    assert.equal(link.calls[0]!.auditId, entry!.call)
    assert.equal(entry!.kind, 'agent.call')
    assert.equal(entry!.phase, 'state')
    assert.deepEqual(entry!.head.action, { verb: 'get', path: '/apis' })
    assert.equal(entry!.head.principal?.username, 'sallyport')
    assert.equal(entry!.head.connection, 'prod')
    assert.equal(entry!.head.result?.code, 200)
  })

  test('a log that cannot be written refuses the answer', async () => {
    const log = manualLog()
    const own = createOwnCalls({ log, now: Date.now })
    const asked = assert.rejects(fetchDiscovery(own.through(answering(200)), 'prod', '/apis'), {
      code: 'audit-unavailable',
    })
    while (log.entries.length === 0) await new Promise(setImmediate)
    log.fail()
    await asked
  })

  test('many at once share entries; each is recorded once, and none waits for long', async () => {
    const log = quickLog()
    const link = answering(200)
    const own = createOwnCalls({ log, now: Date.now })
    await Promise.all(Array.from({ length: 200 }, () => fetchDiscovery(own.through(link), 'prod', '/apis')))
    assert.ok(log.entries.length <= 8, `${log.entries.length} entries`)
    const ids = log.entries.flatMap(({ call, head }) =>
      Array.isArray(head.facts?.calls) ? head.facts.calls.map((each: { id: string }) => each.id) : [call],
    )
    assert.deepEqual(ids.sort(), link.calls.map(call => call.auditId).sort())
  })

  test('failures are recorded too, and a token is in no record', async () => {
    const log = quickLog()
    const own = createOwnCalls({ log, now: Date.now })
    const down = linkThat((_call, handler) => handler.onError(new Refusal('upstream-unreachable')))
    await assert.rejects(reviewToken(own.through(down), 'prod', 'secret-token'))
    assert.equal(log.entries[0]!.head.error?.code, 'upstream-unreachable')
    assert.equal(log.entries[0]!.head.action?.resource, 'tokenreviews')
    await assert.rejects(fetchDiscovery(own.through(answering(403)), 'prod', '/apis'))
    await own.close()
    assert.equal(log.entries[1]!.head.result?.code, 403)
    assert.ok(!JSON.stringify(log.entries).includes('secret-token'))
  })

  test('an answer that is too large is given up, and recorded', async () => {
    const log = quickLog()
    const own = createOwnCalls({ log, now: Date.now })
    const link = answering(201, { junk: 'x'.repeat(300_000) })
    await assert.rejects(reviewToken(own.through(link), 'prod', 't'))
    await own.close()
    assert.equal(log.entries.length, 1)
    assert.equal(log.entries[0]!.head.result?.ended, 'aborted-by-caller')
  })
})

describe('changes', () => {
  test('nothing is sent before the intent is durable; the outcome has the same id', async () => {
    const log = manualLog()
    const own = createOwnCalls({ log, now: Date.now })
    const sent: string[] = []
    const made = own.change(binding, async id => {
      sent.push(id)
      return 201
    })
    assert.equal(await settled(made), false)
    assert.deepEqual(sent, [])
    log.durable()
    while (log.entries.length < 2) await new Promise(setImmediate)
    log.durable()
    assert.equal(await made, 201)
    assert.deepEqual(
      log.entries.map(entry => [entry.phase, entry.call === sent[0]]),
      [
        ['intent', true],
        ['outcome', true],
      ],
    )
    assert.deepEqual(log.entries[0]!.head.action, {
      verb: 'create',
      resource: 'clusterrolebindings',
      apiGroup: 'rbac.authorization.k8s.io',
      apiVersion: 'v1',
    })
  })

  test('without a log there is no call; a call that fails has an outcome', async () => {
    const sealed = manualLog()
    let sent = 0
    const refused = assert.rejects(
      createOwnCalls({ log: sealed, now: Date.now }).change(binding, async () => {
        sent += 1
        return 201
      }),
      { code: 'audit-unavailable' },
    )
    sealed.fail()
    await refused
    assert.equal(sent, 0)

    const log = quickLog()
    const failing = createOwnCalls({ log, now: Date.now }).change(binding, () =>
      Promise.reject(new Error('reset')),
    )
    await assert.rejects(failing, /reset/)
    assert.equal(log.entries[1]!.phase, 'outcome')
    assert.equal(log.entries[1]!.head.error?.code, 'upstream-unreachable')
  })
})
