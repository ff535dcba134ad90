import { isIP } from 'node:net'
import pg from 'pg'
import type { PostgresSettings } from './settings.ts'

/** Milliseconds. A server that takes longer is as good as gone: callers are told so instead of waiting. */
export interface PostgresLimits {
  readonly connect: number
  readonly statement: number
}

export const defaultLimits: PostgresLimits = { connect: 5_000, statement: 5_000 }

/**
 * What `pg` is given. Nothing is left to its defaults, which it would take from PG… variables, `.pgpass` and the
 * name of the user of this process.
 */
export function clientConfig(
  settings: PostgresSettings,
  name: string,
  limits: PostgresLimits = defaultLimits,
): pg.ClientConfig {
  const { tls } = settings
  return {
    host: settings.host,
    port: settings.port,
    database: settings.database,
    user: settings.user,
    // A function: `pg` then neither looks elsewhere nor keeps it where an inspection of the client shows it.
    password: () => settings.password ?? '',
    ssl:
      tls === null
        ? false
        : {
            rejectUnauthorized: true,
            minVersion: 'TLSv1.2',
            // What the certificate must name: without it `pg` would have an address compared with `localhost`.
            host: settings.host,
            ...(isIP(settings.host) === 0 ? { servername: settings.host } : {}),
            ...(tls.ca === null ? {} : { ca: tls.ca }),
            ...(tls.verify === 'full' ? {} : { checkServerIdentity: () => undefined }),
            ...(tls.certificate === null ? {} : { cert: tls.certificate, key: tls.key! }),
          },
    application_name: `sallyport-${name}`,
    client_encoding: 'UTF8',
    options: '-c DateStyle=ISO -c default_transaction_isolation=read\\ committed',
    connectionTimeoutMillis: limits.connect,
    statement_timeout: limits.statement,
    lock_timeout: limits.statement,
    idle_in_transaction_session_timeout: limits.statement,
    // For a server that does not even say that it is too slow: a little after its own limit.
    query_timeout: limits.statement + 1_000,
    keepAlive: true,
    keepAliveInitialDelayMillis: 10_000,
  }
}

export function openPool(
  settings: PostgresSettings,
  name: string,
  options: {
    readonly max: number
    readonly limits?: PostgresLimits | undefined
    /**
     * Whether a commit waits for the server's disk, whatever the server's default is. `off` for what can be made again: a
     * crash may lose the last moments of it, in order.
     */
    readonly synchronous?: 'on' | 'off'
  },
): pg.Pool {
  const config = clientConfig(settings, name, options.limits)
  const pool = new pg.Pool({
    ...config,
    options: `${config.options} -c synchronous_commit=${options.synchronous ?? 'on'}`,
    max: options.max,
    idleTimeoutMillis: 60_000,
    allowExitOnIdle: true,
  })
  // A connection that breaks while nobody uses it; the pool has dropped it already.
  pool.on('error', () => {})
  // One that breaks in use: its query rejects, and without a listener the event would end this process as well.
  pool.on('connect', client => client.on('error', () => {}))
  return pool
}

/** A connection on its own, for LISTEN and for locks that last as long as it does. */
export async function openClient(
  settings: PostgresSettings,
  name: string,
  limits?: PostgresLimits,
): Promise<pg.Client> {
  const client = new pg.Client(clientConfig(settings, name, limits))
  client.on('error', () => {})
  await client.connect()
  return client
}

export type { pg }
