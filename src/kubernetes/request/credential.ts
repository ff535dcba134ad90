/**
 * Which credential a request carries. Only bearer tokens are known: everything else that claims to be one is
 * malformed, so that nobody falls back to another identity because a credential was not understood.
 */
export type CredentialReading =
  | { readonly kind: 'none' }
  | { readonly kind: 'bearer'; readonly token: string; readonly place: 'authorization' | 'sub-protocol' }
  | { readonly kind: 'malformed'; readonly detail: string }
  | { readonly kind: 'ambiguous'; readonly detail: string }

/** Of a WebSocket sub-protocol that carries a token (apiserver `authentication/request/websocket`). */
export const TOKEN_PROTOCOL_PREFIX = 'base64url.bearer.authorization.k8s.io.'

/** RFC 6750, 2.1: one space, then b64token. Tabs and several spaces are read differently by different servers. */
const BEARER = /^bearer ([A-Za-z0-9\-._~+/]+=*)$/i
const UNPADDED_BASE64URL = /^[A-Za-z0-9_-]+$/

/** `rawHeaders` is a flat name, value list as received: a joined header could hide a second credential. */
export function singleCredential(rawHeaders: readonly string[]): CredentialReading {
  let authorization: string | undefined
  let protocolToken: string | undefined
  let otherProtocols = 0
  for (let index = 0; index + 1 < rawHeaders.length; index += 2) {
    const name = rawHeaders[index]!.toLowerCase()
    const value = rawHeaders[index + 1]!
    if (name === 'authorization') {
      if (authorization !== undefined) return { kind: 'ambiguous', detail: 'several Authorization headers' }
      authorization = value
    } else if (name === 'sec-websocket-protocol') {
      for (const protocol of value.split(',')) {
        const trimmed = protocol.trim()
        if (!isTokenProtocol(trimmed)) otherProtocols++
        else if (protocolToken !== undefined)
          return { kind: 'ambiguous', detail: 'several token sub-protocols' }
        else protocolToken = trimmed.slice(TOKEN_PROTOCOL_PREFIX.length)
      }
    }
  }
  if (authorization !== undefined && protocolToken !== undefined)
    return { kind: 'ambiguous', detail: 'an Authorization header and a token sub-protocol' }
  if (authorization !== undefined) return fromAuthorization(authorization)
  if (protocolToken !== undefined) return fromProtocol(protocolToken, otherProtocols)
  return { kind: 'none' }
}

/** In any case: upstream compares exactly, but a token in another case must not be sent on or logged either. */
export function isTokenProtocol(protocol: string): boolean {
  return protocol.toLowerCase().startsWith(TOKEN_PROTOCOL_PREFIX)
}

function fromAuthorization(value: string): CredentialReading {
  const token = BEARER.exec(value)?.[1]
  return token === undefined
    ? { kind: 'malformed', detail: 'the Authorization header is not one bearer token' }
    : { kind: 'bearer', token, place: 'authorization' }
}

function fromProtocol(encoded: string, otherProtocols: number): CredentialReading {
  const malformed: CredentialReading = {
    kind: 'malformed',
    detail: 'the token sub-protocol is not base64url of a token',
  }
  if (otherProtocols === 0)
    return { kind: 'malformed', detail: 'the token sub-protocol needs another sub-protocol beside it' }
  if (!UNPADDED_BASE64URL.test(encoded)) return malformed
  const token = Buffer.from(encoded, 'base64url').toString('latin1')
  // Encoding again finds impossible lengths and stray bits; the pattern keeps the token to what a header may hold.
  if (Buffer.from(token, 'latin1').toString('base64url') !== encoded || !BEARER.test(`bearer ${token}`))
    return malformed
  return { kind: 'bearer', token, place: 'sub-protocol' }
}
