import { type Principal, principalKey } from '../../identity/principal.ts'

/** A principal is the same object for as long as its credential is: the text is made once for each. */
const known = new WeakMap<Principal, string>()

/** Everything of a principal that a scope can ask for, as one text; without line breaks. */
export function identityOf(principal: Principal): string {
  let text = known.get(principal)
  if (text === undefined) {
    const { kind, username, groups, claims, serviceAccount: account } = principal
    const facts = account === undefined ? null : [account.connection, account.namespace, account.name]
    text = `${principalKey(principal)} ${JSON.stringify([kind, username, groups, facts, claims ?? null])}`
    known.set(principal, text)
  }
  return text
}
