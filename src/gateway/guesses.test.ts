import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Refusal } from '../errors/refusal.ts'
import type { Decided } from './exchange.ts'
import { createGuesses } from './guesses.ts'

const write = (
  more: { subject?: string; path?: string; verb?: string; fields?: number; places?: number } = {},
) =>
  ({
    principal: { issuer: 'i', subject: more.subject ?? 's' },
    connection: { name: 'c' },
    action: { verb: more.verb ?? 'patch', name: 'n', path: more.path ?? '/api/v1/namespaces/d/secrets/n' },
    progress: {
      requestBody: { masked: { bytes: [], fields: Array.from({ length: more.fields ?? 1 }) } },
      ...(more.places === undefined ? {} : { restored: { places: more.places, resourceVersion: '1' } }),
    },
  }) as unknown as Decided

const refused = (error: unknown) => error instanceof Refusal && error.status === 429 && error.retryAfter! > 0

test('ten refused writes to masked values of one object are enough for ten minutes', () => {
  let now = 0
  const guesses = createGuesses(() => now)
  for (let i = 0; i < 10; i++) {
    guesses.check(write())
    guesses.ended(write(), i % 2 === 0 ? 409 : 422)
    now += 1000
  }
  assert.throws(() => guesses.check(write()), refused)
  // Another person, another object, a write of other fields.
  guesses.check(write({ subject: 'other' }))
  guesses.check(write({ path: '/api/v1/namespaces/d/secrets/m' }))
  guesses.check(write({ fields: 0 }))
  now = 600_001
  guesses.check(write())
})

test('what goes through, and what is written back as it was read, is no guess', () => {
  const guesses = createGuesses(() => 0)
  for (let i = 0; i < 50; i++) {
    guesses.ended(write(), 200)
    guesses.ended(write({ fields: 2, places: 2 }), 409)
    guesses.ended(write({ verb: 'update' }), 409)
  }
  guesses.check(write())
})
