/**
 * `__Host-` (RFC 6265bis, 4.1.3.2): the browser takes it only over TLS, for this very host and every path of it, so that no
 * neighbour under the same domain can plant one.
 */
export const SESSION_COOKIE = '__Host-sallyport'
/** Between leaving for the identity provider and coming back. */
export const FLOW_COOKIE = '__Host-sallyport-sign-in'

/** The value of the only cookie of this name; undefined when there is none, or more than one. */
export function cookieOf(header: string | undefined, name: string): string | undefined {
  let found: string | undefined
  for (const pair of (header ?? '').split(';')) {
    const equals = pair.indexOf('=')
    if (equals < 0 || pair.slice(0, equals).trim() !== name) continue
    if (found !== undefined) return undefined
    found = pair.slice(equals + 1).trim()
  }
  return found === '' ? undefined : found
}

/** `Strict`: no other site makes the browser send it. */
export function sessionCookie(token: string, seconds: number): string {
  return `${SESSION_COOKIE}=${token}; Path=/; Max-Age=${seconds}; Secure; HttpOnly; SameSite=Strict`
}

/** `Lax`: the browser must send it when the identity provider, another site, sends it back here. */
export function flowCookie(value: string, seconds: number): string {
  return `${FLOW_COOKIE}=${value}; Path=/; Max-Age=${seconds}; Secure; HttpOnly; SameSite=Lax`
}

export function noCookie(name: string): string {
  return `${name}=; Path=/; Max-Age=0; Secure; HttpOnly; SameSite=Strict`
}
