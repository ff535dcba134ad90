import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
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

const bob = person('bob', ['corp:oncall'])
const dave = person('dave', ['corp:oncall'])
const patient = new AbortController().signal
const no = { verdict: 'deny', reason: null, via: 'cli' } as const

test('where this person first saw it does not matter: on any gateway, before and after a restart', async () => {
  const [here, there] = [await rig.gateway(), await rig.gateway()]
  const first = await here.ask(wish(), null)
  rig.clock += MINUTE
  await here.shown(bob, first.id)
  rig.clock += 2_000
  await there.wait(first.id, 20, patient)
  assert.equal((await there.decide(bob, first.id, yes)).decisions[0]?.unread, true)

  const second = await here.ask(wish(), null)
  rig.clock += MINUTE
  await here.shown(bob, second.id)
  rig.clock += MINUTE
  // Shown again elsewhere, for the first time as far as this process knows.
  const restarted = await rig.gateway()
  await restarted.shown(bob, second.id)
  rig.clock += 1_000
  assert.equal((await restarted.decide(bob, second.id, yes)).decisions[0]?.unread, false)
})

test('what is remembered of who saw an approval is forgotten with it, and nothing is of who asked', async () => {
  const here = await rig.gateway()
  const principal = person('asks')
  const { id } = await here.ask(wish({ principal }), null)
  await here.shown(principal, id)
  assert.deepEqual(await rig.store.list('approval.shown', { prefix: `${id}/` }), [])
  await here.shown(bob, id)
  assert.equal((await rig.store.list('approval.shown', { prefix: `${id}/` })).length, 1)
  await here.decide(bob, id, no)
  await here.shown(dave, id)
  rig.clock += 61 * MINUTE
  await here.sweep()
  assert.equal(await here.get(id), undefined)
  assert.deepEqual(await rig.store.list('approval.shown', { prefix: `${id}/` }), [])
})

test('where a rule wants reasons, a yes without one counts nowhere; a no needs none', async () => {
  const here = await rig.gateway()
  const requirement = { reason: true }
  for (const via of ['cli', 'api', 'page', 'channel/chat']) {
    const { id } = await here.ask(wish({ requirement }), null)
    for (const reason of [null, '', ' \t']) {
      const answer = { verdict: 'approve', reason, via } as const
      await assert.rejects(here.decide(bob, id, answer), refusedWith('reason-required', 'approval-reason'))
    }
    assert.deepEqual(kindsOf(rig, { id }), ['approval.request'])
    const answer = { verdict: 'approve', reason: 'INC-42', via } as const
    assert.equal((await here.decide(bob, id, answer)).state, 'approved')
  }
  const { id } = await here.ask(wish({ requirement }), null)
  assert.equal((await here.decide(bob, id, no)).state, 'denied')
})
