import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'

/**
 * `requirements.json` says of each row what its state is and which tests show it. A row that is called done names at
 * least one test file that exists and holds the test of that name.
 */
interface Row {
  readonly row: string
  readonly state: 'done' | 'partly' | 'open'
  readonly tests: readonly string[]
  readonly note?: string
}

const root = join(import.meta.dirname, '..')
const rows = JSON.parse(readFileSync(join(root, 'test', 'requirements.json'), 'utf8')) as Row[]

const expected = [
  ...Array.from({ length: 25 }, (_, i) => `M${i + 1}`),
  ...Array.from({ length: 12 }, (_, i) => `B${i + 1}`),
  ...Array.from({ length: 40 }, (_, i) => `U${i + 1}`),
]

test('every row of the requirements is there once', () => {
  assert.deepEqual(rows.map(r => r.row).sort(), [...expected].sort())
})

test('a row called done or partly done names tests that exist; an open one names none', () => {
  for (const { row, state, tests } of rows) {
    if (state === 'open') assert.deepEqual(tests, [], row)
    else assert.ok(tests.length > 0, `${row} is called ${state} without a test`)
    for (const name of tests) {
      const [file, title] = name.split('#') as [string, string | undefined]
      assert.ok(existsSync(join(root, file)), `${row}: ${file} does not exist`)
      if (title !== undefined) {
        assert.ok(
          readFileSync(join(root, file), 'utf8').includes(title),
          `${row}: ${file} has no test '${title}'`,
        )
      }
    }
  }
})
