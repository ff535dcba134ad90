/**
 * Who acts, from a verified credential only. The key of a principal is (issuer, subject), never the user name.
 */
export interface Principal {
  readonly issuer: string
  readonly subject: string
  readonly kind: 'person' | 'serviceaccount' | 'job' | 'role' | 'agent'
  /** User name as policy and audit see it: prefix of the issuer included (`local:admin`, `corp:alice@example.com`, `system:serviceaccount:ns:name`). */
  readonly username: string
  /** Group names, prefix of the issuer included; `system:` groups of a token never arrive here. */
  readonly groups: readonly string[]
  readonly displayName?: string
  readonly email?: string
  /**
   * Verified claims that the issuer's document carries along for policies, all values as text; a claim of that list that
   * the token does not have is an empty list. Absent: the credential has no claims, or none is carried.
   */
  readonly claims?: CarriedClaims
  /**
   * Who set it going: the person behind a CI run, whoever acts for somebody by token exchange. Names with the prefix of
   * the issuer, mail addresses without. Absent: it acts by itself.
   */
  readonly startedBy?: readonly string[]
  readonly authentication: Authentication
  readonly serviceAccount?: ServiceAccountFacts
}

export type CarriedClaims = Readonly<Record<string, readonly string[]>>

export interface Authentication {
  readonly method: 'oidc' | 'tokenreview' | 'serviceaccount-jwt' | 'local' | 'session' | 'channel'
  /** Name of the IdentityProvider document or connection that vouches for it. */
  readonly provider: string
  /** Milliseconds since the epoch; after this the principal must be verified again. */
  readonly validUntil: number
  readonly issuedAt?: number
  /** SHA-256 of the credential, base64url: joins a revocation with a credential without holding it. */
  readonly credentialDigest: string
}

/** Of a Kubernetes service-account token; `connection` is the one whose cluster issued it. */
export interface ServiceAccountFacts {
  readonly connection: string
  readonly namespace: string
  readonly name: string
  readonly uid?: string
  readonly pod?: { readonly name: string; readonly uid?: string }
  readonly node?: string
}

/** The stable key of a principal for stores, indices and revocation. */
export function principalKey(p: { readonly issuer: string; readonly subject: string }): string {
  return JSON.stringify([p.issuer, p.subject])
}
