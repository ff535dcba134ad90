import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { setImmediate } from 'node:timers/promises'
import { withFileLock } from './file-lock.ts'

const dir = mkdtempSync(join(tmpdir(), 'sallyport-lock-test-'))
after(() => rmSync(dir, { recursive: true, force: true }))

test('work under one lock never overlaps, and nothing is left', async () => {
  let inside = 0
  let most = 0
  const work = async (): Promise<void> => {
    most = Math.max(most, ++inside)
    await setImmediate()
    inside--
  }
  await Promise.all(Array.from({ length: 5 }, () => withFileLock(join(dir, 'a'), {}, work)))
  assert.equal(most, 1)
  assert.deepEqual(readdirSync(dir), [])
})

test('the lock of a process that is gone is taken over', async () => {
  const gone = spawnSync(process.execPath, ['-e', '']).pid
  writeFileSync(join(dir, 'b'), `${gone}\n`)
  assert.equal(await withFileLock(join(dir, 'b'), {}, async () => 'done'), 'done')
})

test('a wait for a living process is told and can be ended', async () => {
  writeFileSync(join(dir, 'c'), `${process.pid}\n`)
  const abort = new AbortController()
  const onProgress = (line: string): void => {
    assert.match(line, /waiting for another build/)
    abort.abort()
  }
  const waiting = withFileLock(join(dir, 'c'), { onProgress, signal: abort.signal }, async () => {})
  await assert.rejects(waiting, { name: 'AbortError' })
})
