import { createDecipheriv } from 'node:crypto'
import { ageDecrypt, type Identity } from '../../keys/age/age.ts'
import { type OpenedDelta, readDelta, type ValueKey } from '../deltas/read-delta.ts'
import { SALT_BYTES } from '../heads/seal.ts'
import type { EpochKey } from '../keys/epochs.ts'
import {
  HEADER_BYTES,
  keyContext,
  NONCE_AT,
  RecordType,
  readHeader,
  recordContext,
  TAG_BYTES,
} from './record.ts'

/** An entry's records in the clear, as far as the reader may open them. */
export interface OpenedEntry {
  /** JSON. */
  readonly head: Buffer | null
  readonly request: OpenedBody | null
  readonly response: OpenedBody | null
  readonly requestDelta: OpenedDelta | null
  readonly responseDelta: OpenedDelta | null
}

export interface OpenedBody {
  /** A sealed body is opened for a reveal only: else media type and bytes are empty. */
  readonly sealed: boolean
  readonly mediaType: string
  readonly bytes: Buffer
}

export interface DataKeyring {
  readonly origin: string
  /** Takes a record of type `key`. One that cannot be opened teaches nothing; rejects when no epoch key can be asked for. */
  learn(payload: Buffer): Promise<void>
  has(kid: string): boolean
  /** All records of one entry, in order. Throws when a key is gone or a record was changed. */
  open(payloads: readonly Buffer[]): OpenedEntry
  /** For the values of a delta; undefined when that key is not here. */
  valueKey(kid: string, type: RecordType, seq: number): ValueKey | undefined
  /** A key that only a recipient can open: a file of age. */
  lockedKey(kid: string): { readonly key: Buffer; readonly session: string } | undefined
  forget(): void
}

const KEY_BYTES = 32

/**
 * @param find Epoch key by id; null when it was destroyed.
 * @param classes What a reader needs. Sealed keys are not even asked for, but for a reveal.
 */
export function dataKeyring(
  origin: string,
  find: (id: string) => Promise<EpochKey | null>,
  classes: 'shown' | 'all' = 'shown',
  /** Of recipients, on the machine of one of them. */
  identities: readonly Identity[] = [],
): DataKeyring {
  const epochs = new Map<string, EpochKey | null>()
  const known = new Map<string, { key: Buffer; session: string }>()
  const locked = new Map<string, { key: Buffer; session: string }>()

  function decrypt(payload: Buffer): Buffer {
    const kid = payload.toString('hex', 16, NONCE_AT)
    const found = known.get(kid)
    if (found === undefined) throw new Error('the data key of a record is not known')
    const context = Buffer.concat([recordContext(origin, found.session), payload.subarray(0, NONCE_AT)])
    return decryptWith(
      found.key,
      payload.subarray(NONCE_AT, HEADER_BYTES),
      context,
      payload.subarray(HEADER_BYTES),
    )
  }

  return {
    origin,
    async learn(payload) {
      const { kid, sealed, nonce } = readHeader(payload)
      const id = kid.toString('hex')
      if (sealed && classes === 'shown') return
      let at = HEADER_BYTES
      const text = () => {
        const end = at + 2 + payload.readUInt16BE(at)
        const value = payload.toString('utf8', at + 2, end)
        at = end
        return value
      }
      let epoch: string
      let session: string
      try {
        epoch = text()
        session = text()
      } catch {
        // A damaged record: what its key would open stays closed, and `verify` says why.
        return
      }
      let epochKey = epochs.get(epoch)
      if (epochKey === undefined) {
        // The payload may be a window that the wait below lets move on.
        const copy = Buffer.from(payload)
        epochKey = await find(epoch)
        epochs.set(epoch, epochKey)
        if (epochKey !== null) return this.learn(copy)
      }
      if (epochKey === null) return
      const context = keyContext(origin, session, sealed, epoch, kid)
      try {
        const found = decryptWith(epochKey.key, nonce, context, payload.subarray(at))
        if (found.length === KEY_BYTES) known.set(id, { key: found, session })
        else {
          const key = identities.length === 0 ? null : await ageDecrypt(identities, found)
          if (key !== null) known.set(id, { key, session })
          else locked.set(id, { key: found, session })
        }
      } catch {
        return
      }
    },
    has: kid => known.has(kid),
    open(payloads) {
      const parts: (Buffer[] | null)[] = [null, null, null, null, null, null, null]
      const sealed = new Set<number>()
      const unopened = new Set<number>()
      for (const payload of payloads) {
        const header = readHeader(payload)
        parts[header.type] ??= []
        if (header.sealed) sealed.add(header.type)
        const closed = header.sealed && (classes === 'shown' || !known.has(header.kid.toString('hex')))
        if (closed) unopened.add(header.type)
        else parts[header.type]!.push(decrypt(payload))
      }
      const bodyOf = (type: RecordType): OpenedBody | null => {
        const frames = parts[type]
        if (frames == null) return null
        const isSealed = sealed.has(type)
        if (unopened.has(type)) return { sealed: true, mediaType: '', bytes: Buffer.alloc(0) }
        const plain = Buffer.concat(frames).subarray(SALT_BYTES)
        const end = plain.indexOf(10)
        const mediaType = plain.toString('latin1', 0, end)
        return { sealed: isSealed, mediaType, bytes: plain.subarray(end + 1) }
      }
      const deltaOf = (type: RecordType): OpenedDelta | null => {
        const frames = parts[type]
        return frames == null ? null : readDelta(Buffer.concat(frames).subarray(SALT_BYTES))
      }
      const head = parts[RecordType.head]
      return {
        head: head == null ? null : Buffer.concat(head).subarray(SALT_BYTES),
        request: bodyOf(RecordType.request),
        response: bodyOf(RecordType.response),
        requestDelta: deltaOf(RecordType.requestDelta),
        responseDelta: deltaOf(RecordType.responseDelta),
      }
    },
    valueKey(kid, type, seq) {
      const found = known.get(kid)
      return found === undefined ? undefined : { ...found, origin, type, seq }
    },
    lockedKey: kid => locked.get(kid),
    forget() {
      locked.clear()
      known.clear()
    },
  }
}

function decryptWith(key: Buffer, nonce: Buffer, context: Buffer, bytes: Buffer): Buffer {
  const decipher = createDecipheriv('aes-256-gcm', key, nonce, { authTagLength: TAG_BYTES })
  decipher.setAAD(context)
  decipher.setAuthTag(bytes.subarray(-TAG_BYTES))
  return Buffer.concat([decipher.update(bytes.subarray(0, -TAG_BYTES)), decipher.final()])
}
