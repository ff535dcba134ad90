import { type Principal, principalKey } from '../identity/principal.ts'

/** What two-person rules remember of somebody. */
export interface Person {
  readonly issuer: string
  readonly subject: string
  readonly username: string
  readonly email?: string
  /** Of a machine: who set it going, as its issuer says. */
  readonly startedBy?: readonly string[]
}

export function personOf({ issuer, subject, username, email, startedBy }: Principal): Person {
  return {
    ...{ issuer, subject, username },
    ...(email === undefined ? {} : { email }),
    ...(startedBy === undefined ? {} : { startedBy }),
  }
}

/**
 * Whether two credentials may be of one human: the same principal, name or mail address, or a machine and whoever set it
 * going. Two accounts of a person that share none of these cannot be told apart here: documents of kind Person link them.
 */
export function maybeSame(one: Person, other: Person): boolean {
  if (principalKey(one) === principalKey(other) || one.username === other.username) return true
  if (one.email !== undefined && one.email.toLowerCase() === other.email?.toLowerCase()) return true
  return hasStarted(one, other) || hasStarted(other, one)
}

/**
 * A forge knows people by names of its own. In doubt `ci:bob` was started by `corp:bob` and by `corp:bob@example.com`:
 * another approver is found sooner than a bypass is noticed.
 */
function hasStarted({ startedBy }: Person, by: Person): boolean {
  if (startedBy === undefined) return false
  const known = new Set([...bareNames(by.username), ...bareNames(by.email ?? '')])
  return startedBy.some(name => bareNames(name).some(bare => known.has(bare)))
}

/** The name behind each prefix that it may have, and without the domain of a mail address; in lower case. */
function bareNames(name: string): string[] {
  const names: string[] = []
  for (let rest = name.toLowerCase(); rest !== ''; ) {
    names.push(rest)
    const at = rest.indexOf('@')
    if (at > 0) names.push(rest.slice(0, at))
    const colon = rest.indexOf(':')
    rest = colon < 0 ? '' : rest.slice(colon + 1)
  }
  return names
}
