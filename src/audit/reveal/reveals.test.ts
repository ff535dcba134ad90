import assert from 'node:assert/strict'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import type { Refusal } from '../../errors/refusal.ts'
import { openSqliteStore } from '../../store/open-sqlite-store.ts'
import { actingLog, person } from '../testing/acting.ts'
import { callId, maskedBody, recordCall } from '../testing/calls.ts'
import { verifyLog } from '../verify.ts'
import { createReveals, type RevealRecord } from './reveals.ts'

const [ann, ben, owner] = [person('ann'), person('ben'), person('alice')]
const REASON = 'was this the password that leaked in the report'
const refusal = (code: string, check: string) => (error: Refusal) =>
  error.code === code && error.check === check

async function office(t: { after(clean: () => unknown): unknown }) {
  const store = await openSqliteStore(':memory:')
  t.after(() => store.close())
  let serial = 0
  const now = () => Date.now()
  const gateway = async (origin: string) => {
    const acting = await actingLog(t, origin, now)
    const { log, index } = acting
    const newId = () => callId(1_000_000 + serial++)
    const reveals = createReveals({
      store,
      log,
      index,
      now,
      newId,
      policyDigest: () => `sha256:${'0'.repeat(64)}`,
    })
    const verified = async () => {
      await acting.close()
      return verifyLog({
        directory: log.dataDir,
        vkey: log.vkey,
        keyFile: join(log.dataDir, 'secrets', 'kek'),
      })
    }
    return { ...acting, reveals, verified }
  }
  return { store, gateway }
}

const wish = (number: number) => ({ scope: { call: callId(number) }, reason: REASON, ticket: 'INC-1' })

describe('a reveal', () => {
  test('of which the entry cannot be written shows nothing, and its approval is used up', async t => {
    const { gateway } = await office(t)
    const { log, reveals, failing, verified } = await gateway('test/one')
    await recordCall(log, 1, { response: maskedBody('p=hunter2', ['hunter2']) })
    const { id } = await reveals.request(ann, wish(1))
    await reveals.approve(ben, id, 5)
    failing.add('reveal.open')
    await assert.rejects(reveals.open(ann, id), /the disk is gone/)
    failing.clear()
    await assert.rejects(reveals.open(ann, id), refusal('reveal-closed', 'opened'))
    assert.equal((await verified()).ok, true)
  })

  test('of which the approval did not reach the log cannot be opened until it is approved again', async t => {
    const { gateway } = await office(t)
    const { log, reveals, failing, verified } = await gateway('test/one')
    await recordCall(log, 1, { response: maskedBody('p=hunter2', ['hunter2']) })
    const { id } = await reveals.request(ann, wish(1))
    failing.add('reveal.approve')
    await assert.rejects(reveals.approve(ben, id, 5), /the disk is gone/)
    await assert.rejects(reveals.open(ann, id), refusal('reveal-closed', 'unrecorded'))
    await assert.rejects(reveals.approve(ann, id, 5), refusal('second-person-required', 'requester'))
    failing.clear()
    await reveals.approve(ben, id, 5)
    const { revealed } = await reveals.open(ann, id)
    assert.equal(revealed.values[0]!.text, 'hunter2')
    assert.equal(revealed.bodies[0]!.text, 'p=hunter2')
    assert.equal((await verified()).ok, true)
  })

  test('is not opened by what somebody wrote into the store: request and approval are read again in the log', async t => {
    const { gateway, store } = await office(t)
    const { log, reveals, verified } = await gateway('test/one')
    await recordCall(log, 1, { response: maskedBody('p=hunter2', ['hunter2']) })
    await recordCall(log, 2, { response: maskedBody('q=hunter3', ['hunter3']) })
    const { id } = await reveals.request(ann, wish(1))
    const genuine = await store.get<RevealRecord>('reveal', id)
    const forge = async (change: Partial<RevealRecord>) => {
      const found = (await store.get<RevealRecord>('reveal', id))!
      const value = { ...found.value, ...change }
      await store.commit([{ op: 'update', kind: 'reveal', key: id, value, version: found.version }])
    }
    const { issuer, subject, username } = ben
    const approver = { issuer, subject, username }
    const approved = {
      state: 'approved',
      approver,
      approvalRecorded: true,
      until: Date.now() + 60_000,
    } as const
    const other = await reveals.request(ann, wish(2))
    await reveals.approve(ben, other.id, 5)
    const elsewhere = (await store.get<RevealRecord>('reveal', other.id))!.value
    const entries = [undefined, 0, -1, 1e9, genuine!.value.requestEntry!, elsewhere.approvalEntry!]
    for (const approvalEntry of entries) {
      await forge({ ...approved, ...(approvalEntry === undefined ? {} : { approvalEntry }) })
      await assert.rejects(reveals.open(ann, id), refusal('reveal-closed', 'not-in-log'), `${approvalEntry}`)
    }
    // A true approval for one thing opens no other, for nobody else, and not for longer.
    await forge({ ...genuine!.value, state: 'requested' })
    await reveals.approve(ben, id, 5)
    await forge({ scope: wish(2).scope })
    await assert.rejects(reveals.open(ann, id), refusal('reveal-closed', 'not-in-log'))
    const dan = person('dan')
    await forge({
      scope: wish(1).scope,
      requester: { issuer: dan.issuer, subject: dan.subject, username: 'corp:dan' },
    })
    await assert.rejects(reveals.open(dan, id), refusal('reveal-closed', 'not-in-log'))
    await forge({ requester: genuine!.value.requester })
    assert.equal((await reveals.open(ann, id)).revealed.values[0]!.text, 'hunter2')
    assert.equal((await verified()).ok, true)
  })

  test('whose request did not reach the log is none', async t => {
    const { gateway } = await office(t)
    const { log, reveals, failing } = await gateway('test/one')
    await recordCall(log, 1, { response: maskedBody('p=hunter2', ['hunter2']) })
    failing.add('reveal.request')
    await assert.rejects(reveals.request(ann, wish(1)), /the disk is gone/)
    assert.deepEqual(await reveals.list(), [])
  })

  test('that several gateways share is opened once, at the one that holds the records; each log verifies alone', async t => {
    const { gateway } = await office(t)
    const here = await gateway('test/here')
    const there = await gateway('test/there')
    await recordCall(here.log, 1, { response: maskedBody('p=hunter2', ['hunter2']) })
    const { id } = await here.reveals.request(ann, wish(1))
    await there.reveals.approve(ben, id, 5)
    await assert.rejects(there.reveals.open(ann, id), refusal('resource-unknown', 'entry'))
    const answers = await Promise.allSettled([here.reveals.open(ann, id), here.reveals.open(ann, id)])
    assert.deepEqual(answers.map(one => one.status).sort(), ['fulfilled', 'rejected'])
    for (const one of [here, there]) {
      const report = await one.verified()
      assert.equal(report.ok, true, JSON.stringify(report.checks.filter(check => check.status === 'failed')))
    }
  })

  test('is not approved by the same person under another account, nor by a machine', async t => {
    const { gateway } = await office(t)
    const { log, reveals } = await gateway('test/one')
    await recordCall(log, 1, { response: maskedBody('p=hunter2', ['hunter2']) })
    const mail = 'ann@corp.example'
    const { id } = await reveals.request(person('ann', { email: mail }), wish(1))
    const other = { issuer: 'local', username: 'local:ann' }
    for (const same of [
      person('ann-2', { ...other, email: mail.toUpperCase() }),
      person('ann-2', { username: 'corp:ann' }),
    ])
      await assert.rejects(reveals.approve(same, id, 5), refusal('second-person-required', 'requester'))
    await assert.rejects(reveals.approve(owner, id, 5), refusal('second-person-required', 'session-owner'))
    for (const kind of ['serviceaccount', 'job', 'role', 'agent'] as const) {
      const machine = person('robot', { kind })
      await assert.rejects(reveals.approve(machine, id, 5), refusal('second-person-required', 'not-a-person'))
      await assert.rejects(
        reveals.request(machine, wish(1)),
        refusal('second-person-required', 'not-a-person'),
      )
    }
  })

  test('that nobody answers ends after a day', async t => {
    const store = await openSqliteStore(':memory:')
    t.after(() => store.close())
    let ahead = 0
    const now = () => Date.now() + ahead
    const { log, index } = await actingLog(t, 'test/one', now)
    const reveals = createReveals({
      store,
      log,
      index,
      now,
      newId: () => callId(5),
      policyDigest: () => `sha256:${'0'.repeat(64)}`,
    })
    await recordCall(log, 1, { response: maskedBody('p=hunter2', ['hunter2']) })
    const { id } = await reveals.request(ann, wish(1))
    ahead = 24 * 3_600_000
    await reveals.sweep()
    assert.equal((await reveals.list())[0]!.state, 'expired')
    await assert.rejects(reveals.approve(ben, id, 5), refusal('reveal-closed', 'expired'))
    ahead += 40 * 24 * 3_600_000
    await reveals.sweep()
    assert.deepEqual(await reveals.list(), [])
  })
})
