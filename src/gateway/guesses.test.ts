import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Refusal } from '../errors/refusal.ts'
import type { Decided } from './exchange.ts'
import { createGuesses } from './guesses.ts'

interface Write {
  subject?: string
  path?: string
  verb?: string
  places?: number
}

const write = (more: Write = {}) =>
  ({
    principal: { issuer: 'i', subject: more.subject ?? 's' },
    connection: { name: 'c' },
    action: { verb: more.verb ?? 'patch', name: 'n', path: more.path ?? '/api/v1/namespaces/d/secrets/n' },
    progress: {
      ...(more.places === undefined ? {} : { restored: { places: more.places, resourceVersion: '1' } }),
    },
  }) as unknown as Decided

const one = () => 1
/** Masking a body costs something: it is done only when the answer depends on it. */
const never = () => assert.fail('the body was looked at')
const refused = (error: unknown) => error instanceof Refusal && error.status === 429 && error.retryAfter! > 0

test('ten refused writes to masked values of one object are enough for ten minutes', () => {
  let now = 0
  const guesses = createGuesses(() => now)
  for (let i = 0; i < 10; i++) {
    guesses.check(write(), one)
    guesses.ended(write(), i % 2 === 0 ? 409 : 422, one)
    now += 1000
  }
  assert.throws(() => guesses.check(write(), one), refused)
  // Another person, another object, a write of other fields.
  guesses.check(write({ subject: 'other' }), never)
  guesses.check(write({ path: '/api/v1/namespaces/d/secrets/m' }), never)
  guesses.check(write(), () => 0)
  now = 600_001
  guesses.check(write(), one)
})

test('what goes through, and what is written back as it was read, is no guess', () => {
  const guesses = createGuesses(() => 0)
  for (let i = 0; i < 50; i++) {
    guesses.ended(write(), 200, never)
    guesses.ended(write({ places: 2 }), 409, () => 2)
    guesses.ended(write({ verb: 'update' }), 409, never)
  }
  guesses.check(write(), one)
})
