import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { type Column, table, widthOf } from './table.ts'

type Row = readonly string[]
const columns: readonly Column<Row>[] = [
  { title: 'ID', value: r => r[0]!.slice(0, 12) },
  { title: 'NAME', value: r => r[1]!, least: 8 },
  { title: 'WHAT', value: r => r[2]!, least: 20, middle: true },
  { title: 'MORE', value: r => r[3]!, from: 120 },
  { title: 'ALL', value: r => r[3]!, wide: true },
]

test('whatever the cells hold, no line is wider than the terminal or moves its cursor', () => {
  const cell = fc.oneof(
    fc.string({ unit: 'binary', maxLength: 60 }),
    fc.string({ unit: 'grapheme', maxLength: 60 }),
  )
  const rows = fc.array(
    fc.tuple(fc.string({ unit: fc.constantFrom('a', 'b'), maxLength: 12 }), cell, cell, cell),
    { maxLength: 5 },
  )
  fc.assert(
    fc.property(rows, fc.integer({ min: 60, max: 200 }), (all, width) => {
      const text = table(all, columns, { width, wide: false, headers: true })
      const lines = text.split('\n').slice(0, -1)
      assert.equal(lines.length, all.length + 1)
      for (const line of lines) {
        assert.ok(widthOf(line) <= width, line)
        assert.doesNotMatch(line, /[\u0000-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/)
      }
    }),
  )
})

test('columns line up, wide East Asian text included', () => {
  const text = table(
    [
      ['1', '東京', 'x', ''],
      ['22', 'ab', 'y', ''],
    ],
    columns,
    { width: 80, wide: false, headers: false },
  )
  assert.equal(text, '1   東京  x\n22  ab    y\n')
})

test('wide has no limit; a cut keeps both ends where the end matters', () => {
  const row: Row = ['1', 'n', `start ${'-'.repeat(100)} end`, 'm']
  assert.match(
    table([row], columns, { width: 40, wide: true, headers: false }),
    /start -{100} end {2}m {2}m\n$/,
  )
  assert.match(table([row], columns, { width: 40, wide: false, headers: false }), /start -+…-+ end\n$/)
})
