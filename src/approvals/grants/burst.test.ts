import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { describedAction } from '../../policy/described-action.ts'
import { burstOf } from '../intent.ts'
import { type ApprovalsRig, openApprovalsRig, person, wish, yes } from '../testing/approvals-rig.ts'
import { BURST, BURST_TIME } from './burst.ts'

let rig: ApprovalsRig
before(async () => {
  rig = await openApprovalsRig()
})
after(() => rig.close())

const bob = person('bob', ['corp:oncall'])
const HINT = '6d0f6f0e-7d1f-4d2a-9a50-0f6a3a1f2b3c'
let made = 0
/** What `kubectl delete pod a b c` sends, one after another. */
function deletion(name: string, more: Record<string, unknown> = {}) {
  const said = {
    verb: 'delete',
    group: '',
    resource: 'pods',
    namespace: 'shop',
    session: 's-1',
    hint: HINT,
    ...more,
  }
  const principal = (more.principal as ReturnType<typeof person>) ?? person('alice')
  const connection = String(more.connection ?? 'prod')
  const action = describedAction({
    ...{ path: '', subresource: '', name, verb: said.verb, group: said.group },
    ...{ resource: said.resource, namespace: said.namespace },
  })
  const body = Buffer.from(String(more.body ?? '{}'))
  const burst = burstOf({ principal, connection, action, query: [], body }, said.session, said.hint)
  const rules = (more.rules as string[]) ?? ['guard/one']
  return wish({
    ...{ principal, connection, rules, intent: `${name}-${++made}`, requirement: { burst: true } },
    ...(burst === null ? {} : { burst }),
  })
}

test('one approval is for the burst of one command, on any gateway, and for nothing that is like it', async () => {
  const [here, there] = [await rig.gateway(), await rig.gateway()]
  const first = deletion('a')
  const { id } = await here.ask(first, null)
  await here.decide(bob, id, yes)
  assert.ok(await here.use(first, null))
  assert.ok(await there.use(deletion('b'), null))
  const forged = { hint: '00000000-0000-0000-0000-000000000000' }
  for (const [name, other] of Object.entries({
    'another header': forged,
    'no header': { hint: undefined },
    'a header that is none': { hint: 'x' },
    'another person': { principal: person('mallory') },
    'another session': { session: 's-2' },
    'another connection': { connection: 'test' },
    'another verb': { verb: 'patch' },
    'a collection': { verb: 'deletecollection' },
    'another resource': { resource: 'secrets' },
    'another group': { group: 'metrics.k8s.io' },
    'another namespace': { namespace: 'money' },
    'other options': { body: '{"gracePeriodSeconds":0}' },
    'a further rule': { rules: ['guard/one', 'guard/two'] },
  })) {
    assert.equal(await here.use(deletion('c', other), null), undefined, name)
  }
  assert.ok(await here.use(deletion('c'), null))
})

test('it ends after its count, however many ask at once, and after its time', async () => {
  const [here, there] = [await rig.gateway(), await rig.gateway()]
  const alice = person('alice-many')
  const first = deletion('a', { principal: alice })
  await here.decide(bob, (await here.ask(first, null)).id, yes)
  assert.ok(await here.use(first, null))
  let passed = 0
  for (let i = 0; i < BURST; i += 2) {
    const [one, other] = await Promise.all([
      here.use(deletion(`x${i}`, { principal: alice }), null),
      there.use(deletion(`y${i}`, { principal: alice }), null),
    ])
    passed += [one, other].filter(grant => grant !== undefined).length
  }
  assert.equal(passed, BURST)
  assert.equal(await here.use(deletion('z', { principal: alice }), null), undefined)

  const late = person('alice-late')
  const again = deletion('a', { principal: late })
  await here.decide(bob, (await here.ask(again, null)).id, yes)
  assert.ok(await here.use(again, null))
  rig.clock += BURST_TIME
  assert.equal(await here.use(deletion('b', { principal: late }), null), undefined)
})

test('without the rule saying so there is no burst, and nothing that creates or replaces is in one', async () => {
  const here = await rig.gateway()
  const alice = person('alice-plain')
  const first = { ...deletion('a', { principal: alice }), requirement: wish().requirement }
  await here.decide(bob, (await here.ask(first, null)).id, yes)
  assert.ok(await here.use(first, null))
  assert.equal(await here.use(deletion('b', { principal: alice }), null), undefined)
  for (const verb of ['create', 'update', 'get']) assert.equal(deletion('a', { verb }).burst, undefined, verb)
})
