import type { Principal } from '../identity/principal.ts'
import type { Head } from './entry.ts'

/** Who acted, as the heads of entries say it. */
export function principalFacts(principal: Principal): NonNullable<Head['principal']> {
  const { issuer, subject, username, groups, kind, displayName, email, claims, startedBy, authentication } =
    principal
  const { serviceAccount } = principal
  return {
    issuer,
    subject,
    username,
    groups,
    kind,
    method: authentication.method,
    provider: authentication.provider,
    ...(displayName === undefined ? {} : { displayName }),
    ...(email === undefined ? {} : { email }),
    ...(claims === undefined ? {} : { claims }),
    ...(startedBy === undefined ? {} : { startedBy }),
    ...(serviceAccount === undefined ? {} : { serviceAccount }),
  }
}
