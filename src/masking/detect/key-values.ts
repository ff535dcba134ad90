import type { TellTale } from '../contract.ts'
import { type Anchor, anyCase, type Detector, matchAt, testAt } from './detector.ts'
import { tellTale } from './key-names.ts'
import { plausible } from './plausible.ts'
import { blockScalar, nextLine, quotedEnd, unquoted } from './values.ts'

/** Parts of all names that `tellTale` knows; a name that tells something has one of them. */
export const STEMS: readonly Anchor[] = anyCase(
  'pass',
  'pwd[^A-Za-z]',
  'pwds',
  'psw[^A-Za-z]',
  'pw[^A-Za-z]',
  'kennwort',
  'secret',
  'token',
  'key[^A-Za-z]',
  'key[sdvbhpo]',
  'cred',
  'auth',
  'connstr',
  'connectionstr',
  'connection[_. -]str',
  'dsn[^A-Za-z]',
  'jwt[^A-Za-z]',
  'bearer[^A-Za-z]',
  'cookie',
  'sess',
  'sid[^A-Za-z]',
  'csrf',
  'xsrf',
  'salt[^A-Za-z]',
  'seed[^A-Za-z]',
  'psk[^A-Za-z]',
  'otp[^A-Za-z]',
  'pat[^A-Za-z]',
  'sas[^A-Za-z]',
  'pepper',
  'mnemonic',
  'rootpw',
  'kubeconfig',
  'dockercon',
  'dockercfg',
)

/** From the anchor on: the rest of the name, what closes it, and something that a value may follow. */
const AHEAD =
  /[\w.-]{2,80}(?:\\{0,8}["'`])?[\])]{0,2}(?:[ \t]{0,40}(?::=|=>|==?|:|\|[ \t])|[ \t]{0,4}>|\\{0,8}["'`],|[ \t]{1,8}\S|<\/\w{1,32}>|[ \t]{0,8},?\s{0,40}["'\\]{0,8}value|["'\\, \t\r]{0,16}(?:\n|$))/iy
const NAME_LETTER = /[\w.-]/
const NAME_LETTERS = Uint8Array.from({ length: 128 }, (_, code) =>
  NAME_LETTER.test(String.fromCharCode(code)) ? 1 : 0,
)
const REST_OF_NAME = /[\w.-]{0,96}/y
const SEPARATOR =
  /(\\{0,8}["'`])?[\])]{0,2}([ \t]{0,40}(?::=|=>|==?|:(?!\/\/))[ \t]{0,40}|[ \t]{1,40}\|[ \t]{1,40})/y
const IN_ARGUMENTS = /(?:\\{0,8}["'][ \t]{0,8},\s{0,40}|[ \t]{1,8}|\r?\n[ \t]{0,64}- {1,8})(?=\S)/y
/** `{"name":"X","value":"…"}`, `- name: X⏎  value: …`, `{Name:X Value:…}`, `<add key="X" value="…"/>`. */
const PAIR = /\\{0,8}["']?[ \t]{0,8},?\s{0,64}\\{0,8}["']?value\\{0,8}["']?[ \t]{0,8}[:=][ \t]{0,8}/iy
const ELEMENT = /(?:<\/[\w:]{1,32}>\s{0,64}<(?:string|value)|[^<>]{0,128})>([^<]{1,4096})/y
const SCHEME = /(?:bearer|basic|token|negotiate|digest|apikey)[ \t]{1,4}/iy
const USER_INFO = /[^\s"'/@]{1,256}@/y
const IS = /\\{0,8}["']?[ \t](?:is|was|are|=>|->|has been set to|set to)[ \t]{0,4}:?[ \t]{1,4}(?=\S)/iy

/** `password=…`, `"clientSecret": "…"`, `--token …`, YAML, ini, environment dumps, Go maps, XML, name and value in pairs. */
export const keyValues: Detector = {
  name: 'key-value',
  about:
    'values beside tell-tale names in text: environment dumps, YAML, JSON, ini, XML, command lines, Go structs',
  personal: false,
  anchors: STEMS,
  possible: (text, at) => !isBeforeObject(text, at) && testAt(AHEAD, text, at),
  look(text, at, behind, spans) {
    const name = nameAround(text, at)
    if (isWithin(text, name, behind)) return
    const told = strengthOf(text, name)
    if (told === undefined) return
    const { strength } = told
    const value = valueAfter(text, told, strength)
    // The same run of letters again: its end is the same.
    if (value === null || (value.start < behind && !value.quoted && value.end <= behind)) return
    if (value.end <= value.start) return
    if (!plausible(text.slice(value.start, value.end), strength)) return
    const scheme = matchAt(SCHEME, text, value.start)?.[0].length ?? 0
    spans.push(value.start + scheme, value.end)
  },
}

/** In JSON an object follows the name, as in managed fields: `look` finds no value there. */
function isBeforeObject(text: string, at: number): boolean {
  let end = at
  while (end - at < 80 && isNameLetter(text.charCodeAt(end))) end++
  if (text.charCodeAt(end) !== 0x22 || text.charCodeAt(end + 1) !== 0x3a || text.charCodeAt(end + 2) !== 0x7b)
    return false
  const first = text.charCodeAt(end + 3)
  return first === 0x22 || first === 0x7d
}

function isNameLetter(code: number): boolean {
  return code < 128 && NAME_LETTERS[code] === 1
}

/** A pair within a value that is masked already, and that ends where it ends. */
function isWithin(text: string, name: Name, behind: number): boolean {
  if (name.end >= behind) return false
  const separator = matchAt(SEPARATOR, text, name.end)
  if (separator === null) return false
  const value = name.end + separator[0].length
  return value < behind && !/["'`\\[|>\s]/.test(text[value]!)
}

interface Name {
  readonly start: number
  readonly end: number
}

function nameAround(text: string, at: number): Name {
  let start = at
  while (start > 0 && at - start < 96 && NAME_LETTER.test(text[start - 1]!)) start--
  const end = at + matchAt(REST_OF_NAME, text, at)![0].length
  return { start: unescapedStart(text, start, at), end }
}

/** `\npassword`, `\u0022password`: what the backslash takes is no part of the name. */
function unescapedStart(text: string, start: number, at: number): number {
  if (text[start - 1] !== '\\') return start
  if (text[start] === 'u' && start + 5 <= at && /^u[0-9a-fA-F]{4}/.test(text.slice(start, start + 5)))
    return start + 5
  return start < at && /[nrtbfv]/.test(text[start]!) ? start + 1 : start
}

interface Told extends Name {
  readonly strength: TellTale
}

function strengthOf(text: string, name: Name): Told | undefined {
  const strength = tellTale(text.slice(name.start, name.end))
  const own = strength && { ...name, strength }
  if (strength === 'strong' || name.start < 2 || text[name.start - 1] !== ' ') return own
  // `Client Secret: …`, `API key = …`
  const before = /[A-Za-z][A-Za-z0-9]{1,24}$/.exec(text.slice(Math.max(0, name.start - 26), name.start - 1))
  if (before === null) return own
  if (tellTale(`${before[0]}_${text.slice(name.start, name.end)}`) !== 'strong') return own
  return { start: name.start - before[0].length - 1, end: name.end, strength: 'strong' }
}

interface Value {
  readonly start: number
  readonly end: number
  readonly quoted: boolean
}

function valueAfter(text: string, name: Name, strength: TellTale): Value | null {
  const pair = matchAt(PAIR, text, name.end)
  if (pair !== null) return valueAt(text, name.end + pair[0].length, false)
  const separator = matchAt(SEPARATOR, text, name.end)
  if (separator !== null) return afterSeparator(text, name, separator)
  const isFlag =
    text[name.start] === '-' || /^["'\s]-/.test(text.slice(Math.max(0, name.start - 2), name.start))
  if (isFlag || text.slice(name.start, name.end).startsWith('--')) {
    const gap = matchAt(IN_ARGUMENTS, text, name.end)
    if (gap === null || text[name.end + gap[0].length] === '-') return null
    return valueAt(text, name.end + gap[0].length, false)
  }
  const before = text[name.start - 1]
  if (before === '<' || before === ':' || before === '>') {
    const element = matchAt(ELEMENT, text, name.end)
    if (element === null) return null
    const end = name.end + element[0].length
    return { start: end - element[1]!.length, end, quoted: true }
  }
  const is = strength === 'strong' ? matchAt(IS, text, name.end) : null
  return is === null ? null : sentence(text, name, name.end + is[0].length)
}

/** `Your password is: x`, `password is x`: of a sentence only one word, and only if it could not be one of language. */
function sentence(text: string, name: Name, at: number): Value | null {
  const value = valueAt(text, at, false)
  if (value === null) return null
  const word = text.slice(value.start, value.end)
  return /\d|[^A-Za-z.,;:!?'"-]/.test(word) || /[:"'`]\s*$/.test(text.slice(name.end, value.start))
    ? value
    : null
}

function afterSeparator(text: string, name: Name, separator: RegExpExecArray): Value | null {
  const from = name.end + separator[0].length
  const isColon = separator[2]!.includes(':')
  const isTable = separator[2]!.includes('|')
  if (isTable && /\{\{[^{}]{0,120}$/.test(text.slice(Math.max(0, name.start - 122), name.start))) return null
  // In `https://token:x@host` the name is a user; connection strings have their own detector.
  if (isColon && text[name.start - 1] === '/' && matchAt(USER_INFO, text, from) !== null) return null
  if (isColon) {
    const block = blockScalar(text, name.start, from)
    if (block !== null) return block
    if (from >= text.length || text[from] === '\n' || text[from] === '\r')
      return nextLine(text, name.start, from)
  }
  const wholeLine = !isTable && beginsLine(text, name.start) && (separator[1] === undefined || isColon)
  return valueAt(text, from, wholeLine)
}

/** Nothing but blanks, a list's dash, `export` and the like stand before the name in its line. */
function beginsLine(text: string, start: number): boolean {
  let at = start
  while (at > 0 && start - at < 64 && text[at - 1] !== '\n') at--
  if (at > 0 && text[at - 1] !== '\n') return false
  return /^[\s"'-]*(?:(?:export|set|env|ENV|ARG|declare -x|setenv)\s+)?["']?$/.test(text.slice(at, start))
}

const OPEN_QUOTE = /[bruf$]?(\\{0,32})(["'`])/y

function valueAt(text: string, from: number, wholeLine: boolean): Value | null {
  if (from >= text.length) return null
  const first = text[from]!
  if (first === '{' && /[\s"'}\\]/.test(text[from + 1] ?? '}')) return null
  let at = from
  if (first === '[') at += /^\[\s{0,32}/.exec(text.slice(from, from + 34))![0].length
  const quote = matchAt(OPEN_QUOTE, text, at)
  if (quote !== null) {
    const start = at + quote[0].length
    return { start, end: quotedEnd(text, start, quote[1]!.length, quote[2]!), quoted: true }
  }
  return unquoted(text, at, wholeLine && at === from)
}
