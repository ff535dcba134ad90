import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { assertSameTranscript } from '../clients/compare.ts'
import { pythonProgram } from '../clients/programs.ts'
import { reportOf } from '../clients/report.ts'
import { openSides, type Sides } from '../clients/sides.ts'

for (const agent of ['embedded', 'remote'] as const) {
  describe(`with the ${agent} agent`, () => {
    let sides: Sides

    before(
      async () => {
        sides = await openSides({}, agent)
      },
      { timeout: 600_000 },
    )
    after(() => sides?.close())

    test('a program with the Python client sees the same directly and through the gateway', {
      timeout: 600_000,
    }, async t => {
      await assertSameTranscript(t, sides, await pythonProgram())
    })

    test('each upstream request of it has an entry, and the log verifies', { timeout: 60_000 }, async t => {
      const finished = await sides.finish(t)
      for (const line of reportOf(finished)) t.diagnostic(line)
      assert.deepEqual(finished.missing, [])
      assert.ok(finished.upstream.length > 30, `${finished.upstream.length} requests came through`)
    })
  })
}
