import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import {
  type ApprovalsRig,
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
const away = (to: string, rules = ['*']) => ({ to, rules, milliseconds: 8 * HOUR, reason: 'on holiday' })

test('whoever is away is stood in for, on any gateway, until the time is over; the trail says for whom', async () => {
  const [here, there] = [await rig.gateway(), await rig.gateway()]
  const [bob, dave] = [person('bob', ['corp:oncall']), person('dave')]
  const { id } = await here.ask(wish(), null)
  await assert.rejects(here.decide(dave, id, yes), refusedWith('approver-required', 'quorum'))
  await there.delegate(bob, away('corp:dave'))
  const other = await there.ask(wish(), null)
  const decided = await there.decide(dave, other.id, yes)
  assert.equal(decided.state, 'approved')
  assert.equal(decided.decisions[0]?.inPlaceOf?.username, 'corp:bob')
  assert.equal(rig.entries.at(-1)?.head.facts?.inPlaceOf, 'corp:bob')
  rig.clock += 9 * HOUR
  const late = await there.ask(wish(), null)
  await assert.rejects(there.decide(dave, late.id, yes), refusedWith('approver-required', 'quorum'))
})

test('a delegate decides nothing that he, or who delegated, has asked for', async () => {
  const here = await rig.gateway()
  const [bob, dave] = [person('bob1', ['corp:oncall']), person('dave1')]
  await here.delegate(bob, away('corp:dave1'))
  const own = await here.ask(wish({ principal: dave }), null)
  await assert.rejects(here.decide(dave, own.id, yes), refusedWith('second-person-required', 'requester'))
  // Else two people could let each other's requests pass.
  const his = await here.ask(wish({ principal: bob }), null)
  await assert.rejects(here.decide(dave, his.id, yes), refusedWith('approver-required', 'quorum'))
})

test('one vote stays one: neither after its owner has decided, nor before he does', async () => {
  const here = await rig.gateway()
  const [bob, dave] = [person('bob2', ['corp:oncall']), person('dave2')]
  await here.delegate(bob, away('corp:dave2'))
  const two = { quorums: [{ groups: ['corp:oncall'], count: 2, rule: 0 }] }
  const first = await here.ask(wish({ requirement: two }), null)
  assert.equal((await here.decide(bob, first.id, yes)).state, 'pending')
  await assert.rejects(here.decide(dave, first.id, yes), refusedWith('approver-required', 'quorum'))
  const second = await here.ask(wish({ requirement: two }), null)
  assert.equal((await here.decide(dave, second.id, yes)).state, 'pending')
  await assert.rejects(here.decide(bob, second.id, yes), refusedWith('approval-closed', 'decided'))
})

test('what was delegated cannot be delegated again, and is for the named rules only', async () => {
  const here = await rig.gateway()
  const [bob, dave, erin] = [person('bob3', ['corp:oncall']), person('dave3'), person('erin3')]
  await here.delegate(bob, away('corp:dave3', ['guard/*']))
  await here.delegate(dave, away('corp:erin3'))
  const { id } = await here.ask(wish(), null)
  await assert.rejects(here.decide(erin, id, yes), refusedWith('approver-required', 'quorum'))
  const other = await here.ask(wish({ rules: ['guard/one', 'money/two'] }), null)
  await assert.rejects(here.decide(dave, other.id, yes), refusedWith('approver-required', 'quorum'))
  assert.equal((await here.decide(dave, id, yes)).state, 'approved')
})

test('a machine, oneself, an ended one and one of somebody who was cut off count for nothing', async () => {
  const cut = new Set<string>()
  const here = await rig.gateway({ isRevoked: one => cut.has(one.username) })
  const [bob, dave] = [person('bob4', ['corp:oncall']), person('dave4')]
  const robot = person('robot4', ['corp:oncall'], 'job')
  await assert.rejects(
    here.delegate(robot, away('corp:dave4')),
    refusedWith('approver-required', 'not-a-person'),
  )
  await assert.rejects(
    here.delegate(bob, away('corp:bob4')),
    refusedWith('second-person-required', 'delegate'),
  )
  const delegation = await here.delegate(bob, away('corp:dave4'))
  const { id } = await here.ask(wish(), null)
  cut.add('corp:bob4')
  await assert.rejects(here.decide(dave, id, yes), refusedWith('approver-required', 'quorum'))
  cut.clear()
  await here.endDelegation(bob, delegation.id)
  await assert.rejects(here.decide(dave, id, yes), refusedWith('approver-required', 'quorum'))
  await assert.rejects(here.endDelegation(bob, delegation.id), refusedWith('resource-unknown', 'delegation'))
})
