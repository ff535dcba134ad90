import type { DatabaseSync } from 'node:sqlite'

/** Of the tables below; another number means: drop and rebuild from the log. */
export const INDEX_FORMAT = 2

/**
 * `calls`: one row per call (or state entry), keyed by the index of its first entry. `entries`: every entry with
 * the place of its records. `masks`: values that were masked in a call, by rule; `fingerprints`: which. `keys`: where wrapped data keys stand. `words`: full text per entry, without content.
 */
export const schema = `
CREATE TABLE IF NOT EXISTS meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS calls (
  seq INTEGER PRIMARY KEY, call TEXT NOT NULL, kind TEXT NOT NULL, time INTEGER NOT NULL, session TEXT,
  effect TEXT, policy TEXT, person TEXT, principal TEXT, connection TEXT, verb TEXT, grp TEXT, resource TEXT,
  subresource TEXT, namespace TEXT, name TEXT, rules TEXT, code INTEGER, complete INTEGER NOT NULL,
  head TEXT, ending TEXT
);
CREATE UNIQUE INDEX IF NOT EXISTS calls_call ON calls (call, kind);
CREATE INDEX IF NOT EXISTS calls_time ON calls (time);
CREATE INDEX IF NOT EXISTS calls_person ON calls (person, seq);
CREATE INDEX IF NOT EXISTS calls_session ON calls (session, seq);
CREATE INDEX IF NOT EXISTS calls_name ON calls (name, namespace, seq) WHERE name IS NOT NULL;
CREATE INDEX IF NOT EXISTS calls_refused ON calls (effect, seq) WHERE effect <> 'allow';
CREATE TABLE IF NOT EXISTS entries (
  seq INTEGER PRIMARY KEY, row INTEGER NOT NULL, phase TEXT NOT NULL, time INTEGER NOT NULL, hash BLOB NOT NULL,
  segment INTEGER NOT NULL, offset INTEGER NOT NULL, bodies TEXT
);
CREATE INDEX IF NOT EXISTS entries_row ON entries (row);
CREATE TABLE IF NOT EXISTS keys (
  segment INTEGER NOT NULL, session TEXT NOT NULL, kid TEXT NOT NULL, offset INTEGER NOT NULL,
  PRIMARY KEY (segment, session, kid)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS masks (
  rule TEXT NOT NULL, row INTEGER NOT NULL, count INTEGER NOT NULL, PRIMARY KEY (rule, row)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS fingerprints (
  fingerprint TEXT NOT NULL, row INTEGER NOT NULL, PRIMARY KEY (fingerprint, row)
) WITHOUT ROWID;
CREATE VIRTUAL TABLE IF NOT EXISTS words USING fts5(
  text, content='', columnsize=0, tokenize="unicode61 remove_diacritics 0"
);
`

export const drop =
  'DROP TABLE IF EXISTS meta; DROP TABLE IF EXISTS calls; DROP TABLE IF EXISTS entries; DROP TABLE IF EXISTS keys; DROP TABLE IF EXISTS masks; DROP TABLE IF EXISTS fingerprints; DROP TABLE IF EXISTS words;'

/** Creates what is missing; drops an index of another format or log. Returns the next entry it wants. */
export function prepareSchema(database: DatabaseSync, origin: string): number {
  database.exec(schema)
  const meta = new Map(
    database
      .prepare('SELECT name, value FROM meta')
      .all()
      .map(row => [row.name as string, row.value as string]),
  )
  if (meta.get('format') === String(INDEX_FORMAT) && meta.get('origin') === origin)
    return Number(meta.get('next'))
  return emptyIndex(database, origin)
}

export function emptyIndex(database: DatabaseSync, origin: string): number {
  // What was in the clear must be gone from the file as well: a key may have been destroyed.
  database.exec('PRAGMA secure_delete = ON')
  database.exec(`BEGIN; ${drop} ${schema}`)
  const insert = database.prepare('INSERT INTO meta (name, value) VALUES (?, ?)')
  insert.run('format', String(INDEX_FORMAT))
  insert.run('origin', origin)
  insert.run('next', '0')
  database.exec('COMMIT')
  database.exec('PRAGMA secure_delete = OFF; PRAGMA wal_checkpoint(TRUNCATE)')
  return 0
}
