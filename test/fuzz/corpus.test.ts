import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { corpusOf } from './corpus.ts'
import { problemOf, runTarget } from './run.ts'
import { loadTarget, targetNames } from './targets/all.ts'

/** Every kept input once more, and a short run of the same made-up ones each time. `npm run fuzz` makes others. */
const SEED = 20261121

for (const name of targetNames) {
  describe(name, async () => {
    const target = await loadTarget(name)
    const kept = corpusOf(name)

    test('the kept inputs do no harm', { timeout: 120_000 }, async () => {
      assert.ok(kept.length > 0)
      const checker = await target.open()
      try {
        for (const { name: file, input } of kept) assert.equal(await problemOf(checker, input), null, file)
      } finally {
        await checker.close()
      }
    })

    test('nor do made-up ones', { timeout: 120_000 }, async t => {
      const most = Math.min(2 * target.batch, 300)
      const { inputs, counts, finding } = await runTarget(target, {
        seed: SEED,
        from: 0,
        milliseconds: 60_000,
        most,
      })
      t.diagnostic(`${inputs} inputs: ${JSON.stringify(counts)}`)
      assert.equal(finding?.problem, undefined)
    })
  })
}

test('the same seed makes the same inputs', async () => {
  const { randomOf } = await import('./target.ts')
  for (const name of targetNames) {
    const target = await loadTarget(name)
    const make = (): string => target.generate(randomOf(5, name, 3), []).toString('latin1')
    assert.equal(make(), make())
    assert.notEqual(make(), target.generate(randomOf(6, name, 3), []).toString('latin1'))
  }
})
