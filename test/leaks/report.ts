import assert from 'node:assert/strict'
import type { TestContext } from 'node:test'
import type { Hunt } from './hunt.ts'

/** Fails with what leaked, by whom it was read, and the text around it. */
export function assertNoLeak(hunt: Hunt): void {
  const shown = hunt.leaks
    .slice(0, 20)
    .map(({ by, what }) => `${by}\n    ${JSON.stringify(what.slice(0, 600))}`)
  assert.equal(hunt.leaks.length, 0, `${hunt.leaks.length} leaks:\n${shown.join('\n')}`)
}

/** What was looked through, and of the secrets that no rule covers how many were seen, by the way they were planted. */
export function reportHunt(hunt: Hunt, t: TestContext): void {
  const { canaries } = hunt.plant
  const covered = canaries.filter(c => c.outOfReach === null)
  t.diagnostic(
    `${hunt.looked.answers} outputs and answers, ${(hunt.looked.bytes / 1e6).toFixed(1)} MB looked through`,
  )
  t.diagnostic(`${covered.length} canaries that rules cover: ${hunt.leaks.length} seen`)
  const ways = new Map<string, { reason: string; all: number; seen: number }>()
  for (const canary of canaries) {
    if (canary.outOfReach === null) continue
    const way = ways.get(canary.way) ?? { reason: canary.outOfReach, all: 0, seen: 0 }
    way.all++
    if (hunt.missed.has(canary)) way.seen++
    ways.set(canary.way, way)
  }
  for (const [way, { reason, all, seen }] of ways)
    t.diagnostic(`out of reach, ${way} (${reason}): ${seen} of ${all} seen`)
}
