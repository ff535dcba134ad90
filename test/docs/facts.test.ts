import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { catalogue } from '../../src/errors/catalogue.ts'
import { pages, root } from './pages.ts'

const picture = pages().find(page => page.path === 'docs/how-it-works/request.md')!

/** Of the management API, which takes another path. */
const elsewhere = [
  'input-invalid',
  'document-invalid',
  'resource-unknown',
  'conflict',
  'second-person-required',
  'approval-impossible',
  'approver-required',
  'page-required',
  'link-refused',
  'form-refused',
  'reveal-closed',
  'legal-hold',
]

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

test('the page about the log names every kind of entry, and no other', () => {
  const source = readFileSync(join(root, 'src/audit/entry.ts'), 'utf8')
  const type = /export type EntryKind =([\s\S]*?)\n\n/.exec(source)![1]!
  const kinds = [...type.matchAll(/'([a-z0-9.-]+)'/g)].map(match => match[1])
  const page = pages().find(each => each.path === 'docs/how-it-works/log.md')!
  const row = /^\| `kind` \| (.*) \|$/m.exec(page.text)![1]!
  assert.ok(kinds.length > 10)
  assert.deepEqual([...row.matchAll(/`([^`]+)`/g)].map(match => match[1]).sort(), kinds.sort())
})
