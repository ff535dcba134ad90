import { secretSource } from '../documents/secret-reference.ts'
import { holdsPassword, isLocal, type PostgresSettings, parsePostgresUrl } from '../postgres/settings.ts'

export interface StoreWords {
  /** `--store`: stands in the arguments of the process, so it may hold no password. */
  readonly url?: string | undefined
  /** `--store-password`: `file:/path` or `${VARIABLE}`. */
  readonly password?: string | undefined
}

/**
 * Where the state lives: PostgreSQL when `--store` or `SALLYPORT_STORE` names one, else undefined for SQLite in the data
 * directory. The password comes from `--store-password`, `SALLYPORT_STORE_PASSWORD` (a reference as well), or the URL
 * of the variable. Throws an Error without any secret in it.
 */
export async function chooseStore(
  words: StoreWords,
  env: NodeJS.ProcessEnv,
  directory: string,
): Promise<PostgresSettings | undefined> {
  const url = words.url ?? (env.SALLYPORT_STORE === '' ? undefined : env.SALLYPORT_STORE)
  if (url === undefined) {
    if (words.password !== undefined) throw new Error('--store-password is given without --store')
    return undefined
  }
  if (words.url !== undefined && holdsPassword(words.url)) {
    throw new Error(
      '--store holds a password, which every user of this machine can read there: give it with --store-password file:/path',
    )
  }
  const reference =
    words.password ?? (env.SALLYPORT_STORE_PASSWORD === '' ? undefined : env.SALLYPORT_STORE_PASSWORD)
  if (reference !== undefined && !/^(file:|\$\{)/.test(reference)) {
    throw new Error(`the password of the store is given as a reference: file:/path or \${VARIABLE}`)
  }
  const password = reference === undefined ? null : await secretSource(directory, env).resolve(reference)
  return parsePostgresUrl(url, password)
}

/** Whether its traffic can be read on the way; somebody asked for that, and is reminded. */
export function isInTheClear(settings: PostgresSettings): boolean {
  return settings.tls === null && !isLocal(settings.host)
}
