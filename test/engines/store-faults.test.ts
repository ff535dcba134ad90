/** What the store does when PostgreSQL is slow, gone, cut off in mid-commit, or not for us. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { openClient, type pg } from '../../src/postgres/connect.ts'
import { type PostgresSettings, parsePostgresUrl } from '../../src/postgres/settings.ts'
import { claimOrigin } from '../../src/store/log-origin.ts'
import { openPostgresStore } from '../../src/store/postgres/open-postgres-store.ts'
import { type StateStore, StoreCompacted, StoreConflict, StoreUnavailable } from '../../src/store/store.ts'
import { type PostgresServer, startPostgres } from '../../testbed/postgres/start-postgres.ts'

let server: PostgresServer
let operator: pg.Client
before(async () => {
  server = await startPostgres({ fsync: true })
  operator = await openClient(of('public'), 'operator')
})
after(async () => {
  // Its connection ends with the server.
  await server?.stop()
})

const of = (schema: string): PostgresSettings =>
  parsePostgresUrl(`${server.url}?schema=${schema}`, server.password)
const create = (key: string) => [{ op: 'create', kind: 'k', key, value: 1 }] as const
const unavailable = (effect: 'none' | 'unknown') => (error: unknown) =>
  error instanceof StoreUnavailable && error.effect === effect

async function eventually(what: string, holds: () => Promise<boolean>): Promise<void> {
  const deadline = Date.now() + 30_000
  while (!(await holds().catch(() => false))) {
    if (Date.now() > deadline) throw new Error(`not in time: ${what}`)
    await new Promise(resolve => setTimeout(resolve, 10))
  }
}

/** Holds what every commit needs, until it is told to let go. */
async function lockCounters(schema: string): Promise<() => Promise<void>> {
  const holder = await openClient(of(schema), 'holder')
  await holder.query('BEGIN')
  await holder.query("SET LOCAL idle_in_transaction_session_timeout = '60s'")
  await holder.query(`SELECT 1 FROM ${schema}.counters FOR UPDATE`)
  return async () => {
    await holder.query('ROLLBACK')
    await holder.end()
  }
}

async function waitingCommit(): Promise<number> {
  let pid = 0
  await eventually('a commit waits', async () => {
    const { rows } = await operator.query(
      "SELECT pid FROM pg_stat_activity WHERE application_name = 'sallyport-commit' AND wait_event_type = 'Lock'",
    )
    pid = rows[0]?.pid ?? 0
    return pid !== 0
  })
  return pid
}

test('a follower misses no revision, however the commits of several gateways cross', async () => {
  const stores = await Promise.all([1, 2, 3].map(() => openPostgresStore(of('crossing'))))
  const seen: number[] = []
  let newest = 0
  let writing = true
  const follower = (async () => {
    for (;;) {
      const last = !writing
      const page = await stores[0]!.changesSince(newest, 50)
      for (const record of page) {
        seen.push(record.revision)
        newest = record.revision
      }
      if (last && page.length === 0) return
    }
  })()
  await Promise.all(
    stores.flatMap((store, number) =>
      [0, 1, 2].map(async writer => {
        for (let n = 0; n < 40; n += 1) await store.commit(create(`${number}-${writer}-${n}`))
      }),
    ),
  )
  writing = false
  await follower
  assert.deepEqual(
    seen,
    Array.from({ length: 360 }, (_, at) => at + 1),
  )
  await Promise.all(stores.map(store => store.close()))
})

test('a slow server: the commit is given up in time, and known not to have happened', async () => {
  const store = await openPostgresStore(of('slow'), { limits: { connect: 5_000, statement: 300 } })
  const release = await lockCounters('slow')
  const began = Date.now()
  await assert.rejects(store.commit(create('x')), unavailable('none'))
  assert.ok(Date.now() - began < 5_000)
  await release()
  assert.equal(await store.get('k', 'x'), undefined)
  await store.commit(create('x'))
  await store.close()
})

test('a connection that is cut in mid-commit: the outcome is said to be unknown, and the next commit goes through', async () => {
  const store = await openPostgresStore(of('cut'))
  const release = await lockCounters('cut')
  const cut = assert.rejects(store.commit(create('x')), (error: unknown) => {
    assert.ok(unavailable('unknown')(error))
    return /not known/.test((error as Error).message)
  })
  await waitingCommit().then(pid => operator.query('SELECT pg_terminate_backend($1)', [pid]))
  await cut
  await release()
  await store.commit(create('y'))
  assert.equal((await store.list('k')).length, 1)
  await store.close()
})

test('a server that crashes and comes back: what was acknowledged is there, changes are heard again', {
  timeout: 120_000,
}, async () => {
  const problems: (string | null)[] = []
  const store = await openPostgresStore(of('crash'), { onListener: problem => problems.push(problem) })
  const other = await openPostgresStore(of('crash'))
  let heard = 0
  store.onChange!(() => {
    heard += 1
  })
  const acknowledged: string[] = []
  const write = async () => {
    for (let n = 0; ; n += 1) {
      await store.commit(create(`k${n}`))
      acknowledged.push(`k${n}`)
    }
  }
  const cut = assert.rejects(write(), StoreUnavailable)
  await eventually('some commits', async () => acknowledged.length > 50)
  await server.halt('immediate')
  await cut
  await assert.rejects(store.commit(create('while-away')), unavailable('none'))
  await assert.rejects(store.get('k', 'k0'), StoreUnavailable)
  assert.ok(problems.length > 0 && problems[0] !== null)
  await server.start()
  operator = await openClient(of('public'), 'operator')
  const found = new Set((await store.list('k', { limit: 10_000 })).map(record => record.key))
  for (const key of acknowledged) assert.ok(found.has(key), `${key} was acknowledged`)
  assert.equal(found.has('while-away'), false)
  await eventually('it listens again', async () => problems.at(-1) === null)
  const before = heard
  await other.commit(create('after'))
  await eventually('the change is heard', async () => heard > before)
  await Promise.all([store.close(), other.close()])
})

test('deletions are forgotten after an hour, and a follower that was away is told', async () => {
  const store = await openPostgresStore(of('forgetting'))
  await store.commit(create('x'))
  await store.commit([{ op: 'delete', kind: 'k', key: 'x', version: 1 }])
  await operator.query('UPDATE forgetting.records SET changed_at = changed_at - 3600001')
  await (await openPostgresStore(of('forgetting'))).close()
  await assert.rejects(store.changesSince(1), StoreCompacted)
  assert.deepEqual(await store.changesSince(0), [])
  assert.deepEqual(await store.changesSince(2), [])
  await store.close()
})

test('refuses a newer format, a schema of another program, a standby or a user without rights', async () => {
  await (await openPostgresStore(of('newer'))).close()
  await operator.query("UPDATE newer.formats SET version = 99 WHERE part = 'store'")
  await assert.rejects(openPostgresStore(of('newer')), /use a newer one/)
  await operator.query('CREATE SCHEMA theirs; CREATE TABLE theirs.things (x int)')
  await assert.rejects(openPostgresStore(of('theirs')), /used by another program/)
  await operator.query("CREATE ROLE weak LOGIN PASSWORD 'weak'")
  const weak = parsePostgresUrl(server.url.replace('postgres@', 'weak@'), 'weak')
  await assert.rejects(openPostgresStore(weak), /permission denied/)
  await operator.query("CREATE DATABASE latin ENCODING 'SQL_ASCII' TEMPLATE template0")
  await assert.rejects(
    openPostgresStore(parsePostgresUrl(server.url.replace(/postgres$/, 'latin'), server.password)),
    /must be UTF8/,
  )
})

test('several gateways that start at once make the schema once', async () => {
  const stores = await Promise.all([1, 2, 3, 4].map(() => openPostgresStore(of('together'))))
  const results = await Promise.allSettled(stores.map(store => store.commit(create('once'))))
  assert.equal(results.filter(result => result.status === 'fulfilled').length, 1)
  for (const result of results) {
    if (result.status === 'rejected') assert.ok(result.reason instanceof StoreConflict)
  }
  await Promise.all(stores.map(store => store.close()))
})

test('one origin has one log: the second with another key is refused', async () => {
  const store: StateStore = await openPostgresStore(of('origins'))
  await claimOrigin(store, 'a/log', 'key one')
  await claimOrigin(store, 'a/log', 'key one')
  await claimOrigin(store, 'b/log', 'key two')
  await assert.rejects(claimOrigin(store, 'a/log', 'key two'), /another key/)
  await store.close()
})
