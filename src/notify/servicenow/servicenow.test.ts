import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import fc from 'fast-check'
import type { Approval } from '../../approvals/contract.ts'
import { messageOf } from '../../approvals/message.ts'
import { Refusal } from '../../errors/refusal.ts'
import type { Channel } from '../contract.ts'
import { approvalAt } from '../testing/approval.ts'
import { type FakeServiceNow, startFakeServiceNow } from '../testing/fake-servicenow.ts'
import { createServiceNow, type ServiceNowSettings } from './create-servicenow.ts'
import { isQueryValue } from './tables.ts'

const NOW = 1_800_000_000_000
const PASSWORD = ['a', 'pass', 'word'].join('-')
const CLIENT_SECRET = ['client', 'secret', 'of', 'ours'].join('-')
const WAKE = 'what comes with a wake-up, long enough'
const APPROVER = 'sysapproval_approver'
const GROUP = 'd'.repeat(32)
let instance: FakeServiceNow
let channel: Channel
let settings: ServiceNowSettings
const ids: Record<string, string> = {}

before(async () => {
  instance = await startFakeServiceNow({
    ...{ user: 'sallyport', password: PASSWORD, clientId: 'the-client', clientSecret: CLIENT_SECRET },
  })
  for (const name of ['bob', 'carol', 'mallory']) {
    ids[name] = instance.user(name, { email: `${name}@corp.test` }).sys_id!
  }
  for (const name of ['bob', 'carol'])
    instance.insert('admin', 'sys_user_grmember', { group: GROUP, user: ids[name]! })
  settings = {
    ...{ name: 'desk', wants: () => true, url: instance.url, user: 'sallyport' },
    ...{ credential: { password: PASSWORD }, table: 'u_approval' },
    ...{ fields: { category: 'access' }, closedFields: { state: '3' } },
    ...{ decisions: { approverGroup: GROUP }, wakeSecret: WAKE },
  }
  channel = createServiceNow(settings)
})
after(async () => {
  await channel.end()
  await instance.close()
})

const messageAt = (id: string, more: Partial<Approval> = {}) =>
  messageOf(approvalAt(id, NOW, more), 'https://gateway.test')
const yesOf = (name: string) => ({
  by: { issuer: 'https://issuer.test', subject: name, username: `corp:${name}` },
  ...{ quorums: [0], verdict: 'approve' as const, reason: null, at: NOW, via: 'page', unread: false },
})
const rowsOf = (table: string, field: string, value: string) =>
  instance.tables[table]!.filter(one => one[field] === value)
/** The record in which this person answers. */
const recordOf = (ticket: string, name: string): string =>
  rowsOf(APPROVER, 'sysapproval', ticket).find(one => one.approver === ids[name])!.sys_id!
const answer = (by: string, record: string, state: string, comments?: string): void =>
  instance.change(by, APPROVER, record, { state, ...(comments === undefined ? {} : { comments }) })
const read = async (ticket: string, message: ReturnType<typeof messageAt>) => [
  ...(await channel.poll!(ticket, message)),
]

test('a record is opened once, asks each member of the group, goes on with the approval, and ends', async () => {
  const message = messageAt('a-1', { reason: 'see https://evil.test/x [code]<b>now</b>[/code]' })
  const ticket = await channel.create(message, 'a-1.pending.0')
  assert.equal(await channel.create(message, 'a-1.pending.0'), ticket)
  assert.equal(rowsOf(APPROVER, 'sysapproval', ticket).length, 2)
  const next = messageAt('a-1', { decisions: [yesOf('bob')] })
  await channel.update(ticket, next, 'a-1.pending.1')
  await channel.update(ticket, next, 'a-1.pending.1')
  const over = messageAt('a-1', { state: 'expired', closedAt: NOW })
  await channel.close(ticket, over, 'a-1.expired.1')
  await channel.close(ticket, over, 'a-1.expired.1')
  const [row] = rowsOf('u_approval', 'sys_id', ticket)
  assert.equal(row!.short_description, 'Expired [47] corp:alice · delete namespace shop · prod')
  assert.deepEqual([row!.state, row!.category], ['3', 'access'])
  const comments = rowsOf('sys_journal_field', 'element_id', ticket)
  assert.equal(comments.length, 2)
  assert.match(comments[0]!.value!, /guard\/namespaces[\s\S]*https:\/\/gateway\.test\/approvals\/a-1/)
  assert.deepEqual(
    rowsOf(APPROVER, 'sysapproval', ticket).map(one => one.state),
    ['not_required', 'not_required'],
  )
  assert.doesNotMatch(JSON.stringify(instance.tables), /https:\/\/evil|\[code\]/)
})

test('what has HTML or a mention to a journal has none', async () => {
  const message = { ...messageAt('a-html'), sentence: '[code]<img>[/CODE] @[abc:Bob]' }
  const ticket = await channel.create(message, 'k')
  const [row] = rowsOf('u_approval', 'sys_id', ticket)
  assert.doesNotMatch(`${row!.short_description}${row!.description}`, /\[\/?code\]|@\[/i)
})

test('an approver decides in his own record, with his newest comment as reason', async () => {
  const message = messageAt('a-2')
  const ticket = await channel.create(message, 'a-2.pending.0')
  assert.deepEqual(await read(ticket, message), [])
  const record = recordOf(ticket, 'bob')
  answer('bob', record, 'approved', 'it is INC-42')
  instance.change('mallory', APPROVER, record, { comments: 'no' })
  const [{ sys_id: change } = {}] = rowsOf('sys_audit', 'documentkey', record)
  assert.deepEqual(await read(ticket, message), [
    {
      ...{ kind: 'said', approval: 'a-2', verdict: 'approve', reason: 'it is INC-42', shown: '47.0' },
      person: {
        ...{ id: `servicenow/${new URL(instance.url).host}/${ids.bob}`, name: 'BOB', email: 'bob@corp.test' },
      },
      once: `${instance.url}/audit/${change}`,
    },
  ])
  answer('carol', recordOf(ticket, 'carol'), 'rejected')
  const both = await read(ticket, message)
  assert.deepEqual(
    both.map(one => one.kind === 'said' && one.verdict),
    ['deny', 'approve'],
  )
})

test('what another has set, an administrator, a flow or we ourselves, is nobody’s decision', async () => {
  const message = messageAt('a-3')
  const ticket = await channel.create(message, 'a-3.pending.0')
  const record = recordOf(ticket, 'bob')
  for (const other of ['mallory', 'admin', 'system', 'sallyport', 'carol']) {
    answer(other, record, 'approved')
    assert.deepEqual(await read(ticket, message), [], other)
    answer(other, record, 'requested')
  }
  answer('mallory', record, 'approved')
  instance.change('bob', APPROVER, record, { comments: 'I only have a question' })
  assert.equal(rowsOf(APPROVER, 'sys_id', record)[0]!.sys_updated_by, 'bob')
  assert.deepEqual(await read(ticket, message), [], 'who changed it last did not change its state')
  answer('bob', record, 'requested')
  answer('bob', record, 'approved')
  assert.equal((await read(ticket, message)).length, 1, 'now he has said it himself')
  answer('mallory', record, 'rejected')
  assert.deepEqual(await read(ticket, message), [], 'changed by another')
})

test('a state that the history does not know counts for nothing, and neither does one that it disputes', async () => {
  const message = messageAt('a-4')
  const ticket = await channel.create(message, 'a-4.pending.0')
  const made = instance.insert('bob', APPROVER, {
    ...{ sysapproval: ticket, approver: ids.bob!, state: 'approved' },
  })
  assert.deepEqual(await read(ticket, message), [], 'made with that state')
  const record = recordOf(ticket, 'carol')
  answer('carol', record, 'approved')
  const [change] = rowsOf('sys_audit', 'documentkey', record)
  const [row] = rowsOf(APPROVER, 'sys_id', record)
  row!.state = 'rejected'
  assert.deepEqual(await read(ticket, message), [], 'its state is not that of the history')
  row!.state = 'approved'
  const twin = { ...change!, sys_id: 'e'.repeat(32), user: 'mallory' }
  instance.tables.sys_audit!.push(twin)
  assert.deepEqual(await read(ticket, message), [], 'two changes claim to be the last')
  Object.assign(twin, { record_checkpoint: 'x' })
  assert.deepEqual(await read(ticket, message), [], 'a change without its place')
  Object.assign(twin, { record_checkpoint: '0' })
  assert.equal((await read(ticket, message)).length, 1)
  assert.ok(made)
})

test('an answer in the record of another, and one for a delegate, is that of nobody', async () => {
  const message = messageAt('a-5')
  const ticket = await channel.create(message, 'a-5.pending.0')
  const record = recordOf(ticket, 'bob')
  answer('bob', record, 'approved')
  instance.change('admin', APPROVER, record, { approver: ids.mallory! })
  assert.deepEqual(await read(ticket, message), [])
})

test('people are active persons with a name of their own', async () => {
  const message = messageAt('a-6')
  const ticket = await channel.create(message, 'a-6.pending.0')
  const wrong: Record<string, string>[] = [
    { active: 'false' },
    { locked_out: 'true' },
    { web_service_access_only: 'true' },
    { internal_integration_user: 'true' },
    { sys_id: '../../oops' },
  ]
  for (const [i, more] of wrong.entries()) {
    const { sys_id: id } = instance.user(`user${i}`, more)
    const { sys_id: record } = instance.insert('sallyport', APPROVER, {
      ...{ sysapproval: ticket, approver: id!, state: 'requested' },
    })
    answer(`user${i}`, record!, 'approved')
    assert.deepEqual(await read(ticket, message), [], JSON.stringify(more))
  }
  const { sys_id: id } = instance.user('dave')
  const { sys_id: record } = instance.insert('sallyport', APPROVER, {
    ...{ sysapproval: ticket, approver: id!, state: 'requested' },
  })
  answer('dave', record!, 'approved')
  assert.equal((await read(ticket, message)).length, 1)
  instance.user('Dave')
  assert.deepEqual(await read(ticket, message), [], 'a name that two users have')
})

test('names that would change the query are nobody’s', async () => {
  const message = messageAt('a-7')
  const ticket = await channel.create(message, 'a-7.pending.0')
  const names = ['x^ORuser_name=bob', 'x,bob', 'javascript:gs.getUserName()', 'a\u0000b', '']
  for (const name of names) {
    const { sys_id: id } = instance.user(name)
    const { sys_id: record } = instance.insert('sallyport', APPROVER, {
      ...{ sysapproval: ticket, approver: id!, state: 'requested' },
    })
    answer(name, record!, 'approved', `link-${'0a'.repeat(14)}-${'abcdefghijklmnopqrstuvwxyz'}`)
  }
  assert.deepEqual(await read(ticket, message), [])
  fc.assert(
    fc.property(fc.string(), fc.constantFrom('^', ',', '\n', '\u0000', '\u202e'), (text, bad) => {
      assert.ok(!isQueryValue(text + bad) && !isQueryValue(bad + text))
    }),
  )
})

test('a record that is not ours any more counts for nothing, nor does one that another made in our name', async () => {
  const message = messageAt('a-8')
  const theirs = instance.insert('mallory', 'u_approval', {
    ...{ correlation_id: 'sallyport-a-8', short_description: 'delete pod harmless' },
  })
  const ticket = await channel.create(message, 'a-8.pending.0')
  assert.notEqual(ticket, theirs.sys_id)
  answer('bob', recordOf(ticket, 'bob'), 'approved')
  assert.equal((await read(ticket, message)).length, 1)
  const [row] = rowsOf('u_approval', 'sys_id', ticket)
  row!.correlation_id = 'sallyport-a-9'
  assert.deepEqual(await read(ticket, message), [])
  await assert.rejects(channel.update(ticket, message, 'x'), /not that of this approval/)
  row!.correlation_id = 'sallyport-a-8'
  row!.sys_created_by = 'mallory'
  assert.deepEqual(await read(ticket, message), [])
})

test('an approval that was moved here from another record counts for nothing', async () => {
  const first = messageAt('a-22')
  const second = messageAt('a-23')
  const [one, two] = [await channel.create(first, 'k1'), await channel.create(second, 'k2')]
  const record = recordOf(one, 'bob')
  answer('bob', record, 'approved')
  instance.change('mallory', APPROVER, record, { sysapproval: two })
  assert.deepEqual(await read(two, second), [])
  instance.change('mallory', APPROVER, record, { sysapproval: one })
  assert.deepEqual(await read(one, first), [], 'nor when it was moved back')
})

test('what people were shown otherwise than we wrote it decides nothing', async () => {
  for (const field of ['short_description', 'description']) {
    const message = messageAt(`a-24-${field}`)
    const ticket = await channel.create(message, 'k')
    const written = rowsOf('u_approval', 'sys_id', ticket)[0]![field]!
    instance.change('mallory', 'u_approval', ticket, { [field]: 'delete pod harmless' })
    answer('bob', recordOf(ticket, 'bob'), 'approved')
    assert.deepEqual(await read(ticket, message), [], field)
    instance.change('mallory', 'u_approval', ticket, { [field]: written })
    assert.deepEqual(await read(ticket, message), [], `${field} was put back`)
  }
  const message = messageAt('a-25')
  const ticket = await channel.create(message, 'k')
  answer('bob', recordOf(ticket, 'bob'), 'approved')
  const [row] = rowsOf('u_approval', 'sys_id', ticket)
  const written = row!.short_description!
  for (const other of ['', 'Approval wanted', `${written}!`]) {
    row!.short_description = other
    assert.deepEqual(await read(ticket, message), [], 'where the table has no history')
  }
  row!.short_description = ` ${written.slice(0, 60)}`
  assert.equal((await read(ticket, message)).length, 1, 'a shorter field')
})

test('a text that is too long keeps the way to the page', async () => {
  const lines = Array.from({ length: 10 }, (_, i) => `${i}`.repeat(600))
  const message = { ...messageAt('a-26'), foresight: { lines, truncated: false } } as ReturnType<
    typeof messageAt
  >
  const ticket = await channel.create(message, 'k')
  const { description } = rowsOf('u_approval', 'sys_id', ticket)[0]!
  assert.equal(description!.length, 4000)
  assert.match(description!, /\nPage: https:\/\/gateway\.test\/approvals\/a-26$/)
})

test('an approval of another record is not seen, whatever the instance makes of the query', async () => {
  const first = messageAt('a-10')
  const second = messageAt('a-11')
  const [one, two] = [await channel.create(first, 'k1'), await channel.create(second, 'k2')]
  answer('bob', recordOf(one, 'bob'), 'approved')
  assert.deepEqual(await read(two, second), [])
  const kept = instance.tables.sysapproval_approver!
  instance.tables.sysapproval_approver = kept
    .filter(row => row.sysapproval === one)
    .map(({ sysapproval: _, ...row }) => row)
  assert.deepEqual(await read(two, second), [], 'it knows no such field, and answers with all rows')
  instance.tables.sysapproval_approver = kept
})

test('what was said of the step before is taken back, and a reminder takes nothing back', async () => {
  const message = messageAt('a-12')
  const ticket = await channel.create(message, 'a-12.pending.0')
  answer('bob', recordOf(ticket, 'bob'), 'approved')
  await channel.update(ticket, { ...message, notice: 'nobody has decided' }, 'a-12.pending.0.1')
  assert.equal((await read(ticket, message)).length, 1)
  const next = messageAt('a-12', { decisions: [yesOf('bob')] })
  await channel.update(ticket, next, 'a-12.pending.1')
  assert.deepEqual(await read(ticket, next), [])
  answer('carol', recordOf(ticket, 'carol'), 'rejected')
  const [said] = await read(ticket, next)
  assert.ok(said?.kind === 'said')
  assert.deepEqual([said.verdict, said.shown, said.person.name], ['deny', '47.1', 'CAROL'])
})

test('a code of the page in a comment links its author, and nobody else', async () => {
  const message = messageAt('a-13')
  const ticket = await channel.create(message, 'a-13.pending.0')
  const code = `link-${'0a'.repeat(14)}-${'abcdefghijklmnopqrstuvwxyz'}`
  instance.change('sallyport', 'u_approval', ticket, { comments: code })
  assert.deepEqual(await read(ticket, message), [], 'ourselves')
  instance.change('bob', APPROVER, recordOf(ticket, 'bob'), { comments: code })
  instance.change('carol', 'u_approval', ticket, { comments: code })
  const claims = await read(ticket, message)
  assert.deepEqual(claims.map(one => [one.kind, one.person.name]).sort(), [
    ['claim', 'BOB'],
    ['claim', 'CAROL'],
  ])
})

test('why something does not count is said for all to read, and is no change of what was asked', async () => {
  const message = messageAt('a-27')
  const ticket = await channel.create(message, 'k')
  answer('bob', recordOf(ticket, 'bob'), 'approved')
  const [said] = await read(ticket, message)
  assert.ok(said?.kind === 'said')
  const why = {
    done: false,
    words: 'This account is linked to nobody. [code]',
    link: 'https://gateway.test/approvals/links',
  }
  await channel.answer!(ticket, said, why, 'key')
  const { value, sys_created_by: by } = rowsOf('sys_journal_field', 'element_id', ticket).at(-1)!
  assert.equal(by, 'sallyport')
  assert.match(value!, /BOB[\s\S]*linked to nobody[\s\S]*https:\/\/gateway\.test\/approvals\/links/)
  assert.doesNotMatch(value!, /\[code\]/)
  assert.deepEqual(await read(ticket, message), [said])
})

test('an answer that does not count is asked for again, so that its approver can say it once more', async () => {
  let clock = NOW
  const other = createServiceNow(settings, () => clock)
  const message = messageAt('a-28')
  const ticket = await other.create(message, 'k')
  const [record, another] = [recordOf(ticket, 'bob'), recordOf(ticket, 'carol')]
  answer('bob', record, 'approved')
  assert.equal((await other.poll!(ticket, message)).length, 1)
  clock += 5_000
  answer('carol', another, 'approved')
  assert.equal((await other.poll!(ticket, message)).length, 2)
  const stateOf = (id: string) => rowsOf(APPROVER, 'sys_id', id)[0]!.state
  assert.deepEqual([stateOf(record), stateOf(another)], ['approved', 'approved'], 'too soon')
  clock += 5_000
  await other.poll!(ticket, message)
  assert.deepEqual([stateOf(record), stateOf(another)], ['requested', 'approved'])
  answer('bob', record, 'approved')
  const names = (await other.poll!(ticket, message)).map(one => one.person.name)
  assert.deepEqual(names.sort(), ['BOB', 'CAROL'])
  await other.end()
})

test('what is for the page asks nobody there', async () => {
  const message = { ...messageAt('a-14'), pageOnly: true }
  const ticket = await channel.create(message, 'k')
  assert.deepEqual(rowsOf(APPROVER, 'sysapproval', ticket), [])
})

test('too many approvals or changes are not believed in part', async () => {
  const message = messageAt('a-15')
  const ticket = await channel.create(message, 'k')
  for (let i = 0; i < 100; i++) {
    instance.insert('mallory', APPROVER, { sysapproval: ticket, approver: ids.mallory!, state: 'requested' })
  }
  await assert.rejects(read(ticket, message), /more than 100 rows of sysapproval_approver/)
})

test('an instance that fails is an error without the password, and nothing is lost', async () => {
  for (const status of [401, 429, 500, 302]) {
    const other = createServiceNow({ ...settings, decisions: null, wakeSecret: undefined })
    instance.broken = status
    await assert.rejects(other.create(messageAt('a-16'), 'k'), (error: Error) => {
      return error.message.includes(String(status)) && !error.message.includes(PASSWORD)
    })
    assert.equal(other.poll, undefined)
    assert.equal(other.receive, undefined)
    await other.end()
  }
  instance.broken = null
  assert.ok(await channel.create(messageAt('a-16'), 'k'))
})

test('where the instance knows us as another, no second record is made', async () => {
  const other = createServiceNow({
    ...{ ...settings, user: 'somebody', decisions: null },
    credential: { clientId: 'the-client', clientSecret: CLIENT_SECRET },
  })
  for (let i = 0; i < 2; i++) {
    await assert.rejects(other.create(messageAt('a-17'), 'k'), /another user than somebody/)
  }
  assert.equal(rowsOf('u_approval', 'correlation_id', 'sallyport-a-17').length, 1)
  await other.end()
})

test('a token is got once, renewed when it is refused, and in no error', async () => {
  const credential = { clientId: 'the-client', clientSecret: CLIENT_SECRET }
  const other = createServiceNow({ ...settings, credential })
  const asked = (): number => instance.calls.filter(one => one === 'POST /oauth_token.do').length
  const before = asked()
  await other.create(messageAt('a-18'), 'k')
  assert.equal(asked() - before, 1)
  // Another gateway gets one: the older is good no more.
  const third = createServiceNow({ ...settings, credential })
  await third.create(messageAt('a-19'), 'k')
  await assert.rejects(other.create(messageAt('a-20'), 'k'), /401/)
  await other.create(messageAt('a-20'), 'k')
  const wrong = createServiceNow({ ...settings, credential: { ...credential, clientSecret: 'oops' } })
  await assert.rejects(wrong.create(messageAt('a-21'), 'k'), (error: Error) => {
    return error.message === 'POST /oauth_token.do was answered with 401'
  })
  for (const one of [other, third, wrong]) await one.end()
})

test('what comes in only wakes, and only with the secret', () => {
  const body = Buffer.from(JSON.stringify({ record: 'a'.repeat(32), change: '7' }))
  const { kind, once, ...rest } = channel.receive!({ headers: { 'sallyport-wake-secret': WAKE }, body })
  assert.deepEqual([kind, rest, once.length], ['wake', { reference: 'a'.repeat(32) }, 64])
  for (const headers of [{}, { 'sallyport-wake-secret': 'another' }, { 'sallyport-wake-secret': '' }]) {
    assert.throws(
      () => channel.receive!({ headers, body }),
      (e: unknown) => e instanceof Refusal && e.code === 'credential-invalid',
    )
  }
  for (const wrong of ['{}', '[', '{"record":"../x"}', '{"record":7}', '']) {
    assert.throws(
      () => channel.receive!({ headers: { 'sallyport-wake-secret': WAKE }, body: Buffer.from(wrong) }),
      (e: unknown) => e instanceof Refusal && e.code === 'input-invalid',
    )
  }
})
