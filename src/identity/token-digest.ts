import { hash } from 'node:crypto'

/** SHA-256 of a credential, base64url (43 characters). The only form in which a credential is kept anywhere. */
export function tokenDigest(token: string): string {
  return hash('sha256', token, 'base64url')
}
