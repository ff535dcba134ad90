import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Grant } from '../approvals/contract.ts'
import type { SessionEnd } from '../connections/session-record.ts'
import { Refusal } from '../errors/refusal.ts'
import type { ActiveRules } from '../masking/contract.ts'
import type { Decision } from '../policy/decision.ts'
import type { Pace } from '../policy/timed.ts'
import type { Decided } from './exchange.ts'
import { createLiveCalls } from './live-calls.ts'

const ALLOW: Decision = { effect: 'allow', rules: ['p/r'], reason: 'ok', policyDigest: 'sha256:1' }

const rules = (same: string, exempt: readonly string[] = []) =>
  ({ same, exempt, digest: 'sha256:0123456789abcdef' }) as unknown as ActiveRules

/** A registry whose policy, grants and sessions are puppets. */
function rig() {
  const state = {
    pace: null as Pace,
    same: 'as it was',
    exempt: [] as string[],
    decision: ALLOW,
    grant: undefined as Grant | undefined,
    now: 0,
    hasConnection: true,
  }
  const listeners = new Set<(end: SessionEnd) => void>()
  const live = createLiveCalls({
    policies: () => ({
      digest: state.decision.policyDigest,
      decide: () => state.decision,
      pace: () => state.pace,
    }),
    maskRules: () => rules(state.same, state.exempt),
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

const MINUTE = 60_000

test('a window that closes ends the call with the minute, and one that time does not touch is asked about once', t => {
  t.mock.timers.enable({ apis: ['setTimeout'] })
  const { state, begin } = rig()
  const pass = (milliseconds: number) => {
    state.now += milliseconds
    t.mock.timers.tick(milliseconds)
  }
  state.now = 10 * MINUTE + 20_000
  const untouched = begin()
  state.pace = 'minute'
  const timed = begin()
  state.decision = { ...ALLOW, effect: 'deny', reason: 'closed at night' }
  pass(39_999)
  assert.equal(timed.cuts.length, 0)
  pass(1)
  assert.match(String(timed.cuts[0]?.detail), /closed at night/)
  assert.deepEqual(untouched.cuts, [])
  for (const { call } of [timed, untouched]) call.forget()
})

test('what passed while a call was decided is seen when it begins', () => {
  const { state, begin } = rig()
  state.pace = 'minute'
  state.decision = { ...ALLOW, effect: 'deny' }
  const { call, cuts } = begin()
  assert.equal(cuts.length, 1)
  call.forget()
})

test('a condition on the time is asked each second, beside windows that go by minutes; nothing runs when nobody waits', async t => {
  t.mock.timers.enable({ apis: ['setTimeout'] })
  const { state, live, begin } = rig()
  const pass = (milliseconds: number) => {
    state.now += milliseconds
    t.mock.timers.tick(milliseconds)
  }
  state.now = MINUTE - 2_500
  state.pace = 'minute'
  const windowed = begin()
  state.pace = 'second'
  const timed = begin()
  state.decision = { ...ALLOW, effect: 'deny' }
  pass(499)
  assert.equal(timed.cuts.length, 0)
  pass(1)
  assert.equal(timed.cuts.length, 1)
  assert.deepEqual(windowed.cuts, [])
  pass(2_000)
  assert.equal(windowed.cuts.length, 1)
  // A new policy may set another pace.
  state.decision = { ...ALLOW, policyDigest: 'sha256:2' }
  state.pace = null
  const later = begin({ decision: state.decision })
  state.pace = 'second'
  await live.judgeAll()
  state.decision = { ...state.decision, effect: 'deny' }
  pass(1_000)
  assert.equal(later.cuts.length, 1)
  for (const { call } of [windowed, timed, later]) call.forget()
})

test('a timer that fires early, and a clock that is set back, end nothing too soon and forget nothing', t => {
  t.mock.timers.enable({ apis: ['setTimeout'] })
  const { state, begin } = rig()
  state.now = MINUTE / 2
  state.pace = 'minute'
  const { call, cuts } = begin()
  state.decision = { ...ALLOW, effect: 'deny' }
  state.now = MINUTE - 1
  t.mock.timers.tick(MINUTE / 2)
  assert.deepEqual(cuts, [])
  state.now = MINUTE
  t.mock.timers.tick(1)
  assert.equal(cuts.length, 1)
  call.forget()
})

test('other masking rules end what they would mask otherwise, with a word that makes clients ask anew', async () => {
  const { state, live, begin } = rig()
  const masked = begin({ maskRules: rules('as it was') } as object)
  const before = begin()
  await live.judgeAll()
  assert.equal(masked.cuts.length, 0)
  state.same = 'another'
  await live.judgeAll()
  const [why] = masked.cuts
  assert.deepEqual([why?.code, why?.status, why?.check], ['masking-changed', 410, 'masking'])
  assert.deepEqual(before.cuts, [], 'what is not masked yet will be by the rules of then')
  // A long answer is masked before it is registered.
  const between = begin({ maskRules: rules('as it was') } as object)
  assert.equal(between.cuts[0]?.code, 'masking-changed')
  for (const { call } of [masked, before, between]) call.forget()
})

test('an exemption that ends, ends what it showed within a second', t => {
  t.mock.timers.enable({ apis: ['setTimeout'] })
  const { state, begin } = rig()
  const x = { maskRules: undefined as ActiveRules | undefined }
  const { call, cuts } = begin(x as object)
  Object.assign((call as unknown as { x: object }).x, { maskRules: rules('as it was', ['names']) })
  call.masked()
  state.same = 'without the exemption'
  state.now += 1_000
  t.mock.timers.tick(1_000)
  assert.equal(cuts[0]?.code, 'masking-changed')
  call.forget()
})

test('the end of a grant that is further away than a timer can be', t => {
  t.mock.timers.enable({ apis: ['setTimeout'] })
  const { state, begin } = rig()
  const until = 2 ** 31 + 5_000
  state.decision = held
  state.grant = grant({ until })
  const { call, cuts } = begin({ grant: grant({ until }) })
  state.now = 2 ** 31 - 1
  t.mock.timers.tick(2 ** 31 - 1)
  assert.deepEqual(cuts, [])
  state.now = until
  t.mock.timers.tick(5_001)
  assert.equal(cuts.length, 1)
  call.forget()
})
