import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { Limit } from './decision.ts'
import { createRateLimits } from './rate-limits.ts'

const three: Limit = { rule: 'p/three', reason: undefined, count: 3, per: 10_000, of: 'principal' }
const alice = { principal: 'alice', session: 's-1' }

test('so many pass, the next one is told when', () => {
  const rates = createRateLimits()
  for (const now of [0, 1000, 2000]) assert.equal(rates.take([three], alice, now), null)
  assert.deepEqual(rates.take([three], alice, 2500), { limit: three, retryAfter: 8 })
  assert.equal(rates.take([three], alice, 10_000), null)
  assert.deepEqual(rates.take([three], alice, 10_001), { limit: three, retryAfter: 1 })
  assert.equal(rates.take([three], alice, 11_000), null)
})

test('in any stretch of time at most so many pass, and whoever waits as told passes', () => {
  fc.assert(
    fc.property(fc.array(fc.nat(4000), { minLength: 1, maxLength: 60 }), steps => {
      const rates = createRateLimits()
      const passed: number[] = []
      let now = 0
      for (const step of steps) {
        now += step
        const reached = rates.take([three], alice, now)
        if (reached !== null) {
          now += reached.retryAfter * 1000
          assert.equal(rates.take([three], alice, now), null)
        }
        passed.push(now)
      }
      for (let i = 3; i < passed.length; i++) assert.ok(passed[i]! - passed[i - 3]! >= 10_000)
    }),
  )
})

test('principals and sessions are counted apart; with two limits a refused request counts against neither', () => {
  const rates = createRateLimits()
  const one: Limit = { ...three, rule: 'p/one', count: 1, of: 'session' }
  assert.equal(rates.take([three, one], alice, 0), null)
  assert.equal(rates.take([three, one], alice, 1)?.limit, one)
  assert.equal(rates.take([three, one], { ...alice, session: 's-2' }, 2), null)
  assert.equal(rates.take([three, one], { ...alice, session: 's-3' }, 3), null)
  assert.equal(rates.take([three, one], { ...alice, session: 's-4' }, 4)?.limit, three)
  assert.equal(rates.take([three, one], { principal: 'bob', session: 's-5' }, 5), null)
})

test('a flood of principals finds no end of memory, and no count is thrown away for it', () => {
  const rates = createRateLimits({ windows: 100, times: 1000 })
  for (let i = 0; i < 3; i++) assert.equal(rates.take([three], alice, 0), null)
  let refused = 0
  for (let i = 0; i < 500; i++) {
    if (rates.take([three], { principal: `p${i}`, session: 's' }, 1) !== null) refused += 1
  }
  assert.equal(refused, 401)
  assert.notEqual(rates.take([three], alice, 2), null)
  // What is over makes room.
  assert.equal(rates.take([three], { principal: 'new', session: 's' }, 20_000), null)
})
