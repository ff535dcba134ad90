/** A person that the provider knows. */
export interface OidcUser {
  /** Claim `sub`. */
  readonly subject: string
  readonly name: string
  readonly email: string
  /** Claim `groups`. */
  readonly groups: readonly string[]
}

/**
 * The people of the tests, by login name. carol's provider claims that she is in `system:masters`: whoever
 * believes it makes her administrator of every cluster.
 */
export function defaultUsers(): Map<string, OidcUser> {
  const user = (login: string, name: string, groups: readonly string[]): [string, OidcUser] => [
    login,
    { subject: `user-${login}`, name, email: `${login}@corp.example`, groups },
  ]
  return new Map([
    user('alice', 'Alice Dev', ['dev']),
    user('bob', 'Bob Ops', ['ops']),
    user('carol', 'Carol Audit', ['auditors', 'system:masters']),
  ])
}
