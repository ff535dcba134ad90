import { JsonDocument } from '../../kubernetes/json/document.ts'
import { readJson } from '../../kubernetes/json/read-json.ts'
import { invalidCredential } from '../refuse.ts'

/** A JWT (RFC 7519) in compact form that has exactly one reading. Nothing of it is verified yet. */
export interface UnverifiedJwt {
  readonly token: string
  readonly alg: string
  readonly type: string | undefined
  readonly claims: Claims
}

/** JSON object as parsed; read it with `ownClaim` only, because names come from outside. */
export type Claims = Readonly<Record<string, unknown>>

/** Characters. Node's own limit for all headers together is 16 KiB. */
const LONGEST_TOKEN = 16_384
const JSON_LIMITS = { maximumBytes: LONGEST_TOKEN, maximumDepth: 16, maximumTokens: 10_000 }

/** Parameters by which a token would choose its own key (RFC 7515, 4.1) or another way of being read. */
const FORBIDDEN = ['jwk', 'jku', 'x5u', 'crit', 'b64', 'zip', 'enc', 'cty'] as const

/** Media types of tokens that mean something else than "who is calling" must not pass for it (RFC 8725, 3.11). */
const TYPES = new Set(['jwt', 'at+jwt', 'application/at+jwt', 'application/jwt'])

/** Throws `credential-invalid`. */
export function readJwt(token: string): UnverifiedJwt {
  if (token.length > LONGEST_TOKEN) throw invalidCredential('token-size', 'the token is too long')
  const parts = token.split('.', 4)
  const [head, body, signature] = parts
  if (parts.length !== 3 || !head || !body || !signature) {
    throw invalidCredential('token-shape', 'the token is not a signed JWT')
  }
  if (!isBase64url(head) || !isBase64url(body) || !isBase64url(signature)) {
    throw invalidCredential('token-encoding', 'the token is not plain base64url')
  }
  const header = strictObject(head, 'header')
  for (const name of FORBIDDEN) {
    if (Object.hasOwn(header, name)) {
      throw invalidCredential('token-header', `the token's header has ${name}`)
    }
  }
  const alg = ownClaim(header, 'alg')
  const kid = ownClaim(header, 'kid')
  const type = ownClaim(header, 'typ')
  if (typeof alg !== 'string') throw invalidCredential('token-algorithm', 'the token names no algorithm')
  if (kid !== undefined && (typeof kid !== 'string' || kid.length > 512)) {
    throw invalidCredential('token-header', "the token's key id is not a short text")
  }
  if (type !== undefined && (typeof type !== 'string' || !TYPES.has(type.toLowerCase()))) {
    throw invalidCredential('token-type', 'the token is of a type that does not identify a caller')
  }
  return { token, alg, type: type?.toLowerCase(), claims: strictObject(body, 'claims') }
}

export function ownClaim(claims: Claims, name: string): unknown {
  return Object.hasOwn(claims, name) ? claims[name] : undefined
}

/** RFC 7515 allows no padding; unused bits must be zero, or one token could be written in several ways. */
function isBase64url(text: string): boolean {
  if (!/^[A-Za-z0-9_-]+$/.test(text)) return false
  const rest = text.length % 4
  if (rest === 0) return true
  if (rest === 1) return false
  const last = Buffer.from(`AAA${text.at(-1)}`, 'base64url')[2] ?? 0
  return (last & (rest === 2 ? 0b1111 : 0b11)) === 0
}

/** A name that occurs twice would be read differently by different parsers (RFC 7519, 4): refused, not resolved. */
function strictObject(part: string, what: string): Claims {
  const bytes = Buffer.from(part, 'base64url')
  const document = readJson(bytes, JSON_LIMITS)
  if (!(document instanceof JsonDocument)) {
    throw invalidCredential('token-json', `the token's ${what}: ${document.detail}`)
  }
  if (!document.isObject(0)) throw invalidCredential('token-json', `the token's ${what} is not an object`)
  return JSON.parse(bytes.toString('utf8')) as Claims
}
