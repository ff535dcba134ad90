import { createSecretKey, type KeyObject, randomBytes } from 'node:crypto'
import { within } from '../../audit/files/deadline.ts'
import type { KeyEncryption } from '../../keys/key-encryption.ts'
import { type StateStore, StoreConflict, type Stored } from '../../store/store.ts'

/** Two keys of 256 bits that all gateways of a store have in common. Whoever has one of them can test guesses of values. */
export interface MaskingKeys {
  /** For the tags of placeholders. */
  readonly tags: KeyObject
  /** For the keyed hashes by which values are recognised. */
  readonly fingerprints: KeyObject
}

type Name = keyof MaskingKeys

/** As it stands in the store: each key wrapped on its own, base64. */
interface StoredMaskingKeys {
  readonly v: 1
  /** Id of the key-encryption key that wrapped them. */
  readonly kek: string
  readonly tags: string
  readonly fingerprints: string
}

export const MASKING_KEYS = { kind: 'masking-keys', key: 'current' } as const

/** Milliseconds for an answer of whoever wraps keys. */
const KEY_DEADLINE = 10_000

/**
 * The masking keys of the store; the first gateway makes them. Of several that start at once the store takes the keys
 * of one, and the others use those. Rejects when the stored keys cannot be unwrapped: with other keys than its
 * neighbours a gateway would take no placeholder of theirs for one, and nothing that they have seen for a secret.
 */
export async function openMaskingKeys(store: StateStore, kek: KeyEncryption): Promise<MaskingKeys> {
  for (;;) {
    const stored = await store.get<StoredMaskingKeys>(MASKING_KEYS.kind, MASKING_KEYS.key)
    if (stored !== undefined) {
      const keys = await unwrapMaskingKeys(stored.value, kek)
      if (stored.value.kek !== kek.id) await rewrap(store, stored, keys, kek)
      return keys
    }
    const value = await wrapMaskingKeys({ tags: newKey(), fingerprints: newKey() }, kek)
    try {
      // What is used is what was read back, by this gateway as by all others.
      await store.commit([{ op: 'create', ...MASKING_KEYS, value }])
    } catch (error) {
      if (!(error instanceof StoreConflict)) throw error
    }
  }
}

/** Another key-encryption key was chosen, and the former one is still readable. */
async function rewrap(
  store: StateStore,
  stored: Stored,
  keys: MaskingKeys,
  kek: KeyEncryption,
): Promise<void> {
  const value = await wrapMaskingKeys(keys, kek)
  try {
    await store.commit([{ op: 'update', ...MASKING_KEYS, value, version: stored.version }])
  } catch (error) {
    // Another gateway did the same: the keys are the same ones.
    if (!(error instanceof StoreConflict)) throw error
  }
}

async function wrapMaskingKeys(keys: MaskingKeys, kek: KeyEncryption): Promise<StoredMaskingKeys> {
  const wrap = async (name: Name): Promise<string> => {
    const wrapped = kek.wrap(keys[name].export(), contextOf(name))
    const done = await within(wrapped, KEY_DEADLINE, `${kek.id}: wrapping a masking key`)
    return done.toString('base64')
  }
  const [tags, fingerprints] = await Promise.all([wrap('tags'), wrap('fingerprints')])
  return { v: 1, kek: kek.id, tags, fingerprints }
}

async function unwrapMaskingKeys(
  stored: Partial<StoredMaskingKeys>,
  kek: KeyEncryption,
): Promise<MaskingKeys> {
  const { v, tags, fingerprints } = stored
  if (v !== 1 || typeof tags !== 'string' || typeof fingerprints !== 'string') {
    throw new Error('the masking keys in the store are of a form that this version does not know')
  }
  const unwrap = async (name: Name, wrapped: string): Promise<KeyObject> => {
    const unwrapped = kek.unwrap(Buffer.from(wrapped, 'base64'), contextOf(name))
    const key = await within(unwrapped, KEY_DEADLINE, `${kek.id}: unwrapping a masking key`)
    if (key.length !== 32) throw new Error(`${kek.id}: the unwrapped key has not 256 bits`)
    return createSecretKey(key)
  }
  try {
    const [ours, theirs] = await Promise.all([unwrap('tags', tags), unwrap('fingerprints', fingerprints)])
    return { tags: ours, fingerprints: theirs }
  } catch (cause) {
    throw new Error(adviceOf(stored.kek, kek.id, cause), { cause })
  }
}

function adviceOf(wrappedBy: unknown, ours: string, cause: unknown): string {
  const detail = cause instanceof Error ? cause.message : String(cause)
  if (wrappedBy === ours) return `the masking keys in the store cannot be unwrapped: ${detail}`
  return (
    `the masking keys in the store were wrapped by ${wrappedBy}, and this gateway's key-encryption key is ${ours}: ` +
    'gateways that share a store share one key-encryption key. Give this one the same with --key-encryption ' +
    "(a copy of the first gateway's key file log/secrets/kek, or a key service)"
  )
}

/** The same for every gateway, whatever its log is called; each key has its own, so that they cannot be swapped. */
function contextOf(name: Name): Readonly<Record<string, string>> {
  return { purpose: 'sallyport-masking', key: `masking-${name}` }
}

function newKey(): KeyObject {
  return createSecretKey(randomBytes(32))
}
