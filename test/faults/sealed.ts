import assert from 'node:assert/strict'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { call } from '../e2e/call.ts'
import type { Rule } from './injector.ts'
import { faultsFound, leavesOf, openScene, unrecorded } from './scene.ts'

/** A fault after which the log takes nothing more. */
export interface SealingFault {
  readonly rules: readonly Rule[]
  /** Name in the Status. */
  readonly check: 'disk-full' | 'io-error' | 'deadline'
  /** Bytes of each object that is created, to get to the fault sooner. */
  readonly size?: number
}

/** Milliseconds; the log's own limits are 2 s for an append and 10 s for any operation on a file. */
const LIMIT = 2_000
const GRACE = 5_000
/** What a machine under heavy load may add. */
const SLACK = 15_000

/**
 * Plants the fault beneath a gateway that serves a watch and calls. Whoever calls gets a 503 in time, nothing goes
 * upstream or comes back unrecorded, the watch ends, and after the fault a restart serves again on a log that verifies.
 */
export async function assertSealedBy(t: TestContext, { rules, check, size }: SealingFault): Promise<void> {
  const s = await openScene()
  t.after(() => s.close())
  const watch = await s.watch()
  await watch.line(/BOOKMARK/)
  assert.equal((await s.create('before')).status, 201)

  await s.injector.plant(rules)
  let refused = await s.create('at-the-fault', size)
  const until = performance.now() + 90_000
  for (let i = 0; refused.status < 300; i += 1) {
    assert.ok(performance.now() < until, 'the fault was never met')
    if (i % 8 === 7) refused = await s.get('before')
    else refused = await s.create(`c-${i}`, size)
  }
  const sealedAt = Date.now()
  assert.equal(refused.status, 503, refused.answer?.body ?? 'no answer')
  assert.ok(refused.milliseconds < LIMIT + SLACK, `${refused.milliseconds} ms`)
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

  // What failed once is neither synced nor written again, nor given its name.
  const events = await s.injector.events()
  const failed = events.findIndex(event => event.fault !== '')
  assert.ok(failed >= 0)
  const { path } = events[failed]!
  assert.deepEqual(
    events
      .slice(failed + 1)
      .filter(e => (e.path === path && e.op !== 'open') || (e.op === 'rename' && `${e.path}.tmp` === path)),
    [],
  )

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
}
