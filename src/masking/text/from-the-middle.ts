import type { Finding, MaskRule, TextFinder } from '../contract.ts'
import { LONGEST_KEY } from '../detect/private-keys.ts'
import { findInViews } from './find-in-lines.ts'
import { isMixed, type KeyRow, LONGEST_ROW, lineOfKey } from './key-rows.ts'
import { createTextMasker, type TextMasker, type TextMaskerOptions } from './mask-text.ts'
import { createTextOutput, type MaskedText } from './text-output.ts'

const NOTHING: MaskedText = { bytes: new Uint8Array(0), edits: [] }
interface Row extends KeyRow {
  /** Of its line, in what is held. */
  readonly at: number
  /** The text ends amid its line. */
  readonly isCut: boolean
}

/**
 * Masks a log, which may begin anywhere: `--tail` and `--since` cut off the line by which a private key is known. So rows of
 * base64 at the begin of the text are held until it is clear what they are: a private key when they end like one, or when
 * nothing says that they are something else (a certificate, a public key). At most 64 KiB are held.
 */
export function createLogMasker(options: TextMaskerOptions): TextMasker {
  const inner = createTextMasker(options)
  const rule = ruleOfKeys(options.finder)
  if (rule === null) return inner
  let isDecided = false
  /** Rows of a key go on, and are masked as they come. */
  let isWithin = false
  let held: Buffer = Buffer.alloc(0)
  /** Bytes of `held` whose lines were looked at. */
  let seen = 0
  let rows: Row[] = []
  /** Bytes that left before those of the inner masker, masked. */
  let ahead = 0
  const output = createTextOutput(options.placeholder)

  function push(chunk: Uint8Array): MaskedText {
    if (isDecided) return moved(inner.push(chunk))
    held = Buffer.concat([held, chunk])
    return look(false)
  }

  function look(isEnd: boolean): MaskedText {
    const text = held.toString('latin1')
    while (seen < text.length) {
      const feed = text.indexOf('\n', seen)
      if (feed === -1 && !isEnd) break
      const next = feed === -1 ? text.length : feed + 1
      const line = lineOfKey(text.slice(seen, next), columnBefore())
      if (line === 'private-end') return decide(rows)
      if (line === 'other' || line === 'other-end') {
        return decide(line === 'other' || isWithin ? likely() : [])
      }
      if (!isWithin && next > LONGEST_KEY) {
        if (likely().length === 0) return decide([])
        isWithin = true
      }
      if (line !== 'between') rows.push({ ...line, at: seen, isCut: feed === -1 })
      seen = next
    }
    if (isEnd || text.length - seen > LONGEST_ROW) return decide(likely())
    return isWithin ? release() : NOTHING
  }

  function columnBefore(): number {
    return rows.at(-1)?.column ?? -1
  }

  /** Without the end of a key: full rows, and what may be the last row of their key. */
  function likely(): Row[] {
    return rows.filter((row, i) => {
      const before = rows[i - 1]
      return row.isFull || (before?.isFull === true && (row.isCut || mayBeLast(row.width, before.width)))
    })
  }

  /** Lets out the lines that were looked at, with their rows masked; the next lines may go on. */
  function release(): MaskedText {
    const masked = write(likely(), seen)
    const column = rows.at(-1)
    held = held.subarray(seen)
    seen = 0
    rows = column === undefined ? [] : [{ ...column, start: 0, end: 0, at: 0 }]
    return masked
  }

  /** Masks these rows; everything behind the last line that was looked at is text like any other. */
  function decide(masked: readonly Row[]): MaskedText {
    isDecided = true
    const cut = masked.length === 0 ? 0 : seen
    const first = write(masked, cut)
    const rest = held.subarray(cut)
    held = Buffer.alloc(0)
    return joined(first, moved(inner.push(rest)))
  }

  /** What is held up to `end`, with these rows masked and all else that is found in it. */
  function write(masked: readonly Row[], end: number): MaskedText {
    if (end === 0) return NOTHING
    const bytes = held.subarray(0, end)
    const ranges: Finding[] = masked
      .filter(row => row.end > row.start)
      .map(row => ({ start: row.at + row.start, end: row.at + row.end, rule: rule! }))
    const found = findInViews(bytes.toString('latin1'), options.finder, options.fingerprints)
    const others = found.filter(f => !ranges.some(r => f.start < r.end && r.start < f.end))
    output.begin(Buffer.from(bytes))
    output.mask(
      0,
      0,
      end,
      [...ranges, ...others].sort((a, b) => a.start - b.start),
    )
    const result = output.take()
    ahead += result.bytes.length
    return result
  }

  function moved(text: MaskedText): MaskedText {
    if (ahead === 0 || text.edits.length === 0) return text
    return { bytes: text.bytes, edits: text.edits.map(edit => ({ ...edit, at: edit.at + ahead })) }
  }

  function idle(masked: readonly Row[]): MaskedText {
    return joined(decide(masked), moved(inner.flushIdle()))
  }

  return {
    push,
    end() {
      if (isDecided) return moved(inner.end())
      const first = look(true)
      return joined(first, moved(inner.end()))
    },
    flushIdle() {
      if (isDecided) return moved(inner.flushIdle())
      const partial = held.toString('latin1', seen)
      const mayGoOn = isMixed(RUNNING.exec(partial)?.[0] ?? '')
      if (likely().length > 0) {
        // Rows are masked from now on as they come.
        isWithin = true
        const isRow = partial === '' || mayGoOn || lineOfKey(partial, columnBefore()) !== 'other'
        return isRow ? release() : idle(likely())
      }
      return held.length === 0 || mayGoOn || rows.some(row => row.isMixed) ? NOTHING : idle([])
    },
  }
}

/** base64 is made of fours, which the rows before may have broken in two. */
function mayBeLast(width: number, before: number): boolean {
  return width % (before % 4 === 0 ? 4 : 2) === 0
}

/** What may be the begin of a row. */
const RUNNING = /[A-Za-z0-9+/]*$/

/** Which rule masks private keys, if one does here. */
function ruleOfKeys(finder: TextFinder): MaskRule | null {
  const dashes = '-'.repeat(5)
  const found: Finding[] = []
  finder.find(`${dashes}BEGIN PRIVATE KEY${dashes}\nMIIB\n${dashes}END PRIVATE KEY${dashes}\n`, found)
  return found[0]?.rule ?? null
}

function joined(a: MaskedText, b: MaskedText): MaskedText {
  if (a.bytes.length === 0) return b
  if (b.bytes.length === 0) return a
  return { bytes: Buffer.concat([a.bytes, b.bytes]), edits: [...a.edits, ...b.edits] }
}
