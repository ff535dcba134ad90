import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { stepOf } from '../../notify/deliveries.ts'
import { lifted } from '../grants/lifted.ts'
import { messageOf } from '../message.ts'
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

const HOUR = 60 * MINUTE
const why = { reason: 'the shop is down and nobody answers', ticket: 'INC-42' }
const requirement = { breakGlass: [{ groups: ['corp:sre'], for: 15 * MINUTE, review: 24 * HOUR }] }
const judged = { verdict: 'justified', note: 'it was down' } as const

test('who is named goes on at once, loudly, for the same action and a short time; another person reviews it', async () => {
  const [here, there] = [await rig.gateway(), await rig.gateway()]
  const alice = person('alice', ['corp:sre', 'corp:oncall'])
  const want = wish({ principal: alice, requirement })
  const { id } = await here.ask(want, null)
  const waiting = here.wait(id, MINUTE, new AbortController().signal)
  const broken = await here.breakGlass(alice, id, why)
  assert.equal((await waiting).state, 'approved')
  assert.equal((await there.wait(id, 5_000, new AbortController().signal)).state, 'approved')
  assert.deepEqual(kindsOf(rig, broken), ['approval.request', 'approval.break-glass'])
  const message = messageOf(broken, 'https://gw')
  assert.equal(message.brokenGlass, true)
  assert.match(message.notice ?? '', /^GLASS BROKEN by corp:alice \(ticket INC-42\)/)

  const grant = await here.use({ ...want, intent: 'another body' }, null)
  assert.equal(grant?.brokenGlass, true)
  assert.match(lifted(grant!), /nobody approved it/)
  assert.equal(await here.use({ ...want, target: 'another object' }, null), undefined)
  assert.equal(await here.use({ ...want, rules: ['guard/one', 'guard/new'] }, null), undefined)
  rig.clock += 15 * MINUTE
  assert.equal(await here.use(want, null), undefined)

  await assert.rejects(here.review(alice, id, judged), refusedWith('second-person-required', 'requester'))
  await assert.rejects(here.review(person('carol'), id, judged), refusedWith('approver-required', 'quorum'))
  const robot = person('robot', ['corp:oncall'], 'job')
  await assert.rejects(here.review(robot, id, judged), refusedWith('approver-required', 'not-a-person'))
  const bob = person('bob', ['corp:oncall'])
  const reviewed = await here.review(bob, id, judged)
  assert.equal(reviewed.brokenGlass?.review?.verdict, 'justified')
  assert.notEqual(stepOf(reviewed), stepOf(broken))
  await assert.rejects(here.review(bob, id, judged), refusedWith('approval-closed', 'review'))
})

test('nobody else breaks it: others, machines, whom the rule does not name, where a rule does not let', async () => {
  const here = await rig.gateway()
  const alice = person('alice1', ['corp:sre'])
  const { id } = await here.ask(wish({ principal: alice, requirement }), null)
  const refused = (check: string) => refusedWith('approver-required', check)
  await assert.rejects(here.breakGlass(person('mallory', ['corp:sre']), id, why), refused('requester'))
  await assert.rejects(here.breakGlass({ ...alice, kind: 'job' }, id, why), refused('not-a-person'))
  await assert.rejects(here.breakGlass({ ...alice, startedBy: ['x'] }, id, why), refused('not-a-person'))
  await assert.rejects(here.breakGlass({ ...alice, groups: [] }, id, why), refused('break-glass'))
  const both = {
    breakGlass: [...requirement.breakGlass, { users: ['corp:boss'], for: MINUTE, review: HOUR }],
  }
  const second = await here.ask(wish({ principal: alice, requirement: both }), null)
  await assert.rejects(here.breakGlass(alice, second.id, why), refused('break-glass'))
  const third = await here.ask(wish({ principal: alice }), null)
  await assert.rejects(here.breakGlass(alice, third.id, why), refused('break-glass'))
  assert.equal(here.grants().filter(one => one.brokenGlass === true && one.approval === id).length, 0)
  rig.clock += 60 * MINUTE
  await assert.rejects(here.breakGlass(alice, id, why), refusedWith('approval-closed', 'expired'))
})

test('a decision and broken glass at the same moment are one of the two', async () => {
  const [here, there] = [await rig.gateway(), await rig.gateway()]
  for (let round = 0; round < 5; round++) {
    rig.clock += HOUR
    const alice = person(`alice-r${round}`, ['corp:sre'])
    const { id } = await here.ask(wish({ principal: alice, requirement }), null)
    const results = await Promise.allSettled([
      here.breakGlass(alice, id, why),
      there
        .wait(id, 20, new AbortController().signal)
        .then(() => there.decide(person('bob', ['corp:oncall']), id, { ...yes, verdict: 'deny' })),
    ])
    assert.equal(results.filter(one => one.status === 'fulfilled').length, 1)
    const live = here.grants().filter(one => one.approval === id)
    assert.equal(live.length, results[0].status === 'fulfilled' ? 1 : 0)
  }
})

test('what nobody reviews in time is told once, is not forgotten, and can still be reviewed', async () => {
  const here = await rig.gateway()
  const alice = person('alice2', ['corp:sre'])
  const { id } = await here.ask(wish({ principal: alice, requirement }), null)
  await here.breakGlass(alice, id, why)
  rig.clock += 25 * HOUR
  await here.sweep()
  await here.sweep()
  const overdue = (await here.get(id))!
  assert.equal(kindsOf(rig, overdue).filter(kind => kind === 'approval.review-overdue').length, 1)
  assert.match(messageOf(overdue, '').notice ?? '', /^OVERDUE/)
  rig.clock += 100 * HOUR
  await here.sweep()
  await here.review(person('bob', ['corp:oncall']), id, { verdict: 'unjustified', note: 'it was a drill' })
  rig.clock += 61 * MINUTE
  await here.sweep()
  assert.equal(await here.get(id), undefined)
})

test('what cannot be written to the trail opens nothing', async () => {
  const here = await rig.gateway({
    log: {
      async append(entry) {
        if (entry.kind === 'approval.break-glass') throw new Error('no room')
        return { index: 1, time: rig.clock }
      },
    },
  })
  const alice = person('alice3', ['corp:sre'])
  const want = wish({ principal: alice, requirement })
  const { id } = await here.ask(want, null)
  await assert.rejects(here.breakGlass(alice, id, why), /no room/)
  assert.equal(await here.use(want, null), undefined)
  assert.equal((await here.get(id))?.state, 'pending')
})
