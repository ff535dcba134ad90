import { compactVerify, createLocalJWKSet, errors, type JSONWebKeySet } from 'jose'
import { invalidCredential, unverifiableCredential } from '../refuse.ts'
import type { UnverifiedJwt } from './read-jwt.ts'

/** The public keys of one issuer: fetched when first needed, kept fresh, and kept for a while when it is down. */
export interface KeySource {
  /** Checks the signature. Throws `credential-invalid` or `credential-unverifiable`. */
  verify(jwt: UnverifiedJwt): Promise<void>
  health(): KeyHealth
}

export interface KeyHealth {
  readonly ok: boolean
  readonly detail?: string
  /** Milliseconds since the epoch of the last successful fetch. */
  readonly fetchedAt?: number
}

export interface KeySourceOptions {
  /** For messages: the issuer or connection. */
  readonly name: string
  readonly algorithms: readonly string[]
  readonly now: () => number
  /** Must itself be bounded in time and size. */
  readonly load: () => Promise<JSONWebKeySet>
  readonly times?: Partial<KeyTimes>
}

/** Milliseconds. */
export interface KeyTimes {
  /** Age at which keys in use are fetched again, in the background. */
  readonly refresh: number
  /** Age up to which keys are used although they cannot be fetched. */
  readonly keep: number
  /** Least time between two fetches because of unknown key ids: they cost the sender nothing. */
  readonly unknownKey: number
  /** Least time between two attempts while the issuer is down. */
  readonly failed: number
}

const TIMES: KeyTimes = { refresh: 600_000, keep: 3_600_000, unknownKey: 10_000, failed: 5_000 }

interface Loaded {
  readonly keys: ReturnType<typeof createLocalJWKSet>
  readonly at: number
}

const MOST_KEYS = 100

export function createKeySource(options: KeySourceOptions): KeySource {
  const { name, now } = options
  const algorithms = [...options.algorithms]
  const times = { ...TIMES, ...options.times }
  let loaded: Loaded | undefined
  let loading: Promise<Loaded> | undefined
  let failure: { readonly at: number; readonly error: unknown } | undefined
  let unknownKeyAt = Number.NEGATIVE_INFINITY

  function fetchKeys(): Promise<Loaded> {
    loading ??= load().finally(() => {
      loading = undefined
    })
    return loading
  }

  async function load(): Promise<Loaded> {
    const at = now()
    try {
      const keys = createLocalJWKSet(publicKeys(await options.load()))
      failure = undefined
      loaded = { keys, at }
      return loaded
    } catch (error) {
      failure = { at: now(), error }
      throw down(error)
    }
  }

  function down(cause: unknown): Error {
    return unverifiableCredential('issuer-unreachable', `the keys of ${name} cannot be fetched`, cause)
  }

  function failedLately(): boolean {
    return failure !== undefined && now() - failure.at < times.failed
  }

  async function current(): Promise<Loaded> {
    const age = loaded === undefined ? Number.POSITIVE_INFINITY : now() - loaded.at
    if (loaded !== undefined && age < times.keep) {
      // Its failure is noted in `failure`; the keys at hand serve until they are too old.
      if (age >= times.refresh && !failedLately()) fetchKeys().catch(() => {})
      return loaded
    }
    if (loading === undefined && failedLately()) throw down(failure?.error)
    return fetchKeys()
  }

  /** Newer keys than those that did not fit, or undefined when it is too early to ask again. */
  async function afterUnknownKey(seen: Loaded): Promise<Loaded | undefined> {
    if (loaded !== undefined && loaded !== seen) return loaded
    if (loading !== undefined) return loading
    if (failedLately()) throw down(failure?.error)
    if (now() - unknownKeyAt < times.unknownKey) return undefined
    unknownKeyAt = now()
    return fetchKeys()
  }

  async function matches(jwt: UnverifiedJwt, keys: Loaded): Promise<boolean> {
    try {
      await compactVerify(jwt.token, keys.keys, { algorithms })
      return true
    } catch (error) {
      if (error instanceof errors.JWKSNoMatchingKey) return false
      if (error instanceof errors.JWSSignatureVerificationFailed) {
        throw invalidCredential('token-signature', "the token's signature is wrong", error)
      }
      throw invalidCredential('token-key', 'the token cannot be checked with the keys of its issuer', error)
    }
  }

  return {
    async verify(jwt) {
      // Before any key is looked at: `none` and HMAC can be in no list (see the configuration's check).
      if (!algorithms.includes(jwt.alg)) {
        throw invalidCredential(
          'token-algorithm',
          'the token is signed with an algorithm that is not allowed',
        )
      }
      const first = await current()
      if (await matches(jwt, first)) return
      const second = await afterUnknownKey(first)
      if (second !== undefined && (await matches(jwt, second))) return
      throw invalidCredential('token-key', 'the token is signed with a key that its issuer does not have')
    },
    health() {
      const fetchedAt = loaded === undefined ? {} : { fetchedAt: loaded.at }
      if (failure === undefined) return { ok: true, ...fetchedAt }
      return { ok: false, detail: reason(failure.error), ...fetchedAt }
    },
  }
}

/** Symmetric and private keys in a public document are a fault of the issuer; they are never used. */
function publicKeys(set: JSONWebKeySet): JSONWebKeySet {
  if (!Array.isArray(set?.keys)) throw new Error('the key set has no list of keys')
  if (set.keys.length > MOST_KEYS) throw new Error(`the key set has more than ${MOST_KEYS} keys`)
  const keys = set.keys.filter(
    key =>
      key !== null &&
      typeof key === 'object' &&
      (key.kty === 'RSA' || key.kty === 'EC' || key.kty === 'OKP') &&
      key.d === undefined,
  )
  if (keys.length === 0) throw new Error('the key set has no usable key')
  return { keys }
}

function reason(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
