import { createCipheriv, createSecretKey, type KeyObject, randomBytes } from 'node:crypto'
import type { Recipient } from '../../keys/age/age.ts'
import {
  FLAG_LAST,
  FLAG_SEALED,
  HEADER_BYTES,
  keyContext,
  LENGTH_BYTES,
  NONCE_AT,
  RecordType,
  recordContext,
  TAG_BYTES,
  writeHeader,
} from '../segments/record.ts'
import type { Slab } from '../segments/slab.ts'
import type { EpochKey, EpochKeys, KeyClass } from './epochs.ts'
import { type ReadyKey, type ReadyKeys, readyKeys } from './ready-keys.ts'

/** A data key of one session, class and day; never used again after a restart, so its nonces can count. */
export interface DataKey {
  readonly kid: Buffer
  readonly secret: KeyObject
  readonly flags: number
  /** AAD: context of origin and session, then room for the first 32 bytes of a payload. */
  readonly aad: Buffer
  readonly contextBytes: number
  readonly nonce: Buffer
  readonly epoch: EpochKey
  readonly session: string
  readonly bytes: Buffer
  /** What the epoch key wraps: the key, or a file of age that holds it. */
  readonly wrapping: Buffer
  /** The segment that holds the wrapped key; -1 for none. */
  writtenIn: number
}

export interface DataKeys {
  /** Must be called (and awaited) once before use; afterwards it prepares the coming day without being waited for. */
  prepare(now: number): Promise<void>
  /** Cheap; starts `prepare` for the next day in time. Failures go to `onTrouble` (null when over); the last day's keys stay in use. */
  tick(now: number): void
  /**
   * True while a session that has no keys yet may not get any: the day has begun, and its keys could not be had. Live
   * sessions go on under the keys that they have.
   */
  refuses(session: string, now: number): boolean
  /** For an entry at most one of the sealed class, and only after `ready`. */
  of(session: string, keyClass: KeyClass): DataKey
  /** Where there are recipients: keys of the sealed class that are encrypted for them already. */
  readonly ready: Pick<ReadyKeys, 'count' | 'whenReady'> | null
  /** `yyyy-mm-dd`: the oldest day whose keys may still be written with. */
  readonly day: string
}

const DAY = 86_400_000
const PREPARE_AHEAD = 3_600_000
const SESSIONS_KEPT = 20_000

/** @param recipients Of the sealed class: when there are any, only their identities open what is written from now on. */
export function dataKeys(
  origin: string,
  epochs: EpochKeys,
  onTrouble: (error: unknown) => void,
  recipients: readonly Recipient[] = [],
): DataKeys {
  const prepared = new Map<number, Record<KeyClass, EpochKey>>()
  let preparing = false
  let retryAt = 0
  let today = -1
  let trouble = false
  let shown = new Map<string, DataKey>()
  let sealed = new Map<string, DataKey>()
  const ready = recipients.length === 0 ? null : readyKeys(recipients)

  async function prepareDay(day: number): Promise<void> {
    if (prepared.has(day)) return
    const keys = { shown: await epochs.obtain('shown', day), sealed: await epochs.obtain('sealed', day) }
    prepared.set(day, keys)
    for (const old of prepared.keys()) if (old < today) prepared.delete(old)
  }

  function enter(day: number): void {
    today = day
    shown = new Map()
    sealed = new Map()
  }

  return {
    ready,
    async prepare(now) {
      const day = Math.floor(now / DAY)
      await prepareDay(day)
      await ready?.whenReady()
      enter(day)
    },
    tick(now) {
      const day = Math.floor(now / DAY)
      if (day !== today && prepared.has(day)) enter(day)
      const wanted = Math.floor((now + PREPARE_AHEAD) / DAY)
      const missing = !prepared.has(day) ? day : !prepared.has(wanted) ? wanted : -1
      if (missing < 0 || preparing || now < retryAt) return
      preparing = true
      prepareDay(missing).then(
        () => {
          preparing = false
          trouble = false
          onTrouble(null)
        },
        error => {
          preparing = false
          trouble = true
          retryAt = now + 10_000
          onTrouble(error)
        },
      )
    },
    get day() {
      return new Date(today * DAY).toISOString().slice(0, 10)
    },
    refuses(session, now) {
      if (!trouble) return false
      this.tick(now)
      return Math.floor(now / DAY) > today && !shown.has(session) && !sealed.has(session)
    },
    of(session, keyClass) {
      const keys = keyClass === 'sealed' ? sealed : shown
      const known = keys.get(session)
      if (known !== undefined) return known
      if (keys.size >= SESSIONS_KEPT) keys.delete(keys.keys().next().value!)
      const made = newDataKey(
        origin,
        session,
        prepared.get(today)![keyClass],
        keyClass === 'sealed',
        keyClass === 'sealed' ? (ready?.take() ?? null) : null,
      )
      keys.set(session, made)
      return made
    },
  }
}

function newDataKey(
  origin: string,
  session: string,
  epoch: EpochKey,
  isSealed: boolean,
  ready: ReadyKey | null,
): DataKey {
  const random = randomBytes(32 + 16 + 4)
  const bytes = ready?.bytes ?? random.subarray(0, 32)
  const context = recordContext(origin, session)
  const nonce = Buffer.alloc(12)
  random.copy(nonce, 0, 48)
  return {
    kid: random.subarray(32, 48),
    secret: createSecretKey(bytes),
    flags: isSealed ? FLAG_SEALED : 0,
    aad: Buffer.concat([context, Buffer.alloc(NONCE_AT)]),
    contextBytes: context.length,
    nonce,
    epoch,
    session,
    bytes,
    wrapping: ready?.wrapping ?? bytes,
    writtenIn: -1,
  }
}

/** Four random bytes, then a counter of 64 bits (48 used: no key lives to see more). */
export function nextNonce(key: DataKey): Buffer {
  const { nonce } = key
  const low = nonce.readUInt32BE(8)
  if (low === 0xffff_ffff) nonce.writeUInt32BE(nonce.readUInt32BE(4) + 1, 4)
  nonce.writeUInt32BE((low + 1) >>> 0, 8)
  return nonce
}

/** Writes the record of type `key`; returns its length with the length field. */
export function writeDataKey(out: Slab, key: DataKey, origin: string, seq: number): number {
  const isSealed = (key.flags & FLAG_SEALED) !== 0
  const nonce = randomBytes(12)
  const epoch = Buffer.from(key.epoch.id)
  const session = Buffer.from(key.session)
  const names = Buffer.concat([uint16(epoch.length), epoch, uint16(session.length), session])
  const cipher = createCipheriv('aes-256-gcm', key.epoch.key, nonce)
  cipher.setAAD(keyContext(origin, key.session, isSealed, key.epoch.id, key.kid))
  const wrapped = Buffer.concat([cipher.update(key.wrapping), cipher.final(), cipher.getAuthTag()])
  const length = HEADER_BYTES + names.length + key.wrapping.length + TAG_BYTES
  const record = out.reserve(LENGTH_BYTES + length)
  record.writeUInt32BE(length, 0)
  writeHeader(record.subarray(LENGTH_BYTES), RecordType.key, key.flags | FLAG_LAST, 0, seq, key.kid, nonce)
  names.copy(record, LENGTH_BYTES + HEADER_BYTES)
  wrapped.copy(record, LENGTH_BYTES + HEADER_BYTES + names.length)
  return record.length
}

function uint16(value: number): Buffer {
  const bytes = Buffer.alloc(2)
  bytes.writeUInt16BE(value)
  return bytes
}
