/** Every known bypass of parts A, C and D has a test that carries its number. */
import assert from 'node:assert/strict'
import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'

const root = join(import.meta.dirname, '..', '..')
const parts: Readonly<Record<string, readonly [first: number, last: number]>> = {
  A: [1, 18],
  B: [19, 34],
  C: [35, 46],
  D: [47, 61],
}

/** Titles of tests, also those of tables of cases (`title: '…'`). */
const TITLE =
  /\b(?:test|it|describe)\(\s*(['"`])((?:(?!\1)[^\\]|\\.)*)\1|\btitle:\s*(['"])((?:(?!\3)[^\\]|\\.)*)\3/g

function whereTested(): Map<string, Set<string>> {
  const found = new Map<string, Set<string>>()
  for (const file of globSync('{src,test,testbed}/**/*.test.ts', { cwd: root })) {
    for (const match of readFileSync(join(root, file), 'utf8').matchAll(TITLE)) {
      for (const [number] of (match[2] ?? match[4] ?? '').matchAll(/\b[A-D]\d{1,2}\b/g)) {
        const files = found.get(number) ?? new Set()
        found.set(number, files.add(file.replaceAll('\\', '/')))
      }
    }
  }
  return found
}

test('each number stands in the title of at least one test', t => {
  const found = whereTested()
  const missing: string[] = []
  for (const [part, [first, last]] of Object.entries(parts)) {
    for (let n = first; n <= last; n++) {
      const files = found.get(`${part}${n}`)
      if (files === undefined) missing.push(`${part}${n}`)
      else t.diagnostic(`${part}${n}: ${[...files].sort().join(', ')}`)
    }
  }
  assert.deepEqual(missing, [])
})
