import type { pg } from './connect.ts'

/**
 * Brings one part of the schema (`store`, `index`) to its newest version, one writer at a time. A step that was
 * released is never edited. Rejects when a newer Sallyport was here, or when the schema is somebody else's.
 */
export async function migrate(
  client: pg.ClientBase,
  schema: string,
  part: string,
  steps: readonly ((schema: string) => string)[],
): Promise<void> {
  const name = quoted(schema)
  await client.query('BEGIN')
  try {
    // Of the schema, not of the part: both make the table of versions.
    await client.query("SELECT pg_advisory_xact_lock(hashtextextended('sallyport-schema:' || $1, 0))", [
      schema,
    ])
    await checkServer(client)
    await makeSchema(client, schema)
    const found = await client.query(`SELECT version FROM ${name}.formats WHERE part = $1`, [part])
    const version = Number(found.rows[0]?.version ?? 0)
    if (version > steps.length) {
      throw new Error(
        `schema ${schema} has version ${version} of the ${part}, this Sallyport knows ${steps.length}: use a newer one`,
      )
    }
    for (const step of steps.slice(version)) await client.query(step(name))
    if (version < steps.length) {
      await client.query(
        `INSERT INTO ${name}.formats (part, version) VALUES ($1, $2)
         ON CONFLICT (part) DO UPDATE SET version = excluded.version`,
        [part, steps.length],
      )
    }
    await client.query('COMMIT')
  } catch (error) {
    await client.query('ROLLBACK').catch(() => {})
    throw error
  }
}

async function checkServer(client: pg.ClientBase): Promise<void> {
  const { rows } = await client.query(
    "SELECT current_setting('server_encoding') AS encoding, current_setting('server_version_num')::int AS version, pg_is_in_recovery() AS standby",
  )
  const { encoding, version, standby } = rows[0]
  if (encoding !== 'UTF8') throw new Error(`the database has the encoding ${encoding}, it must be UTF8`)
  if (version < 130_000) throw new Error('the server is older than PostgreSQL 13')
  if (standby) throw new Error('the server is a standby, which cannot be written to')
}

async function makeSchema(client: pg.ClientBase, schema: string): Promise<void> {
  const name = quoted(schema)
  const { rows } = await client.query(
    `SELECT to_regclass($1) IS NOT NULL AS ours,
       EXISTS (SELECT FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = $2) AS used,
       EXISTS (SELECT FROM pg_namespace WHERE nspname = $2) AS there`,
    [`${name}.formats`, schema],
  )
  const { ours, used, there } = rows[0]
  if (ours) return
  if (used) throw new Error(`the schema ${schema} is used by another program; name another with schema=`)
  // Not `IF NOT EXISTS`: that asks for the right to create schemas even when there is nothing to do.
  if (!there) await client.query(`CREATE SCHEMA ${name}`)
  // Heads and documents are in the clear here: nobody but the owner, whatever the defaults of the database are.
  await client.query(`REVOKE ALL ON SCHEMA ${name} FROM PUBLIC`)
  await client.query(
    `CREATE TABLE ${name}.formats (part text PRIMARY KEY, version integer NOT NULL, made timestamptz NOT NULL DEFAULT now())`,
  )
}

export function quoted(schema: string): string {
  return `"${schema.replaceAll('"', '""')}"`
}
