import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { approvalAt } from '../notify/testing/approval.ts'
import { messageOf, quoted } from './message.ts'

test('the message says what it is, who asks, what it opens, who decides, until when, and where', () => {
  const m = messageOf(approvalAt('a-1', 0), 'https://gateway.test')
  assert.equal(m.sentence, 'corp:alice · delete namespace shop · prod')
  assert.match(m.risk!, /^collection-delete: deletes many objects/)
  assert.equal(m.opens, 'exactly this request, once')
  assert.equal(m.takes, '1 of corp:oncall')
  assert.equal(m.check, '47')
  assert.equal(m.link, 'https://gateway.test/approvals/a-1')
  assert.deepEqual(m.facts, [
    ['verb', 'delete'],
    ['resource', 'namespaces'],
    ['name', 'shop'],
  ])
  const timed = approvalAt('a', 0)
  const requirement = { ...timed.requirement, grantFor: 1_800_000 }
  assert.match(messageOf({ ...timed, requirement }, '').opens, /as often as wanted, for 30 minutes/)
})

test('what a person wrote is quoted without links, mentions, markup and hidden characters', () => {
  assert.equal(quoted('see https://evil.test now'), 'see https evil.test now')
  assert.equal(quoted('@channel <b>yes</b>\n[x](y)'), ' channel  b yes /b   x (y)')
  assert.equal(quoted('a\u202eb\u200bc'), 'a\\u{202e}b\\u{200b}c')
  assert.equal(quoted('x'.repeat(600)).length, 500)
})

test('of no text anything is left that a chat or a page takes for more than text', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 800 }), text => {
      const shown = quoted(text)
      assert.ok(shown.length <= 500)
      assert.doesNotMatch(shown, /:\/\/|[@<>`\n\r\u202a-\u202e\u2066-\u2069]/)
    }),
  )
})
