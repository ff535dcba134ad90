import type { Finding, FingerprintFinder, MaskRule, TextFinder } from '../contract.ts'
import { closesKey, isKeyLine, opensKey, type UnclosedKey, unclosedKey } from '../detect/private-keys.ts'
import { isUnfinished } from '../detect/unfinished.ts'
import { type Candidates, candidatesIn, findInViews } from './find-in-lines.ts'
import { viewsOf } from './hidden.ts'
import { keyMaterial } from './key-material.ts'
import { createTextOutput, type MaskedText } from './text-output.ts'

export interface TextMaskerOptions {
  readonly finder: TextFinder
  readonly fingerprints?: FingerprintFinder
  /** What stands instead; `original` is the bytes read as UTF-8. Only printable ASCII may come back. */
  placeholder(rule: MaskRule, original: string): string
  /** Bytes of the longest line, or block of lines, that is looked at as a whole. 65,536 if not said. */
  readonly longest?: number
}

/**
 * Masks a stream of plain text. What comes out depends on the bytes that went in, not on how they were cut into chunks;
 * only `flushIdle` lets a part of a line out early, and then never a part of what may be a secret.
 */
export interface TextMasker {
  push(chunk: Uint8Array): MaskedText
  /** After the last byte. */
  end(): MaskedText
  /** For a while nothing came: gives what stands of an unfinished line and cannot be part of a secret, such as a prompt. */
  flushIdle(): MaskedText
}

/** Bytes before a place that are looked at with what follows it, in a line too long to be looked at as a whole. */
const CONTEXT = 4_096
/** After a key that was interrupted: bytes of other lines before rows of base64 are no longer taken for the rest of it. */
const AFTER_KEY = 16_384

/** Stands for the part of a line that is no longer known: what follows does not begin a line. */
const BEFORE = 'x '

/** Longest block of lines that no frame of a key holds together. */
const SMALL = 8_192

function openKey(text: string): UnclosedKey | null {
  const key = unclosedKey(text)
  return key?.open === true ? key : null
}

/** Lines that wait for the next one; offsets from the first byte that is held. */
interface Growing {
  readonly end: number
  /** Start of the last line. */
  readonly last: number
  readonly key: UnclosedKey | null
}

/** Rows of base64 are masked while the end of a key has not been seen. */
interface BrokenKey {
  readonly rule: MaskRule
  readonly column: number
  left: number
}

export function createTextMasker(options: TextMaskerOptions): TextMasker {
  const { finder, fingerprints } = options
  const longest = Math.max(2 * CONTEXT, options.longest ?? 65_536)
  const tail = Math.min(8_192, longest >> 2)
  const output = createTextOutput(options.placeholder)
  let held: Buffer = Buffer.alloc(0)
  let heldLength = 0
  /** Of the held bytes those that have left already and are kept to be looked at with the rest of their line. */
  let released = 0
  /** A secret filled all that is looked at once: the rest of its line is masked. */
  let filling: MaskRule | null = null
  let brokenKey: BrokenKey | null = null
  let growing: Growing | null = null
  /** What is known of the line does not begin where the line does. */
  let isCut = false

  function push(chunk: Uint8Array): MaskedText {
    const bytes = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength)
    if (heldLength === 0) return run(bytes, false)
    append(bytes)
    if (filling === null && heldLength - released < longest && !bytes.includes(10)) return output.take()
    return run(held.subarray(0, heldLength), false)
  }

  function append(bytes: Buffer): void {
    if (heldLength + bytes.length > held.length) {
      const grown = Buffer.alloc(Math.max(4_096, 2 * (heldLength + bytes.length)))
      held.copy(grown, 0, 0, heldLength)
      held = grown
    }
    bytes.copy(held, heldLength)
    heldLength += bytes.length
  }

  function keep(bytes: Buffer, from: number, unreleased: number): void {
    const rest = bytes.subarray(from)
    // The bytes may be the held ones themselves.
    if (rest.length > held.length || held.length > 4 * longest) held = Buffer.from(rest)
    else rest.copy(held, 0)
    heldLength = rest.length
    released = unreleased - from
  }

  /** Lets out all that is decided, and keeps the rest. */
  function run(bytes: Buffer, isEnd: boolean): MaskedText {
    const text = bytes.toString('latin1')
    const complete = isEnd ? text.length : text.lastIndexOf('\n') + 1
    /** Start of the line, or of what is still known of it; and the first byte that has not left. */
    let line = 0
    let from = released
    released = 0
    let candidates: Candidates | null = null
    output.begin(bytes)
    while (from < text.length) {
      if (filling !== null) {
        const end = fill(text, from, isEnd)
        if (end === -1) break
        from = end
        line = filling === null ? end : Math.max(line, end - CONTEXT)
        isCut = filling !== null
        continue
      }
      const newline = text.indexOf('\n', from)
      const lineEnd = newline === -1 ? (isEnd ? text.length : -1) : newline + 1
      if (brokenKey !== null && lineEnd !== -1 && lineEnd - line <= longest && from === line) {
        if (continueKey(text.slice(line, lineEnd), line)) {
          from = lineEnd
          line = lineEnd
          continue
        }
      }
      if (from === line && brokenKey === null && growing === null) {
        candidates ??= candidatesIn(text, bytes, finder, fingerprints)
        const at = candidates.next(from)
        const start = at === -1 ? complete : text.lastIndexOf('\n', at) + 1
        const upTo = Math.max(from, start)
        if (upTo > from) {
          output.pass(from, upTo)
          from = upTo
          line = upTo
          continue
        }
        if (at === -1 && text.length - line < longest) break
      }
      const end =
        lineEnd !== -1 && lineEnd - from <= longest
          ? block(text, line, from, lineEnd, complete, isEnd)
          : piece(text, line, from)
      if (end === -1) break
      const wholeLine = text[end - 1] === '\n'
      from = end
      if (wholeLine) line = end
      else if (end - CONTEXT > line) {
        line = end - CONTEXT
        isCut = true
      }
      if (wholeLine) isCut = false
    }
    // Before what is held is overwritten.
    const masked = output.take()
    keep(bytes, from < text.length ? line : text.length, from)
    return masked
  }

  /** A line, with those that may belong to what stands in it. Returns its end, or -1 when more must come first. */
  function block(
    text: string,
    line: number,
    from: number,
    lineEnd: number,
    complete: number,
    isEnd: boolean,
  ): number {
    let end = lineEnd
    if (from === line && brokenKey === null) {
      const extended = extend(text, line, lineEnd, complete, isEnd)
      if (extended === -1) return -1
      end = extended
    }
    const unit = (isCut ? BEFORE : '') + text.slice(line, end)
    const found = findInViews(unit, finder, fingerprints)
    output.mask(isCut ? line - BEFORE.length : line, from, end, found)
    breakKey(unit, found)
    return end
  }

  /** Takes lines as long as a secret may go on in the next one. Each line is looked at once, however it came. */
  function extend(text: string, line: number, lineEnd: number, complete: number, isEnd: boolean): number {
    // What waits begins with the first byte that is held.
    let { end, last, key } = growing ?? { end: lineEnd, last: line, key: null }
    let isNew = growing === null
    growing = null
    while (end - line < longest) {
      if (isNew) {
        const plain = shown(text.slice(last, end))
        if (key === null && opensKey(plain)) key = openKey(shown(text.slice(line, end)))
        else if (key !== null && closesKey(plain)) key = null
        else if (key !== null && !isKeyLine(plain, key.column)) return end
        const small = end - line < SMALL
        if (key === null && !(small && isUnfinished(shown(text.slice(line, end))))) return end
      }
      isNew = true
      if (end >= complete) {
        if (isEnd || text.length - end >= longest) return end
        growing = { end: end - line, last: last - line, key }
        return -1
      }
      const newline = text.indexOf('\n', end)
      const next = newline === -1 ? text.length : newline + 1
      if (next - end > longest) return end
      last = end
      end = next
    }
    return end
  }

  /** A key that began and did not end: what is left of it comes in pieces. */
  function breakKey(unit: string, found: readonly Finding[]): void {
    const view = viewsOf(unit).at(-1)!
    const unclosed = unclosedKey(view.text)
    if (unclosed === null) return
    const rule = found.findLast(f => f.rule.name !== '')?.rule
    if (rule !== undefined) brokenKey = { rule, column: unclosed.column, left: AFTER_KEY }
  }

  /** A line after an interrupted key. False when the line is to be treated like any other. */
  function continueKey(unit: string, line: number): boolean {
    const key = brokenKey!
    const plain = shown(unit)
    if (key.left <= 0 || unit.length > longest || plain.includes('BEGIN ')) {
      brokenKey = null
      return false
    }
    key.left = isKeyLine(plain, key.column) ? AFTER_KEY : key.left - unit.length
    const found = keyMaterial(unit, findInViews(unit, finder, fingerprints), key.rule, key.column)
    output.mask(line, line, line + unit.length, found)
    if (closesKey(plain)) brokenKey = null
    return true
  }

  /** Part of a line that is longer than what is looked at once. */
  function piece(text: string, line: number, from: number): number {
    const limit = from + longest
    if (text.length < limit) return -1
    const found = findInViews((isCut ? BEFORE : '') + text.slice(line, limit), finder, fingerprints)
    const origin = isCut ? line - BEFORE.length : line
    let cut = limit - tail
    const across = found.find(f => origin + f.start < cut && origin + f.end > cut)
    if (across !== undefined) {
      cut = origin + across.start
      if (cut <= from) {
        cut = origin + across.end
        if (cut >= limit) filling = across.rule
      }
    }
    output.mask(origin, from, cut, found)
    return cut
  }

  /** Masks up to the end of the line. Returns how far, or -1 when more must come first. */
  function fill(text: string, from: number, isEnd: boolean): number {
    const newline = text.indexOf('\n', from)
    const limit = from + longest
    if (newline === -1 || newline > limit) {
      if (text.length < limit && !isEnd) return -1
      const end = Math.min(limit, text.length)
      output.mask(from, from, end, [{ start: 0, end: end - from, rule: filling! }])
      if (isEnd && end === text.length) filling = null
      return end
    }
    const end = text[newline - 1] === '\r' && newline - 1 > from ? newline - 1 : newline
    output.mask(from, from, newline + 1, [{ start: 0, end: end - from, rule: filling! }])
    filling = null
    return newline + 1
  }

  function flushIdle(): MaskedText {
    const text = held.toString('latin1', 0, heldLength)
    if (heldLength === released || filling !== null || brokenKey !== null || text.includes('\n')) {
      return output.take()
    }
    const found = findInViews(text, finder, fingerprints)
    let until = undecided(text)
    for (const finding of found) {
      if (finding.end >= until && finding.start < until) until = finding.start
    }
    if (until <= released) return output.take()
    output.begin(held.subarray(0, heldLength))
    output.mask(
      0,
      released,
      until,
      found.filter(f => f.end <= until),
    )
    released = until
    return output.take()
  }

  return {
    push,
    flushIdle,
    end() {
      const bytes = Buffer.from(held.subarray(0, heldLength))
      heldLength = 0
      return run(bytes, true)
    },
  }
}

/** What a person would see: the strictest reading of hidden bytes. */
function shown(text: string): string {
  return viewsOf(text).at(-1)!.text
}

/** Where the last word begins, if it is one that may go on and become a secret. */
function undecided(text: string): number {
  const word = /\S*$/.exec(text)![0]
  return /[A-Za-z0-9+/=_-]{4}$/.test(word) || word.includes('://') ? text.length - word.length : text.length
}
