import assert from 'node:assert/strict'
import { beforeEach, describe, test } from 'node:test'
import { compileBindingRule } from '../../connections/binding-rule.ts'
import type { Connection } from '../../connections/connection.ts'
import type { Session } from '../../connections/session.ts'
import { connectionOf } from '../../connections/testing/connection-of.ts'
import { Refusal } from '../../errors/refusal.ts'
import type { AgentLink, UpstreamCall } from '../../tunnel/contract.ts'
import { createOwnCalls } from '../own-calls.ts'
import { createSessionBindings, type SessionBindings } from './session-bindings.ts'

let now: number
let connections: Map<string, Connection>
let seen: { readonly purpose: string; readonly body: Record<string, unknown> }[]
/** Entries of the log, and answers of the agent, in the order in which they came. */
let order: string[]
let listeners: Map<string, () => void>
let answer: (call: UpstreamCall) => Promise<object>
let bindings: SessionBindings
let errors: unknown[]
let connected = true

const rule = { group: 'g', clusterRole: 'edit', namespaces: ['a'] }
const other = compileBindingRule({ group: 'g', clusterRole: 'view', clusterWide: true })

const leased = (changes: Partial<Connection> = {}): Connection =>
  connectionOf([rule], { bindingLease: 300_000, ...changes })

const sessionOf = (letter: string, expiresAt = 10_000_000): Session => ({
  id: `s-${letter.repeat(26)}`,
  principal: {
    issuer: 'i',
    subject: 's',
    kind: 'person',
    username: 'corp:alice',
    groups: ['g'],
    authentication: { method: 'oidc', provider: 'corp', validUntil: 0, credentialDigest: '' },
  },
  connection: 'prod',
  opened: 'explicitly',
  openedAt: 0,
  expiresAt,
})

const link: AgentLink = {
  name: 'far',
  get connected() {
    return connected
  },
  dispatch(call, handler) {
    const purpose = call.identity.purpose ?? ''
    const body = call.body === null ? {} : JSON.parse(Buffer.from(call.body).toString())
    if (call.target !== '/sallyport/bindings' || purpose === 'bind') seen.push({ purpose, body })
    answer(call).then(
      done => {
        order.push(`${purpose} done`)
        handler.onHead(200, [], { pause() {}, resume() {} })
        handler.onData(Buffer.from(JSON.stringify({ bindings: [], requests: [], swept: [], ...done })))
        handler.onEnd()
      },
      error => handler.onError(error),
    )
    return () => {}
  },
  close: async () => {},
}

beforeEach(async () => {
  await bindings?.close()
  now = 1_000_000
  connections = new Map([['prod', leased()]])
  seen = []
  order = []
  errors = []
  listeners = new Map()
  answer = async () => ({})
  bindings = create()
})

function create(): SessionBindings {
  return createSessionBindings({
    connection: name => connections.get(name),
    connections: () => [...connections.values()],
    linkTo: () => link,
    onSessionEnd: (id, listener) => void listeners.set(id, listener),
    ownCalls: createOwnCalls({
      log: {
        append: async entry => {
          order.push(`${entry.kind} ${entry.phase}`)
          return {} as never
        },
      },
      now: () => now,
    }),
    now: () => now,
    onError: error => void errors.push(error),
  })
}

const prod = (): Connection => connections.get('prod')!
const settle = (): Promise<void> => new Promise(resolve => setTimeout(resolve, 20))

describe('rights of a session', () => {
  test('are asked for once, whoever waits, after the intent is durable; then nothing waits any more', async () => {
    const session = sessionOf('a')
    const waits = Array.from({ length: 20 }, () => bindings.ready(session, prod()))
    assert.ok(waits.every(wait => wait !== undefined))
    await Promise.all(waits)
    assert.deepEqual(seen, [
      {
        purpose: 'bind',
        body: {
          session: session.id,
          seconds: 300,
          roles: [{ kind: 'ClusterRole', name: 'edit', namespace: 'a' }],
          replace: false,
        },
      },
    ])
    assert.deepEqual(order, ['agent.call intent', 'bind done', 'agent.call outcome'])
    assert.equal(bindings.ready(session, prod()), undefined)
  })

  test('are not asked for where a connection maps nothing, or not this principal', async () => {
    assert.equal(bindings.ready(sessionOf('a'), leased({ upstreamIdentity: 'principal' })), undefined)
    const { bindings: _, ...plain } = leased()
    assert.equal(bindings.ready(sessionOf('b'), plain), undefined)
    const stranger = { ...sessionOf('c'), principal: { ...sessionOf('c').principal, groups: [] } }
    await bindings.ready(stranger, prod())
    assert.equal(bindings.ready(stranger, prod()), undefined)
    assert.deepEqual(seen, [])
  })

  test('that cannot be given refuse all who wait, and are tried again by the next', async () => {
    const session = sessionOf('a')
    answer = async () => ({ failed: { check: 'agent/binding', detail: 'the binder cannot bind edit: 403' } })
    const waits = [bindings.ready(session, prod()), bindings.ready(session, prod())]
    for (const wait of waits) {
      await assert.rejects(wait!, { code: 'binding-failed', check: 'agent/binding' })
    }
    answer = async () => {
      throw new Refusal('agent-unavailable', { retryAfter: 1 })
    }
    await assert.rejects(bindings.ready(session, prod())!, { code: 'agent-unavailable' })
    answer = async () => ({})
    await bindings.ready(session, prod())
    assert.equal(bindings.ready(session, prod()), undefined)
  })

  test('are renewed behind a request after half of their time, and waited for at its end', async () => {
    const session = sessionOf('a')
    await bindings.ready(session, prod())
    now += 149_000
    assert.equal(bindings.ready(session, prod()), undefined)
    assert.equal(seen.length, 1)
    now += 2_000
    assert.equal(bindings.ready(session, prod()), undefined)
    assert.equal(bindings.ready(session, prod()), undefined)
    await settle()
    assert.equal(seen.length, 2)
    now += 299_000
    const wait = bindings.ready(session, prod())
    assert.ok(wait !== undefined, 'nobody relies on the last moments of a binding')
    await wait
    assert.equal(seen.length, 3)
    assert.ok(seen.every(({ body }) => body.replace === false))
  })

  test('end no later than the session', async () => {
    await bindings.ready(sessionOf('a', now + 42_000), prod())
    assert.equal(seen[0]!.body.seconds, 42)
  })

  test('go with the session, after what is just being made for it', async () => {
    const session = sessionOf('a')
    const gate = Promise.withResolvers<object>()
    answer = () => gate.promise
    const wait = bindings.ready(session, prod())
    bindings.end(session)
    listeners.get(session.id)?.()
    await settle()
    assert.deepEqual(
      seen.map(each => each.purpose),
      ['bind'],
    )
    gate.resolve({})
    await wait
    await settle()
    assert.deepEqual(
      seen.map(each => each.purpose),
      ['bind', 'unbind'],
    )
    await assert.rejects(bindings.ready(session, prod())!, { code: 'session-ended' })
  })

  test('are taken away again and again until an agent has done it', async t => {
    t.mock.timers.enable({ apis: ['setInterval'] })
    const patient = create()
    answer = async () => {
      throw new Refusal('agent-unavailable')
    }
    patient.end(sessionOf('a'))
    await settle()
    for (let i = 0; i < 2; i++) {
      now += 60_000
      t.mock.timers.tick(5_000)
      await settle()
    }
    assert.equal(seen.length, 3)
    assert.equal(errors.length, 3)
    connected = false
    const recorded = order.length
    now += 60_000
    t.mock.timers.tick(5_000)
    await settle()
    assert.equal(order.length, recorded, 'what cannot be asked is not recorded as tried')
    connected = true
    answer = async () => ({})
    for (let i = 0; i < 3; i++) {
      t.mock.timers.tick(5_000)
      await settle()
    }
    assert.equal(seen.length, 4, 'once it is done it is done')
    assert.ok(seen.every(each => each.purpose === 'unbind'))
    await patient.close()
  })

  test('that another gateway gave go as well when this one ends the session', async () => {
    bindings.end(sessionOf('a'))
    bindings.end(sessionOf('a'))
    await settle()
    assert.deepEqual(
      seen.map(each => each.purpose),
      ['unbind'],
    )
  })

  test('follow the documents at once: other roles replace, a connection that is gone takes all', async () => {
    const session = sessionOf('a')
    await bindings.ready(session, prod())
    connections.set('prod', leased())
    bindings.recheck()
    assert.equal(bindings.ready(session, prod()), undefined, 'the same mapping changes nothing')
    connections.set('prod', leased({ bindings: [other] }))
    bindings.recheck()
    const wait = bindings.ready(session, prod())
    assert.ok(wait !== undefined, 'requests wait for the new roles')
    await wait
    assert.deepEqual(
      [seen.at(-1)!.body.replace, seen.at(-1)!.body.roles],
      [true, [{ kind: 'ClusterRole', name: 'view', namespace: '' }]],
    )
    connections.clear()
    bindings.recheck()
    await settle()
    assert.deepEqual([seen.at(-1)!.body.replace, seen.at(-1)!.body.roles], [true, []])
  })

  test('are those of the documents, also when these change while others are being given', async () => {
    const session = sessionOf('a')
    const gate = Promise.withResolvers<object>()
    answer = () => gate.promise
    const wait = bindings.ready(session, prod())
    await settle()
    connections.set('prod', leased({ bindings: [other] }))
    bindings.recheck()
    answer = async () => ({})
    gate.resolve({})
    await wait
    assert.deepEqual(
      seen.map(({ body }) => [body.replace, (body.roles as { name: string }[]).map(role => role.name)]),
      [
        [false, ['edit']],
        [true, ['view']],
      ],
    )
    assert.equal(bindings.ready(session, prod()), undefined)
  })

  test('of a session that never had any are not taken away', async () => {
    const stranger = { ...sessionOf('c'), principal: { ...sessionOf('c').principal, groups: [] } }
    await bindings.ready(stranger, prod())
    bindings.end(stranger)
    await settle()
    assert.deepEqual(order, [])
  })

  test('of too many places are refused with a clear word', async () => {
    const namespaces = Array.from({ length: 33 }, (_, i) => `n${i}`)
    const many = compileBindingRule({ group: 'g', clusterRole: 'edit', namespaces })
    const wait = bindings.ready(sessionOf('a'), leased({ bindings: [many] }))
    await assert.rejects(wait!, { code: 'binding-failed', check: 'too-many-bindings' })
    assert.deepEqual(seen, [])
  })
})
