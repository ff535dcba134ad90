import assert from 'node:assert/strict'
import { hash } from 'node:crypto'
import { test } from 'node:test'
import { minimise } from './minimise.ts'
import { runTarget } from './run.ts'
import { eachByItself, type FuzzTarget } from './target.ts'

/** A target that falls over when it meets a zero byte after a seven. */
function fragile(fall: () => void | Promise<void>): FuzzTarget {
  return {
    name: 'fragile',
    batch: 16,
    generate: random => Buffer.from(Array.from({ length: 40 }, () => random.below(12))),
    open: async () =>
      eachByItself(input => {
        const at = input.indexOf(7)
        if (at >= 0 && input.indexOf(0, at) >= 0) void fall()
        return 'looked at'
      }),
  }
}

const run = (target: FuzzTarget) => runTarget(target, { seed: 1, from: 0, milliseconds: 20_000, most: 1000 })

test('a mistake is found and made short', async () => {
  const { finding } = await run(
    fragile(() => {
      throw new TypeError('no such thing')
    }),
  )
  assert.match(finding!.problem, /no such thing/)
  assert.deepEqual([...finding!.input], [7, 0])
})

test('so is one that nobody catches', async () => {
  const { finding } = await run(
    fragile(async () => {
      throw new Error('lost')
    }),
  )
  assert.match(finding!.problem, /uncaught: Error: lost/)
  assert.deepEqual([...finding!.input], [7, 0])
})

test('and one that takes too long', async () => {
  const block = Buffer.alloc(1 << 20)
  const burn = async (): Promise<string> => {
    const before = process.cpuUsage()
    for (let used = 0; used < 60_000; ) {
      hash('sha256', block)
      const { user, system } = process.cpuUsage(before)
      used = user + system
    }
    return 'looked at'
  }
  const slow: FuzzTarget = { ...fragile(() => {}), open: async () => eachByItself(burn, async () => {}, 50) }
  const { finding } = await runTarget(slow, { seed: 1, from: 0, milliseconds: 10, most: 1 })
  assert.match(finding!.problem, /slow: \d+ ms of CPU/)
})

test('what is made short keeps the same problem', async () => {
  const input = Buffer.from('xxxxAxxxxBxxxx')
  const short = await minimise(
    input,
    'both',
    async bytes => (bytes.includes('A') && bytes.includes('B') ? 'both' : bytes.includes('A') ? 'one' : null),
    { tries: 500, milliseconds: 5_000 },
  )
  assert.equal(short.toString(), 'AB')
})
