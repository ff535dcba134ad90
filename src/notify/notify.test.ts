import assert from 'node:assert/strict'
import { after, beforeEach, test } from 'node:test'
import type { Approval } from '../approvals/contract.ts'
import { Refusal } from '../errors/refusal.ts'
import { type ChangeFeed, openChangeFeed } from '../store/change-feed.ts'
import { openSqliteStore } from '../store/open-sqlite-store.ts'
import type { StateStore } from '../store/store.ts'
import type { Answered, Channel, Polled, Received, Said } from './contract.ts'
import { pauseAfter } from './deliveries.ts'
import { type Notify, openNotify } from './open-notify.ts'
import { approvalAt } from './testing/approval.ts'

let store: StateStore
let clock = 1_800_000_000_000
let errors: unknown[] = []
const claims: string[] = []
let decide: (channel: Channel, said: Said) => Promise<Answered>
const closers: (() => Promise<unknown>)[] = []

beforeEach(async () => {
  await closeAll()
  store = await openSqliteStore(':memory:')
  errors = []
  claims.length = 0
  decide = async () => ({ done: true, words: 'done', link: null })
})
after(closeAll)

async function closeAll(): Promise<void> {
  for (const close of closers.splice(0).reverse()) await close()
  await store?.close()
}

interface Gateway {
  readonly notify: Notify
  readonly feed: ChangeFeed
  /** Until all that is to be done now is done. */
  settle(): Promise<void>
}

async function gateway(channels: readonly Channel[]): Promise<Gateway> {
  const feed = await openChangeFeed(store, { now: () => clock, every: 2 ** 31 - 1 })
  const notify = await openNotify({
    ...{ store, feed, every: 0 },
    now: () => clock,
    base: () => 'https://gateway.test:8443',
    onError: error => void errors.push(error),
    decide: (channel, said) => decide(channel, said),
    async claim(channel, code, person) {
      claims.push(`${channel} ${code} ${person.id}`)
      return true
    },
  })
  notify.setChannels(channels)
  closers.push(async () => {
    await notify.close()
    feed.close()
  })
  return {
    ...{ notify, feed },
    async settle() {
      for (let i = 0; i < 12; i++) {
        await feed.catchUp()
        await notify.tick()
        await new Promise(resolve => setImmediate(resolve))
      }
    },
  }
}

interface Fake extends Channel {
  readonly said: string[]
  isDown: boolean
}

function fake(name: string, more: Partial<Channel> = {}): Fake {
  const said: string[] = []
  const channel: Fake = {
    ...{ name, said, isDown: false },
    wants: () => true,
    async create(_, key) {
      if (channel.isDown) throw new Error('down')
      said.push(`create ${key}`)
      return `made-${key}`
    },
    async update(reference, _, key) {
      if (channel.isDown) throw new Error('down')
      said.push(`update ${key} of ${reference}`)
    },
    async close(reference, _, key) {
      if (channel.isDown) throw new Error('down')
      said.push(`close ${key} of ${reference}`)
    },
    end: async () => {},
    ...more,
  }
  return channel
}

async function put(approval: Approval): Promise<void> {
  const { id: key } = approval
  const before = await store.get('approval', key)
  const change =
    before === undefined ? { op: 'create' as const } : { op: 'update' as const, version: before.version }
  await store.commit([{ ...change, kind: 'approval', key, value: approval } as never])
}

const deny: Partial<Approval> = {
  state: 'denied',
  decisions: [
    {
      by: { issuer: 'https://issuer.test', subject: 'b', username: 'corp:bob' },
      ...{ quorums: [0], verdict: 'deny', reason: 'no', at: clock, via: 'page', unread: false },
    },
  ],
}

test('each step of an approval is told once, and the end with the reference of the beginning', async () => {
  const chat = fake('chat')
  const one = await gateway([chat])
  await put(approvalAt('a', clock))
  await one.settle()
  await one.settle()
  await put(approvalAt('a', clock, { callCount: 2 }))
  await one.settle()
  await put(approvalAt('a', clock, { ...deny, closedAt: clock }))
  await one.settle()
  assert.deepEqual(chat.said, ['create a.pending.0', 'close a.denied.1 of made-a.pending.0'])
  assert.deepEqual(errors, [])
})

test('a channel that is down loses nothing and stops no other; it is tried ever more seldom', async () => {
  const [down, up] = [fake('down'), fake('up')]
  down.isDown = true
  const one = await gateway([down, up])
  await put(approvalAt('a', clock))
  await put(approvalAt('b', clock))
  await one.settle()
  assert.equal(up.said.length, 2)
  assert.equal(down.said.length, 0)
  const failures = errors.length
  assert.ok(failures >= 2)
  await one.settle()
  assert.equal(errors.length, failures, 'it was tried again without a pause')
  await put(approvalAt('a', clock, { ...deny, closedAt: clock }))
  down.isDown = false
  clock += 600_000
  await one.settle()
  // What is over by now is told as it is, in one message.
  assert.deepEqual([...down.said].sort(), ['create a.denied.1', 'create b.pending.0'])
})

test('what one gateway could not tell another tells, also when the approval is forgotten meanwhile', async () => {
  const broken = fake('chat')
  broken.isDown = true
  const first = await gateway([broken])
  await put(approvalAt('a', clock, { ...deny, closedAt: clock }))
  await first.settle()
  const stored = await store.get('approval', 'a')
  await store.commit([{ op: 'delete', kind: 'approval', key: 'a', version: stored!.version }])
  await first.notify.close()
  const chat = fake('chat')
  const second = await gateway([chat])
  clock += 3_600_000
  await second.settle()
  assert.deepEqual(chat.said, ['create a.denied.1'])
})

test('two gateways tell a thing once', async () => {
  const [here, there] = [fake('chat'), fake('chat')]
  const [one, two] = [await gateway([here]), await gateway([there])]
  for (let i = 0; i < 20; i++) await put(approvalAt(`n-${i}`, clock))
  await Promise.all([one.settle(), two.settle()])
  await Promise.all([one.settle(), two.settle()])
  const said = [...here.said, ...there.said]
  assert.equal(new Set(said).size, 20)
  assert.equal(said.length, 20)
})

test('a channel is told only of what it wants, and a new one not of what was over long before', async () => {
  const picky = fake('picky', { wants: message => message.rules.includes('other/rule') })
  const other = fake('other')
  await put(approvalAt('old', clock - 7_200_000, { ...deny, closedAt: clock - 3_500_000 }))
  await put(approvalAt('now', clock))
  const one = await gateway([picky, other])
  await one.settle()
  assert.deepEqual(picky.said, [])
  assert.deepEqual(other.said, ['create now.pending.0'])
})

test('who asks to be told again is told again, once for each request', async () => {
  let number = 0
  const hook = fake('hook', {
    receive: ({ body }) => ({ kind: 'wake', approval: Buffer.from(body).toString(), once: `${number}` }),
  })
  const one = await gateway([hook, fake('deaf')])
  await put(approvalAt('a', clock))
  await one.settle()
  const incoming = { headers: {}, body: Buffer.from('a') }
  assert.deepEqual(await one.notify.receive('hook', incoming, null), { approval: 'a', repeated: false })
  await one.settle()
  assert.deepEqual(await one.notify.receive('hook', incoming, null), { approval: 'a', repeated: true })
  await one.settle()
  assert.deepEqual(hook.said, ['create a.pending.0', 'update a.pending.0 of made-a.pending.0'])
  number += 1
  assert.equal((await one.notify.receive('hook', incoming, null)).repeated, false)
  for (const name of ['deaf', 'absent']) {
    await assert.rejects(
      one.notify.receive(name, incoming, null),
      (error: unknown) => error instanceof Refusal && error.code === 'resource-unknown',
    )
  }
})

test('what was told is forgotten in time, and is not told anew', async () => {
  const chat = fake('chat')
  const one = await gateway([chat])
  await put(approvalAt('a', clock, { ...deny, closedAt: clock }))
  await one.settle()
  assert.equal((await store.list('notify.delivery')).length, 1)
  clock += 8_000_000
  await one.settle()
  assert.equal((await store.list('notify.delivery')).length, 0)
  await one.settle()
  assert.deepEqual(chat.said, ['create a.denied.1'])
})

test('pauses double up to five minutes', () => {
  assert.deepEqual(
    [1, 2, 3, 9, 10, 100].map(attempts => pauseAfter(attempts, 0.5)),
    [1_000, 2_000, 4_000, 256_000, 300_000, 300_000],
  )
})

test('a store that fails for a while loses nothing', async () => {
  const chat = fake('chat')
  const one = await gateway([chat])
  const { commit } = store
  store.commit = () => Promise.reject(new Error('the disk is gone'))
  for (const id of ['a', 'b', 'c']) {
    const [record] = await commit.call(store, [
      { op: 'create', kind: 'approval', key: id, value: approvalAt(id, clock) },
    ])
    assert.ok(record)
  }
  await one.feed.catchUp()
  await assert.rejects(one.notify.tick())
  store.commit = commit
  await one.settle()
  assert.deepEqual([...chat.said].sort(), ['create a.pending.0', 'create b.pending.0', 'create c.pending.0'])
})

const said: Said = {
  ...{ kind: 'said', approval: 'a', verdict: 'approve', reason: null, shown: '47.0' },
  person: { id: 'fake/1', name: 'bob' },
}
const incoming = { headers: {}, body: Buffer.from('') }

function talking(got: () => Received, more: Partial<Channel> = {}): Fake & { readonly told: string[] } {
  const told: string[] = []
  const reply = async (to: Said, { words }: Answered) => void told.push(`${to.person.id}: ${words}`)
  return Object.assign(fake('chat', { receive: got, reply, ...more }), { told })
}

test('what a person says is decided once and answered in private, however often it is sent', async () => {
  const decided: Said[] = []
  decide = async (_, what) => {
    decided.push(what)
    return { done: true, words: 'You approved this.', link: null }
  }
  const chat = talking(() => ({ ...said, once: 'body', ack: { status: 200, type: 'text/plain', body: '' } }))
  const one = await gateway([chat])
  const two = await gateway([chat])
  await put(approvalAt('a', clock))
  await one.settle()
  await two.settle()
  const first = await one.notify.receive('chat', incoming, null)
  assert.deepEqual(first, {
    ack: { status: 200, type: 'text/plain', body: '' },
    approval: 'a',
    repeated: false,
  })
  for (const other of [one, two]) {
    assert.equal((await other.notify.receive('chat', incoming, null)).repeated, true)
  }
  assert.equal(decided.length, 1)
  assert.deepEqual(chat.told, ['fake/1: You approved this.'])
})

test('a channel cannot decide on what it was never told of', async () => {
  decide = async () => assert.fail('decided')
  const chat = talking(() => ({ ...said, once: 'x' }), { wants: () => false })
  const one = await gateway([chat])
  await put(approvalAt('a', clock))
  await one.settle()
  await one.notify.receive('chat', incoming, null)
  assert.match(chat.told.join(), /^fake\/1: There is no such approval here/)
})

test('what could not be done for a fault of ours may come again, and the person is told', async () => {
  let isBroken = true
  decide = async () => {
    if (isBroken) throw new Refusal('audit-unavailable')
    return { done: true, words: 'done', link: null }
  }
  const chat = talking(() => ({ ...said, once: 'x' }))
  const one = await gateway([chat])
  await put(approvalAt('a', clock))
  await one.settle()
  await assert.rejects(one.notify.receive('chat', incoming, null), { code: 'audit-unavailable' })
  assert.match(chat.told.splice(0).join(), /Nothing is decided; please try again/)
  isBroken = false
  assert.equal((await one.notify.receive('chat', incoming, null)).repeated, false)
  assert.deepEqual(chat.told, ['fake/1: done'])
})

test('a chat hears within three seconds that it was heard, also when the decision takes longer', async context => {
  context.mock.timers.enable({ apis: ['setTimeout'] })
  let release: () => void = () => {}
  decide = () =>
    new Promise(resolve => {
      release = () => resolve({ done: true, words: 'late but done', link: null })
    })
  const chat = talking(() => ({ ...said, once: 'x', ack: { status: 200, type: 'text/plain', body: '' } }))
  const one = await gateway([chat])
  await put(approvalAt('a', clock))
  await one.settle()
  const heard = one.notify.receive('chat', incoming, null)
  for (let i = 0; i < 50; i++) await new Promise(resolve => setImmediate(resolve))
  context.mock.timers.tick(2_500)
  assert.equal((await heard).ack?.status, 200)
  assert.deepEqual(chat.told, [])
  release()
  for (let i = 0; i < 50; i++) await new Promise(resolve => setImmediate(resolve))
  assert.deepEqual(chat.told, ['fake/1: late but done'])
})

test('a form between the channel and its person is shown once', async () => {
  let shown = 0
  const chat = talking(() => ({ kind: 'aside', once: 'x', run: async () => void shown++ }))
  const one = await gateway([chat])
  assert.equal((await one.notify.receive('chat', incoming, null)).repeated, false)
  assert.equal((await one.notify.receive('chat', incoming, null)).repeated, true)
  assert.equal(shown, 1)
})

test('a channel that proves nothing is read: by one gateway, while it waits, and each thing counts once', async () => {
  const decided: string[] = []
  decide = async (_, what) => {
    decided.push(what.person.id)
    return { done: true, words: 'done', link: null }
  }
  let history: Polled[] = []
  let reads = 0
  const tracker = fake('tracker', {
    async poll(reference) {
      assert.equal(reference, 'made-a.pending.0')
      reads += 1
      return history
    },
  })
  const [one, two] = [await gateway([tracker]), await gateway([tracker])]
  await put(approvalAt('a', clock))
  await one.settle()
  await two.settle()
  assert.equal(reads, 1)
  history = [
    { ...said, once: 'event-1' },
    { kind: 'claim', code: 'link-x', once: 'event-2', person: { id: 'tracker/9', name: 'dave' } },
  ]
  for (let i = 0; i < 3; i++) {
    clock += 16_000
    await one.settle()
    await two.settle()
  }
  assert.equal(reads, 4)
  assert.deepEqual(decided, ['fake/1'])
  assert.deepEqual(claims, ['tracker link-x tracker/9'])
  await put(approvalAt('a', clock, { ...deny, closedAt: clock }))
  await one.settle()
  clock += 16_000
  await one.settle()
  assert.equal(reads, 4, 'it was read after its end')
})

test('a channel that can tell nobody in private says for all to read why something does not count, once', async () => {
  const words = 'Sallyport does not know who this account is.'
  const link = 'https://gateway.test/approvals/links'
  let isDone = false
  decide = async () => (isDone ? { done: true, words: 'done', link: null } : { done: false, words, link })
  let history: Polled[] = []
  const told: string[] = []
  const tracker = fake('tracker', {
    poll: async () => history,
    async answer(reference, { person }, answer, key) {
      assert.match(key, /^[0-9a-f]{64}$|^[A-Za-z0-9_-]{43}$/)
      told.push(`${reference} ${person.id} ${answer.words} ${answer.link}`)
    },
  })
  const [one, two] = [await gateway([tracker]), await gateway([tracker])]
  await put(approvalAt('a', clock))
  await one.settle()
  const say = async (more: Partial<Polled>): Promise<void> => {
    history = [...history, { ...said, once: `event-${history.length}`, ...more } as Polled]
    clock += 16_000
    await one.settle()
    await two.settle()
  }
  await say({})
  await say({})
  await say({ person: { id: 'fake/2', name: 'two' } })
  isDone = true
  await say({})
  const expected = ['fake/1', 'fake/2'].map(id => `made-a.pending.0 ${id} ${words} ${link}`)
  assert.deepEqual(told, expected)
})

test('who only wakes a channel that is read makes it read at once, by any gateway', async () => {
  let reads = 0
  let number = 0
  const tracker = fake('tracker', {
    receive: () => ({ kind: 'wake', reference: 'made-a.pending.0', once: `${number}` }),
    async poll() {
      reads += 1
      return []
    },
  })
  const [one, two] = [await gateway([tracker]), await gateway([tracker])]
  await put(approvalAt('a', clock))
  await one.settle()
  await two.settle()
  assert.equal(reads, 1)
  for (const each of [one, two]) {
    number += 1
    assert.deepEqual(await each.notify.receive('tracker', incoming, null), { approval: 'a', repeated: false })
    await each.settle()
  }
  assert.equal(reads, 3)
  assert.equal(tracker.said.length, 1, 'a wake-up made it tell something')
})

test('a wake-up amid a reading makes another one, because it may be about something younger', async () => {
  let number = 0
  let reads = 0
  const reading: (() => void)[] = []
  const tracker = fake('tracker', {
    receive: () => ({ kind: 'wake', reference: 'made-a.pending.0', once: `${++number}` }),
    async poll() {
      reads += 1
      await new Promise<void>(resolve => reading.push(resolve))
      return []
    },
  })
  const one = await gateway([tracker])
  await put(approvalAt('a', clock))
  await one.settle()
  for (let i = 0; i < 3; i++) await one.notify.receive('tracker', incoming, null)
  await one.settle()
  assert.equal(reads, 1)
  reading.shift()!()
  await one.settle()
  assert.equal(reads, 2)
  reading.shift()!()
  await one.settle()
  assert.equal(reads, 2)
})

test('a channel that cannot be read is tried ever more seldom, and loses nothing', async () => {
  let isDown = true
  let reads = 0
  const decided: string[] = []
  decide = async (_, what) => {
    decided.push(what.verdict)
    return { done: true, words: '', link: null }
  }
  const tracker = fake('tracker', {
    async poll() {
      reads += 1
      if (isDown) throw new Error('down')
      return [{ ...said, once: 'event-1' }]
    },
  })
  const one = await gateway([tracker])
  await put(approvalAt('a', clock))
  for (let i = 0; i < 40; i++) {
    await one.settle()
    clock += 16_000
  }
  assert.ok(reads > 3 && reads < 25, `${reads} times`)
  assert.ok(errors.length >= 3)
  isDown = false
  clock += 400_000
  await one.settle()
  assert.deepEqual(decided, ['approve'])
})
