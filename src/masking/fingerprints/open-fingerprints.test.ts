import assert from 'node:assert/strict'
import { createSecretKey, randomBytes } from 'node:crypto'
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { openChangeFeed } from '../../store/change-feed.ts'
import { openSqliteStore } from '../../store/open-sqlite-store.ts'
import { type StateStore, StoreUnavailable } from '../../store/store.ts'
import type { MaskRule } from '../contract.ts'
import { isWorthRemembering } from './is-worth-remembering.ts'
import { FINGERPRINTS, openFingerprints, type SharedFingerprints } from './open-fingerprints.ts'

const rule: MaskRule = { name: 'fingerprint', action: 'mask', first: 0, last: 0, keep: 'raw', learn: false }
const key = createSecretKey(randomBytes(32))
const random = (): string => {
  const value = randomBytes(24).toString('base64url')
  return isWorthRemembering(value) ? value : random()
}
const directory = mkdtempSync(join(tmpdir(), 'sallyport-fingerprints-'))
const closers: (() => unknown)[] = []
after(async () => {
  for (const close of closers.reverse()) await close()
  rmSync(directory, { recursive: true })
})

interface Gateway {
  readonly fingerprints: SharedFingerprints
  readonly errors: unknown[]
  catchUp(): Promise<void>
  stop(): Promise<void>
}

async function start(store: StateStore, capacity?: number): Promise<Gateway> {
  const errors: unknown[] = []
  const feed = await openChangeFeed(store, { every: 2 ** 31 - 1 })
  const fingerprints = await openFingerprints({
    store,
    feed,
    key,
    rule,
    every: 0,
    onError: error => errors.push(error),
    ...(capacity === undefined ? {} : { capacity }),
  })
  const stop = async () => {
    await fingerprints.close()
    feed.close()
  }
  return { fingerprints, errors, catchUp: () => feed.catchUp(), stop }
}

async function newStore(file = ':memory:'): Promise<StateStore> {
  const store = await openSqliteStore(file)
  closers.push(() => store.close())
  return store
}
const isKnown = ({ fingerprints }: Gateway, value: string) => fingerprints.match(value) !== undefined

test('what one gateway learned another knows, and both still do after a restart', async () => {
  const store = await newStore()
  const [a, b] = await Promise.all([start(store), start(store)])
  const [mine, yours] = [random(), random()]
  a.fingerprints.learn(mine, rule, 'prod/a')
  b.fingerprints.learn(yours, rule, 'prod/b')
  assert.ok(isKnown(a, mine), 'in force at once, before anything is stored')
  await Promise.all([a.fingerprints.flush(), b.fingerprints.flush()])
  await Promise.all([a.catchUp(), b.catchUp()])
  for (const gateway of [a, b]) for (const value of [mine, yours]) assert.ok(isKnown(gateway, value))
  await a.stop()
  await b.stop()
  const again = await start(store)
  for (const value of [mine, yours]) assert.ok(isKnown(again, value))
  assert.equal(again.fingerprints.size, 2)
  await again.stop()
})

test('what was learned last is stored when the gateway stops', async () => {
  const store = await newStore()
  const gateway = await start(store)
  const value = random()
  gateway.fingerprints.learn(value, rule)
  await gateway.stop()
  const again = await start(store)
  assert.ok(isKnown(again, value))
  await again.stop()
})

test('no value and no digest without the key is in the files of the store', async () => {
  const folder = mkdtempSync(join(directory, 'store-'))
  const store = await newStore(join(folder, 'state.sqlite'))
  const gateway = await start(store)
  const values = Array.from({ length: 50 }, random)
  for (const value of values) gateway.fingerprints.learn(value, rule)
  await gateway.stop()
  const files = readdirSync(folder).map(name => readFileSync(join(folder, name)))
  assert.ok(files.some(file => file.includes(FINGERPRINTS)))
  for (const value of values) {
    const bytes = Buffer.from(value)
    for (const form of [value, bytes.toString('base64'), bytes.toString('hex'), value.slice(0, 8)]) {
      for (const file of files) assert.equal(file.includes(form), false)
    }
  }
})

test('many small batches become few, with nothing lost, also when two gateways tidy at once', async () => {
  const store = await newStore()
  const [a, b] = await Promise.all([start(store), start(store)])
  const values: string[] = []
  for (let i = 0; i < 40; i += 1) {
    values.push(random(), random())
    a.fingerprints.learn(values.at(-1)!, rule)
    b.fingerprints.learn(values.at(-2)!, rule)
    await Promise.all([a.fingerprints.flush(), b.fingerprints.flush()])
    await Promise.all([a.catchUp(), b.catchUp()])
  }
  assert.ok((await store.list(FINGERPRINTS)).length < 40)
  const again = await start(store)
  for (const gateway of [a, b, again]) for (const value of values) assert.ok(isKnown(gateway, value))
  for (const gateway of [a, b, again]) {
    assert.deepEqual(gateway.errors, [])
    await gateway.stop()
  }
})

test('what is pushed out leaves the store too', async () => {
  const store = await newStore()
  const gateway = await start(store, 100)
  for (let i = 0; i < 1_000; i += 1) {
    gateway.fingerprints.learn(random(), rule, `prod/${i % 2}`)
    if (i % 10 === 0) {
      await gateway.fingerprints.flush()
      await gateway.catchUp()
    }
  }
  await gateway.fingerprints.flush()
  const stored = await store.list<{ fingerprints: string }>(FINGERPRINTS)
  const bytes = stored.reduce((sum, { value }) => sum + Buffer.from(value.fingerprints, 'base64').length, 0)
  assert.ok(bytes / 26 <= 150, `${bytes / 26} fingerprints are stored for 100`)
  const again = await start(store, 100)
  assert.equal(again.fingerprints.size, 100)
  await again.stop()
  await gateway.stop()
})

test('while the store is away values are learned all the same, and stored when it is back', async () => {
  const store = await newStore()
  let isAway = true
  const shaky: StateStore = {
    ...store,
    commit: changes => (isAway ? Promise.reject(new StoreUnavailable('test')) : store.commit(changes)),
  }
  const gateway = await start(shaky)
  const value = random()
  gateway.fingerprints.learn(value, rule)
  await assert.rejects(gateway.fingerprints.flush(), StoreUnavailable)
  assert.ok(isKnown(gateway, value))
  isAway = false
  await gateway.stop()
  const again = await start(store)
  assert.ok(isKnown(again, value))
  await again.stop()
})

test('a record that is no batch is told, and the others count', async () => {
  const store = await newStore()
  const first = await start(store)
  const value = random()
  first.fingerprints.learn(value, rule)
  await first.stop()
  const wrong = [
    null,
    7,
    {},
    { v: 1, fingerprints: 'AAAA' },
    { v: 1, fingerprints: 'x'.repeat(104) },
    { v: 2 },
  ]
  for (const [i, value] of wrong.entries()) {
    await store.commit([{ op: 'create', kind: FINGERPRINTS, key: `0-${i}`, value: value ?? false }])
  }
  const again = await start(store)
  assert.ok(isKnown(again, value))
  assert.equal(again.errors.length, wrong.length)
  await again.stop()
})
