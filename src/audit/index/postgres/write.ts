/**
 * One statement, so that a batch is there or not. $1 the log, $2 the entry that it wants, $3 the one after the batch, $4
 * the batch as JSON. Nothing is written when the log has gone on by another hand.
 */
export function writeStatement(s: string): string {
  const records = (part: string, columns: string) =>
    `FROM mine, json_to_recordset($4::json->'${part}') AS t(${columns})`
  return `
WITH mine AS (
  UPDATE ${s}.logs SET next = $3 WHERE log = $1 AND next = $2 RETURNING log
), calls AS (
  INSERT INTO ${s}.calls (log, seq, call, kind, time, session, effect, policy, person, principal, connection, verb, grp,
    resource, subresource, namespace, name, rules, code, complete, head, ending)
  SELECT mine.log, t.* ${records(
    'calls',
    `seq bigint, call text, kind text, time bigint, session text, effect text, policy text, person text,
     principal text, connection text, verb text, grp text, resource text, subresource text, namespace text,
     name text, rules text, code integer, complete boolean, head text, ending text`,
  )}
), ends AS (
  UPDATE ${s}.calls c SET complete = true, code = t.code, ending = t.ending, effect = coalesce(c.effect, t.effect)
  ${records('ends', 'seq bigint, code integer, ending text, effect text')}
  WHERE c.log = mine.log AND c.seq = t.seq
), entries AS (
  INSERT INTO ${s}.entries (log, seq, "row", phase, time, hash, segment, place, bodies)
  SELECT mine.log, t.seq, t."row", t.phase, t.time, decode(t.hash, 'hex'), t.segment, t.place, t.bodies
  ${records(
    'entries',
    'seq bigint, "row" bigint, phase text, time bigint, hash text, segment bigint, place bigint, bodies text',
  )}
), keys AS (
  INSERT INTO ${s}.keys (log, segment, session, kid, place)
  SELECT mine.log, t.* ${records('keys', 'segment bigint, session text, kid text, place bigint')}
  ON CONFLICT (log, segment, session, kid) DO UPDATE SET place = excluded.place
), masks AS (
  INSERT INTO ${s}.masks (log, rule, "row", count)
  SELECT mine.log, t.rule, t."row", t.count ${records('masks', 'rule text, "row" bigint, count bigint')}
  ON CONFLICT (rule, log, "row") DO UPDATE SET count = masks.count + excluded.count
), fingerprints AS (
  INSERT INTO ${s}.fingerprints (log, fingerprint, "row")
  SELECT mine.log, t.fingerprint, t."row" ${records('fingerprints', 'fingerprint text, "row" bigint')}
  ON CONFLICT DO NOTHING
), words AS (
  INSERT INTO ${s}.words (log, seq, "row", text, lexemes)
  SELECT mine.log, t.seq, t."row", t.text, array_to_tsvector(string_to_array(t.lexemes, ' '))
  ${records('words', 'seq bigint, "row" bigint, text text, lexemes text')}
)
SELECT count(*) AS taken FROM mine`
}
