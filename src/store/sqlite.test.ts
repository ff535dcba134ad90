import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { after, describe, it } from 'node:test'
import { createEngine } from './engine.ts'
import { migrations } from './migrations.ts'
import { openDatabase } from './open-database.ts'
import { openSqliteStore } from './open-sqlite-store.ts'
import { StoreConflict } from './store.ts'
import { storeContract } from './store-contract.ts'

const directory = mkdtempSync(join(tmpdir(), 'sallyport-store-'))
let files = 0
function newFile(): string {
  files += 1
  return join(directory, `${files}.db`)
}
after(() => rmSync(directory, { recursive: true }))

storeContract('SQLite file', () => openSqliteStore(newFile()))
storeContract('SQLite in memory', () => openSqliteStore(':memory:'))

describe('SQLite store', () => {
  it('is there again after a restart, with its revision and versions', async () => {
    const file = newFile()
    const first = await openSqliteStore(file)
    await first.commit([{ op: 'create', kind: 'a', key: 'x', value: { n: 1 } }])
    await first.commit([{ op: 'create', kind: 'a', key: 'y', value: 1 }])
    await first.commit([{ op: 'delete', kind: 'a', key: 'y', version: 1 }])
    await first.close()
    const second = await openSqliteStore(file)
    assert.deepEqual(await second.get('a', 'x'), {
      kind: 'a',
      key: 'x',
      value: { n: 1 },
      version: 1,
      revision: 1,
    })
    assert.equal(await second.revision(), 3)
    assert.deepEqual(
      (await second.changesSince(2)).map(record => record.value),
      [null],
    )
    await second.close()
  })

  it('serves two processes on one file without a lost update', async () => {
    const file = newFile()
    const [a, b] = await Promise.all([openSqliteStore(file), openSqliteStore(file)])
    await a.commit([{ op: 'create', kind: 'n', key: 'x', value: 0 }])
    assert.equal((await b.get<number>('n', 'x'))?.value, 0)
    const attempts = [a, b, a, b].map(store =>
      store.commit([{ op: 'update', kind: 'n', key: 'x', value: 1, version: 1 }]),
    )
    const results = await Promise.allSettled(attempts)
    assert.equal(results.filter(result => result.status === 'fulfilled').length, 1)
    await Promise.all([a.close(), b.close()])
  })

  it('keeps what was committed when the process is killed', async () => {
    const file = newFile()
    const script = `
      import { openSqliteStore } from ${JSON.stringify(new URL('./open-sqlite-store.ts', import.meta.url).href)}
      const store = await openSqliteStore(${JSON.stringify(file)})
      for (let n = 0; ; n += 1) {
        await store.commit([{ op: 'create', kind: 'n', key: String(n).padStart(9, '0'), value: n }])
        process.stdout.write(n + '\\n')
      }`
    const child = spawn(process.execPath, ['--input-type=module', '-e', script], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    let printed = ''
    await new Promise<void>(resolve => {
      child.stdout.on('data', (chunk: Buffer) => {
        printed += chunk.toString()
        if (printed.includes('\n20\n')) child.kill('SIGKILL')
      })
      child.on('close', () => resolve())
    })
    const acknowledged = printed.split('\n').slice(0, -1).map(Number)
    assert.ok(acknowledged.length > 20)
    const store = await openSqliteStore(file)
    const found = new Set((await store.list<number>('n', { limit: 10_000 })).map(record => record.value))
    for (const n of acknowledged) assert.ok(found.has(n), `acknowledged ${n} is there`)
    await store.close()
  })

  it('is readable by its owner only', async () => {
    const file = newFile()
    writeFileSync(file, '', { mode: 0o644 })
    const store = await openSqliteStore(file)
    await store.commit([{ op: 'create', kind: 'a', key: 'x', value: 1 }])
    // Windows has no such bits.
    const expected = process.platform === 'win32' ? 0o666 : 0o600
    assert.equal(statSync(file).mode & 0o777, expected)
    assert.equal(statSync(`${file}-wal`).mode & 0o777, expected)
    await store.close()
  })

  it("refuses another program's database, a newer schema, and a file that is none", async () => {
    const foreign = newFile()
    const other = new DatabaseSync(foreign)
    other.exec('CREATE TABLE theirs (x)')
    other.close()
    await assert.rejects(openSqliteStore(foreign), /not a Sallyport state file/)

    const newer = newFile()
    await (await openSqliteStore(newer)).close()
    const db = new DatabaseSync(newer)
    db.exec(`PRAGMA user_version = ${migrations.length + 1}`)
    db.close()
    await assert.rejects(openSqliteStore(newer), /newer/)

    const garbage = newFile()
    writeFileSync(garbage, 'this is not a database, and it is long enough to be looked at'.repeat(40))
    await assert.rejects(openSqliteStore(garbage), /not a database/)
    await assert.rejects(openSqliteStore(join(directory, 'no', 'such', 'folder.db')), /ENOENT/)
  })

  it('keeps a commit once it is answered: write-ahead, and synced each time', () => {
    const db = openDatabase(newFile(), migrations)
    assert.equal(db.prepare('PRAGMA journal_mode').get()?.journal_mode, 'wal')
    assert.equal(db.prepare('PRAGMA synchronous').get()?.synchronous, 2, 'FULL')
    db.close()
  })

  it('migrates forward, each step once, and not at all when one fails', () => {
    const file = newFile()
    openDatabase(file, migrations).close()
    const step = 'CREATE TABLE extra (x); INSERT INTO extra VALUES (1)'
    assert.throws(() => openDatabase(file, [...migrations, step, 'CREATE TABLE nonsense (']))
    openDatabase(file, migrations).close()
    openDatabase(file, [...migrations, step]).close()
    const db = openDatabase(file, [...migrations, step])
    assert.deepEqual({ ...db.prepare('SELECT count(*) AS n FROM extra').get() }, { n: 1 })
    db.close()
  })

  it('undoes a whole batch when it cannot be written, and says so to each of its commits', () => {
    const db = openDatabase(':memory:')
    const engine = createEngine(db, () => 0)
    db.exec(
      "CREATE TRIGGER full BEFORE INSERT ON records WHEN NEW.key = 'bad' BEGIN SELECT RAISE(FAIL, 'disk full'); END",
    )
    const change = (key: string) => ({ kind: 'a', key, value: '1', version: null })
    const answers = engine.run([
      { id: 1, op: 'commit', changes: [change('good')] },
      { id: 2, op: 'commit', changes: [change('bad')] },
      { id: 3, op: 'get', kind: 'a', key: 'good' },
      { id: 4, op: 'revision' },
    ])
    assert.deepEqual(answers, [
      { id: 1, failed: 'disk full' },
      { id: 2, failed: 'disk full' },
      { id: 3, records: [] },
      { id: 4, revision: 0 },
    ])
    db.close()
  })

  it('judges commits of one batch one after the other, and shares their sync', async () => {
    const db = openDatabase(':memory:')
    const engine = createEngine(db, () => 0)
    const change = { kind: 'a', key: 'x', value: '1', version: null }
    const answers = engine.run([
      { id: 1, op: 'commit', changes: [change] },
      { id: 2, op: 'commit', changes: [change] },
      { id: 3, op: 'commit', changes: [{ ...change, version: 1, value: '2' }] },
    ])
    assert.ok(answers[0] && 'records' in answers[0])
    assert.deepEqual(answers[1], { id: 2, conflict: { kind: 'a', key: 'x' } })
    assert.ok(answers[2] && 'records' in answers[2])
    db.close()
  })

  it('forgets deletions after an hour and tells a follower that was away', () => {
    const db = openDatabase(':memory:')
    let now = 0
    const engine = createEngine(db, () => now)
    const change = { kind: 'a', key: 'x', value: '1', version: null }
    engine.run([{ id: 1, op: 'commit', changes: [change] }])
    engine.run([{ id: 2, op: 'commit', changes: [{ ...change, value: null, version: 1 }] }])
    now = 3_600_000
    engine.forgetDeletions()
    assert.deepEqual(engine.run([{ id: 3, op: 'changes', revision: 1, limit: 9 }]), [
      { id: 3, records: [{ kind: 'a', key: 'x', value: null, version: 2, revision: 2 }].map(asRow) },
    ])
    now += 1
    engine.forgetDeletions()
    assert.deepEqual(engine.run([{ id: 4, op: 'changes', revision: 1, limit: 9 }]), [
      { id: 4, compacted: true },
    ])
    assert.deepEqual(engine.run([{ id: 5, op: 'changes', revision: 2, limit: 9 }]), [{ id: 5, records: [] }])
    assert.deepEqual(engine.run([{ id: 6, op: 'changes', revision: 0, limit: 9 }]), [{ id: 6, records: [] }])
    db.close()
  })

  it('conflicts are told apart from failures', async () => {
    const store = await openSqliteStore(newFile())
    const change = { op: 'create', kind: 'a', key: 'x', value: 1 } as const
    const results = await Promise.allSettled([store.commit([change]), store.commit([change])])
    assert.equal(results[0]?.status, 'fulfilled')
    assert.ok(results[1]?.status === 'rejected' && results[1].reason instanceof StoreConflict)
    await store.close()
  })
})

/** node:sqlite gives rows without a prototype. */
function asRow(record: object): object {
  return Object.assign(Object.create(null), record)
}
