/**
 * The schema of the SQLite store, one step per version, forward only. A step that was released is never edited:
 * add another. Each runs in its own transaction together with the new version number.
 */
export const migrations: readonly string[] = [
  // 1: `value` null is a remembered deletion; `changed_at` (ms) only tells when it may be forgotten.
  `CREATE TABLE records (
     kind TEXT NOT NULL,
     key TEXT NOT NULL,
     value TEXT,
     version INTEGER NOT NULL,
     revision INTEGER NOT NULL,
     changed_at INTEGER NOT NULL,
     PRIMARY KEY (kind, key)
   ) STRICT, WITHOUT ROWID;
   CREATE UNIQUE INDEX records_revision ON records (revision);
   CREATE INDEX records_deleted ON records (changed_at) WHERE value IS NULL;
   CREATE TABLE counters (
     only INTEGER PRIMARY KEY CHECK (only = 1),
     revision INTEGER NOT NULL,
     compacted INTEGER NOT NULL
   ) STRICT;
   INSERT INTO counters (only, revision, compacted) VALUES (1, 0, 0);`,
]
