import { type Detector, exactly, isAlphanumeric, matchAt, type Spans } from './detector.ts'

/** Longest block that is taken for one key. */
export const LONGEST_KEY = 65_536
const OPENING = /BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?[ -]{0,8}/y
const CLOSING = /[- ]{0,8}END [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?(?:-{1,8}| -{4,8})?/g
const PUTTY = /PuTTY-User-Key-File-\d{1,2}:/y
const PUTTY_END = /Private-(?:MAC|Hash): {0,4}[0-9a-fA-F]{8,128}/g
/** PEM of every type, PGP and SSH2 blocks, also in one line with `\n` written out; PuTTY's files. */
export const privateKeys: Detector = {
  name: 'private-key',
  about: 'private keys: PEM of every type, OpenSSH, PGP, PuTTY',
  personal: false,
  anchors: exactly('BEGIN ', 'PuTTY-User-Key-File'),
  look(text, at, behind, spans) {
    if (at < behind) return
    if (text.charCodeAt(at) === 80) putty(text, at, spans)
    else pem(text, at, spans)
  },
}

function pem(text: string, at: number, spans: Spans): void {
  const opening = matchAt(OPENING, text, at)
  if (opening === null) return
  const before = /-{4,8} ?$/.exec(text.slice(Math.max(0, at - 9), at))
  if (before === null) return
  spans.push(at - before[0].length, endOf(text, at + opening[0].length, CLOSING).end)
}

function putty(text: string, at: number, spans: Spans): void {
  if (matchAt(PUTTY, text, at) !== null) spans.push(at, endOf(text, at, PUTTY_END).end)
}

/** The end of the closing line; without one, of all that could still be the key. `open`: more could follow. */
function endOf(
  text: string,
  from: number,
  closing: RegExp,
): { readonly end: number; readonly open: boolean } {
  const window = text.slice(from, from + LONGEST_KEY)
  closing.lastIndex = 0
  const found = closing.exec(window)
  if (found !== null) return { end: from + found.index + found[0].length, open: false }
  const rest = matchAt(REST_OF_LINE, window, 0)![0].length
  let end = rest
  const column = from - text.lastIndexOf('\n', from) - 1
  while (end < window.length) {
    if (window[end] !== '\n') return { end: from + trimmed(window, end), open: false }
    const newline = window.indexOf('\n', end + 1)
    const next = newline === -1 ? window.length : newline
    const line = window.slice(end + 1, next)
    if (line.length > 2000 || !isKeyLine(line, column))
      return { end: from + trimmed(window, end), open: false }
    end = next
  }
  return { end: from + trimmed(window, end), open: true }
}

const REST_OF_LINE = /[A-Za-z0-9+/=\\ \t\r:,()-]{0,65536}/y
const KEY_LINE =
  /^\s*(?:[A-Za-z0-9+/=]{1,1000}|[A-Za-z][A-Za-z-]{2,24}: [^\r\n]{0,400}|-{4,8}[^-]{0,80}-{0,8})?\s*$/

/** A line of base64 or a header, perhaps behind what a logger puts before each line: as much as before the first. */
export function isKeyLine(line: string, column: number): boolean {
  return (
    KEY_LINE.test(line) || (line.length > 20 && /\s\S{1,1000}\s*$/.test(line) && behindPrefix(line, column))
  )
}

function behindPrefix(line: string, column: number): boolean {
  const last = /(?:^|\s)([A-Za-z0-9+/=]{4,1000})\s*$/.exec(line)
  return last !== null && line.length - last[0].length <= column
}

function trimmed(text: string, end: number): number {
  let at = end
  while (at > 0 && /\s/.test(text[at - 1]!)) at--
  return at
}

const BEGINNINGS = /-{4,8} ?BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?|PuTTY-User-Key-File-\d{1,2}:/g

/** Whether a frame of a key may begin in the text, or ends in it. */
export function opensKey(text: string): boolean {
  return text.includes('BEGIN ') || text.includes('PuTTY-User-Key-File')
}

export function closesKey(text: string): boolean {
  return /END [A-Z0-9 ]{0,40}PRIVATE KEY|Private-(?:MAC|Hash):/.test(text)
}

export interface UnclosedKey {
  /** Offset of its first letter. */
  readonly start: number
  /** Letters before it in its line. */
  readonly column: number
  /** Whether all that follows it in the text may belong to it. */
  readonly open: boolean
}

/** The last key that begins in the text and does not end in it. */
export function unclosedKey(text: string): UnclosedKey | null {
  let last: RegExpExecArray | null = null
  for (const found of text.matchAll(BEGINNINGS)) last = found
  if (last === null) return null
  const closing = last[0].startsWith('P') ? PUTTY_END : CLOSING
  const body = last.index + last[0].length
  closing.lastIndex = 0
  if (closing.test(text.slice(body, body + LONGEST_KEY))) return null
  const column = last.index - text.lastIndexOf('\n', last.index) - 1
  return { start: last.index, column, open: endOf(text, body, closing).open }
}

/** First bytes of private keys in DER: PKCS #1, SEC 1, PKCS #8 clear and encrypted (RFC 8017, 5915, 5958). */
function isPrivateDer(bytes: Buffer): boolean {
  if (bytes.length < 12 || bytes[0] !== 0x30) return false
  const length = bytes[1]!
  let at = length < 0x80 ? 2 : 2 + (length & 0x7f)
  if (at > 5) return false
  if (bytes[at] === 0x02 && bytes[at + 1] === 1 && bytes[at + 2]! <= 1) {
    const next = bytes[at + 3]
    // PKCS #1 goes on with a long INTEGER, SEC 1 with an OCTET STRING, PKCS #8 with an algorithm.
    return next === 0x02 || next === 0x04 || next === 0x30
  }
  if (bytes[at] !== 0x30 || bytes[at + 1]! >= 0x80) return false
  at += 2
  // EncryptedPrivateKeyInfo: an algorithm of PKCS #5 or #12 first. A certificate has no such thing there.
  return bytes
    .subarray(at, at + 10)
    .toString('latin1')
    .startsWith('\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x05')
}

const BASE64 = /[A-Za-z0-9+/_-]{24,65536}={0,2}/y

/** The same without its frame: base64 of DER, of a PEM block, of an OpenSSH key. */
export const bareKeys: Detector = {
  name: 'private-key-bare',
  about: 'private keys as bare base64: DER, a PEM block or an OpenSSH key within base64',
  personal: false,
  anchors: exactly(
    'MII[A-J]',
    'MIG[A-Z]',
    'MHcC',
    'MC4C',
    'MFMC',
    'MIIB',
    'LS0tLS1CRUdJTi',
    'b3BlbnNzaC1rZXktdj',
  ),
  look(text, at, behind, spans) {
    if (at < behind || (at > 0 && isAlphanumeric(text.charCodeAt(at - 1)) && !afterEscape(text, at))) return
    const run = matchAt(BASE64, text, at)
    if (run === null) return
    const head = Buffer.from(run[0].slice(0, 96), 'base64')
    const opened = head.toString('latin1')
    const isKey =
      isPrivateDer(head) ||
      opened.startsWith('openssh-key-v1') ||
      /^-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY/.test(opened)
    if (isKey) spans.push(at, endOfLines(text, at + run[0].length))
  },
}

/** `\n` written out before the run. */
function afterEscape(text: string, at: number): boolean {
  return text[at - 2] === '\\' && /[nrt]/.test(text[at - 1]!)
}

const MORE_LINES = /(?:\r?\n|\\n)[ \t]{0,32}([A-Za-z0-9+/_-]{4,128}={0,2})(?![A-Za-z0-9+/:_-])/y

/** Base64 is often cut into lines: full ones belong to the key, and one shorter that ends it. */
function endOfLines(text: string, from: number): number {
  let end = from
  let width = 0
  for (let lines = 0; lines < 1000; lines++) {
    const more = matchAt(MORE_LINES, text, end)
    if (more === null || (width > 0 && more[1]!.length > width)) break
    end += more[0].length
    if (width > 0 && more[1]!.length < width) break
    width = more[1]!.length
  }
  return end
}
