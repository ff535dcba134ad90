import type { ImpersonationRequest } from '../action.ts'
import type { RefusedRequest } from './contract.ts'
import { isTokenProtocol } from './credential.ts'
import { parseImpersonation } from './impersonation.ts'
import { refuse } from './refusals.ts'

/** What the headers of one request say, before they are held against method and path. */
export interface HeaderFacts {
  readonly refused: false
  /** The headers that are read, each once; nothing else of what the caller sent is ever copied. */
  readonly headers: Map<string, string>
  /** Lower-case tokens of all Connection headers. */
  readonly connection: readonly string[]
  readonly upgrade: string | undefined
  readonly impersonate: ImpersonationRequest | null
}

/** KEPT: read, at most once. JOINED: read, may be repeated, joined in order. COUNTED: only its number matters. */
const KEPT = 1
const JOINED = 2
const CONNECTION = 3
const COUNTED = 4
const OVERRIDE = 5

const treatment = new Map<string, number>([
  ['accept', KEPT],
  ['accept-encoding', KEPT],
  ['content-encoding', KEPT],
  ['content-length', KEPT],
  ['content-type', KEPT],
  ['expect', KEPT],
  ['if-match', KEPT],
  ['if-modified-since', KEPT],
  ['if-none-match', KEPT],
  ['kubectl-command', KEPT],
  ['kubectl-session', KEPT],
  ['origin', KEPT],
  ['sallyport-reason', KEPT],
  ['sec-websocket-extensions', JOINED],
  ['sec-websocket-key', KEPT],
  ['sec-websocket-protocol', JOINED],
  ['sec-websocket-version', KEPT],
  ['transfer-encoding', KEPT],
  ['upgrade', KEPT],
  ['user-agent', KEPT],
  ['x-stream-protocol-version', JOINED],
  ['authorization', COUNTED],
  ['host', COUNTED],
  ['connection', CONNECTION],
  ['x-http-method', OVERRIDE],
  ['x-http-method-override', OVERRIDE],
  ['x-method-override', OVERRIDE],
])

/** `Content-Type` and `content-type` are nearly all there is: they need no second look at each character. */
const usualSpellings = new Map<string, string>()
for (const name of treatment.keys()) {
  usualSpellings.set(name, name)
  usualSpellings.set(
    name.replace(/(^|-)[a-z]/g, letter => letter.toUpperCase()),
    name,
  )
}

/** Which check a second occurrence fails. */
const whenRepeated = {
  'content-encoding': 'content-encoding',
  'content-length': 'content-length',
  'content-type': 'content-type',
  'transfer-encoding': 'transfer-encoding',
  upgrade: 'upgrade-unknown',
  expect: 'expect',
} as const

/**
 * One pass over the raw list. Node joins or drops repeated headers in its parsed forms, so only the raw list can
 * tell one header from two. `X-Remote-*`, `X-Forwarded-*`, `Forwarded`, `Range`, `Cookie`, `Audit-ID`, `TE`,
 * `Trailer` and whatever else is not in the table are left behind here.
 */
export function readHeaders(rawHeaders: readonly string[]): HeaderFacts | RefusedRequest {
  const headers = new Map<string, string>()
  let connection: string[] = none
  let impersonation: string[] | null = null
  let hosts = 0
  let badHost = false
  let credentials = 0
  for (let index = 0; index + 1 < rawHeaders.length; index += 2) {
    const received = rawHeaders[index]!
    const value = rawHeaders[index + 1]!
    let name = usualSpellings.get(received)
    if (name === undefined) {
      if (!isToken(received)) return refuse('header-name')
      name = received.toLowerCase()
    }
    const how = treatment.get(name)
    if (how === undefined) {
      if (name.startsWith('impersonate')) {
        impersonation ??= []
        impersonation.push(name, value)
      }
      continue
    }
    if (how === COUNTED) {
      if (name === 'host') {
        hosts++
        if (!HOST.test(value)) badHost = true
      } else credentials++
      continue
    }
    if (how === OVERRIDE) return refuse('method-override')
    if (!isFieldValue(value)) return refuse('header-value')
    if (how === CONNECTION) {
      if (connection === none) connection = []
      addTokens(connection, value)
      continue
    }
    let text = value
    if (name === 'sec-websocket-protocol') {
      const protocols = withoutTokens(value)
      credentials += protocols.tokens
      text = protocols.rest
    }
    const before = headers.get(name)
    if (before === undefined) headers.set(name, text)
    else if (how === JOINED) headers.set(name, `${before}, ${text}`)
    else return refuse(whenRepeated[name as keyof typeof whenRepeated] ?? 'header-repeated')
  }
  if (hosts > 1) return refuse('host-repeated')
  if (badHost) return refuse('host-value')
  if (credentials > 1) return refuse('credential-ambiguous')
  const impersonate = impersonation === null ? null : parseImpersonation(impersonation)
  if (impersonate !== null && 'refused' in impersonate) return impersonate
  const upgrade = headers.get('upgrade')
  headers.delete('upgrade')
  return { refused: false, headers, connection, upgrade, impersonate }
}

const HOST = /^[A-Za-z0-9._:[\]-]+$/

const none: string[] = []

function addTokens(tokens: string[], value: string): void {
  if (value === 'keep-alive' || value === 'close') {
    tokens.push(value)
    return
  }
  for (const part of value.split(',')) {
    const token = part.trim().toLowerCase()
    if (token !== '') tokens.push(token)
  }
}

/** The credential among the sub-protocols is neither sent on nor kept. */
function withoutTokens(value: string): { readonly rest: string; readonly tokens: number } {
  const protocols = value.split(',').map(protocol => protocol.trim())
  const rest = protocols.filter(protocol => !isTokenProtocol(protocol))
  return { rest: rest.join(', '), tokens: protocols.length - rest.length }
}

/** RFC 9110, 5.6.2. HTTP layers should have seen to this; nothing here relies on it. */
function isToken(name: string): boolean {
  for (let index = 0; index < name.length; index++) {
    const code = name.charCodeAt(index)
    if (code > 0x7f || tokenCharacters[code] === 0) return false
  }
  return name.length > 0
}

const tokenCharacters = new Uint8Array(128)
for (const character of "!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz")
  tokenCharacters[character.charCodeAt(0)] = 1

function isFieldValue(value: string): boolean {
  for (let index = 0; index < value.length; index++) {
    const code = value.charCodeAt(index)
    if ((code < 0x20 && code !== 0x09) || code > 0x7e) return false
  }
  return true
}
