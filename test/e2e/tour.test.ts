import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { assertSameTour } from '../clients/compare.ts'
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

test(
  'unchanged kubectl gives the same results directly and through the gateway',
  {
    timeout: 400_000,
  },
  t => assertSameTour(t, sides),
)

test('each upstream request of the tour has an entry, and the log verifies', { timeout: 60_000 }, async t => {
  const finished = await sides.finish(t)
  for (const line of reportOf(finished)) t.diagnostic(line)
  assert.deepEqual(finished.missing, [])
  assert.ok(finished.upstream.length > 100, `${finished.upstream.length} requests came through`)
})
