import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { setImmediate } from 'node:timers/promises'
import { stepOf } from '../../notify/deliveries.ts'
import { messageOf } from '../message.ts'
import type { Approvals } from '../open-approvals.ts'
import { missingWords } from '../quorum.ts'
import {
  type ApprovalsRig,
  kindsOf,
  MINUTE,
  openApprovalsRig,
  person,
  refusedWith,
  wish,
  yes,
} from '../testing/approvals-rig.ts'

let rig: ApprovalsRig
before(async () => {
  rig = await openApprovalsRig()
})
after(() => rig.close())

/** What another gateway wrote has come here. */
async function known(gateway: Approvals, id: string): Promise<void> {
  const deadline = Date.now() + 10_000
  while (!gateway.list().some(one => one.id === id)) {
    assert.ok(Date.now() < deadline, `${id} did not come`)
    await setImmediate()
  }
}

test('those who decide are reminded once, and channels are told; several gateways remind once as well', async () => {
  const [here, there] = [await rig.gateway(), await rig.gateway()]
  const { id } = await here.ask(wish({ requirement: { remindAfter: 24 * MINUTE } }), null)
  const first = (await here.get(id))!
  rig.clock += 23 * MINUTE
  await here.sweep()
  assert.deepEqual(kindsOf(rig, first), ['approval.request'])
  rig.clock += MINUTE
  await here.sweep()
  await there.wait(id, 100, new AbortController().signal)
  await there.sweep()
  await here.sweep()
  const reminded = (await here.get(id))!
  assert.equal(reminded.notices?.length, 1)
  assert.notEqual(stepOf(reminded), stepOf(first))
  assert.match(messageOf(reminded, 'https://gw').notice ?? '', /reminder/)
  assert.equal(reminded.state, 'pending')
})

test('what comes due is in the log once, though every gateway sees it at the same moment', async () => {
  const gateways = [await rig.gateway(), await rig.gateway(), await rig.gateway()]
  const [here] = gateways
  const escalate = [{ after: 5 * MINUTE, groups: ['corp:leads'] }]
  const requirement = {
    ...{ deadline: 20 * MINUTE, remindAfter: 2 * MINUTE },
    quorums: [{ groups: ['corp:oncall'], count: 1, rule: 0, escalate }],
  }
  const all: string[] = []
  for (let i = 0; i < 5; i++) all.push((await here!.ask(wish({ requirement }), null)).id)
  for (const one of gateways) await known(one, all.at(-1)!)
  for (const minutes of [2, 3, 15]) {
    rig.clock += minutes * MINUTE
    // Who is late to know what the others wrote looks at it twice.
    await Promise.all(gateways.flatMap(one => [one.sweep(), one.sweep()]))
    for (const one of gateways) await one.sweep()
  }
  for (const id of all) {
    assert.deepEqual(kindsOf(rig, { id }), [
      'approval.request',
      'approval.remind',
      'approval.escalate',
      'approval.close',
    ])
  }
})

test('a gateway whose log fails lets another do it, and one that went down amid it is not waited for long', async () => {
  let isBroken = true
  const log = {
    async append(): Promise<never> {
      assert.ok(isBroken)
      throw new Error('the disk is full')
    },
  }
  const [broken, there] = [await rig.gateway({ log }), await rig.gateway()]
  const { id } = await there.ask(wish({ requirement: { remindAfter: MINUTE } }), null)
  await known(broken, id)
  rig.clock += MINUTE
  await assert.rejects(broken.sweep(), /the disk is full/)
  assert.deepEqual(kindsOf(rig, { id }), ['approval.request'])
  await there.sweep()
  assert.deepEqual(kindsOf(rig, { id }), ['approval.request', 'approval.remind'])
  isBroken = false

  const { id: other } = await there.ask(wish({ requirement: { remindAfter: MINUTE } }), null)
  const claim = { kind: 'approval.claim', key: other, value: { until: rig.clock + MINUTE + 30_000 } }
  await rig.store.commit([{ op: 'create', ...claim }])
  rig.clock += MINUTE
  await there.sweep()
  assert.deepEqual(kindsOf(rig, { id: other }), ['approval.request'])
  rig.clock += 30_000
  await there.sweep()
  assert.deepEqual(kindsOf(rig, { id: other }), ['approval.request', 'approval.remind'])
  assert.equal(await rig.store.get('approval.claim', other), undefined)
})

test('further people decide only after their time, in the place that was escalated and in no other', async () => {
  const here = await rig.gateway()
  const requirement = {
    quorums: [
      {
        ...{ groups: ['corp:oncall'], count: 1, rule: 0 },
        escalate: [
          { after: 15 * MINUTE, groups: ['corp:leads'] },
          { after: 30 * MINUTE, users: ['corp:boss'] },
        ],
      },
      { groups: ['corp:security'], count: 1, rule: 0 },
    ],
  }
  const lead = person('lead', ['corp:leads'])
  const { id } = await here.ask(wish({ requirement }), null)
  await assert.rejects(here.decide(lead, id, yes), refusedWith('approver-required', 'quorum'))
  rig.clock += 15 * MINUTE
  await here.sweep()
  const escalated = (await here.get(id))!
  assert.deepEqual(kindsOf(rig, escalated).slice(-1), ['approval.escalate'])
  assert.equal(
    missingWords(escalated.requirement, 0),
    '1 of corp:oncall or corp:leads and 1 of corp:security',
  )
  await assert.rejects(here.decide(person('boss'), id, yes), refusedWith('approver-required', 'quorum'))
  assert.equal((await here.decide(lead, id, yes)).state, 'pending')
  assert.equal((await here.decide(person('lead2', ['corp:leads']), id, yes)).state, 'pending')
  assert.equal((await here.decide(person('sec', ['corp:security']), id, yes)).state, 'approved')
})

test('steps that came due while no gateway ran are all taken, and survive a restart', async () => {
  const here = await rig.gateway()
  const escalate = [
    { after: 5 * MINUTE, groups: ['corp:leads'] },
    { after: 10 * MINUTE, users: ['corp:boss'] },
  ]
  const requirement = { quorums: [{ groups: ['corp:oncall'], count: 1, rule: 0, escalate }] }
  const { id } = await here.ask(wish({ requirement }), null)
  await here.close()
  rig.clock += 12 * MINUTE
  const again = await rig.gateway()
  await again.sweep()
  assert.deepEqual(
    (await again.get(id))?.notices?.map(one => one.text),
    ['escalated to corp:leads', 'escalated to corp:boss'],
  )
  assert.equal((await again.decide(person('boss'), id, yes)).state, 'approved')
})
