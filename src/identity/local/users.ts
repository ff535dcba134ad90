import { type StateStore, StoreConflict } from '../../store/store.ts'
import type { Principal } from '../principal.ts'

/** Issuer of people who exist only here; also the prefix of their user and group names. */
export const LOCAL_ISSUER = 'local'

/** A person who exists only here. They sign in with a one-time code. */
export interface LocalUser {
  readonly name: string
  readonly displayName?: string
  /** Without prefix; policy sees `local:<group>`. */
  readonly groups: readonly string[]
}

export const LOCAL_USER_KIND = 'local-user'
const NAME = /^[a-z0-9](?:[a-z0-9._@-]{0,126}[a-z0-9])?$/

/** Creates or replaces. Sign-ins made before keep what they had: end them where a right was taken away. */
export async function putLocalUser(store: StateStore, user: LocalUser): Promise<void> {
  for (const name of [user.name, ...user.groups]) {
    if (!NAME.test(name)) throw new TypeError(`not a name of a local user or group: ${JSON.stringify(name)}`)
  }
  for (;;) {
    const before = await store.get(LOCAL_USER_KIND, user.name)
    const record = { kind: LOCAL_USER_KIND, key: user.name, value: user }
    try {
      await store.commit([
        before === undefined
          ? { op: 'create', ...record }
          : { op: 'update', version: before.version, ...record },
      ])
      return
    } catch (error) {
      if (!(error instanceof StoreConflict)) throw error
    }
  }
}

export async function getLocalUser(store: StateStore, name: string): Promise<LocalUser | undefined> {
  return (await store.get<LocalUser>(LOCAL_USER_KIND, name))?.value
}

/** False when there was none. No new sign-in is possible; existing ones must be ended by the caller. */
export async function removeLocalUser(store: StateStore, name: string): Promise<boolean> {
  for (;;) {
    const before = await store.get(LOCAL_USER_KIND, name)
    if (before === undefined) return false
    try {
      await store.commit([{ op: 'delete', kind: LOCAL_USER_KIND, key: name, version: before.version }])
      return true
    } catch (error) {
      if (!(error instanceof StoreConflict)) throw error
    }
  }
}

export function localPrincipal(user: LocalUser): Principal {
  return {
    issuer: LOCAL_ISSUER,
    subject: user.name,
    kind: 'person',
    username: `${LOCAL_ISSUER}:${user.name}`,
    groups: user.groups.map(group => `${LOCAL_ISSUER}:${group}`),
    ...(user.displayName === undefined ? {} : { displayName: user.displayName }),
    // The sign-in puts its own times and digest in.
    authentication: { method: 'local', provider: LOCAL_ISSUER, validUntil: 0, credentialDigest: '' },
  }
}
