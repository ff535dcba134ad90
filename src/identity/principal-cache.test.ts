import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import type { Principal } from './principal.ts'
import { createPrincipalCache } from './principal-cache.ts'

const principal = (subject: string): Principal => ({
  issuer: 'i',
  subject,
  kind: 'person',
  username: subject,
  groups: [],
  authentication: { method: 'oidc', provider: 'p', validUntil: 0, credentialDigest: '' },
})

describe('principal cache', () => {
  it('never holds more than its capacity, whatever comes', () => {
    const cache = createPrincipalCache(100)
    for (let n = 0; n < 10_000; n += 1) {
      cache.set(`k${n}`, principal('x'), 1_000)
      assert.ok(cache.size <= 100)
    }
  })

  it('keeps what is in use while others pass through', () => {
    const cache = createPrincipalCache(100)
    cache.set('hot', principal('hot'), 1_000)
    for (let n = 0; n < 10_000; n += 1) {
      cache.set(`k${n}`, principal('x'), 1_000)
      if (n % 20 === 0) assert.ok(cache.get('hot', 0))
    }
  })

  it('forgets at the very millisecond', () => {
    const cache = createPrincipalCache(10)
    cache.set('a', principal('a'), 1_000)
    assert.ok(cache.get('a', 999))
    assert.equal(cache.get('a', 1_000), undefined)
    assert.equal(cache.get('a', 0), undefined, 'once too old it does not come back')
  })

  it('answers as a plain map would, or not at all (property)', () => {
    const step = fc.record({
      key: fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f', 'g', 'h'),
      set: fc.boolean(),
      until: fc.integer({ min: 0, max: 50 }),
      elapsed: fc.integer({ min: 0, max: 5 }),
    })
    fc.assert(
      fc.property(fc.array(step, { maxLength: 200 }), fc.integer({ min: 2, max: 8 }), (steps, capacity) => {
        const cache = createPrincipalCache(capacity)
        const model = new Map<string, { subject: string; until: number }>()
        let now = 0
        for (const [n, { key, set, until, elapsed }] of steps.entries()) {
          now += elapsed
          if (set) {
            cache.set(key, principal(String(n)), until)
            model.set(key, { subject: String(n), until })
          } else {
            const found = cache.get(key, now)
            const expected = model.get(key)
            if (found !== undefined) {
              assert.equal(found.subject, expected?.subject)
              assert.ok(now < (expected?.until ?? 0))
            }
          }
          assert.ok(cache.size <= capacity)
        }
      }),
    )
  })
})
