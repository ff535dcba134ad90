import { Refusal } from '../../errors/refusal.ts'
import { type Principal, principalKey } from '../../identity/principal.ts'
import type { ChannelPerson } from '../contract.ts'
import type { ChannelLink } from './contract.ts'

/**
 * Whether this principal may say that he is that person of a channel. He must have signed in since he was asked to: a browser
 * that somebody left open is not enough. Returns when that was; throws `link-refused` and `page-required`.
 */
export function refuseLink({
  by,
  person,
  createdAt,
  present,
}: {
  readonly by: Principal
  readonly person: ChannelPerson
  /** Of the invitation. */
  readonly createdAt: number
  /** Whom this person is linked to already. */
  readonly present: ChannelLink | undefined
}): { readonly signedInAt: number } {
  if (by.kind !== 'person') {
    throw new Refusal('link-refused', { check: 'not-a-person', detail: `${by.username} is no person` })
  }
  if (present !== undefined) {
    const same = principalKey(present.principal) === principalKey(by)
    throw new Refusal('link-refused', {
      check: 'linked-already',
      detail: same
        ? 'this account of the channel is linked to you already'
        : 'this account of the channel is linked to somebody else: that link has to be removed first',
    })
  }
  if (!isSameMail(person.email, by.email)) {
    throw new Refusal('link-refused', {
      check: 'email',
      detail: `this account of the channel has another mail address than ${by.username}`,
    })
  }
  const signedInAt = by.authentication.issuedAt
  if (signedInAt === undefined || signedInAt < createdAt) {
    throw new Refusal('page-required', {
      check: 'fresh-sign-in',
      detail: 'sign in again: an account of a channel is linked right after a sign-in only',
    })
  }
  return { signedInAt }
}

/** Where both are known they must agree: a link that somebody was talked into opening is of another person. */
function isSameMail(one: string | undefined, other: string | undefined): boolean {
  return one === undefined || other === undefined || one.toLowerCase() === other.toLowerCase()
}
