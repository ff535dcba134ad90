import type { DatabaseSync, StatementSync } from 'node:sqlite'
import type { Answer, RawChange, RawRecord, Request } from './messages.ts'

/** How long a deletion is remembered, in milliseconds. */
const REMEMBER_DELETIONS = 3_600_000

type CommitRequest = Extract<Request, { op: 'commit' }>

export interface Engine {
  /** Answers a batch: all commits first, in one transaction with one sync to disk, then the reads. */
  run(batch: readonly Request[]): Answer[]
  /** Drops deletions older than an hour. */
  forgetDeletions(): void
}

/** The synchronous part of the SQLite store. Runs in the worker; separate so that it can be tested without one. */
export function createEngine(db: DatabaseSync, now: () => number): Engine {
  const sql = statements(db)

  function commitAll(commits: readonly CommitRequest[], answers: Answer[]): void {
    const done: Answer[] = []
    try {
      db.exec('BEGIN IMMEDIATE')
      const first = Number(sql.counters.get()?.revision)
      let revision = first
      for (const { id, changes } of commits) {
        const conflict = changes.find(change => !matches(sql, change))
        if (conflict) {
          done.push({ id, conflict: { kind: conflict.kind, key: conflict.key } })
          continue
        }
        const records: RawRecord[] = []
        for (const change of changes) {
          revision += 1
          records.push(write(sql, change, revision, now()))
        }
        done.push({ id, records })
      }
      if (revision !== first) sql.setRevision.run(revision)
      db.exec('COMMIT')
      answers.push(...done)
    } catch (error) {
      // Nothing of the batch may be believed: a conflict may have been judged against a write that is now undone.
      if (db.isTransaction) db.exec('ROLLBACK')
      for (const { id } of commits) answers.push({ id, failed: message(error) })
    }
  }

  return {
    run(batch) {
      const answers: Answer[] = []
      const commits = batch.filter(request => request.op === 'commit')
      if (commits.length > 0) commitAll(commits, answers)
      for (const request of batch) {
        if (request.op === 'commit') continue
        try {
          answers.push(read(sql, request))
        } catch (error) {
          answers.push({ id: request.id, failed: message(error) })
        }
      }
      return answers
    },
    forgetDeletions() {
      const before = now() - REMEMBER_DELETIONS
      db.exec('BEGIN IMMEDIATE')
      try {
        const newest = sql.newestForgotten.get(before)?.revision
        if (newest !== null && newest !== undefined) {
          sql.setCompacted.run(newest)
          sql.forget.run(before)
        }
        db.exec('COMMIT')
      } catch (error) {
        if (db.isTransaction) db.exec('ROLLBACK')
        throw error
      }
    },
  }
}

function matches(sql: Statements, change: RawChange): boolean {
  const row = sql.current.get(change.kind, change.key)
  const live = row !== undefined && row.live === 1
  return change.version === null ? !live : live && row.version === change.version
}

function write(sql: Statements, change: RawChange, revision: number, at: number): RawRecord {
  const { kind, key, value } = change
  const before = sql.current.get(kind, key)
  const version = before === undefined ? 1 : Number(before.version) + 1
  sql.put.run(kind, key, value, version, revision, at)
  return { kind, key, value, version, revision }
}

function read(sql: Statements, request: Exclude<Request, CommitRequest>): Answer {
  const { id } = request
  switch (request.op) {
    case 'revision':
      return { id, revision: Number(sql.counters.get()?.revision) }
    case 'get': {
      const row = sql.get.get(request.kind, request.key)
      return { id, records: row === undefined ? [] : [record(row)] }
    }
    case 'list': {
      const { kind, from, after, before, limit } = request
      return { id, records: sql.list.all(kind, from, after, after, before, before, limit).map(record) }
    }
    case 'changes': {
      const { revision, limit } = request
      if (revision > 0 && revision < Number(sql.counters.get()?.compacted)) return { id, compacted: true }
      return { id, records: sql.changes.all(revision, limit).map(record) }
    }
    case 'close':
      return { id, records: [] }
  }
}

function record(row: Record<string, unknown>): RawRecord {
  return row as unknown as RawRecord
}

function message(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}

type Statements = Record<
  | 'counters'
  | 'setRevision'
  | 'setCompacted'
  | 'current'
  | 'put'
  | 'get'
  | 'list'
  | 'changes'
  | 'newestForgotten'
  | 'forget',
  StatementSync
>

function statements(db: DatabaseSync): Statements {
  const columns = 'kind, key, value, version, revision'
  return {
    counters: db.prepare('SELECT revision, compacted FROM counters'),
    setRevision: db.prepare('UPDATE counters SET revision = ?'),
    setCompacted: db.prepare('UPDATE counters SET compacted = max(compacted, ?)'),
    current: db.prepare('SELECT version, value IS NOT NULL AS live FROM records WHERE kind = ? AND key = ?'),
    put: db.prepare(
      `INSERT INTO records (kind, key, value, version, revision, changed_at) VALUES (?, ?, ?, ?, ?, ?)
       ON CONFLICT (kind, key) DO UPDATE SET value = excluded.value, version = excluded.version,
         revision = excluded.revision, changed_at = excluded.changed_at`,
    ),
    get: db.prepare(`SELECT ${columns} FROM records WHERE kind = ? AND key = ? AND value IS NOT NULL`),
    list: db.prepare(
      `SELECT ${columns} FROM records WHERE kind = ? AND value IS NOT NULL AND key >= ?
         AND (? IS NULL OR key > ?) AND (? IS NULL OR key < ?) ORDER BY key LIMIT ?`,
    ),
    changes: db.prepare(`SELECT ${columns} FROM records WHERE revision > ? ORDER BY revision LIMIT ?`),
    newestForgotten: db.prepare(
      'SELECT max(revision) AS revision FROM records WHERE value IS NULL AND changed_at < ?',
    ),
    forget: db.prepare('DELETE FROM records WHERE value IS NULL AND changed_at < ?'),
  }
}
