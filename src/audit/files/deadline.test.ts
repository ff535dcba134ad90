import assert from 'node:assert/strict'
import { stat } from 'node:fs/promises'
import { test } from 'node:test'
import { Late, within } from './deadline.ts'

test('what never ends is late', async () => {
  await assert.rejects(within(new Promise(() => {}), 40, 'a write'), (error: unknown) => {
    assert.ok(error instanceof Late)
    assert.equal(error.message, 'a write took longer than 40 ms')
    return true
  })
})

test('a disk is not late because the event loop was', async () => {
  // Each turn of the loop takes longer than half of the deadline, and the work needs several of them.
  let busy = true
  const block = (): void => {
    const until = performance.now() + 60
    while (performance.now() < until);
    if (busy) setImmediate(block)
  }
  block()
  const work = async (): Promise<string> => {
    for (let i = 0; i < 4; i += 1) await stat(import.meta.filename)
    return 'done'
  }
  try {
    assert.equal(await within(work(), 100, 'four looks'), 'done')
  } finally {
    busy = false
  }
})
