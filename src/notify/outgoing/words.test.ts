import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { messageOf } from '../../approvals/message.ts'
import { approvalAt } from '../testing/approval.ts'
import { codeOf, linkCodeIn, wordsAlone, wordsWithCode } from './words.ts'

const CODE = '47-0123abcd'
const LINK = `link-${'0a'.repeat(14)}-${'abcdefghijklmnopqrstuvwxyz'}`

test('only a text that begins with a verdict and the code decides', () => {
  assert.deepEqual(wordsWithCode(` Approve ${CODE}: INC-42\n`, CODE), {
    verdict: 'approve',
    reason: 'INC-42',
  })
  assert.deepEqual(wordsWithCode(`DENY ${CODE.toUpperCase()}`, CODE), { verdict: 'deny', reason: null })
  for (const text of [
    `approve ${CODE}0`,
    `approve\n${CODE}`,
    'approve',
    `please approve ${CODE}`,
    `approved ${CODE}`,
    `constructor ${CODE}`,
    `do not approve ${CODE}`,
    '',
  ]) {
    assert.equal(wordsWithCode(text, CODE), null, text)
  }
})

test('where the place says what it is about, the first word decides', () => {
  assert.deepEqual(wordsAlone('deny, not today'), { verdict: 'deny', reason: 'not today' })
  for (const text of ['approved', 'approve-me', 'approve’s', 'I approve', 'no', '> approve']) {
    assert.equal(wordsAlone(text), null, text)
  }
})

test('a code belongs to one approval as it is shown now', () => {
  const at = (id: string, check: string, decisions: number) =>
    codeOf({ ...messageOf(approvalAt(id, 0), ''), check, decisions: Array(decisions).fill({}) })
  const codes = [at('a', '47', 0), at('b', '47', 0), at('a', '47', 1), at('a', '48', 0)]
  assert.equal(new Set(codes).size, 4)
})

test('a reason has no links, mentions or hidden characters, and is short', () => {
  fc.assert(
    fc.property(fc.string({ maxLength: 2_000, unit: 'binary' }), rest => {
      const reason = wordsAlone(`deny ${rest}`)?.reason ?? ''
      assert.ok(reason.length <= 500)
      assert.doesNotMatch(reason, /:\/\/|[@<>\r\n]/)
    }),
  )
})

test('one code of the page is found, two are none', () => {
  assert.equal(linkCodeIn(`here: ${LINK}.`), LINK)
  assert.equal(linkCodeIn(`${LINK} ${LINK}`), undefined)
  assert.equal(linkCodeIn(`${LINK}a`), undefined)
})
