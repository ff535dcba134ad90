import assert from 'node:assert/strict'
import { test } from 'node:test'
import { supervise } from '../fuzz/supervise.ts'
import { targetNames } from '../fuzz/targets/all.ts'

/**
 * Two minutes of made-up input; a failure names the seed and the input that bring it back. The same input each time:
 * a change is not held up by what somebody else has made. `npm run fuzz` takes another seed each time.
 */
const SEED = Number(process.env.SALLYPORT_FUZZ_SEED ?? 138_688_474)
const MILLISECONDS = 120_000 / targetNames.length

for (const target of targetNames) {
  test(`${target}, seed ${SEED}`, { timeout: 400_000 }, async t => {
    const task = { target, seed: SEED, from: 0, milliseconds: MILLISECONDS, most: Number.MAX_SAFE_INTEGER }
    const { inputs, counts, failure } = await supervise(task)
    t.diagnostic(`${inputs} inputs: ${JSON.stringify(counts)}`)
    assert.equal(failure, undefined, `npm run fuzz -- --target ${target} --seed ${SEED}\n${failure?.problem}`)
    assert.ok(inputs > 0)
  })
}
