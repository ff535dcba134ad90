import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { createAnchorSearch } from './anchor-search.ts'
import { anyCase, exactly } from './detector.ts'

const WORDS = ['ab', 'b[^a-z]', 'cab', 'aaaa', 'bcabc', '.[ab][ab]c']
const anchors = [...exactly(...WORDS.slice(0, 4)), ...anyCase(...WORDS.slice(4))]
const PATTERNS = [/ab/, /b[^a-z]/, /cab/, /aaaa/, /bcabc/i, /\.[ab][ab]c/i]

/** Where a word begins, found the slow way. */
function slow(text: string): number[] {
  const starts = new Set<number>()
  for (const pattern of PATTERNS) {
    const sticky = new RegExp(pattern.source, `${pattern.flags}y`)
    for (let at = 0; at < text.length; at++) {
      sticky.lastIndex = at
      if (sticky.test(text)) starts.add(at)
    }
  }
  return [...starts].sort((a, b) => a - b)
}

function quick(
  text: string,
  same: Uint8Array | undefined,
  from: number,
  until: number | undefined,
): number[] {
  const search = createAnchorSearch(anchors)
  const starts: number[] = []
  for (
    let at = search.next(text, from, same, until);
    at !== -1;
    at = search.next(text, at + 1, same, until)
  ) {
    if (search.at(text, at) > 0) starts.push(at)
  }
  return starts
}

const text = fc
  .array(fc.constantFrom('a', 'b', 'c', 'A', 'B', '.', ' ', 'ÿ', 'xxxxxxx', 'y'.repeat(60)), {
    maxLength: 300,
  })
  .map(parts => parts.join(''))

test('the quick search finds what the slow one finds, from the text as from its bytes, in any part', () => {
  fc.assert(
    fc.property(text, fc.nat(), fc.nat(), (whole, first, second) => {
      const bytes = Buffer.from(whole, 'latin1')
      const all = slow(whole)
      assert.deepEqual(quick(whole, undefined, 0, undefined), all)
      assert.deepEqual(quick(whole, bytes, 0, undefined), all)
      const from = first % (whole.length + 1)
      const until = from + (second % (whole.length - from + 1))
      const part = all.filter(at => at >= from && at < until)
      assert.deepEqual(quick(whole, bytes, from, until), part)
      assert.deepEqual(quick(whole, undefined, from, until), part)
    }),
    { numRuns: 300 },
  )
})

test('letters beyond latin1 are no letters of a word, and no letters of a class', () => {
  const wide = fc.string({
    unit: fc.constantFrom('a', 'b', 'c', '.', 'š', 'Ţ', '€', String.fromCharCode(0x161)),
  })
  fc.assert(
    fc.property(wide, whole => {
      assert.deepEqual(quick(whole, undefined, 0, undefined), slow(whole))
    }),
    { numRuns: 300 },
  )
})

test('one search answers questions about one text after the other, in any order', () => {
  const search = createAnchorSearch(anchors)
  fc.assert(
    fc.property(fc.array(fc.tuple(text, fc.nat()), { minLength: 1, maxLength: 4 }), questions => {
      for (const [whole, number] of [...questions, ...questions]) {
        const from = number % (whole.length + 1)
        const first = slow(whole).find(at => at >= from) ?? -1
        let at = search.next(whole, from, Buffer.from(whole, 'latin1'))
        while (at !== -1 && search.at(whole, at) === 0) at = search.next(whole, at + 1)
        assert.equal(at, first)
      }
    }),
    { numRuns: 200 },
  )
})
