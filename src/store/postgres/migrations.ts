/**
 * The store's part of the PostgreSQL schema, one step per version, forward only; `s` is the quoted name of the schema.
 *
 * A commit is one call of a function, in a transaction of its own: it locks the row of counters first and keeps it
 * until it is visible to others, so revisions become visible in their order and `changesSince` never passes one that
 * comes later. A lock that spanned round trips would let one frozen gateway stop all others.
 */
export const migrations: readonly ((s: string) => string)[] = [
  // 1: `value` null is a remembered deletion; `changed_at` (ms, the server's clock) only tells when to forget it.
  s => `
CREATE TABLE ${s}.records (
  kind text COLLATE "C" NOT NULL,
  key text COLLATE "C" NOT NULL,
  value text,
  version bigint NOT NULL,
  revision bigint NOT NULL,
  changed_at bigint NOT NULL,
  PRIMARY KEY (kind, key)
);
CREATE UNIQUE INDEX records_revision ON ${s}.records (revision);
CREATE INDEX records_deleted ON ${s}.records (changed_at) WHERE value IS NULL;
CREATE TABLE ${s}.counters (
  only_one integer PRIMARY KEY CHECK (only_one = 1),
  revision bigint NOT NULL,
  compacted bigint NOT NULL
);
INSERT INTO ${s}.counters VALUES (1, 0, 0);

CREATE FUNCTION ${s}.commit_changes(
  batch integer[], kind_of text[], key_of text[], value_of text[], version_of bigint[], channel text
) RETURNS TABLE (change integer, version bigint, revision bigint) LANGUAGE plpgsql VOLATILE AS $body$
#variable_conflict use_column
DECLARE
  -- Copies: PostgreSQL then finds an element of them without walking through those before it.
  batches integer[] := batch;
  kinds text[] := kind_of;
  keys text[] := key_of;
  texts text[] := value_of;
  versions bigint[] := version_of;
  count integer := cardinality(batch);
  first bigint;
  newest bigint;
  low integer := 1;
  high integer;
  found_version bigint;
  found_live boolean;
  conflict integer;
BEGIN
  SELECT c.revision INTO STRICT newest FROM ${s}.counters c FOR UPDATE;
  first := newest;
  WHILE low <= count LOOP
    high := low;
    WHILE high < count AND batches[high + 1] = batches[low] LOOP high := high + 1; END LOOP;
    conflict := NULL;
    FOR at IN low..high LOOP
      SELECT r.version, r.value IS NOT NULL INTO found_version, found_live
        FROM ${s}.records r WHERE r.kind = kinds[at] AND r.key = keys[at];
      found_live := coalesce(found_live, false);
      IF (versions[at] IS NULL AND found_live)
        OR (versions[at] IS NOT NULL AND (NOT found_live OR found_version <> versions[at])) THEN
        conflict := at;
        EXIT;
      END IF;
    END LOOP;
    IF conflict IS NOT NULL THEN
      change := conflict; version := NULL; revision := NULL;
      RETURN NEXT;
    ELSE
      FOR at IN low..high LOOP
        newest := newest + 1;
        INSERT INTO ${s}.records AS r (kind, key, value, version, revision, changed_at)
          VALUES (kinds[at], keys[at], texts[at], 1, newest,
            (extract(epoch FROM clock_timestamp()) * 1000)::bigint)
          ON CONFLICT (kind, key) DO UPDATE SET value = excluded.value, version = r.version + 1,
            revision = excluded.revision, changed_at = excluded.changed_at
          RETURNING r.version INTO found_version;
        change := at; version := found_version; revision := newest;
        RETURN NEXT;
      END LOOP;
    END IF;
    low := high + 1;
  END LOOP;
  IF newest > first THEN
    UPDATE ${s}.counters c SET revision = newest;
    PERFORM pg_notify(channel, newest::text);
  END IF;
END $body$;

CREATE FUNCTION ${s}.forget_deletions(age bigint) RETURNS void LANGUAGE plpgsql VOLATILE AS $body$
DECLARE
  before bigint := (extract(epoch FROM clock_timestamp()) * 1000)::bigint - age;
  newest bigint;
BEGIN
  PERFORM FROM ${s}.counters FOR UPDATE;
  SELECT max(r.revision) INTO newest FROM ${s}.records r WHERE r.value IS NULL AND r.changed_at < before;
  IF newest IS NOT NULL THEN
    UPDATE ${s}.counters c SET compacted = greatest(c.compacted, newest);
    DELETE FROM ${s}.records r WHERE r.value IS NULL AND r.changed_at < before;
  END IF;
END $body$;
`,
]
