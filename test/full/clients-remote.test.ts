/** The gateway holds no credential of the cluster here: an agent process of its own does. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { assertSameTour, assertSameTranscript } from '../clients/compare.ts'
import { goProgram, javascriptProgram } from '../clients/programs.ts'
import { reportOf } from '../clients/report.ts'
import { openSides, type Sides } from '../clients/sides.ts'

let sides: Sides

before(
  async () => {
    sides = await openSides({}, 'remote')
  },
  { timeout: 600_000 },
)
after(() => sides?.close())

test('a typed client-go program sees the same directly and through a remote agent', {
  timeout: 240_000,
}, async t => {
  await assertSameTranscript(t, sides, await goProgram())
})

test('a program with @kubernetes/client-node sees the same directly and through a remote agent', {
  timeout: 240_000,
}, async t => {
  await assertSameTranscript(t, sides, javascriptProgram())
})

test(
  'unchanged kubectl gives the same results directly and through a remote agent',
  {
    timeout: 400_000,
  },
  t => assertSameTour(t, sides),
)

test('each upstream request of all has an entry, and the log verifies', { timeout: 60_000 }, async t => {
  const finished = await sides.finish(t)
  for (const line of reportOf(finished)) t.diagnostic(line)
  assert.deepEqual(finished.missing, [])
  // How many exactly depends on how often clients ask again while they wait; that they came through is the point.
  assert.ok(finished.upstream.length > 200, `${finished.upstream.length} requests came through`)
})
