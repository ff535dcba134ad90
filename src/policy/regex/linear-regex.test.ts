import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { compileRegex } from './linear-regex.ts'
import { RegexError } from './syntax.ts'

const piece = fc.constantFrom(
  'a',
  'b',
  '.',
  '[ab]',
  '[^a]',
  '[a-c0]',
  '\\d',
  '\\w',
  '\\W',
  '\\.',
  '^',
  '$',
  '\\b',
  '\\B',
  'ab',
)
const { pattern } = fc.letrec<{ pattern: string; sequence: string; item: string; group: string }>(tie => ({
  pattern: fc.array(tie('sequence'), { minLength: 1, maxLength: 3 }).map(p => p.join('|')),
  sequence: fc.array(tie('item'), { maxLength: 4 }).map(p => p.join('')),
  item: fc
    .tuple(
      fc.oneof({ maxDepth: 2 }, piece, tie('group')),
      fc.constantFrom('', '', '', '*', '+', '?', '{2}', '{0,2}', '{1,}', '*?'),
    )
    .map(([p, q]) => (/^(\^|\$|\\b|\\B)$/.test(p) ? p : p + q)),
  group: fc.tuple(fc.constantFrom('(', '(?:', '(?<n>'), tie('pattern')).map(([open, p]) => `${open}${p})`),
}))

/** At borders of characters only: V8 also finds `\B` between the halves of a surrogate pair. @param sticky With flag y. */
function found(sticky: RegExp, text: string): boolean {
  let at = 0
  for (const character of [...text, '']) {
    sticky.lastIndex = at
    if (sticky.test(text)) return true
    at += character.length
  }
  return false
}

test('agrees with a backtracking engine on small patterns and texts', () => {
  const text = fc.string({ unit: fc.constantFrom('a', 'b', 'c', '0', '.', ' ', '\n', '😀'), maxLength: 8 })
  let compared = 0
  fc.assert(
    fc.property(pattern, text, (p, t) => {
      let oracle: RegExp
      try {
        oracle = new RegExp(p.replaceAll('(?<n>', '('), 'uy')
      } catch {
        return
      }
      compared++
      // In JavaScript `.` also stops at U+2028 and the like; none of these letters are in the texts.
      assert.equal(compileRegex(p).test(t), found(oracle, t), `${p} on ${JSON.stringify(t)}`)
    }),
    { numRuns: 2000 },
  )
  assert.ok(compared > 1500)
})

for (const [pattern, message] of [
  ['(a)\\1', /back-references/],
  ['a(?=b)', /look-around/],
  ['(?<!a)b', /look-around/],
  ['(?>a)', /not supported/],
  ['a{1001}', /repetition must be between/],
  ['a{2,1}', /repetition must be between/],
  ['(a{100}){100}', /too large/],
  ['a++', /possessive/],
  ['a**', /repeats a repetition/],
  ['*a', /nothing to repeat/],
  ['(a', /missing \)/],
  ['a)', /unmatched \)/],
  ['[a', /missing \]/],
  ['[b-a]', /not a range/],
  ['\\p{L}', /not supported/],
  ['a\\', /ends with a backslash/],
  ['a{x', /begins a repetition/],
  ['('.repeat(200), /nested too deeply/],
  ['a'.repeat(1001), /longer than/],
] as const) {
  test(`refused: ${pattern.slice(0, 20)}`, () => {
    assert.throws(
      () => compileRegex(pattern),
      (e: Error) => e instanceof RegexError && message.test(e.message),
    )
  })
}

test('patterns that make backtracking engines hang take linear time', () => {
  const text = `${'a'.repeat(10_000)}!`
  for (const evil of [
    '^(a+)+$',
    '^(a|a)*$',
    '^(a|aa)+$',
    '(.*a){20}$',
    '^(([a-z])+.)+[A-Z]([a-z])+$',
    '(a*)*b',
    '(?:a?){50}a{50}b',
  ]) {
    const started = process.cpuUsage()
    assert.equal(compileRegex(evil).test(text), false, evil)
    const { user } = process.cpuUsage(started)
    assert.ok(user < 1_500_000, `${evil} took ${user} µs`)
  }
})

test('case can be ignored in ASCII only', () => {
  assert.ok(compileRegex('(?i)kube-[a-z]+').test('KUBE-System'))
  assert.ok(!compileRegex('(?i)^kube').test('\u212aube'), 'a Kelvin sign is no k')
  assert.ok(compileRegex('a(?i:b)c').test('aBc'))
  assert.ok(!compileRegex('a(?i:b)c').test('aBC'))
})

test('a search finds a part; anchors are the ends of the text, not of a line', () => {
  assert.ok(compileRegex('b').test('abc'))
  assert.ok(!compileRegex('^b$').test('a\nb\nc'))
  assert.ok(!compileRegex('^a$').test('a\n'))
  assert.ok(compileRegex('^\\x{1F600}$').test('😀'))
})
