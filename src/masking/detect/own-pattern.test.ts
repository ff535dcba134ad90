import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { Finding, MaskRule } from '../contract.ts'
import { checkOwnPattern } from './own-pattern.ts'
import { createTextFinder } from './text-finder.ts'

const rule: MaskRule = { name: 'own', action: 'mask', first: 0, last: 0, keep: 'raw', learn: false }

function matches(pattern: string, text: string): string[] {
  const found: Finding[] = []
  createTextFinder(new Map(), [{ pattern, rule }]).find(text, found)
  return found.map(f => text.slice(f.start, f.end))
}

test('good patterns are accepted and find what they say', () => {
  const cases: readonly (readonly [string, string, readonly string[]])[] = [
    [
      '\\bACME-[0-9]{6}\\b',
      'ACME-123456 XACME-123456 ACME-1234567 (ACME-654321)',
      ['ACME-123456', 'ACME-654321'],
    ],
    ['(?:cust|acct)_[a-z0-9]{4,8}', 'cust_ab12 acct_abcdefghij', ['cust_ab12', 'acct_abcdefgh']],
    ['(?i)badge[ :]{1,3}[0-9]{4}', 'BADGE: 1234, Badge 99', ['BADGE: 1234']],
    ['[0-9]{3}-EMP', 'no 123-EMP', ['123-EMP']],
    ['^id=[a-z]{1,20}$', 'id=abc\nxid=abc\nid=def', ['id=abc', 'id=def']],
    ['x{2}[^,]{1,5}', 'xxabc\nxx,', ['xxabc']],
    ['AB|CD', 'ABCD', ['AB', 'CD']],
    ['a[b]c[[]d', 'xabc[dx', ['abc[d']],
  ]
  for (const [pattern, text, expected] of cases) {
    assert.equal(checkOwnPattern(pattern), null, pattern)
    assert.deepEqual(matches(pattern, text), expected, pattern)
  }
})

for (const [pattern, reason] of [
  ['', /empty/],
  ['a*', /empty/],
  ['(a+)+b', /no longest match/],
  ['ACME-[0-9]+', /no longest match/],
  ['ACME-.*', /no longest match/],
  ['ACME-[0-9]{1,300}', /up to 305 letters/],
  ['ACME(?=x)', /look-around/],
  ['(?<!x)ACME', /look-around/],
  ['(ACME)\\1', /back-references/],
  ['[a-z]{20}', /two letters in a row/],
  ['[0-9]-[0-9]', /two letters in a row/],
  ['AB|[0-9]{3}', /two letters in a row/],
  ['AB\\n', /span lines/],
  ['caf\u00e9', /ASCII/],
  ['ab\\x{100}', /beyond ASCII/],
  ['a(b', /missing \)/],
  ['ab[ab]{0,40}a[ab]{40}', /too many ways/],
] as const) {
  test(`refused: ${pattern || 'the empty pattern'}`, () => {
    assert.match(checkOwnPattern(pattern) ?? 'accepted', reason)
    assert.throws(() => matches(pattern, 'x'))
  })
}

test('a longer match can be allowed, up to a bound', () => {
  assert.equal(checkOwnPattern('ACME-[0-9]{1,300}', 400), null)
  assert.match(checkOwnPattern('AB', 5000) ?? '', /1 to 4096/)
})

const letter = fc.constantFrom(
  'a',
  'b',
  '[ab]',
  '[^a]',
  '\\w',
  '.',
  '\\b',
  'a?',
  'b{0,2}',
  '(?:a|ab)',
  '[ab]{1,3}',
)

test('finds what a backtracking engine finds, and the longest from each start', () => {
  fc.assert(
    fc.property(
      fc.array(letter, { maxLength: 4 }),
      fc.array(letter, { maxLength: 4 }),
      fc.string({ unit: fc.constantFrom('a', 'b', 'X', 'Y', ' ', '\n'), maxLength: 24 }),
      (before, after, text) => {
        const pattern = `${before.join('')}XY${after.join('')}`
        if (checkOwnPattern(pattern) !== null) return
        const found = matches(pattern, text)
        // The oracle: from each start the longest piece of its line that the pattern takes as a whole.
        const expected: string[] = []
        for (let start = 0; start < text.length; start++) {
          let best = 0
          for (let end = text.length; end > start && best === 0; end--) {
            const line = text.slice(
              text.lastIndexOf('\n', start - 1) + 1,
              text.indexOf('\n', start) === -1 ? text.length : text.indexOf('\n', start),
            )
            const from = start - (text.lastIndexOf('\n', start - 1) + 1)
            if (end > start - from + line.length) continue
            const whole = new RegExp(
              `(?<=^.{${from}})(?:${pattern})(?=.{${line.length - from - (end - start)}}$)`,
              's',
            )
            if (whole.test(line)) best = end
          }
          if (best === 0) continue
          expected.push(text.slice(start, best))
          start = best - 1
        }
        assert.deepEqual(found, expected, `${pattern} on ${JSON.stringify(text)}`)
      },
    ),
    { numRuns: 1000 },
  )
})
