import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { assertSameTranscript } from '../clients/compare.ts'
import { javascriptProgram } from '../clients/programs.ts'
import { reportOf } from '../clients/report.ts'
import { openSides, type Sides } from '../clients/sides.ts'

let sides: Sides

before(
  async () => {
    sides = await openSides()
  },
  { timeout: 600_000 },
)
after(() => sides?.close())

test('a program with @kubernetes/client-node sees the same directly and through the gateway', {
  timeout: 240_000,
}, async t => {
  await assertSameTranscript(t, sides, javascriptProgram())
})

test('each upstream request of it has an entry, and the log verifies', { timeout: 60_000 }, async t => {
  const finished = await sides.finish(t)
  for (const line of reportOf(finished)) t.diagnostic(line)
  assert.deepEqual(finished.missing, [])
  assert.ok(finished.upstream.length > 30, `${finished.upstream.length} requests came through`)
})
