import { readFileSync } from 'node:fs'
import { isIP } from 'node:net'

/** How to reach a PostgreSQL server. Plain data: it passes to the thread of the search index as it is. */
export interface PostgresSettings {
  /** Host name, address, or (with a leading slash) the directory of the server's socket. */
  readonly host: string
  readonly port: number
  readonly database: string
  readonly user: string
  /** Null: the server is expected to let this user in without one (a socket with peer, a client certificate). */
  readonly password: string | null
  /** Everything of ours lives in it; other tenants of the database are not touched. */
  readonly schema: string
  readonly tls: PostgresTls | null
}

export interface PostgresTls {
  /** PEM; null takes the authorities that Node trusts. */
  readonly ca: string | null
  /** `full`: the certificate must name the host; `ca`: it only must be signed. */
  readonly verify: 'full' | 'ca'
  readonly certificate: string | null
  readonly key: string | null
}

const PARAMETERS = ['host', 'user', 'schema', 'sslmode', 'sslrootcert', 'sslcert', 'sslkey']

/**
 * Reads `postgres://user@host:5432/database?schema=…&sslmode=…` (the words are those of libpq, PostgreSQL 15, 34.1.2;
 * a socket: `postgres:///database?host=/run/postgresql&user=…`).
 * Server certificates are verified unless the server is on this machine or `sslmode=disable` says otherwise; modes that
 * encrypt without verifying are refused. Throws an Error that never shows the password.
 */
export function parsePostgresUrl(text: string, password: string | null): PostgresSettings {
  const fail = (what: string): never => {
    throw new Error(`${maskedUrl(text)}: ${what}`)
  }
  let url: URL
  try {
    url = new URL(text)
  } catch {
    throw new Error('the address of the store is not a URL: postgres://USER@HOST:5432/DATABASE')
  }
  if (url.protocol !== 'postgres:' && url.protocol !== 'postgresql:') fail('the scheme must be postgres')
  if (url.hash !== '') fail('a # must be written as %23')
  for (const name of new Set(url.searchParams.keys())) {
    if (!PARAMETERS.includes(name)) fail(`unknown parameter ${name}; known are ${PARAMETERS.join(', ')}`)
    if (url.searchParams.getAll(name).length > 1) fail(`${name} is given twice`)
  }
  const given = (name: string) => url.searchParams.get(name) ?? undefined
  const directory = given('host')
  if (directory !== undefined && !directory.startsWith('/')) fail('host= is for the directory of a socket')
  const named = decoded(url.hostname).replace(/^\[(.*)\]$/, '$1')
  if (directory !== undefined && named !== '') fail('two hosts are named')
  const host = directory ?? named
  if (host === '') fail('names no host')
  if (url.username !== '' && given('user') !== undefined) fail('two users are named')
  const user = given('user') ?? decoded(url.username)
  if (user === '') fail('names no user')
  const database = decoded(url.pathname.slice(1))
  if (database === '' || database.includes('/')) fail('names no database')
  const schema = given('schema') ?? 'sallyport'
  if (!/^[a-z_][a-z0-9_]{0,47}$/.test(schema) || schema.startsWith('pg_')) {
    fail('schema= takes lower-case letters, digits and _, at most 48')
  }
  const inUrl = url.password === '' ? null : decoded(url.password)
  if (inUrl !== null && password !== null) fail('the password is given twice')
  return {
    host,
    port: url.port === '' ? 5432 : Number(url.port),
    database,
    user,
    password: inUrl ?? password,
    schema,
    tls: tlsOf(host, given, fail),
  }
}

function tlsOf(
  host: string,
  given: (name: string) => string | undefined,
  fail: (what: string) => never,
): PostgresTls | null {
  const certificates = given('sslrootcert') ?? given('sslcert') ?? given('sslkey')
  const mode = given('sslmode') ?? (isLocal(host) && certificates === undefined ? 'disable' : 'verify-full')
  if (mode === 'disable') {
    if (certificates !== undefined) fail('sslmode=disable and certificates are both given')
    return null
  }
  if (mode !== 'verify-full' && mode !== 'verify-ca') {
    fail('sslmode takes verify-full, verify-ca or disable: nothing else says who the server is')
  }
  if (host.startsWith('/')) fail('a socket has no TLS')
  if ((given('sslcert') === undefined) !== (given('sslkey') === undefined)) {
    fail('sslcert and sslkey belong together')
  }
  const read = (name: string): string | null => {
    const path = given(name)
    if (path === undefined || (name === 'sslrootcert' && path === 'system')) return null
    try {
      return readFileSync(path, 'utf8')
    } catch (error) {
      return fail(`${name} cannot be read: ${(error as NodeJS.ErrnoException).code ?? 'unknown error'}`)
    }
  }
  return {
    ca: read('sslrootcert'),
    verify: mode === 'verify-full' ? 'full' : 'ca',
    certificate: read('sslcert'),
    key: read('sslkey'),
  }
}

/** Whether what is sent there never leaves this machine. A name other than localhost may lead anywhere. */
export function isLocal(host: string): boolean {
  if (host.startsWith('/') || host === 'localhost' || host === '::1') return true
  return isIP(host) === 4 && host.startsWith('127.')
}

/** For errors and logs: without a password, wherever it stands, and for what cannot be read nothing at all. */
export function maskedUrl(text: string): string {
  try {
    const { protocol, username, hostname, port, pathname } = new URL(text)
    // Of another scheme: what stands where is not known.
    if (!/^postgres(ql)?:$/.test(protocol)) return 'the address of the store'
    const who = username === '' ? '' : `${username}@`
    return `${protocol}//${who}${hostname}${port === '' ? '' : `:${port}`}${pathname}`
  } catch {
    return 'the address of the store'
  }
}

/** What a person may be told about where it is. */
export function shownSettings(settings: PostgresSettings): string {
  const { host, port, database, user, schema } = settings
  const shown = host.includes(':') ? `[${host}]` : host
  return `PostgreSQL ${user}@${shown}:${port}/${database}, schema ${schema}`
}

/** Whether the URL itself holds a password, which must then not stand in the arguments of a process. */
export function holdsPassword(text: string): boolean {
  try {
    return new URL(text).password !== ''
  } catch {
    // The rest of the way says that it is no URL, without showing it.
    return false
  }
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    throw new Error('the address of the store holds a % that is no percent-encoding')
  }
}
