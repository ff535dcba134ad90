import assert from 'node:assert/strict'
import { readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { describe, test } from 'node:test'
import type { OpenAuditLog } from '../log/contract.ts'
import { openAuditLog } from '../open.ts'
import type { AuditIndex, AuditRow } from '../search/contract.ts'
import { body, callId, frame, intent, outcome, recordCall, scratch } from '../testing/calls.ts'
import { indexContract } from './index-contract.ts'
import { openAuditIndex } from './open-index.ts'
import { rebuildIndex } from './rebuild.ts'

const ORIGIN = 'sallyport.example/log'

async function opened(
  t: { after(clean: () => unknown): unknown },
  existing?: string,
): Promise<{ log: OpenAuditLog; index: AuditIndex; dataDir: string; close: () => Promise<void> }> {
  let remove = () => {}
  const dataDir = existing ?? scratch({ after: clean => (remove = clean) })
  const log = await openAuditLog({ dataDir, origin: ORIGIN, checkpointInterval: 20 })
  const index = openAuditIndex(log, { restartAfter: 20 })
  const close = async () => {
    await index.close()
    await log.close()
  }
  t.after(async () => {
    await close()
    remove()
  })
  return { log, index, dataDir, close }
}

indexContract('SQLite', () => ({}))

describe('show', () => {
  test('a sealed body is neither shown nor indexed, live or rebuilt, nor is any of it in the file', async t => {
    const { log, index, dataDir, close } = await opened(t)
    await log.append(intent(1, { request: body('{"data":"canary-request"}', 'sealed') }))
    await log.append(frame(1, body('canary-shown-frame')))
    await log.append(frame(1, body('canary-sealed-frame', 'sealed')))
    await log.append(outcome(1, { response: body('canary-outcome', 'sealed') }))
    const sealedWords = ['canary-request', 'canary-sealed-frame', 'canary-outcome']
    const look = async (one: AuditIndex) => {
      for (const text of sealedWords) assert.deepEqual((await one.search({ limit: 5, text })).items, [])
      assert.equal((await one.search({ limit: 5, text: 'canary-shown' })).items.length, 1)
      const { bodies } = (await one.show(callId(1)))!
      assert.deepEqual(bodies, [
        { side: 'request', mediaType: '', bytes: 25, sealed: true },
        { side: 'response', mediaType: '', bytes: 51, sealed: true },
      ])
    }
    await index.caughtUp(log.size)
    await look(index)
    await index.rebuild()
    await look(index)
    await close()
    for (const end of ['', '-wal']) {
      const bytes = readIfThere(join(dataDir, `index.sqlite${end}`))
      for (const word of ['request', 'sealed', 'outcome']) {
        // FTS5 stores words with their common beginning left out, so the rarest part is looked for.
        assert.equal(bytes.includes(`canary-${word}`), false)
      }
    }
    assert.equal(statSync(join(dataDir, 'index.sqlite')).mode & 0o077, 0)
    assert.equal(vocabulary(dataDir).includes('canary'), true)
    for (const term of ['request', 'data']) assert.equal(vocabulary(dataDir).includes(term), false, term)
  })
})

describe('the index', () => {
  test('made anew it gives the same rows, from a running log and from a stopped one', async t => {
    const { log, index, dataDir, close } = await opened(t)
    for (let number = 0; number < 300; number += 1) {
      await recordCall(log, number, {
        name: `n${number}`,
        session: `s-${number % 7}`,
        response: body(`word${number}`),
      })
    }
    await log.append(intent(900))
    await index.caughtUp(log.size)
    const all = async (one: AuditIndex) => {
      const rows: AuditRow[] = []
      for (let after: string | undefined; ; ) {
        const page = await one.search({ limit: 100, ...(after === undefined ? {} : { after }) })
        rows.push(...page.items)
        after = page.next
        if (after === undefined) return rows
      }
    }
    const live = await all(index)
    assert.ok(live.length > 300)
    await index.rebuild()
    assert.deepEqual(await all(index), live)
    await close()
    const dumped = dump(dataDir)
    assert.equal(await rebuildIndex(dataDir), log.size)
    const again = dump(dataDir)
    // The stopped log ends with entries that the running index had not heard of when it was closed.
    for (const [table, rows] of Object.entries(dumped))
      assert.deepEqual(again[table]!.slice(0, rows.length), rows)
  })

  test('catches up after a start without it, and after more than it could hold', async t => {
    const { log, dataDir, close, index } = await opened(t)
    await index.close()
    for (let number = 0; number < 300; number += 1) await recordCall(log, number)
    const late = openAuditIndex(log, { backlogBytes: 1 })
    t.after(() => late.close())
    await Promise.all(Array.from({ length: 300 }, (_, at) => recordCall(log, 1000 + at, { name: 'burst' })))
    await log.publish()
    await late.caughtUp(log.size)
    const found = await late.search({ limit: 500, name: 'burst' })
    assert.equal(found.items.length, 300)
    assert.deepEqual(late.status(), { state: 'ready', lag: 0 })
    await late.close()
    await close()
    const database = new DatabaseSync(join(dataDir, 'index.sqlite'), { readOnly: true })
    const { n } = database.prepare('SELECT count(*) AS n FROM entries').get() as { n: number }
    database.close()
    assert.ok(n >= 1201)
  })

  test('a worthless file is replaced, and the log never notices', async t => {
    const { log, dataDir, index } = await opened(t)
    await recordCall(log, 1)
    await index.caughtUp(log.size)
    await index.close()
    writeFileSync(join(dataDir, 'index.sqlite'), Buffer.alloc(100_000, 'garbage '))
    const second = openAuditIndex(log, { restartAfter: 20 })
    t.after(() => second.close())
    await recordCall(log, 2)
    assert.equal(log.sealed, false)
    const rows = await until(async () => (await second.search({ limit: 10, kind: 'k8s.request' })).items, 2)
    assert.equal(rows.length, 2)
  })
})

/** Asks again while the index is being replaced; each attempt waits for an answer, none for time. */
async function until(ask: () => Promise<readonly AuditRow[]>, count: number): Promise<readonly AuditRow[]> {
  for (let attempt = 0; attempt < 500; attempt += 1) {
    const rows = await ask().catch(() => [])
    if (rows.length >= count) return rows
    await new Promise(resolve => setTimeout(resolve, 10))
  }
  throw new Error('the index did not come back')
}

function readIfThere(path: string): Buffer {
  try {
    return readFileSync(path)
  } catch {
    return Buffer.alloc(0)
  }
}

function vocabulary(dataDir: string): string[] {
  const database = new DatabaseSync(join(dataDir, 'index.sqlite'))
  database.exec("CREATE VIRTUAL TABLE temp.terms USING fts5vocab('main', 'words', 'row')")
  const terms = database.prepare('SELECT term FROM temp.terms').all()
  database.close()
  return terms.map(row => row.term as string)
}

function dump(dataDir: string): Record<string, unknown[]> {
  const database = new DatabaseSync(join(dataDir, 'index.sqlite'), { readOnly: true })
  const read = (sql: string) => database.prepare(sql).all()
  const tables = {
    calls: read('SELECT * FROM calls WHERE seq < 600 ORDER BY seq'),
    entries: read('SELECT * FROM entries WHERE seq < 600 ORDER BY seq'),
    keys: read('SELECT * FROM keys ORDER BY segment, session, kid'),
    found: read("SELECT rowid FROM words WHERE words MATCH 'word17' ORDER BY rowid"),
  }
  database.close()
  return tables
}
