import { type Principal, principalKey } from '../identity/principal.ts'

/** What two-person rules remember of somebody. */
export interface Person {
  readonly issuer: string
  readonly subject: string
  readonly username: string
  readonly email?: string
}

export function personOf({ issuer, subject, username, email }: Principal): Person {
  return { issuer, subject, username, ...(email === undefined ? {} : { email }) }
}

/**
 * Whether two credentials may be of one human: the same principal, name or mail address. Two accounts of a person that
 * share none of these cannot be told apart; who may approve is for policy to keep to few.
 */
export function maybeSame(one: Person, other: Person): boolean {
  if (principalKey(one) === principalKey(other) || one.username === other.username) return true
  return one.email !== undefined && one.email.toLowerCase() === other.email?.toLowerCase()
}
