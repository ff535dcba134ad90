import { createHash } from 'node:crypto'
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { acquireLock, type Lock } from '../config/lock.ts'
import type { Paths } from '../config/paths.ts'
import { readJson, replacePrivately } from '../config/private-file.ts'
import { gatewayFolder } from '../config/sign-in-file.ts'

/** What other processes of this user see of a sign-in. Holds nothing secret: the address is of no use without a person. */
export interface UnderWay {
  /** Empty until the issuer has said it, and again when the sign-in is over. */
  readonly url: string
  /** The code to compare, of the device flow. */
  readonly more: string
  /** Milliseconds since the epoch. */
  readonly tabOpenedAt: number
  /** A tab that was opened without anybody having asked for it, and that nobody has finished. */
  readonly unanswered: boolean
  /** Why the last one failed. */
  readonly failure: string
}

/** Where a sign-in with one issuer of one gateway is announced; `.lock` beside it is held as long as it runs. */
export function announcementFile(paths: Paths, server: string, issuer: string): string {
  return join(folder(paths, server), `${createHash('sha256').update(issuer).digest('hex').slice(0, 24)}.json`)
}

export function lockOf(announcement: string, wait: number): Promise<Lock | undefined> {
  return acquireLock(`${announcement}.lock`, wait)
}

export function readUnderWay(file: string): UnderWay {
  const { url, more, tabOpenedAt, unanswered, failure } = readJson(file) ?? {}
  return {
    url: typeof url === 'string' ? url : '',
    more: typeof more === 'string' ? more : '',
    tabOpenedAt: typeof tabOpenedAt === 'number' ? tabOpenedAt : 0,
    unanswered: unanswered === true,
    failure: typeof failure === 'string' ? failure : '',
  }
}

export function announce(file: string, change: Partial<UnderWay>): void {
  replacePrivately(file, `${JSON.stringify({ ...readUnderWay(file), ...change })}\n`)
}

/** The sign-in that some process of this user is running for this gateway now, once its address is known. */
export async function findUnderWay(paths: Paths, server: string): Promise<UnderWay | undefined> {
  let names: string[]
  try {
    names = readdirSync(folder(paths, server))
  } catch {
    return undefined
  }
  for (const name of names) {
    if (!name.endsWith('.json')) continue
    const file = join(folder(paths, server), name)
    const found = readUnderWay(file)
    if (found.url === '') continue
    // Whoever announced it may have died: the lock is the truth. It is tried twice, because another process may just
    // look like this one, or have begun anew and be about to erase the address.
    const lock = await lockOf(file, 1)
    if (lock === undefined) {
      if (readUnderWay(file).url === found.url) return found
      continue
    }
    // Erased while nobody can hold it: the next one takes the lock before its own address is known.
    announce(file, { url: '', more: '' })
    lock.release()
  }
  return undefined
}

function folder(paths: Paths, server: string): string {
  return join(gatewayFolder(paths, server), 'signing-in')
}
