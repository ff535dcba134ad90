import { matchAt } from './detector.ts'

/** Longest value that is read. */
const LONGEST = 65_536
const WORD = /[^\s]{0,2048}/y
const LINE = /[^\r\n]{0,2048}/y
const REST = /[^\s]{0,65536}/y

interface Span {
  readonly start: number
  readonly end: number
  readonly quoted: boolean
}

/**
 * Where a quoted value ends: at the same quote with as many backslashes. At depth k of quoting (k backslashes before
 * the opening quote) an inner quote has 2k+1 and a backslash of the value is 2(k+1). Fewer than k end an outer string.
 * Without an end the value goes on to the end of its line.
 */
export function quotedEnd(text: string, start: number, depth: number, quote: string): number {
  const limit = Math.min(text.length, start + LONGEST)
  const period = 2 * (depth + 1)
  for (let at = start; at < limit; at++) {
    const letter = text[at]!
    if (letter === '\n' || letter === '\r') return at
    if (letter !== quote) continue
    let run = 0
    while (at - run > start && text[at - run - 1] === '\\') run++
    if (run < depth || run % period === depth) {
      if (quote === "'" && depth === 0 && run === 0 && text[at + 1] === "'") at++
      else return at - Math.min(run, depth)
    }
  }
  return limit
}

/** What ends an unquoted value within a word: a quote of the text around, the next pair, closing brackets. */
const NEXT_PAIR = /[,;&][ \t]*\\{0,8}["']?[A-Za-z_][\w .-]{0,48}\\{0,8}["']?[ \t]{0,4}[=:]/g

export function unquoted(text: string, from: number, wholeLine: boolean): Span {
  const run = matchAt(wholeLine ? LINE : WORD, text, from)![0]
  let end = run.length
  if (wholeLine) {
    // A comment, or another pair: then this is a line of a log rather than of a configuration.
    const other = /\s(?:#\s|[\w.-]{1,48}=)/.exec(run)
    if (other !== null) end = other.index
  }
  // A template stands as a whole, blanks and all.
  const template =
    /^(?:\{\{[^}\r\n]{0,400}\}\}|<[^>\r\n]{1,160}>|\$\{[^}\r\n]{0,200}\}|\$\([^)\r\n]{0,200}\))/.exec(
      text.slice(from, from + 404),
    )
  if (template !== null)
    return { start: from, end: from + Math.max(template[0].length, wordEnd(run)), quoted: false }
  NEXT_PAIR.lastIndex = 0
  const pair = NEXT_PAIR.exec(run)
  if (pair !== null && pair.index < end) end = pair.index
  const escaped = /\\+["'`]|\\[nrt](?![A-Za-z0-9+/])|\\n/.exec(run)
  if (escaped !== null && escaped.index < end) end = escaped.index
  const closing = /["'`](?=[\s,;:)\]}>]|$)/.exec(run.slice(0, end))
  if (closing !== null) end = closing.index
  const element = run.slice(0, end).indexOf('</')
  if (element > 0) end = element
  // What is that long is one value to its last letter.
  if (end === 2048)
    return { start: from, end: from + end + matchAt(REST, text, from + end)![0].length, quoted: false }
  while (end > 0 && /[\s,;)\]}>]/.test(run[end - 1]!)) end--
  return { start: from, end: from + end, quoted: false }
}

function wordEnd(run: string): number {
  return /^\S*/.exec(run)![0].length
}

const BLOCK = /[|>][+-]?\d?[+-]?[ \t]{0,16}(?:#[^\r\n]{0,256})?\r?\n/y

/** YAML's `|` and `>`: all lines that stand further in than the name. */
export function blockScalar(text: string, nameStart: number, from: number): Span | null {
  const opening = matchAt(BLOCK, text, from)
  if (opening === null) return null
  const margin = indentation(text, nameStart)
  let at = from + opening[0].length
  const start = at
  let end = start
  while (at < text.length && at - start < 65_536) {
    const newline = text.indexOf('\n', at)
    const stop = newline === -1 ? text.length : newline
    const line = text.slice(at, stop)
    if (line.trim() !== '') {
      if (blanks(line) <= margin) break
      end = at + line.trimEnd().length
    }
    at = stop + 1
  }
  const skipped = blanks(text.slice(start, start + 256))
  return end > start ? { start: start + Math.min(skipped, end - start), end, quoted: true } : null
}

/** A YAML value in the line below its name, further in, and no list or mapping. */
export function nextLine(text: string, nameStart: number, from: number): Span | null {
  const found = matchAt(/[ \t\r]{0,64}\n([ \t]{1,256})(["']?)([^\s#&*!|>{[-][^\r\n]{0,8192})/y, text, from)
  if (found === null || found[1]!.length <= indentation(text, nameStart)) return null
  const body = found[3]!
  if (/^["']?[\w.-]{1,128}["']?:(?:\s|$)/.test(body)) return null
  const end = from + found[0].length - (body.length - body.trimEnd().length)
  const quoted = found[2] !== '' && text[end - 1] === found[2] ? 1 : 0
  return { start: from + found[0].length - body.length, end: end - quoted, quoted: true }
}

/** Columns before the name, a list's dash included. */
function indentation(text: string, nameStart: number): number {
  let at = nameStart
  while (at > 0 && nameStart - at < 512 && text[at - 1] !== '\n') at--
  return blanks(text.slice(at, nameStart).replace(/-(?=\s)/g, ' '))
}

function blanks(line: string): number {
  return /^[ \t]*/.exec(line)![0].length
}
