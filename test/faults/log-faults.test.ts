/** Real errors of real system calls beneath a real gateway: nothing passes that is not recorded. */
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { afterEach, before, test } from 'node:test'
import { buildProgram } from '../../testbed/build-program.ts'
import { call } from '../e2e/call.ts'
import type { Rule } from './injector.ts'
import { faultsFound, leavesOf, openScene, type Scene, unrecorded } from './scene.ts'

interface Row {
  readonly name: string
  readonly rule: Rule
  /** Name in the Status. */
  readonly check: 'disk-full' | 'io-error' | 'deadline'
  /** Bytes of each object that is created, to get to the fault sooner. */
  readonly size?: number
}

const rows: readonly Row[] = [
  { name: 'append: no space', rule: { op: 'write', path: '/log/wal/', fault: 'ENOSPC' }, check: 'disk-full' },
  {
    name: 'append: disk quota of the user',
    rule: { op: 'write', path: '/log/wal/', fault: 'EDQUOT' },
    check: 'disk-full',
  },
  {
    name: 'append: the sync fails',
    rule: { op: 'sync', path: '/log/wal/', fault: 'EIO' },
    check: 'io-error',
  },
  {
    name: 'append: the sync hangs',
    rule: { op: 'sync', path: '/log/wal/', fault: 'hang' },
    check: 'deadline',
  },
  {
    name: 'append: the segment cannot be written',
    rule: { op: 'write', path: '/log/segments/', fault: 'EIO' },
    check: 'io-error',
  },
  {
    name: 'append: the sync of the segment fails',
    rule: { op: 'sync', path: '/log/segments/', fault: 'EIO' },
    check: 'io-error',
    size: 200_000,
  },
  {
    name: 'rotate: no room for a new write-ahead file',
    rule: { op: 'write', path: '/log/wal/.*\\.tmp$', fault: 'ENOSPC' },
    check: 'disk-full',
    size: 40_000,
  },
  { name: 'tile: no space', rule: { op: 'write', path: '/log/tile/', fault: 'ENOSPC' }, check: 'disk-full' },
  {
    name: 'tile: the rename fails',
    rule: { op: 'rename', path: '/log/tile/', fault: 'EIO' },
    check: 'io-error',
  },
  {
    name: 'checkpoint: the sync fails',
    rule: { op: 'sync', path: '/log/checkpoint', fault: 'EIO' },
    check: 'io-error',
  },
  {
    name: 'checkpoint: the sync hangs',
    rule: { op: 'sync', path: '/log/checkpoint', fault: 'hang' },
    check: 'deadline',
  },
]

/** Milliseconds; the log's own limits are 2 s for an append and 10 s for any operation on a file. */
const APPEND_LIMIT = 2_000
const GRACE = 5_000
/** What a machine under heavy load may add. */
const SLACK = 8_000

let scene: Scene | undefined
before(() => buildProgram('faults').then(() => {}), { timeout: 300_000 })
afterEach(async () => {
  await scene?.close()
  scene = undefined
})

for (const { name, rule, check, size } of rows) {
  test(`${name}: refused in time, nothing unrecorded, whole again after a restart`, {
    timeout: 240_000,
  }, async () => {
    const s = await openScene()
    scene = s
    const watch = await s.watch()
    await watch.line(/BOOKMARK/)
    assert.equal((await s.create('before')).status, 201)

    await s.injector.plant([rule])
    let refused = await s.create('at-the-fault', size)
    const until = performance.now() + 90_000
    for (let i = 0; refused.status < 300; i += 1) {
      assert.ok(performance.now() < until, 'the fault was never met')
      if (i % 8 === 7) refused = await s.get('before')
      else refused = await s.create(`c-${i}`, size)
    }
    const sealedAt = Date.now()
    assert.equal(refused.status, 503, refused.answer?.body ?? 'no answer')
    assert.ok(refused.milliseconds < APPEND_LIMIT + SLACK, `${refused.milliseconds} ms`)
    const { kind, reason, details } = refused.answer!.json
    assert.deepEqual(
      { kind, reason, cause: details.causes[0].reason },
      { kind: 'Status', reason: 'ServiceUnavailable', cause: 'audit-unavailable' },
    )
    assert.match(refused.answer?.body ?? '', new RegExp(check))

    // From now on nothing leaves, and nothing that is open stays so.
    const sent = s.upstream.requests.length
    for (const again of [await s.create('later'), await s.get('before')]) assert.equal(again.status, 503)
    assert.equal(s.upstream.requests.length, sent)
    const { at } = await watch.ended
    assert.ok(at - sealedAt < GRACE + SLACK, `the watch ended after ${at - sealedAt} ms`)
    assert.equal((await call(s.up, '/livez')).status, 200)
    const ready = await call(s.up, '/readyz?verbose')
    assert.equal(ready.status, 503)
    assert.match(ready.body, new RegExp(`\\[-\\]audit-log failed: .*${check}`))

    // A descriptor whose sync failed is neither synced nor written again.
    const events = await s.injector.events()
    const failed = events.findIndex(event => event.fault !== '')
    assert.ok(failed >= 0)
    if (rule.op === 'sync') {
      const path = events[failed]!.path
      assert.deepEqual(
        events.slice(failed + 1).filter(e => e.path === path && (e.op === 'sync' || e.op === 'write')),
        [],
      )
      if (path.endsWith('.tmp'))
        assert.deepEqual(
          events.slice(failed + 1).filter(e => e.op === 'rename' && `${e.path}.tmp` === path),
          [],
        )
    }

    await s.injector.plant([])
    assert.equal((await s.create('still')).status, 503, 'it does not open again by itself')
    await s.kill()
    await s.restart()
    assert.equal((await s.create('after')).status, 201)
    assert.equal((await call(s.up, '/readyz')).status, 200)
    await s.up.stop()
    const log = join(s.dataDir, 'log')
    const leaves = await leavesOf(log)
    assert.deepEqual(unrecorded(leaves, s.upstream, s.calls), {
      sentWithoutIntent: [],
      answeredWithoutOutcome: [],
    })
    assert.equal(leaves.filter(leaf => leaf.kind === 'log.recovered').length, 1)
    assert.deepEqual(faultsFound(log), [])
  })
}
