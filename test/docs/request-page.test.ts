import assert from 'node:assert/strict'
import { test } from 'node:test'
import { catalogue } from '../../src/errors/catalogue.ts'
import { pages } from './pages.ts'

const picture = pages().find(page => page.path === 'docs/how-it-works/request.md')!

/** Of the management API, which takes another path. */
const elsewhere = ['input-invalid', 'document-invalid', 'resource-unknown', 'conflict']

test('the picture of a request has every exit', () => {
  for (const code of Object.keys(catalogue)) {
    if (elsewhere.includes(code)) continue
    assert.match(picture.text, new RegExp(`[▶·] \\d{3} ${code}($|[ ,])`, 'm'), `${code} is not drawn`)
  }
})

test('the picture has no exit that does not exist, and each has its status', () => {
  const drawn = [...picture.text.matchAll(/[▶·] (\d{3}) ([a-z-]+)/g)]
  assert.ok(drawn.length > 20)
  for (const [, status, code] of drawn) {
    const entry = (catalogue as Record<string, { status: number }>)[code!]
    assert.equal(String(entry?.status), status, String(code))
  }
})
