import { API_GROUP, UPSTREAM_PREFIX } from '../brand.ts'
import type { UpstreamIdentity } from '../connections/connection.ts'
import { Refusal } from '../errors/refusal.ts'
import type { SessionDescriptor } from '../tunnel/contract.ts'
import { SESSION_ID } from './names.ts'

export interface IdentityRules {
  /** The connection's own mode, from the agent's configuration; a call in another mode is refused. */
  readonly upstreamIdentity: UpstreamIdentity
  /**
   * Service accounts of this cluster that may be impersonated under their own names: `namespace/name`,
   * `namespace/*`, or all but those that run the cluster and ourselves.
   */
  readonly serviceAccounts: boolean | readonly string[]
  /** The only groups and users with our prefix; absent: all. */
  readonly groups?: readonly string[]
  readonly users?: readonly string[]
}

const SESSION_USERS = `${UPSTREAM_PREFIX}s:`
/** Controllers there hold every right in the cluster, and our own hold the agent's: never by a rule for all. */
const PRIVILEGED_NAMESPACE = /^(kube-|sallyport)/
const SERVICE_ACCOUNT =
  /^system:serviceaccount:[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?:[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?$/
const EXTRA_KEY = /^[a-z0-9]([a-z0-9._/-]{0,120}[a-z0-9])?$/
const MOST_GROUPS = 1_000
const MOST_EXTRAS = 32
const LONGEST = 1_024

/**
 * Checks as whom the upstream shall see a call and appends the impersonation fields (flat). This is the lock that a
 * stolen gateway meets: no user without our prefix, nothing of `system:` but a service account under its own name.
 * Throws Refusal `denied-by-agent`.
 */
export function pushIdentityHeaders(
  headers: string[],
  identity: SessionDescriptor,
  rules: IdentityRules,
): void {
  if (identity.mode !== rules.upstreamIdentity) {
    throw denied('mode', `this connection impersonates in mode ${rules.upstreamIdentity}`)
  }
  if (!SESSION_ID.test(identity.sessionId)) throw denied('session-id', 'the session id is malformed')
  if (identity.mode === 'serviceaccount') {
    checkSessionUser(identity)
    // The token says who it is; there is nothing to impersonate, and no right to.
    return
  }
  if (identity.mode === 'session') checkSessionUser(identity)
  else checkPrincipalUser(identity, rules)

  headers.push('impersonate-user', fieldValue(identity.user, 'user'))
  if (identity.groups.length > MOST_GROUPS) throw denied('groups', `more than ${MOST_GROUPS} groups`)
  for (const group of identity.groups) headers.push('impersonate-group', fieldValue(group, 'group'))
  if (identity.extra.length > MOST_EXTRAS) throw denied('extra', `more than ${MOST_EXTRAS} extras`)
  for (const [key, value] of identity.extra) {
    // Other keys mean something to somebody else: the node of a token, the scopes of an OpenShift login.
    if (!key.startsWith(`${API_GROUP}/`) || !EXTRA_KEY.test(key))
      throw denied('extra-key', 'an extra without our prefix')
    headers.push(extraHeaderName(key), fieldValue(value, 'extra'))
  }
}

function checkSessionUser(identity: SessionDescriptor): void {
  if (identity.user !== SESSION_USERS + identity.sessionId) {
    throw denied('user', 'in this mode a session is itself and nobody else')
  }
  if (identity.groups.length > 0) throw denied('groups', 'in this mode a session has no groups')
}

function checkPrincipalUser(identity: SessionDescriptor, rules: IdentityRules): void {
  const { user, groups } = identity
  if (SERVICE_ACCOUNT.test(user)) {
    if (!isServed(user, rules.serviceAccounts))
      throw denied('service-account', 'this service account is not served on this connection')
    // The API server adds a service account's own groups when none are sent; any sent would replace them.
    if (groups.length > 0) throw denied('groups', 'a service account is impersonated without groups')
    return
  }
  if (!user.startsWith(UPSTREAM_PREFIX) || user.length === UPSTREAM_PREFIX.length) {
    throw denied('user', `a user name must begin with ${UPSTREAM_PREFIX}`)
  }
  if (user.startsWith(SESSION_USERS)) throw denied('user', 'session users belong to mode session')
  for (const group of groups) {
    if (!group.startsWith(UPSTREAM_PREFIX) || group.length === UPSTREAM_PREFIX.length) {
      throw denied('groups', `a group must begin with ${UPSTREAM_PREFIX}`)
    }
    if (rules.groups?.includes(group) === false)
      throw denied('groups', "a group that is not in this agent's list")
  }
  if (rules.users?.includes(user) === false) throw denied('user', "a user that is not in this agent's list")
}

function isServed(user: string, served: IdentityRules['serviceAccounts']): boolean {
  const [, , namespace = '', name] = user.split(':')
  if (typeof served === 'boolean') return served && !PRIVILEGED_NAMESPACE.test(namespace)
  return served.includes(`${namespace}/${name}`) || served.includes(`${namespace}/*`)
}

/** UTF-8 as client-go sends it, in the Latin-1 form that header lists have here; exactly one reading, or refused. */
function fieldValue(text: string, what: string): string {
  if (PRINTABLE_ASCII.test(text) && text.length <= LONGEST) return text
  if (text.length > LONGEST) throw denied(what, `a ${what} longer than ${LONGEST} characters`)
  // Control characters end lines, spaces at the ends are trimmed on the way, lone surrogates have no UTF-8.
  if (text === '' || UNSAFE.test(text) || text.trim() !== text || !text.isWellFormed()) {
    throw denied(what, `a ${what} with characters that no header can carry`)
  }
  return Buffer.from(text, 'utf8').toString('latin1')
}

const PRINTABLE_ASCII = /^[\x21-\x7e]([\x20-\x7e]*[\x21-\x7e])?$/
/** Control, format (bidirectional marks, zero width), private-use and unassigned characters. */
const UNSAFE = /[\p{Cc}\p{Cf}\p{Co}\p{Cn}\p{Zl}\p{Zp}]/u

/** The key's bytes that are no header-name characters, and `%`, percent-encoded, as client-go's headerKeyEscape does. */
function extraHeaderName(key: string): string {
  return `impersonate-extra-${key.replaceAll('/', '%2F')}`
}

function denied(check: string, detail: string): Refusal {
  return new Refusal('denied-by-agent', { check: `agent/identity-${check}`, detail })
}
