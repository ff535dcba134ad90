import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { hasHidden, viewsOf } from './hidden.ts'

const utf8 = (text: string) => Buffer.from(text).toString('latin1')
const HIDDEN: readonly string[] = [
  ...Array.from({ length: 32 }, (_, code) => String.fromCharCode(code)).filter(c => !'\t\n\x1b'.includes(c)),
  '\x7f',
  '\x1b[31m',
  '\x1b]0;title\x07',
  ...['\u0085', '\u00ad', '\u034f', '\u061c', '\u180e', '\u200b', '\u202e', '\u2060', '\ufe0f', '\ufeff'].map(
    utf8,
  ),
]

test('everything that hides letters is seen, wherever it stands', () => {
  const plain = fc.string({
    unit: fc.constantFrom('a', 'Z', '9', ' ', '=', '\t', '~', utf8('ä')),
    maxLength: 40,
  })
  fc.assert(
    fc.property(plain, fc.constantFrom(...HIDDEN), plain, (before, hidden, after) => {
      const text = `${before}${hidden}x${after}`
      assert.ok(hasHidden(text))
      assert.equal(viewsOf(text)[1]!.text, `${before}x${after}`)
      assert.equal(hasHidden(`${before}x${after}\r\n`), false)
    }),
  )
})
