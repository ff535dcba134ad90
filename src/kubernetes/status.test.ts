import assert from 'node:assert/strict'
import { test } from 'node:test'
import { catalogue, type ErrorCode } from '../errors/catalogue.ts'
import { Refusal } from '../errors/refusal.ts'
import { statusOf } from './status.ts'

const id = '01906b1e-6f5e-7c52-a7b4-0123456789ab'
const codes = Object.keys(catalogue) as ErrorCode[]

test('every refusal of the catalogue: one line below 400 characters with all four parts, however long its facts', () => {
  for (const code of codes) {
    const entry = catalogue[code]
    const long = { check: `policy/${'n'.repeat(300)}`, detail: 'd'.repeat(3000) }
    for (const facts of [{}, { check: 'some-check', detail: 'a short detail' }, long]) {
      const status = JSON.parse(statusOf(new Refusal(code, facts), id).toString())
      const { message } = status as { message: string }
      assert.ok(message.length < 400, `${code}: ${message.length}`)
      assert.doesNotMatch(message, /\n/)
      assert.ok(message.startsWith(`sallyport: ${entry.summary.slice(0, 20)}`), message)
      assert.match(message, facts === long ? /\[policy\/n+…\]/ : /\[[a-z-]+\]/)
      assert.ok(message.includes(`; ${entry.next.replace('<request id>', id)} (`), message)
      assert.ok(message.endsWith(`(request ${id}; see: sallyport errors ${code})`), message)
      assert.equal(status.code, entry.status)
      assert.equal(status.reason, entry.reason)
      const [first, second] = status.details.causes
      assert.equal(first.reason, code)
      // What kubectl prints of this reason are the causes alone.
      if (entry.reason === 'Invalid') assert.equal(`${first.field}: ${first.message}`, message)
      assert.deepEqual([second.reason, second.message], ['see', `/errors#${code}`])
    }
  }
})

test('the room for what was refused is never so small that it says nothing', () => {
  for (const code of codes) {
    const refusal = new Refusal(code, { check: 'x'.repeat(300), detail: 'd'.repeat(3000) })
    const { message } = JSON.parse(statusOf(refusal, id).toString()) as { message: string }
    assert.ok(message.indexOf(' [x') > 80, message)
  }
})
