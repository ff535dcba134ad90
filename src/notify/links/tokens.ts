import { hash } from 'node:crypto'
import { randomBase32 } from '../../identity/local/random-token.ts'

const PREFIX = 'link-'
const TOKEN = /^link-([0-9a-f]{28})-([a-z2-7]{26})$/

/** A token is the key of its record, which is no secret, and 130 random bits, which are known to one person. */
export function newToken(key: string): { readonly token: string; readonly secret: string } {
  const secret = randomBase32(26)
  return { token: `${PREFIX}${key}-${secret}`, secret }
}

/** Undefined: it is none. */
export function readToken(text: string): { readonly key: string; readonly secret: string } | undefined {
  const [, key, secret] = TOKEN.exec(text) ?? []
  return key === undefined || secret === undefined ? undefined : { key, secret }
}

export function isLinkToken(text: string): boolean {
  return TOKEN.test(text)
}

/** One record for each of these: who asks again makes the token before invalid, and no flood fills the store. */
export function keyOf(...parts: readonly string[]): string {
  return hash('sha256', JSON.stringify(parts), 'hex').slice(0, 28)
}

export function linkId(channel: string, person: string): string {
  return `l-${hash('sha256', JSON.stringify([channel, person]), 'hex').slice(0, 40)}`
}
