import assert from 'node:assert/strict'
import { existsSync, renameSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { setTimeout } from 'node:timers/promises'
import type { Refusal } from '../../errors/refusal.ts'
import { openSqliteStore } from '../../store/open-sqlite-store.ts'
import { actingLog, person } from '../testing/acting.ts'
import { callId, maskedBody, recordCall } from '../testing/calls.ts'
import { verifyLog } from '../verify.ts'
import { createHolds } from './holds.ts'
import { createShreds, keysUnderWay, type Retention } from './shreds.ts'

const [ann, ben] = [person('ann'), person('ben')]
const REASON = 'the retention time of this is over'
const DAY = 86_400_000
const START = Date.UTC(2026, 0, 2, 12)

/** A gateway that has recorded a call on each of `days` days, the first on 2026-01-02. */
async function office(t: { after(clean: () => unknown): unknown }, days: number, retention: Retention = {}) {
  const store = await openSqliteStore(':memory:')
  t.after(() => store.close())
  let at = START
  let serial = 0
  const troubles: string[] = []
  const acting = await actingLog(t, 'test/log', () => at)
  const { log, index } = acting
  const common = {
    store,
    log,
    index,
    now: () => at,
    newId: () => callId(1_000_000 + serial++),
    policyDigest: () => `sha256:${'0'.repeat(64)}`,
  }
  const holds = createHolds({ ...common, destroying: () => keysUnderWay(store) })
  const shreds = createShreds({ ...common, holds, retention, onTrouble: epoch => troubles.push(epoch) })
  for (let day = 0; day < days; day += 1) {
    at = START + day * DAY
    // Keys of a day are made beside the writes: what is written meanwhile has those of the day before.
    for (let number = 1_000 * (day + 1); log.keyDay < new Date(at).toISOString().slice(0, 10); number += 1) {
      await recordCall(log, number)
      await setTimeout(2)
    }
    await recordCall(log, day, { session: `s-${day}`, response: maskedBody('p=hunter2', ['hunter2']) })
  }
  const has = (epoch: string) => existsSync(join(log.dataDir, 'keys', `${epoch}.json`))
  const verified = async () => {
    await acting.close()
    return verifyLog({
      directory: log.dataDir,
      vkey: log.vkey,
      keyFile: join(log.dataDir, 'secrets', 'kek'),
    })
  }
  return {
    ...acting,
    store,
    holds,
    shreds,
    troubles,
    has,
    verified,
    turn: (days: number) => {
      at += days * DAY
    },
  }
}

describe('retention', () => {
  test('destroys the keys of a class that many days after theirs, and no others', async t => {
    const { shreds, has, verified, troubles } = await office(t, 4, { sealed: 2 })
    await shreds.sweep()
    assert.deepEqual(troubles, [])
    const left = ['02', '03', '04', '05'].map(day => has(`sealed-2026-01-${day}`))
    assert.deepEqual(left, [false, true, true, true])
    assert.ok(has('shown-2026-01-02'))
    const report = await verified()
    assert.equal(report.ok, true, JSON.stringify(report.checks.filter(one => one.status === 'failed')))
    assert.match(report.notes.join('\n'), /destroyed the key sealed-2026-01-02/)
  })

  test('waits while a hold stands against it, and says so', async t => {
    const { shreds, holds, has, troubles, verified } = await office(t, 4, { sealed: 1 })
    const { hold, late } = await holds.add(ann, { session: 's-0' }, REASON)
    assert.deepEqual(late, [])
    await shreds.sweep()
    // An answer may go on for days: the hold covers those after it as well.
    assert.ok(has('sealed-2026-01-02') && has('sealed-2026-01-03'))
    assert.ok(troubles.length > 0)
    await holds.release(ben, hold.id, REASON)
    await shreds.sweep()
    assert.ok(!has('sealed-2026-01-02') && !has('sealed-2026-01-03') && has('sealed-2026-01-04'))
    assert.equal((await verified()).ok, true)
  })

  test('destroys nothing while the index cannot say whom a hold covers', async t => {
    const { shreds, holds, has, index } = await office(t, 3, { sealed: 1 })
    await holds.add(ann, { issuer: 'https://idp.example', subject: 'sub-nobody' }, REASON)
    await index.close()
    await shreds.sweep()
    assert.ok(has('sealed-2026-01-02'))
  })
})

describe('a shred', () => {
  test('that died between putting a key away and its entry is finished at the next round', async t => {
    const { shreds, log, has, verified } = await office(t, 3)
    const name = join(log.dataDir, 'keys', 'sealed-2026-01-02.json')
    renameSync(name, `${name}.shred`)
    await shreds.sweep()
    assert.ok(!has('sealed-2026-01-02') && !existsSync(`${name}.shred`))
    assert.equal((await verified()).ok, true)
  })

  test('of which the entry cannot be written leaves a key that nobody finds, and is finished later', async t => {
    const { shreds, failing, log, has, store, verified } = await office(t, 3)
    const { id } = await shreds.request(ann, 'sealed', '2026-01-02', REASON)
    failing.add('key.shred')
    await assert.rejects(shreds.approve(ben, id), /the disk is gone/)
    assert.ok(!has('sealed-2026-01-02'))
    assert.equal(await log.epochs.find('sealed-2026-01-02'), null)
    assert.deepEqual(await keysUnderWay(store), [])
    failing.clear()
    await shreds.sweep()
    assert.deepEqual(await log.epochs.retired(), [])
    assert.equal((await verified()).ok, true)
  })

  test('needs two persons, a day that is over, and can be denied', async t => {
    const { shreds, has } = await office(t, 2)
    const check = (name: string) => (error: Refusal) => error.check === name
    await assert.rejects(shreds.request(ann, 'sealed', '2026-01-03', REASON), check('key-in-use'))
    await assert.rejects(
      shreds.request(person('x', { kind: 'job' }), 'sealed', '2026-01-02', REASON),
      check('not-a-person'),
    )
    const { id } = await shreds.request(ann, 'sealed', '2026-01-02', REASON)
    await assert.rejects(shreds.approve(ann, id), check('requester'))
    await shreds.deny(ben, id)
    await assert.rejects(shreds.approve(ben, id), check('shred'))
    assert.ok(has('sealed-2026-01-02'))
  })

  test('that another gateway approved is done here as well', async t => {
    const { shreds, store, has, verified } = await office(t, 3)
    const { id } = await shreds.request(ann, 'sealed', '2026-01-02', REASON)
    const found = (await store.get<object>('shred', id))!
    const { issuer, subject, username } = ben
    const value = { ...found.value, state: 'approved', approver: { issuer, subject, username } }
    await store.commit([{ op: 'update', kind: 'shred', key: id, value, version: found.version }])
    await shreds.sweep()
    assert.ok(!has('sealed-2026-01-02'))
    assert.equal((await verified()).ok, true)
  })
})

describe('the verifier', () => {
  test('is red where a key is gone without an entry, is still there with one, or was destroyed under a hold', async t => {
    const { log, holds, verified } = await office(t, 4)
    await holds.add(ann, { day: '2026-01-02' }, REASON)
    const act = (epoch: string, number: number) =>
      log.append({
        call: callId(number),
        kind: 'key.shred',
        phase: 'state',
        session: null,
        effect: null,
        policyDigest: null,
        epoch,
        head: { facts: { by: 'nobody' } },
      })
    await act('sealed-2026-01-02', 1)
    await log.epochs.retire('sealed-2026-01-02')
    await act('sealed-2026-01-03', 2)
    await log.epochs.retire('sealed-2026-01-04')
    const report = await verified()
    const problems = report.checks.flatMap(one => one.places.map(place => `${one.name}: ${place.problem}`))
    assert.ok(problems.some(one => /^contents: the epoch key sealed-2026-01-04 is not there/.test(one)))
    assert.ok(problems.some(one => /^shreds: the key sealed-2026-01-03 is still here/.test(one)))
    assert.ok(problems.some(one => /^shreds: .*2026-01-02 was destroyed although the hold/.test(one)))
    assert.equal(problems.length, 3, problems.join('\n'))
  })
})
