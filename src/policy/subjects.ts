import { UPSTREAM_PREFIX } from '../brand.ts'
import type { RuleMatch } from '../documents/schema/policy.ts'
import { LOCAL_ISSUER } from '../identity/local/users.ts'
import type { Principal } from '../identity/principal.ts'
import type { ImpersonationRequest } from '../kubernetes/action.ts'
import { compileGlobList, type GlobList } from './glob.ts'

/** Whom a rule is about. `connection` is the one that is called; '' for what is done to Sallyport itself. */
export interface Subjects {
  /** The principal is meant without doubt: what an allow rule needs. */
  includes(principal: Principal, connection: string): boolean
  /** The principal, or whom it acts as, could be meant: what stops a request. */
  couldMean(principal: Principal, as: ImpersonationRequest | null): boolean
}

const everybody: Subjects = { includes: () => true, couldMean: () => true }

export function compileSubjects(principals: RuleMatch['principals']): Subjects {
  if (principals === undefined) return everybody
  const kinds = principals.kinds === undefined ? null : new Set<string>(principals.kinds)
  const users = principals.users === undefined ? null : compileGlobList(principals.users)
  const groups = principals.groups === undefined ? null : compileGlobList(principals.groups)
  const accounts = principals.serviceAccounts?.map(compileAccount) ?? null
  const claims = principals.claims === undefined ? null : compileClaims(principals.claims)
  if (users === null && groups === null && accounts === null) {
    return {
      includes: principal =>
        (kinds === null || kinds.has(principal.kind)) &&
        (claims === null || hasClaims(claims, principal) === true),
      couldMean: (principal, as) =>
        (kinds === null || kinds.has(principal.kind)) &&
        (claims === null || couldHave(claims, principal, as)),
    }
  }
  return {
    includes(principal, connection) {
      if (kinds !== null && !kinds.has(principal.kind)) return false
      if (claims !== null && hasClaims(claims, principal) !== true) return false
      const account = principal.serviceAccount
      if (users !== null) {
        if (users.any) return true
        // Another cluster's `system:serviceaccount:ns:name` is somebody else with the same name.
        const foreign = account !== undefined && account.connection !== connection
        if (!foreign && users.has(principal.username)) return true
      }
      if (groups !== null && someOf(groups, principal.groups)) return true
      if (accounts === null || account === undefined) return false
      for (const a of accounts) {
        const here =
          a.connection === null ? account.connection === connection : a.connection.has(account.connection)
        if (here && a.namespace.has(account.namespace) && a.name.has(account.name)) return true
      }
      return false
    },
    couldMean(principal, as) {
      if (kinds !== null && !kinds.has(principal.kind)) return false
      if (claims !== null && !couldHave(claims, principal, as)) return false
      if (named(users, groups, accounts, principal.username, principal.groups, principal.serviceAccount))
        return true
      return as !== null && couldMeanImpersonated(users, groups, accounts, as)
    },
  }
}

type Claims = readonly (readonly [name: string, values: GlobList])[]

function compileClaims(claims: Readonly<Record<string, readonly string[]>>): Claims {
  return Object.entries(claims).map(([name, values]) => [name, compileGlobList(values)])
}

/**
 * Null: not known, because the issuer's document does not carry such a claim. Credentials that have no claims at all (local
 * sign-in, service accounts) are known not to have this one.
 */
function hasClaims(claims: Claims, principal: Principal): boolean | null {
  let known = true
  for (const [name, values] of claims) {
    const given = principal.claims
    if (given !== undefined && Object.hasOwn(given, name)) {
      if (!someOf(values, given[name]!)) return false
    } else if (principal.serviceAccount !== undefined || principal.issuer === LOCAL_ISSUER) return false
    else known = false
  }
  return known ? true : null
}

/** Of whom somebody acts as, no claims are known. */
function couldHave(claims: Claims, principal: Principal, as: ImpersonationRequest | null): boolean {
  return as !== null || hasClaims(claims, principal) !== false
}

interface Account {
  /** Null: the connection that is called. */
  readonly connection: GlobList | null
  readonly namespace: GlobList
  readonly name: GlobList
}

function compileAccount(text: string): Account {
  const slash = text.indexOf('/')
  const [namespace, name] = text.slice(slash + 1).split(':') as [string, string]
  return {
    connection: slash < 0 ? null : compileGlobList([text.slice(0, slash)]),
    namespace: compileGlobList([namespace]),
    name: compileGlobList([name]),
  }
}

function named(
  users: GlobList | null,
  groups: GlobList | null,
  accounts: readonly Account[] | null,
  username: string,
  memberOf: readonly string[],
  account: { readonly namespace: string; readonly name: string; readonly connection?: string } | undefined,
): boolean {
  if (users?.has(username)) return true
  if (groups !== null && someOf(groups, memberOf)) return true
  if (accounts === null || account === undefined) return false
  return accounts.some(
    a =>
      (a.connection === null || account.connection === undefined || a.connection.has(account.connection)) &&
      a.namespace.has(account.namespace) &&
      a.name.has(account.name),
  )
}

const ACCOUNT_PREFIX = 'system:serviceaccount:'

/** `--as` speaks in upstream names, which carry our prefix; rules speak of principals. Both readings count. */
function couldMeanImpersonated(
  users: GlobList | null,
  groups: GlobList | null,
  accounts: readonly Account[] | null,
  as: ImpersonationRequest,
): boolean {
  const [namespace, name] = as.user.startsWith(ACCOUNT_PREFIX)
    ? as.user.slice(ACCOUNT_PREFIX.length).split(':')
    : []
  const account = namespace === undefined || name === undefined ? undefined : { namespace, name }
  if (named(users, groups, accounts, as.user, as.groups, account)) return true
  return named(users, groups, null, bare(as.user), as.groups.map(bare), undefined)
}

function bare(name: string): string {
  return name.startsWith(UPSTREAM_PREFIX) ? name.slice(UPSTREAM_PREFIX.length) : name
}

function someOf(list: GlobList, texts: readonly string[]): boolean {
  for (let i = 0; i < texts.length; i++) if (list.has(texts[i]!)) return true
  return false
}
