import type { RawChange } from './messages.ts'
import type { Change } from './store.ts'

/** Bytes of UTF-8. PostgreSQL keeps at most 2,700 in an entry of an index, and kind and key share one. */
const LONGEST_NAME = 1_024
const LARGEST_VALUE = 4 * 1_048_576
const LARGEST_PAGE = 10_000

/** Checks changes and turns their values to JSON text. Throws TypeError: a fault of the program, never of a caller. */
export function rawChanges(changes: readonly Change[]): RawChange[] {
  const seen = new Set<string>()
  return changes.map(change => {
    const { kind, key } = change
    checkName('kind', kind)
    checkName('key', key)
    const both = `${kind}\u0000${key}`
    if (seen.has(both)) throw new TypeError(`a commit changes ${kind} ${key} twice`)
    seen.add(both)
    return {
      kind,
      key,
      value: change.op === 'delete' ? null : json(change),
      version: change.op === 'create' ? null : change.version,
    }
  })
}

function json(change: Extract<Change, { value: unknown }>): string {
  const text: string | undefined = JSON.stringify(change.value)
  // null is how changesSince tells a deletion.
  if (text === undefined || text === 'null')
    throw new TypeError(`${change.kind} ${change.key} has no JSON value`)
  if (text.length > LARGEST_VALUE) throw new TypeError(`${change.kind} ${change.key} is larger than 4 MiB`)
  return text
}

/** PostgreSQL and SQLite disagree about U+0000 and lone surrogates, so neither may occur in a name. */
function checkName(what: string, name: string): void {
  const fits = name.length > 0 && name.length <= LONGEST_NAME && Buffer.byteLength(name) <= LONGEST_NAME
  if (!fits || name.includes('\u0000') || !name.isWellFormed()) {
    throw new TypeError(`not a ${what} of a stored record: ${JSON.stringify(name.slice(0, 80))}`)
  }
}

export function checkLimit(limit = 500): number {
  if (!Number.isInteger(limit) || limit < 1) throw new TypeError(`not a limit: ${limit}`)
  return Math.min(limit, LARGEST_PAGE)
}

/** The first string, in UTF-8 byte order, that is after every string with this prefix; null when there is none. */
export function prefixEnd(prefix: string): string | null {
  const points = Array.from(prefix, letter => letter.codePointAt(0) ?? 0)
  for (let last = points.pop(); last !== undefined; last = points.pop()) {
    if (last === 0x10ffff) continue
    return String.fromCodePoint(...points, last === 0xd7ff ? 0xe000 : last + 1)
  }
  return null
}
