import { Refusal } from '../../errors/refusal.ts'
import { type StateStore, StoreConflict } from '../../store/store.ts'
import { invalidCredential } from '../refuse.ts'
import { tokenDigest } from '../token-digest.ts'
import { randomBase32 } from './random-token.ts'
import type { BrowserSignIn, SignedIn, SignIns } from './sign-ins.ts'
import { getLocalUser, localPrincipal } from './users.ts'

/**
 * Codes with which a local user signs in, once. 130 random bits in groups of letters and digits; the store holds the
 * SHA-256 only, and a code is found by it, so no comparison depends on the code itself.
 */
export interface OneTimeCodes {
  /** The code is shown exactly once. `lifetime` in milliseconds, default 10 minutes. */
  issue(user: string, lifetime?: number): Promise<{ readonly code: string; readonly expiresAt: number }>
  /** Uses the code up. Throws `credential-invalid` or `state-unavailable`. Whoever takes guesses has to count them. */
  redeem(code: string, browser?: BrowserSignIn): Promise<SignedIn>
  /** Deletes codes that nobody used. */
  sweep(): Promise<void>
}

interface CodeRecord {
  readonly user: string
  readonly expiresAt: number
}

const KIND = 'one-time-code'
const LIFETIME = 600_000

export function createOneTimeCodes(store: StateStore, signIns: SignIns, now: () => number): OneTimeCodes {
  async function use(code: string, browser: BrowserSignIn | undefined): Promise<SignedIn> {
    const digest = tokenDigest(plain(code))
    const record = await store.get<CodeRecord>(KIND, digest)
    // One answer for all of these: it must not tell which codes or users there are.
    const refused = invalidCredential('one-time-code', 'this code is wrong, was used before, or is too old')
    if (record === undefined || now() >= record.value.expiresAt) throw refused
    const user = await getLocalUser(store, record.value.user)
    if (user === undefined) throw refused
    const used = { op: 'delete', kind: KIND, key: digest, version: record.version } as const
    return signIns.create(localPrincipal(user), [used], browser)
  }

  return {
    async issue(user, lifetime = LIFETIME) {
      if ((await getLocalUser(store, user)) === undefined) throw new Error(`there is no local user ${user}`)
      const code = randomBase32(26)
      const expiresAt = now() + lifetime
      await store.commit([{ op: 'create', kind: KIND, key: tokenDigest(code), value: { user, expiresAt } }])
      return { code: code.replace(/(.{5})(?=.)/g, '$1-'), expiresAt }
    },
    async redeem(code, browser) {
      try {
        return await use(code, browser)
      } catch (error) {
        if (!(error instanceof Refusal)) throw new Refusal('state-unavailable', { cause: error })
        throw error
      }
    },
    async sweep() {
      for (const { kind, key, version, value } of await store.list<CodeRecord>(KIND)) {
        if (now() < value.expiresAt) continue
        await store.commit([{ op: 'delete', kind, key, version }]).catch(error => {
          if (!(error instanceof StoreConflict)) throw error
        })
      }
    },
  }
}

/** What people add when they copy: case, spaces, the dashes between groups. */
function plain(code: string): string {
  return code.length > 200 ? '' : code.toLowerCase().replace(/[\s-]/g, '')
}
