import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { reportOf } from '../clients/report.ts'
import { openSides, type Side, type Sides } from '../clients/sides.ts'
import { normalise } from './normalise.ts'
import type { Ran } from './rig.ts'
import { type Step, tour } from './tour.ts'

let sides: Sides

before(
  async () => {
    sides = await openSides()
  },
  { timeout: 600_000 },
)
after(() => sides?.close())

function run(side: Side, step: Step): Promise<Ran> {
  const own = (text: string): string => text.replaceAll('NAMESPACE', side.namespace)
  return sides.kubectl(side, step.args.map(own), step.stdin === undefined ? undefined : own(step.stdin))
}

test('unchanged kubectl gives the same results directly and through the gateway', {
  timeout: 400_000,
}, async t => {
  for (const step of tour) {
    await t.test(step.name, async () => {
      const direct = await run(sides.direct, step)
      const through = await run(sides.gateway, step)
      assert.equal(direct.code, step.code ?? 0, `directly: ${direct.stderr}`)
      const expected = new RegExp(
        step.expect.source.replaceAll('NAMESPACE', 'tour-direct'),
        step.expect.flags,
      )
      assert.match(direct.stdout, expected)
      assert.equal(through.code, direct.code, `through the gateway: ${through.stderr}`)
      assert.equal(normalise(through.stdout), normalise(direct.stdout))
      assert.equal(normalise(through.stderr), normalise(direct.stderr))
    })
  }
})

test('each upstream request of the tour has an entry, and the log verifies', { timeout: 60_000 }, async t => {
  const finished = await sides.finish()
  for (const line of reportOf(finished)) t.diagnostic(line)
  assert.deepEqual(finished.missing, [])
  assert.ok(finished.upstream.length > 100, `${finished.upstream.length} requests came through`)
})
