import type { AuditLog, NewEntry } from '../audit/entry.ts'
import { newCallId } from './call-id.ts'

export interface FailureBudgetOptions {
  readonly log: Pick<AuditLog, 'append' | 'sealed'>
  readonly now: () => number
  /** Entries of their own that the failures of one address get per interval. Default 20. */
  readonly perAddress?: number
  /** The same for all addresses together. Default 1000. */
  readonly together?: number
  /** Addresses that are counted apart in one interval; the others share one count. Default 1000. */
  readonly addresses?: number
  /** Milliseconds. Default one minute. */
  readonly interval?: number
  /** Told of a summary that could not be written; its counts are kept for the next interval. */
  readonly onError?: (error: unknown) => void
}

export interface FailureBudget {
  /**
   * Takes an `auth.fail` entry. Within the budget it resolves when the entry is durable; beyond it, at once: the
   * failure is then part of a count that the next summary makes durable. Rejects as the log does, always so while
   * the log is sealed: what can be neither written nor counted is not passed over.
   */
  record(entry: NewEntry): Promise<void>
  /** Writes what is still only counted and stops. */
  close(): Promise<void>
}

/** Failures of one address that have no entry of their own. */
interface Suppressed {
  count: number
  readonly codes: Map<string, number>
  since: number
  until: number
  /** User agent, connection and the like of the first of them. */
  readonly first: NewEntry
}

interface Address {
  written: number
  suppressed: Suppressed | undefined
}

/** Error codes told apart in one summary. */
const CODES = 16
/** Where addresses beyond the limit are counted; no address looks like this. */
const OTHERS = 'other addresses'

/**
 * Bounds what strangers can make the log grow by. A refused credential is worth an entry, but it costs its sender
 * nothing: so each address gets a few entries per interval and then one that says how many more there were. Nothing
 * is left out of the counts. A crash loses those of one interval, as the refusals themselves change nothing.
 */
export function createFailureBudget(options: FailureBudgetOptions): FailureBudget {
  const { log, now } = options
  const perAddress = options.perAddress ?? 20
  const together = options.together ?? 1000
  const most = options.addresses ?? 1000
  const interval = options.interval ?? 60_000
  let addresses = new Map<string, Address>()
  let written = 0
  let timer: NodeJS.Timeout | undefined

  function addressOf(entry: NewEntry): Address {
    const name = networkOf(entry.head.client?.address ?? '')
    let found = addresses.get(name)
    if (found !== undefined) return found
    const key = addresses.size < most ? name : OTHERS
    found = addresses.get(key)
    if (found === undefined) {
      // Those that are counted together get no entries of their own.
      found = { written: key === OTHERS ? Number.POSITIVE_INFINITY : 0, suppressed: undefined }
      addresses.set(key, found)
    }
    return found
  }

  async function record(entry: NewEntry): Promise<void> {
    timer ??= startTimer()
    const address = addressOf(entry)
    if (log.sealed || (address.written < perAddress && written < together)) {
      address.written++
      written++
      await log.append(entry)
      return
    }
    count(address, entry)
  }

  function count(address: Address, entry: NewEntry): void {
    const at = now()
    address.suppressed ??= { count: 0, codes: new Map(), since: at, until: at, first: entry }
    const { codes } = address.suppressed
    address.suppressed.count++
    address.suppressed.until = at
    const code = entry.head.error?.code ?? 'unknown'
    const known = codes.has(code) || codes.size < CODES ? code : 'others'
    codes.set(known, (codes.get(known) ?? 0) + 1)
  }

  function startTimer(): NodeJS.Timeout {
    return setTimeout(() => {
      timer = undefined
      void summarise()
    }, interval).unref()
  }

  /** One entry for each address with a count; what cannot be written is counted on. */
  async function summarise(): Promise<void> {
    const before = addresses
    addresses = new Map()
    written = 0
    const pending = [...before].map(async ([name, { suppressed }]) => {
      if (suppressed === undefined) return
      try {
        await log.append(summaryOf(name, suppressed, now()))
      } catch (error) {
        options.onError?.(error)
        keep(name, suppressed)
      }
    })
    await Promise.all(pending)
  }

  function keep(name: string, lost: Suppressed): void {
    const address = addresses.get(name) ?? { written: 0, suppressed: undefined }
    addresses.set(name, address)
    const newer = address.suppressed
    address.suppressed = lost
    if (newer !== undefined) {
      lost.count += newer.count
      lost.until = newer.until
      for (const [code, n] of newer.codes) lost.codes.set(code, (lost.codes.get(code) ?? 0) + n)
    }
    timer ??= startTimer()
  }

  return {
    record,
    async close() {
      clearTimeout(timer)
      await summarise()
      clearTimeout(timer)
      timer = undefined
    },
  }
}

function summaryOf(name: string, suppressed: Suppressed, now: number): NewEntry {
  const { first, count, codes, since, until } = suppressed
  const { client, connection, error } = first.head
  return {
    call: newCallId(now),
    kind: 'auth.fail',
    phase: 'state',
    session: null,
    effect: 'deny',
    policyDigest: null,
    head: {
      ...(client === undefined ? {} : { client: { ...client, address: name, port: 0 } }),
      ...(connection === undefined ? {} : { connection }),
      ...(error === undefined ? {} : { error: { code: error.code, check: 'summary' } }),
      facts: { failures: count, codes: Object.fromEntries(codes), since, until },
    },
  }
}

/** Whoever has one IPv6 address has the whole /64. */
function networkOf(address: string): string {
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address)?.[1]
  if (mapped !== undefined) return mapped
  if (!address.includes(':')) return address
  const [head = '', tail] = address.split('::')
  const groups = head === '' ? [] : head.split(':')
  if (tail !== undefined) {
    const rest = tail === '' ? [] : tail.split(':')
    while (groups.length + rest.length < 8) groups.push('0')
    groups.push(...rest)
  }
  return `${groups
    .slice(0, 4)
    .map(group => group.toLowerCase().replace(/^0+(?=.)/, ''))
    .join(':')}::/64`
}
