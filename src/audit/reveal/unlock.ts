import { createDecipheriv, hash } from 'node:crypto'
import { ageDecrypt, type Identity } from '../../keys/age/age.ts'
import { KEY_COMMITMENT } from '../deltas/format.ts'
import { HEADER_BYTES, NONCE_AT, TAG_BYTES } from '../segments/record.ts'

const SALT_BYTES = 16

interface Lockable {
  readonly state: string
  readonly locked?: unknown
}

/** Over the JSON text, which an answer carries with the same members in the same order. */
export function digestOf(revealed: unknown): string {
  return `sha256:${hash('sha256', JSON.stringify(revealed), 'hex')}`
}

/**
 * What only recipients can open, opened on the machine of one. Parts for other recipients stay closed; rejects when
 * something was changed on its way, or is not what the log committed to.
 */
export async function unlock<
  V extends Lockable,
  B extends Lockable & { readonly mediaType: string },
  R extends { readonly values: readonly V[]; readonly bodies: readonly B[] },
>(revealed: R, identities: readonly Identity[]): Promise<R> {
  if (identities.length === 0) return revealed
  const keys = new Map<string, Buffer | null>()
  for (const { locked } of [...revealed.values, ...revealed.bodies]) {
    const file = (locked as LockedValueText | LockedBodyText | undefined)?.key
    if (file !== undefined && !keys.has(file))
      keys.set(file, await ageDecrypt(identities, Buffer.from(file, 'base64')))
  }
  const keyOf = (file: string): Buffer | null => keys.get(file) ?? null
  return {
    ...revealed,
    values: revealed.values.map(value => {
      const locked = value.locked as LockedValueText | undefined
      const key = locked === undefined ? null : keyOf(locked.key)
      return locked === undefined || key === null ? value : opened(value, openValue(locked, key))
    }),
    bodies: revealed.bodies.map(body => {
      const locked = body.locked as LockedBodyText | undefined
      const key = locked === undefined ? null : keyOf(locked.key)
      if (locked === undefined || key === null) return body
      const plain = openBody(locked, key)
      const end = plain.indexOf(10)
      return { ...opened(body, plain.subarray(end + 1)), mediaType: plain.toString('latin1', 0, end) }
    }),
  }
}

interface LockedValueText {
  readonly key: string
  readonly commitment: string
  readonly nonce: string
  readonly context: string
  readonly sealed: string
}

interface LockedBodyText {
  readonly key: string
  readonly context: string
  readonly records: readonly string[]
}

function opened<T extends Lockable>(one: T, bytes: Buffer): T {
  const { locked: _, ...rest } = one
  return { ...rest, state: 'open', ...textOrBase64(bytes) } as unknown as T
}

function openValue({ commitment, nonce, context, sealed }: LockedValueText, key: Buffer): Buffer {
  const found = hash('sha256', Buffer.concat([Buffer.from(KEY_COMMITMENT), key]), 'base64url')
  if (found !== commitment) throw new Error('the data key is not the committed one')
  return open(
    key,
    Buffer.from(nonce, 'base64'),
    Buffer.from(context, 'base64'),
    Buffer.from(sealed, 'base64'),
  )
}

function openBody({ context, records }: LockedBodyText, key: Buffer): Buffer {
  const pieces = records.map(text => {
    const record = Buffer.from(text, 'base64')
    const aad = Buffer.concat([Buffer.from(context, 'base64'), record.subarray(0, NONCE_AT)])
    return open(key, record.subarray(NONCE_AT, HEADER_BYTES), aad, record.subarray(HEADER_BYTES))
  })
  return Buffer.concat(pieces).subarray(SALT_BYTES)
}

function open(key: Buffer, nonce: Buffer, aad: Buffer, bytes: Buffer): Buffer {
  const decipher = createDecipheriv('aes-256-gcm', key, nonce, { authTagLength: TAG_BYTES })
  decipher.setAAD(aad)
  decipher.setAuthTag(bytes.subarray(-TAG_BYTES))
  return Buffer.concat([decipher.update(bytes.subarray(0, -TAG_BYTES)), decipher.final()])
}

export function textOrBase64(bytes: Buffer): { readonly text: string } | { readonly base64: string } {
  try {
    return { text: new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes) }
  } catch {
    return { base64: bytes.toString('base64') }
  }
}
