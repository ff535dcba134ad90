import { closesKey } from '../detect/private-keys.ts'
import { looksRandom } from '../detect/words.ts'
import { rawRange, viewsOf } from './hidden.ts'

/** A run of base64 at the end of a line; offsets in the line. */
export interface KeyRow {
  readonly start: number
  readonly end: number
  /** Letters before it that a reader sees. */
  readonly column: number
  /** Letters of it that a reader sees. */
  readonly width: number
  /** As long as programs make the rows of a key, and random: not a word, not a digest in hex. */
  readonly isFull: boolean
  /** May be the last row of a key: no word, no number, no digest in hex. */
  readonly isMixed: boolean
}

/**
 * What a line is in a text that may begin amid a private key: a row of it, something that stands between rows
 * (`between`), the end of a private key or of something else, or what belongs to no key.
 */
export type LineOfKey = KeyRow | 'between' | 'private-end' | 'other-end' | 'other'

/** What a kubelet (RFC 3339) or a container runtime (CRI) puts before a line. */
const STAMP = /^\s*\d{4}-\d\d-\d\dT[\d:.,]+(?:Z|[+-]\d\d:?\d\d)\s+(?:std(?:out|err) [FP] )?/
const RUN = /(?:^|\s)([A-Za-z0-9+/]{1,1000}={0,2})\s*$/
const HEADER =
  /^(?:(?:Proc-Type|DEK-Info|Comment|Version|Encryption|Public-Lines|Private-Lines|Key-Derivation|Argon2-[A-Za-z]+): [^\n]{0,400})?\s*$/

/** Longer lines are none of a key. */
export const LONGEST_ROW = 1_200

/** @param column Of the rows before; -1 when there was none. */
export function lineOfKey(line: string, column: number): LineOfKey {
  if (line.length > LONGEST_ROW) return 'other'
  const view = viewsOf(line).at(-1)!
  const text = view.text.replace(/\r?\n$/, '')
  if (closesKey(text)) return 'private-end'
  if (/-{4,8} ?END [A-Z0-9 ]{2,60}-{0,8}\s*$/.test(text)) return 'other-end'
  const stamp = STAMP.exec(text)?.[0].length ?? 0
  const rest = text.slice(stamp)
  if (HEADER.test(rest)) return 'between'
  const run = RUN.exec(rest)?.[1]
  if (run === undefined) return 'other'
  const at = stamp + rest.lastIndexOf(run)
  const isBare = rest.trim() === run
  const isFull = isFullRow(run, isBare)
  // Behind what a logger writes, a short word at the end of a line is a word; behind a full row it may be the last one.
  if (!isBare && !isFull && (column === -1 || at > column + 4)) return 'other'
  const [start, end] = rawRange(view, at, at + run.length)
  return { start, end, column: at, width: run.length, isFull, isMixed: isMixed(run) }
}

/** 64 letters in PEM, 70 with OpenSSH, 76 in MIME; tools that were told so make others. */
function isFullRow(run: string, isBare: boolean): boolean {
  if (isBare ? run.length < 60 || run.length > 80 : ![64, 70, 76].includes(run.length)) return false
  return isMixed(run) && looksRandom(run)
}

export function isMixed(run: string): boolean {
  return run.length >= 16 && /[a-z]/.test(run) && /[A-Z]/.test(run) && /[0-9+/]/.test(run)
}
