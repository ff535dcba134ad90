import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import type { Approval } from './contract.ts'
import { type ApprovalsRig, MINUTE, openApprovalsRig, person, wish, yes } from './testing/approvals-rig.ts'

let rig: ApprovalsRig
before(async () => {
  rig = await openApprovalsRig()
})
after(() => rig.close())

const bob = person('bob', ['corp:oncall'])
const dave = person('dave', ['corp:oncall'])
const patient = new AbortController().signal

test('who waits for news hears of votes, reminders and of the use of what was approved, from any gateway', async () => {
  const [here, there] = [await rig.gateway(), await rig.gateway()]
  const quorums = [{ groups: ['corp:oncall'], count: 2, rule: 0 }]
  const want = wish({ requirement: { quorums, remindAfter: MINUTE } })
  const { id } = await here.ask(want, null)
  const until = (isSo: (one: Approval) => boolean) => there.waitUntil(id, isSo, 5_000, patient)
  await until(() => true)
  const voted = until(one => one.decisions.length === 1)
  await here.decide(bob, id, yes)
  assert.equal((await voted).decisions[0]?.by.username, 'corp:bob')
  const reminded = until(one => one.notices !== undefined)
  rig.clock += MINUTE
  await here.sweep()
  assert.equal((await reminded).notices?.[0]?.what, 'reminder')
  await here.decide(dave, id, yes)
  const used = until(() => there.grants().some(one => one.approval === id && one.usedBy === want.call))
  await here.use(want, null)
  await used
  assert.equal(there.grants().find(one => one.approval === id)?.usedBy, want.call)
})
