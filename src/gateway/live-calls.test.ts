import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Grant } from '../approvals/contract.ts'
import type { SessionEnd } from '../connections/session-record.ts'
import { Refusal } from '../errors/refusal.ts'
import type { Decision } from '../policy/decision.ts'
import type { Decided } from './exchange.ts'
import { createLiveCalls } from './live-calls.ts'

const ALLOW: Decision = { effect: 'allow', rules: ['p/r'], reason: 'ok', policyDigest: 'sha256:1' }

/** A registry whose policy, grants and sessions are puppets. */
function rig() {
  const state = { decision: ALLOW, grant: undefined as Grant | undefined, now: 0, hasConnection: true }
  const listeners = new Set<(end: SessionEnd) => void>()
  const live = createLiveCalls({
    policies: () => ({ digest: state.decision.policyDigest, decide: () => state.decision }),
    connection: name => (state.hasConnection ? ({ name } as never) : undefined),
    grant: () => state.grant,
    onSessionEnd(_id, listener) {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
    now: () => state.now,
    onError: error => {
      throw error
    },
  })
  const begin = (more: Partial<Decided> = {}) => {
    const cuts: Refusal[] = []
    const caller = {
      cuts: 0,
      cut() {
        caller.cuts += 1
      },
    }
    const x = {
      caller,
      connection: { name: 'dev' },
      session: { id: 's-1' },
      principal: {},
      parsed: { headers: new Map() },
      decision: ALLOW,
      progress: {},
      recheck: async () => ({}),
      ...more,
    }
    const call = live.add(x as unknown as Decided, why => cuts.push(why))
    return { call, cuts, caller }
  }
  return { state, live, listeners, begin }
}

const grant = (more: Partial<Grant> = {}): Grant =>
  ({ id: 'g', intent: null, rules: ['p/hold'], until: 1_000, state: 'live', ...more }) as Grant
const held: Decision = { ...ALLOW, effect: 'hold', rules: ['p/hold'], holds: ['p/hold'] }

test('a call that is over is judged no more and leaves nothing behind', async () => {
  const { state, live, listeners, begin } = rig()
  const { call, cuts } = begin()
  call.forget()
  assert.equal(live.size, 0)
  assert.equal(listeners.size, 0)
  state.decision = { ...ALLOW, effect: 'deny' }
  await live.judgeAll()
  call.end(new Refusal('internal'))
  assert.deepEqual(cuts, [])
})

test('policy that changed between the decision and the registration is seen', () => {
  const { state, begin } = rig()
  state.decision = { ...ALLOW, effect: 'deny', policyDigest: 'sha256:2', reason: 'closed' }
  const { call, cuts } = begin()
  assert.equal(call.ended?.check, 'p/r')
  assert.equal(cuts.length, 1)
  call.forget()
})

test('a granted call ends when its grant is revoked or is over, and not when policy asks for what it lifts', async () => {
  const { state, live, begin } = rig()
  state.grant = grant()
  state.decision = held
  const revoked = begin({ grant: grant() })
  await live.judgeAll()
  assert.equal(revoked.cuts.length, 0)
  live.judgeGranted('another')
  state.grant = grant({ state: 'revoked' })
  live.judgeGranted('g')
  assert.match(String(revoked.cuts[0]?.detail), /grant g was revoked/)

  state.grant = grant()
  const over = begin({ grant: grant() })
  state.now = 1_000
  await live.judgeAll()
  assert.match(String(over.cuts[0]?.detail), /grant g has ended/)

  // Good once: until when it may be used says nothing of what has begun. Its record is gone after an hour.
  state.grant = undefined
  const once = begin({ grant: grant({ intent: 'i', state: 'used' }) })
  await live.judgeAll()
  assert.equal(once.cuts.length, 0)
  state.decision = { ...held, holds: ['p/hold', 'p/new'] }
  await live.judgeAll()
  assert.equal(once.cuts[0]?.check, 'p/new')
  for (const one of [revoked, over, once]) one.call.forget()
})

test('the end of a grant that is for a time ends the call at that moment', t => {
  t.mock.timers.enable({ apis: ['setTimeout'] })
  const { state, begin } = rig()
  state.decision = held
  state.grant = grant()
  const { call, cuts } = begin({ grant: grant() })
  state.now = 1_000
  t.mock.timers.tick(999)
  assert.deepEqual(cuts, [])
  t.mock.timers.tick(1)
  assert.equal(cuts.length, 1)
  call.forget()
})

test('an ended session and a removed connection end it; a caller that takes no notice is cut off', async t => {
  t.mock.timers.enable({ apis: ['setTimeout'] })
  const { state, live, listeners, begin } = rig()
  const first = begin()
  for (const listener of listeners) listener({ reason: 'revoked', detail: 'stolen' })
  assert.deepEqual(
    [first.cuts[0]?.code, first.cuts[0]?.check, first.cuts[0]?.detail],
    ['session-ended', 'revoked', 'stolen'],
  )
  t.mock.timers.tick(800)
  assert.equal(first.caller.cuts, 1)
  const second = begin()
  state.hasConnection = false
  await live.judgeAll()
  assert.equal(second.cuts[0]?.check, 'connection')
  second.call.forget()
  t.mock.timers.tick(800)
  assert.equal(second.caller.cuts, 0)
})

test('a credential that is good no more ends its call, an issuer that is not heard does not', async () => {
  const { live, begin } = rig()
  const gone = begin({
    recheck: async () => {
      throw new Refusal('credential-invalid')
    },
  })
  const unheard = begin({
    recheck: async () => {
      throw new Refusal('credential-unverifiable')
    },
  })
  await live.recheckAll()
  assert.equal(gone.cuts[0]?.code, 'credential-invalid')
  assert.deepEqual(unheard.cuts, [])
  gone.call.forget()
  unheard.call.forget()
})

test('a change that comes while calls are judged is not missed', async () => {
  const { state, live, begin } = rig()
  const calls = Array.from({ length: 50 }, () => begin())
  const first = live.judgeAll()
  state.decision = { ...ALLOW, effect: 'deny' }
  await Promise.all([first, live.judgeAll()])
  for (const { call, cuts } of calls) {
    assert.equal(cuts.length, 1)
    call.forget()
  }
})

test('a call whose whole answer is allowed no more, but a part of it, begins anew', async () => {
  const { state, live, begin } = rig()
  const whole = begin()
  const part = (byLabels: boolean): Decision => ({
    ...ALLOW,
    part: { byLabels } as NonNullable<Decision['part']>,
  })
  state.decision = part(false)
  const inPart = begin({ decision: part(false) })
  await live.judgeAll()
  assert.match(String(whole.cuts[0]?.detail), /only a part/)
  assert.equal(inPart.cuts.length, 0)
  state.decision = part(true)
  await live.judgeAll()
  assert.match(String(inPart.cuts[0]?.detail), /only a part/)
  for (const { call } of [whole, inPart]) call.forget()
})
