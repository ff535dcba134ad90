import assert from 'node:assert/strict'
import { test } from 'node:test'
import { referencePages, stalePages } from '../../scripts/reference.ts'
import { catalogue } from '../../src/errors/catalogue.ts'

test('the reference pages are what the code says; else: node scripts/reference.ts', () => {
  assert.deepEqual(stalePages(), [])
})

test('every error code has an anchor of its own', () => {
  const page = referencePages()['docs/reference/errors.md']!
  for (const code of Object.keys(catalogue)) {
    assert.equal(page.split(`\n## ${code}\n`).length, 2, code)
  }
})
