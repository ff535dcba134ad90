/**
 * The index's part of the PostgreSQL schema; `s` is the quoted name of the schema. As in SQLite (`../schema.ts`), with a
 * number of the log in each key, because several gateways share it. It is derived: a new format drops and rebuilds.
 * `words` holds the text without punctuation for phrases, and its different words for the index.
 *
 * Heads and shown bodies are in the clear here, readable by the owner of the schema only.
 */
export const steps: readonly ((s: string) => string)[] = [
  s => `
CREATE TABLE ${s}.logs (log serial PRIMARY KEY, origin text NOT NULL UNIQUE, next bigint NOT NULL);
CREATE TABLE ${s}.calls (
  log integer NOT NULL, seq bigint NOT NULL, call text COLLATE "C" NOT NULL, kind text COLLATE "C" NOT NULL,
  time bigint NOT NULL, session text COLLATE "C", effect text COLLATE "C", policy text COLLATE "C",
  person text COLLATE "C", principal text COLLATE "C", connection text COLLATE "C", verb text COLLATE "C",
  grp text COLLATE "C", resource text COLLATE "C", subresource text COLLATE "C", namespace text COLLATE "C",
  name text COLLATE "C", rules text COLLATE "C", code integer, complete boolean NOT NULL,
  head text, ending text, PRIMARY KEY (log, seq)
);
CREATE UNIQUE INDEX calls_call ON ${s}.calls (call, kind, log);
CREATE INDEX calls_time ON ${s}.calls (time, log, seq);
CREATE INDEX calls_person ON ${s}.calls (person, time);
CREATE INDEX calls_session ON ${s}.calls (session, time);
CREATE INDEX calls_name ON ${s}.calls (name, namespace, time) WHERE name IS NOT NULL;
CREATE INDEX calls_refused ON ${s}.calls (effect, time) WHERE effect <> 'allow';
CREATE TABLE ${s}.entries (
  log integer NOT NULL, seq bigint NOT NULL, "row" bigint NOT NULL, phase text NOT NULL, time bigint NOT NULL,
  hash bytea NOT NULL, segment bigint NOT NULL, place bigint NOT NULL, bodies text, PRIMARY KEY (log, seq)
);
CREATE INDEX entries_row ON ${s}.entries (log, "row", seq);
CREATE TABLE ${s}.keys (
  log integer NOT NULL, segment bigint NOT NULL, session text COLLATE "C" NOT NULL, kid text COLLATE "C" NOT NULL,
  place bigint NOT NULL, PRIMARY KEY (log, segment, session, kid)
);
CREATE TABLE ${s}.words (
  log integer NOT NULL, seq bigint NOT NULL, "row" bigint NOT NULL, text text COLLATE "C" NOT NULL,
  lexemes tsvector NOT NULL, PRIMARY KEY (log, seq)
);
CREATE INDEX words_lexemes ON ${s}.words USING gin (lexemes);
`,
  // What was masked: found by reading the logs again.
  s => `
CREATE TABLE ${s}.masks (
  log integer NOT NULL, rule text COLLATE "C" NOT NULL, "row" bigint NOT NULL, count bigint NOT NULL,
  PRIMARY KEY (rule, log, "row")
);
CREATE TABLE ${s}.fingerprints (
  log integer NOT NULL, fingerprint text COLLATE "C" NOT NULL, "row" bigint NOT NULL,
  PRIMARY KEY (fingerprint, log, "row")
);
TRUNCATE ${s}.calls, ${s}.entries, ${s}.keys, ${s}.words;
UPDATE ${s}.logs SET next = 0;
`,
]
