/**
 * What Sallyport does when something it needs is away, each line of the table once, through a whole gateway: what
 * cannot be recorded is refused; what the record does not need lets calls pass, each of them recorded.
 */
import assert from 'node:assert/strict'
import { rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { before, describe, type TestContext, test } from 'node:test'
import { memoryDisk } from '../../src/audit/testing/memory.ts'
import { fileKeyEncryption } from '../../src/keys/file-key.ts'
import { openWitness } from '../../src/witness/witness.ts'
import { buildProgram } from '../../testbed/build-program.ts'
import { CONNECTION, kube, openRig, call as send, until } from '../attacks/harness.ts'
import { call, expectStatus, openSession } from '../e2e/call.ts'
import type { Rule } from './injector.ts'
import { faultsFound, leavesOf, openScene, type Scene, unrecorded } from './scene.ts'
import { assertSealedBy } from './sealed.ts'

const MEBIBYTE = 1024 * 1024

before(() => buildProgram('faults').then(() => {}), { timeout: 300_000 })

async function sceneFor(t: TestContext, args: readonly string[] = []): Promise<Scene> {
  const scene = await openScene(args)
  t.after(() => scene.close())
  return scene
}

/** Ends the gateway and compares its log with what the upstream saw and what callers got. */
async function assertAllRecorded(s: Scene) {
  await s.up.stop()
  const log = join(s.dataDir, 'log')
  const leaves = await leavesOf(log)
  assert.deepEqual(unrecorded(leaves, s.upstream, s.calls), {
    sentWithoutIntent: [],
    answeredWithoutOutcome: [],
  })
  assert.deepEqual(faultsFound(log), [])
  return leaves
}

async function eventually<T>(what: string, look: () => Promise<T | null>): Promise<T> {
  for (const end = performance.now() + 60_000; performance.now() < end; ) {
    const found = await look()
    if (found !== null) return found
    await new Promise(resolve => setTimeout(resolve, 100))
  }
  throw new Error(`not in time: ${what}`)
}

const ready = async (s: Scene) => await call(s.up, '/readyz?verbose')
const all = (path: string, ops: readonly Rule['op'][], fault: Rule['fault']): Rule[] =>
  ops.map(op => ({ op, path, fault }))

describe('sealed: 503 in time, nothing unrecorded, live sessions end, a restart serves again', {
  concurrency: 4,
}, () => {
  test('append over its deadline', { timeout: 240_000 }, t =>
    assertSealedBy(t, { rules: all('/log/wal/', ['write'], 'hang'), check: 'deadline' }),
  )
  test('no space left', { timeout: 240_000 }, t =>
    assertSealedBy(t, { rules: all('/log/wal/', ['write'], 'ENOSPC'), check: 'disk-full' }),
  )
  test('a sync that fails', { timeout: 240_000 }, t =>
    // The write-ahead file is opened with O_DSYNC: its writes are its syncs.
    assertSealedBy(t, { rules: all('/log/wal/', ['write', 'sync'], 'EIO'), check: 'io-error' }),
  )
  test('a device that hangs', { timeout: 240_000 }, t =>
    assertSealedBy(t, {
      rules: all('/log/', ['write', 'sync', 'open', 'rename', 'truncate', 'mkdir'], 'hang'),
      check: 'deadline',
    }),
  )
})

describe('not sealed', { concurrency: 3 }, () => {
  test('whoever wraps keys is away when the day begins: no new session, live ones go on', async t => {
    let now = Date.now()
    now -= (now % 86_400_000) + 600_000 // ten minutes to midnight
    let away = true
    let wrapped = 0
    const kept = await fileKeyEncryption(memoryDisk(), '/kek', true)
    const keyEncryption = {
      ...kept,
      async wrap(key: Uint8Array, context: Readonly<Record<string, string>>) {
        if (context.epoch === undefined) return await kept.wrap(key, context) // of masking
        wrapped += 1
        // The keys of the day of the start, shown and sealed, can be had; the coming day's no more.
        if (away && wrapped > 2) throw new Error('the KMS does not answer')
        return await kept.wrap(key, context)
      },
    }
    const rig = await openRig({ now: () => now, audit: { keyEncryption } })
    t.after(() => rig.close())
    const { token, signIn } = await rig.session('dev')
    const other = await rig.signIn('admin')
    await until(() => rig.gateway.log.keyFailure !== null, 'the failure is met')
    const readyz = async () => (await send(rig, 'GET', '/readyz?verbose')).body.toString()
    assert.match(await readyz(), /\[\+\]audit-log ok: key-encryption: the coming day's keys cannot be had/)
    now += 900_000
    const get = async () => (await kube(rig, token, 'GET', '/api/v1/namespaces/d/configmaps/c')).status
    assert.equal(await get(), 200)
    const json = ['content-type', 'application/json']
    const open = async (bearer: string) => {
      const headers = [...json, 'authorization', `Bearer ${bearer}`]
      return await send(rig, 'POST', '/v1/sessions', { headers, body: `{"connection":"${CONNECTION}"}` })
    }
    const sent = rig.upstream.requests.length
    const refused = await open(other.token)
    assert.equal(refused.status, 503, refused.body.toString())
    assert.match(refused.body.toString(), /key-encryption/)
    assert.equal(rig.upstream.requests.length, sent)
    assert.equal(await get(), 200)

    away = false
    now += 15_000
    await eventually('new sessions again', async () =>
      (await open(other.token)).status === 201 ? true : null,
    )
    assert.equal((await open(signIn)).status, 201)
    assert.doesNotMatch(await readyz(), /key-encryption/)
  })

  test('the witness is away: an alert, and calls go on', { timeout: 240_000 }, async t => {
    const files = memoryDisk()
    const { vkey } = await openWitness({
      directory: '/w',
      fallbackName: () => 'w.example/1',
      files,
      logs: [],
    })
    // The embedded agent is the other one, and answers.
    const s = await sceneFor(t, [
      ...[
        '--witness',
        `${vkey}=http://127.0.0.1:9/`,
        '--witnesses-required',
        '2',
        '--witness-interval',
        '1s',
      ],
      ...['--unwitnessed-after', '1s', '--unwitnessed', 'alert'],
    ])
    await eventually('the alert', async () => {
      assert.equal((await s.create('unwitnessed')).status, 201)
      return /the log is unwitnessed for too long/.test((await ready(s)).body) ? true : null
    })
    assert.equal((await ready(s)).status, 200)
    const leaves = await assertAllRecorded(s)
    assert.ok(leaves.some(leaf => leaf.kind === 'log.unwitnessed'))
  })

  test('the state store is away: no new session, live ones go on, recorded', {
    timeout: 240_000,
  }, async t => {
    const s = await sceneFor(t)
    const watch = await s.watch()
    await watch.line(/BOOKMARK/)
    // A commit is on the disk before it is answered.
    const syncs = async () =>
      (await s.injector.events()).filter(e => e.op === 'sync' && e.path.endsWith('/state.sqlite-wal')).length
    const before = await syncs()
    await openSession(s.up, s.admin, s.up.connection)
    assert.ok((await syncs()) > before, 'a session was answered before it was on the disk')

    await s.injector.plant(all('/state\\.sqlite', ['write', 'sync', 'open', 'truncate'], 'EIO'))
    const opening = { method: 'POST', token: s.admin, body: { connection: s.up.connection } }
    const refused = await call(s.up, '/v1/sessions', opening)
    assert.equal(refused.status, 503, refused.body)
    assert.match(refused.body, /state-unavailable/)
    for (let i = 0; i < 5; i += 1) {
      assert.equal((await s.create(`c-${i}`)).status, 201)
      assert.equal((await s.get(`c-${i}`)).status, 200)
    }
    assert.equal((await call(s.up, '/livez')).status, 200)
    await s.injector.plant([])
    await s.kill()
    await s.restart()
    assert.equal((await s.create('after')).status, 201)
    watch.close()
    await assertAllRecorded(s)
  })

  test('the search index is away: calls go on, and it has them all later', { timeout: 240_000 }, async t => {
    const s = await sceneFor(t)
    await s.injector.plant(all('/index\\.sqlite', ['write', 'sync', 'open', 'truncate'], 'ENOSPC'))
    for (let i = 0; i < 5; i += 1) {
      assert.equal((await s.create(`c-${i}`)).status, 201)
      assert.equal((await s.get(`c-${i}`)).status, 200)
    }
    assert.equal((await ready(s)).status, 200, (await ready(s)).body)
    await s.injector.plant([])
    await s.kill()
    await s.restart()
    const ids = s.calls.map(one => one.auditId!)
    assert.equal(ids.length, 10)
    for (const id of ids)
      await eventually('the entry is found', async () => {
        const found = await call(s.up, `/v1/audit/entries/${id}`, { token: s.admin })
        return found.status === 200 ? true : null
      })
    await assertAllRecorded(s)
  })

  test('the log has met its quota: no new call until there is room; what was live is recorded to its end', {
    timeout: 240_000,
  }, async t => {
    const s = await sceneFor(t, ['--log-quota', '40MiB', '--log-min-free', '1MiB'])
    const watch = await s.watch()
    await watch.line(/BOOKMARK/)
    const filling = join(s.dataDir, 'log', 'filling')
    writeFileSync(filling, Buffer.alloc(37 * MEBIBYTE))
    await eventually('the warning', async () => {
      const { status, body } = await ready(s)
      assert.equal(status, 200, body)
      return /\[\+\]audit-log ok: disk-quota: the log takes \d+ MiB of 40 MiB; new calls will be/.test(body)
        ? true
        : null
    })
    assert.equal((await s.create('low')).status, 201)

    writeFileSync(filling, Buffer.alloc(40 * MEBIBYTE))
    const refused = await eventually('full', async () => {
      const one = await s.create('filling')
      return one.status === 503 ? one : null
    })
    const fullSince = Date.now()
    assert.match(refused.answer!.body, /disk-quota/)
    assert.equal(refused.answer!.json.details.causes[0].reason, 'audit-unavailable')
    const sent = s.upstream.requests.length
    assert.equal((await s.get('low')).status, 503)
    assert.equal(s.upstream.requests.length, sent)
    const { status, body } = await ready(s)
    assert.equal(status, 503)
    assert.match(body, /\[-\]audit-log failed: disk-quota: .*new calls are refused/)
    const report = await expectStatus(200, s.up, '/v1/status', { token: s.admin })
    assert.equal(report.json.log.sealed, false)
    assert.equal(report.json.log.quota.state, 'full')
    const metrics = await expectStatus(200, s.up, '/metrics', { token: s.admin })
    assert.match(metrics.body, /^sallyport_audit_quota_state 2$/m)
    const { at } = await watch.ended
    assert.ok(at - fullSince < 20_000, `the watch ended after ${at - fullSince} ms`)

    rmSync(filling)
    await eventually('room again', async () => ((await s.create('room')).status === 201 ? true : null))
    assert.equal((await ready(s)).status, 200)
    const leaves = await assertAllRecorded(s)
    assert.ok(leaves.filter(leaf => leaf.kind === 'log.quota').length >= 3, 'low, full, ok')
  })
})
