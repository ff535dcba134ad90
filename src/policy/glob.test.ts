import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { compileGlob, compileGlobList } from './glob.ts'

const letter = fc.constantFrom('a', 'b', ':', '*')
const pattern = fc.array(letter, { maxLength: 7 }).map(p => p.join(''))
const text = fc.array(fc.constantFrom('a', 'b', ':'), { maxLength: 9 }).map(p => p.join(''))

function oracle(p: string): RegExp {
  return new RegExp(`^${p.replaceAll(/[.+?^$(){}|[\]\\]/g, '\\$&').replaceAll('*', '.*')}$`, 's')
}

test('a glob matches what its regular expression matches', () => {
  fc.assert(
    fc.property(pattern, text, (p, t) => {
      assert.equal(compileGlob(p).matches(t), oracle(p).test(t), `${p} on ${t}`)
    }),
    { numRuns: 5000 },
  )
})

test('a list matches when one of its patterns does', () => {
  fc.assert(
    fc.property(fc.array(pattern, { maxLength: 4 }), text, (ps, t) => {
      assert.equal(
        compileGlobList(ps).has(t),
        ps.some(p => oracle(p).test(t)),
      )
    }),
  )
})

test('couldMatchAfter never says no when a longer text matches', () => {
  fc.assert(
    fc.property(pattern, text, text, (p, prefix, rest) => {
      if (rest === '' || !oracle(p).test(prefix + rest)) return
      assert.ok(compileGlob(p).couldMatchAfter(prefix), `${p} after ${prefix}`)
    }),
    { numRuns: 5000 },
  )
})

test('everything but the star is literal, and case counts', () => {
  assert.ok(!compileGlob('team.a').matches('teamxa'))
  assert.ok(!compileGlob('Team-*').matches('team-a'))
  assert.ok(compileGlob('a?*').matches('a?b'))
})
