import { type Detector, exactly, matchAt, type Spans } from './detector.ts'
import { plausible } from './plausible.ts'
import { looksRandom } from './words.ts'

const AUTHORITY = /[^\s"'<>`\\]{1,1024}/y
const SCHEME = /[A-Za-z][A-Za-z0-9+.-]{0,40}$/
const WEB = /^(?:https?|wss?|git|ssh|file)$/i

/** Of `scheme://user:password@host` the password; of `https://token@host` the token. */
const urls: Detector = {
  name: 'connection-string',
  about: 'passwords in addresses (scheme://user:password@host), Go and Oracle data source names',
  personal: false,
  anchors: exactly('://', '@tcp(', '@unix(', ':thin:'),
  possible(text, at) {
    return text[at] !== ':' || text[at + 1] === 't' || text.slice(at, at + 1027).includes('@')
  },
  look(text, at, behind, spans) {
    if (at < behind) return
    if (text[at] === '@') goName(text, at, spans)
    else if (text[at + 1] === 't') oracle(text, at, spans)
    else userInfo(text, at, spans)
  },
}

function userInfo(text: string, at: number, spans: Spans): void {
  const scheme = SCHEME.exec(text.slice(Math.max(0, at - 41), at))
  const found = matchAt(AUTHORITY, text, at + 3)
  if (scheme === null || found === null) return
  const web = WEB.test(scheme[0])
  // In a password `/`, `?` and `#` should be escaped, and in those of databases often are not.
  const authority = web || isPort(found[0]) ? /^[^/?#]*/.exec(found[0])![0] : /^[^,;]*/.exec(found[0])![0]
  const sign = authority.lastIndexOf('@')
  if (sign <= 0) return
  const info = authority.slice(0, sign)
  const colon = info.indexOf(':')
  const start = at + 3
  if (colon === -1) {
    if (info.length >= 16 && looksRandom(info)) spans.push(start, start + sign)
  } else if (isSecretPart(info.slice(colon + 1))) spans.push(start + colon + 1, start + sign)
}

/** `host:5432/…`: what follows is a path, and an @ in it does not end credentials. */
function isPort(rest: string): boolean {
  return /^[^/?#@:]{0,255}:\d{1,5}[/?#]/.test(rest) || /^[^/?#@:]{1,255}\//.test(rest)
}

/** Go's own `Redacted()` writes `xxxxx`. */
function isSecretPart(password: string): boolean {
  return (
    password.length > 0 && (password.length < 3 || plausible(password, 'strong') || /^\d{3}$/.test(password))
  )
}

/** go-sql-driver's `user:password@tcp(host:3306)/name` has no scheme. */
function goName(text: string, at: number, spans: Spans): void {
  let start = at
  while (start > 0 && at - start < 384 && !/[\s"'`=<>]/.test(text[start - 1]!)) start--
  const info = text.slice(start, at)
  const colon = info.indexOf(':')
  if (colon > 0 && isSecretPart(info.slice(colon + 1))) spans.push(start + colon + 1, at)
}

function oracle(text: string, at: number, spans: Spans): void {
  const found = matchAt(/:thin:[^\s"'/@]{1,128}\/([^\s"'@]{1,256})@/y, text, at)
  if (found === null) return
  const end = at + found[0].length - 1
  if (isSecretPart(found[1]!)) spans.push(end - found[1]!.length, end)
}

export const connectionStrings: Detector = urls
