import { followAll } from '../../approvals/followed.ts'
import { actEntry } from '../../audit/acts.ts'
import type { AuditLog, EntryKind } from '../../audit/entry.ts'
import { principalFacts } from '../../audit/principal-facts.ts'
import { Refusal } from '../../errors/refusal.ts'
import { SIGN_IN_KIND, type SignInRecord } from '../../identity/local/sign-ins.ts'
import { getLocalUser, LOCAL_ISSUER, localPrincipal } from '../../identity/local/users.ts'
import { type Principal, principalKey } from '../../identity/principal.ts'
import type { Revocations } from '../../identity/revocation/revocations.ts'
import { tokenDigest } from '../../identity/token-digest.ts'
import type { ChangeFeed } from '../../store/change-feed.ts'
import { ignoreConflict, unavailableOrConflict } from '../../store/failures.ts'
import { type Change, type StateStore, StoreConflict, type Stored } from '../../store/store.ts'
import type { ChannelPerson } from '../contract.ts'
import type { ChannelLink, Invitation, Linked } from './contract.ts'
import { refuseLink } from './may-link.ts'
import { keyOf, linkId, newToken, readToken } from './tokens.ts'

/**
 * Who of a channel is which principal. A link is made by a sign-in in a browser and a confirmation there, never by what a
 * channel says of somebody. What is done is in the log before it has an effect.
 */
export interface Links {
  /** Newest first. */
  list(): readonly ChannelLink[]
  /** As policy, revocations and issuers see him now. `within`: milliseconds since his last sign-in. Throws Refusals 401, 503. */
  find(channel: string, person: ChannelPerson, within: number): Promise<Linked>
  /** A token for this person of the channel alone; the one before is no good any more. */
  invite(channel: string, person: ChannelPerson): Promise<string>
  /** A code that `by` has to write in the channel under his own name there. */
  begin(channel: string, by: Principal): Promise<string>
  /** Somebody of the channel wrote it. False: it is none, is old, or somebody else wrote it before. */
  claim(channel: string, code: string, person: ChannelPerson): Promise<boolean>
  /** What a token stands for, shown before it is confirmed. Throws `link-refused`. */
  invitation(by: Principal, token: string): Promise<Invitation>
  /** Uses the token up. Throws `link-refused`, `page-required`. */
  confirm(by: Principal, token: string): Promise<ChannelLink>
  remove(by: Principal, id: string): Promise<ChannelLink>
  /** Forgets invitations that nobody used. Runs by itself. */
  sweep(): Promise<void>
  close(): Promise<void>
}

export interface LinkParts {
  readonly store: StateStore
  readonly feed: ChangeFeed
  readonly log: Pick<AuditLog, 'append'>
  readonly revocations: Pick<Revocations, 'check'>
  /** Whether people of this issuer may still sign in. */
  trusts(issuer: string): boolean
  readonly now: () => number
  readonly newId: () => string
  readonly policyDigest: () => string
  readonly onError: (error: unknown) => void
  /** Milliseconds between two sweeps; 0: only when asked. */
  readonly sweepEvery?: number
}

const LINK_KIND = 'channel.link'
const INVITATION_KIND = 'channel.invitation'
const LIFETIME = 600_000

export async function openLinks(parts: LinkParts): Promise<Links> {
  const { store, feed, now } = parts
  const links = await followAll<ChannelLink>(feed, LINK_KIND, () => {})
  let refreshing: Promise<void> = Promise.resolve()
  const unfollow = await feed.follow<SignInRecord>(SIGN_IN_KIND, {
    put({ value }) {
      const key = principalKey(value.principal)
      for (const link of links.values()) {
        if (principalKey(link.principal) !== key || link.signedInAt >= value.createdAt) continue
        refreshing = refreshing.then(() => refresh(link.id, value)).catch(parts.onError)
      }
    },
    remove() {},
  })

  /** Whoever signs in, anywhere, brings his groups with him. */
  async function refresh(id: string, { principal, createdAt }: SignInRecord): Promise<void> {
    const one = links.get(id)
    if (one === undefined || one.value.signedInAt >= createdAt) return
    const value: ChannelLink = { ...one.value, principal: remembered(principal), signedInAt: createdAt }
    // In conflict another gateway has done the same.
    await commit([{ op: 'update', kind: LINK_KIND, key: id, version: one.version, value }]).catch(
      ignoreConflict,
    )
  }

  async function commit(changes: readonly Change[]): Promise<void> {
    const written = await store.commit(changes).catch(unavailableOrConflict)
    for (const [i, one] of written.entries()) {
      if (one.kind !== LINK_KIND) continue
      const change = changes[i]!
      if (change.op === 'delete') links.remove(one.key, one.revision)
      else links.put({ ...one, value: change.value as ChannelLink })
    }
  }

  const append = (kind: EntryKind, by: Principal, facts: Record<string, unknown>) =>
    parts.log.append(
      actEntry(
        { id: parts.newId(), kind, principal: principalFacts(by), policyDigest: parts.policyDigest() },
        facts,
      ),
    )

  /** Writes over whatever was there of it. */
  async function put(key: string, rest: Omit<Invitation, 'secret' | 'createdAt' | 'expiresAt'>) {
    const { token, secret } = newToken(key)
    const at = now()
    const value: Invitation = {
      ...rest,
      ...{ secret: tokenDigest(secret), createdAt: at, expiresAt: at + LIFETIME },
    }
    for (let attempt = 0; attempt < 5; attempt++) {
      const before = await store.get<Invitation>(INVITATION_KIND, key).catch(unavailableOrConflict)
      const record = { kind: INVITATION_KIND, key, value }
      const change: Change =
        before === undefined
          ? { op: 'create', ...record }
          : { op: 'update', version: before.version, ...record }
      try {
        await commit([change])
        return token
      } catch (error) {
        if (!(error instanceof StoreConflict)) throw error
      }
    }
    throw new Refusal('state-unavailable', { check: 'invitation' })
  }

  /** One answer for all that is wrong with it: it must not tell which there are. */
  async function open(token: string): Promise<Stored<Invitation>> {
    const read = readToken(token)
    const found =
      read === undefined
        ? undefined
        : await store.get<Invitation>(INVITATION_KIND, read.key).catch(unavailableOrConflict)
    if (read !== undefined && found !== undefined) {
      const { secret, expiresAt } = found.value
      if (secret === tokenDigest(read.secret) && now() < expiresAt) return found
    }
    throw new Refusal('link-refused', {
      check: 'token',
      detail: 'this link is wrong, was used before, or is older than ten minutes: begin again in the channel',
    })
  }

  async function invitation(by: Principal, token: string): Promise<Invitation> {
    const { value } = await open(token)
    if (value.by !== null && value.by !== principalKey(by)) {
      throw new Refusal('link-refused', { check: 'token', detail: 'somebody else has begun this' })
    }
    return value
  }

  async function confirm(by: Principal, token: string): Promise<ChannelLink> {
    const found = await open(token)
    await invitation(by, token)
    const { channel, person, createdAt } = found.value
    if (person === null) {
      throw new Refusal('link-refused', {
        check: 'claimed',
        detail: `nobody has written the code in channel ${channel} yet`,
      })
    }
    const id = linkId(channel, person.id)
    await feed.catchUp().catch(unavailableOrConflict)
    const { signedInAt } = refuseLink({ by, person, createdAt, present: links.get(id)?.value })
    const value: ChannelLink = {
      ...{ id, channel, person, signedInAt, linkedAt: now() },
      principal: remembered(by),
    }
    await append('channel.link', by, {
      ...factsOf(value),
      begun: found.value.by === null ? 'channel' : 'page',
    })
    await commit([
      { op: 'delete', kind: INVITATION_KIND, key: found.key, version: found.version },
      { op: 'create', kind: LINK_KIND, key: id, value },
    ]).catch(conflict)
    return value
  }

  async function sweep(): Promise<void> {
    let after: string | undefined
    for (;;) {
      const page = await store.list<Invitation>(INVITATION_KIND, after === undefined ? {} : { after })
      for (const { key, version, value } of page) {
        if (now() < value.expiresAt) continue
        await commit([{ op: 'delete', kind: INVITATION_KIND, key, version }]).catch(ignoreConflict)
      }
      after = page.at(-1)?.key
      if (page.length < 500) return
    }
  }
  const every = parts.sweepEvery ?? 60_000
  const timer = every > 0 ? setInterval(() => void sweep().catch(parts.onError), every).unref() : undefined

  return {
    list: () => [...links.values()].sort((a, b) => b.linkedAt - a.linkedAt),
    async find(channel, person, within) {
      await feed.catchUp().catch(unavailableOrConflict)
      await refreshing
      const link = links.get(linkId(channel, person.id))?.value
      if (link === undefined) return { kind: 'unlinked' }
      const { principal, signedInAt } = link
      parts.revocations.check(principal)
      const now = await present(principal)
      return parts.now() - signedInAt < within
        ? { kind: 'linked', link, principal: now }
        : { kind: 'old', link }
    },
    invite: (channel, person) =>
      put(keyOf('person', channel, person.id), { channel, person: shortened(person), by: null }),
    begin: (channel, by) =>
      put(keyOf('principal', channel, principalKey(by)), { channel, person: null, by: principalKey(by) }),
    async claim(channel, code, person) {
      const found = await open(code.trim().toLowerCase()).catch(notRefused)
      if (found === undefined || found.value.channel !== channel || found.value.by === null) return false
      const { key, version, value } = found
      if (value.person !== null) return value.person.id === person.id
      await commit([
        {
          ...{ op: 'update', kind: INVITATION_KIND, key, version },
          value: { ...value, person: shortened(person) },
        } as const,
      ]).catch(conflict)
      return true
    },
    invitation,
    confirm,
    async remove(by, id) {
      const one = links.get(id) ?? (await store.get<ChannelLink>(LINK_KIND, id).catch(unavailableOrConflict))
      if (one === undefined)
        throw new Refusal('resource-unknown', { check: 'link', detail: `there is no link ${id}` })
      await append('channel.unlink', by, factsOf(one.value))
      await commit([{ op: 'delete', kind: LINK_KIND, key: id, version: one.version }]).catch(conflict)
      return one.value
    },
    sweep,
    async close() {
      clearInterval(timer)
      unfollow()
      links.stop()
      await refreshing
    },
  }

  /** People who exist only here are looked up: their groups are as of now. */
  async function present(principal: Principal): Promise<Principal> {
    const gone = new Refusal('credential-invalid', {
      check: 'link',
      detail: 'whom this account of the channel is linked to cannot sign in any more',
    })
    if (principal.issuer !== LOCAL_ISSUER) {
      if (!parts.trusts(principal.issuer)) throw gone
      return principal
    }
    const user = await getLocalUser(store, principal.subject).catch(unavailableOrConflict)
    if (user === undefined) throw gone
    return { ...localPrincipal(user), authentication: principal.authentication }
  }
}

/** What he shows when he decides from a channel is that the channel knows him, not a credential. */
function remembered(principal: Principal): Principal {
  return { ...principal, authentication: { ...principal.authentication, method: 'channel' } }
}

/** What a channel says may be long. */
function shortened({ id, name, email }: ChannelPerson): ChannelPerson {
  return { id, name: name.slice(0, 255), ...(email === undefined ? {} : { email: email.slice(0, 320) }) }
}

function factsOf({ id, channel, person, principal }: ChannelLink): Record<string, unknown> {
  return { link: id, channel, person: person.id, personName: person.name, linked: principal.username }
}

function notRefused(error: unknown): undefined {
  if (error instanceof Refusal && error.code === 'link-refused') return undefined
  throw error
}

function conflict(error: unknown): never {
  if (!(error instanceof StoreConflict)) throw error
  throw new Refusal('link-refused', {
    check: 'token',
    detail: 'somebody has used or changed this at the same moment',
  })
}
