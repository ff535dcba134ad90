import { generateX25519Identity, identityToRecipient } from 'age-encryption'
import { type Identity, parseIdentity, parseRecipient, type Recipient } from '../age/age.ts'

export interface AgeIdentity {
  readonly identity: Identity
  readonly recipient: Recipient
  /** What stands in the file of the identity. */
  readonly secret: string
}

export async function newAgeIdentity(): Promise<AgeIdentity> {
  const secret = await generateX25519Identity()
  const recipient = await parseRecipient(await identityToRecipient(secret))
  return { secret, recipient, identity: await parseIdentity(secret) }
}
