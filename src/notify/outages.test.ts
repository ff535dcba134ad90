import assert from 'node:assert/strict'
import { after, beforeEach, test } from 'node:test'
import type { Approval } from '../approvals/contract.ts'
import { openChangeFeed } from '../store/change-feed.ts'
import { openSqliteStore } from '../store/open-sqlite-store.ts'
import type { StateStore } from '../store/store.ts'
import type { Channel, Said } from './contract.ts'
import { createMail } from './mail/create-mail.ts'
import { type Notify, openNotify } from './open-notify.ts'
import { createServiceNow } from './servicenow/create-servicenow.ts'
import { approvalAt } from './testing/approval.ts'
import { type FakeServiceNow, startFakeServiceNow } from './testing/fake-servicenow.ts'
import { startMailServer } from './testing/mail-server.ts'

/** Real deliveries behind a real mail server and a stand-in for ServiceNow, which go down and come back. */
const PASSWORD = ['a', 'pass', 'word'].join('-')
const WAKE = 'what comes with a wake-up, long enough'
const GROUP = 'd'.repeat(32)
let store: StateStore
let clock = 1_800_000_000_000
let errors: Error[] = []
let decided: Said[] = []
const closers: (() => Promise<unknown>)[] = []

beforeEach(async () => {
  await closeAll()
  store = await openSqliteStore(':memory:')
  errors = []
  decided = []
})
after(closeAll)

async function closeAll(): Promise<void> {
  for (const close of closers.splice(0).reverse()) await close()
  await store?.close()
}

interface Gateway {
  readonly notify: Notify
  /** Goes on until it is so. */
  until(isSo: () => boolean): Promise<void>
  stop(): Promise<void>
}

async function gateway(channel: Channel): Promise<Gateway> {
  const feed = await openChangeFeed(store, { now: () => clock, every: 2 ** 31 - 1 })
  const notify = await openNotify({
    ...{ store, feed, every: 0, now: () => clock, base: () => 'https://gateway.test' },
    onError: error => void errors.push(error as Error),
    async decide(_, said) {
      decided.push(said)
      return { done: true, words: 'done', link: null }
    },
    claim: async () => true,
  })
  notify.setChannels([channel])
  const stop = async (): Promise<void> => {
    await notify.close()
    feed.close()
  }
  closers.push(stop)
  return {
    ...{ notify, stop },
    async until(isSo) {
      const deadline = Date.now() + 30_000
      while (!isSo()) {
        assert.ok(Date.now() < deadline, `not so in time: ${errors.map(one => one.cause ?? one).join('; ')}`)
        await feed.catchUp()
        await notify.tick()
        await new Promise(resolve => setTimeout(resolve, 5))
      }
    },
  }
}

async function put(approval: Approval): Promise<void> {
  const { id: key } = approval
  const before = await store.get('approval', key)
  const op =
    before === undefined ? { op: 'create' as const } : { op: 'update' as const, version: before.version }
  await store.commit([{ ...op, kind: 'approval', key, value: approval } as never])
}

const mailTo = (port: number): Channel =>
  createMail({
    ...{ name: 'post', wants: () => true, host: '127.0.0.1', port, security: 'none' },
    ...{ from: 'gateway@corp.test', to: ['bob@corp.test'] },
  })

test('a mail server that is down loses nothing: the newest step is told when it is back, to who knows of none', async () => {
  const server = await startMailServer({ disabledCommands: ['STARTTLS', 'AUTH'] })
  closers.push(server.close)
  server.isDown = true
  const one = await gateway(mailTo(server.port))
  await put(approvalAt('a', clock))
  await one.until(() => errors.length > 0)
  assert.match(`${errors[0]!.cause}`, /could not be sent: [A-Z]+ 421$/)
  await put(approvalAt('a', clock, { state: 'expired', closedAt: clock }))
  await one.stop()
  server.isDown = false
  clock += 600_000
  const two = await gateway(mailTo(server.port))
  await two.until(() => server.mails.length > 0)
  assert.equal(server.mails.length, 1)
  assert.match(server.mails[0]!.raw, /Nobody decided in time/)
})

async function desk(): Promise<[FakeServiceNow, () => Channel, string]> {
  const instance = await startFakeServiceNow({ user: 'sallyport', password: PASSWORD })
  closers.push(instance.close)
  const bob = instance.user('bob').sys_id!
  instance.insert('admin', 'sys_user_grmember', { group: GROUP, user: bob })
  const open = (): Channel =>
    createServiceNow({
      ...{ name: 'desk', wants: () => true, url: instance.url, user: 'sallyport', table: 'u_approval' },
      ...{ credential: { password: PASSWORD }, fields: {}, closedFields: {}, wakeSecret: WAKE },
      decisions: { approverGroup: GROUP },
    })
  return [instance, open, bob]
}

test('an instance that breaks amid the begin is asked again, and has one record and one question', async () => {
  const [instance, open] = await desk()
  const one = await gateway(open())
  instance.failAt = 'POST /api/now/table/sysapproval_approver'
  await put(approvalAt('a', clock))
  await one.until(() => errors.length > 0)
  assert.equal(instance.tables.u_approval!.length, 1)
  instance.failAt = null
  clock += 600_000
  await one.until(() => instance.tables.sysapproval_approver!.length > 0)
  assert.deepEqual([instance.tables.u_approval!.length, instance.tables.sysapproval_approver!.length], [1, 1])
})

test('a wake-up has the record read at once; what it claims is nothing, and a decision counts once', async () => {
  const [instance, open] = await desk()
  const one = await gateway(open())
  await put(approvalAt('a', clock))
  await one.until(() => instance.calls.some(call => call.includes('sys_audit')))
  const [{ sys_id: ticket }] = instance.tables.u_approval as [{ sys_id: string }]
  const [{ sys_id: record }] = instance.tables.sysapproval_approver as [{ sys_id: string }]
  const wake = (notify: Notify, change: string) => {
    const body = Buffer.from(JSON.stringify({ record: ticket, change, state: 'approved', approver: 'bob' }))
    return notify.receive('desk', { headers: { 'sallyport-wake-secret': WAKE }, body }, null)
  }
  const reads = (): number => instance.calls.filter(call => call.includes('sys_journal_field')).length
  const before = reads()
  assert.deepEqual(await wake(one.notify, '1'), { approval: 'a', repeated: false })
  await one.until(() => reads() > before)
  assert.equal(decided.length, 0)
  instance.change('bob', 'sysapproval_approver', record, { state: 'approved' })
  await wake(one.notify, '2')
  await one.until(() => decided.length > 0)
  assert.equal((await wake(one.notify, '2')).repeated, true)
  await one.stop()
  const two = await gateway(open())
  clock += 60_000
  const again = reads()
  await two.until(() => reads() > again)
  await wake(two.notify, '3')
  await two.until(() => reads() > again + 1)
  assert.deepEqual(
    decided.map(said => [said.approval, said.verdict, said.person.name]),
    [['a', 'approve', 'BOB']],
  )
  assert.deepEqual(errors, [])
})
