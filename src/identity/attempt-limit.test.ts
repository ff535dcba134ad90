import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Refusal } from '../errors/refusal.ts'
import { createAttemptLimit } from './attempt-limit.ts'

const waits = (error: unknown): boolean =>
  error instanceof Refusal && error.code === 'too-many-requests' && (error.retryAfter ?? 0) > 0

test('ten failures of one address within a minute, then it waits; others do not', () => {
  let now = 1_000
  const limit = createAttemptLimit(() => now)
  for (let n = 0; n < 10; n += 1) {
    limit.check('bad')
    limit.failed('bad')
  }
  assert.throws(() => limit.check('bad'), waits)
  limit.check('good')
  now += 60_000
  limit.check('bad')
})

test('who keeps guessing while it waits goes on waiting', () => {
  let now = 0
  const limit = createAttemptLimit(() => now)
  for (; now < 120_000; now += 5_000) limit.failed('bad')
  assert.throws(() => limit.check('bad'), waits)
})

test('a bounded number of addresses is remembered', () => {
  const limit = createAttemptLimit(() => 0)
  for (let n = 0; n < 10; n += 1) limit.failed('first')
  assert.throws(() => limit.check('first'), waits)
  for (let n = 0; n < 10_000; n += 1) limit.failed(`flood-${n}`)
  limit.check('first')
  limit.check('flood-9999')
})
