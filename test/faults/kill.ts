import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { faultsFound, leavesOf, openScene, unrecorded } from './scene.ts'

/** Callers at work when the process dies. */
const CALLERS = 6

/**
 * Kills a gateway in the middle of its work, starts it again, and again. After each time: nothing that a caller got is
 * lost, every change that the upstream saw has its intent, the log continues every checkpoint seen, and it verifies.
 */
export async function assertSurvivesKills(t: TestContext, rounds: number): Promise<void> {
  const s = await openScene([], false)
  t.after(() => s.close())
  const log = join(s.dataDir, 'log')
  const checkpoints: string[] = []
  let answered = 0
  for (let round = 0; round < rounds; round += 1) {
    let over = false
    const caller = async (number: number) => {
      for (let i = 0; !over; i += 1) {
        // Large ones too, which the write-ahead file does not carry.
        const size = i % 7 === 6 ? 90_000 : 200
        if (i % 3 === 2) await s.get(`c-${number}`)
        else await s.create(`c-${number}-${i}`, size)
      }
    }
    const watch = await s.watch()
    const work = Array.from({ length: CALLERS }, (_, number) => caller(number))
    const wanted = answered + 20 + ((round * 37) % 90)
    while (s.calls.filter(one => one.status === 201).length < wanted)
      await new Promise(resolve => setTimeout(resolve, 5))
    checkpoints.push(readFileSync(join(log, 'checkpoint'), 'utf8'))
    over = true
    await Promise.all([s.kill(), ...work, watch.ended])

    await s.restart()
    const leaves = await leavesOf(log)
    const found = unrecorded(leaves, s.upstream, s.calls)
    assert.deepEqual(found, { sentWithoutIntent: [], answeredWithoutOutcome: [] }, `round ${round}`)
    assert.equal(leaves.filter(leaf => leaf.kind === 'log.recovered').length, round + 1)
    assert.deepEqual(faultsFound(log, checkpoints.slice(-3), true), [], `round ${round}`)
    answered = s.calls.filter(one => one.status === 201).length
  }
  await s.up.stop()
  assert.deepEqual(faultsFound(log, checkpoints), [])
  t.diagnostic(
    `${rounds} kills, ${answered} changes answered, ${s.upstream.requests.length} requests upstream`,
  )
}
