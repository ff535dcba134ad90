import { randomBytes } from 'node:crypto'

/** `spl_`: a sign-in, for our own API. `sps_`: a session, for one connection. `spb_`: a browser, for the approval page. */
export type TokenPrefix = 'spl_' | 'sps_' | 'spb_'

/** 256 random bits behind a prefix that secret scanners can find. */
export function randomToken(prefix: TokenPrefix): string {
  return prefix + randomBytes(32).toString('base64url')
}

const BASE32 = 'abcdefghijklmnopqrstuvwxyz234567'

/** `length` random characters of lower-case base32 (5 bits each). */
export function randomBase32(length: number): string {
  let text = ''
  for (const byte of randomBytes(length)) text += BASE32[byte & 31]
  return text
}
