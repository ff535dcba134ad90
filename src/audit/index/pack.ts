import { type MaskFacts, maskFacts } from '../deltas/mask-facts.ts'
import type { CapturedBody } from '../entry.ts'
import type { DurableBatch, DurableEntry, WrittenKey } from '../log/contract.ts'

/**
 * A batch on its way to the worker: one block of memory that changes hands, instead of a deep copy of objects.
 * Per entry five lengths (leaf, head, text, keys, masks; 0 for none) and the place, then the bytes.
 */
export interface PackedEntry {
  readonly leaf: Buffer
  readonly head: Buffer | null
  /** Text of bodies that may be shown; never of sealed ones. */
  readonly text: Buffer | null
  readonly keys: readonly WrittenKey[] | null
  readonly masks: MaskFacts | null
  readonly segment: number
  readonly offset: number
}

/** Bytes of each body that are searchable; what lies beyond is shown but not found. */
export const INDEXED_BODY_BYTES = 16 * 1024

const FIXED = 36

export function packBatch(batch: DurableBatch): ArrayBuffer {
  const keys = batch.entries.map(({ keys }) => (keys === null ? null : Buffer.from(JSON.stringify(keys))))
  const texts = batch.entries.map(textOf)
  const masks = batch.entries.map(masksOf)
  let length = 0
  for (const [at, entry] of batch.entries.entries()) {
    length += FIXED + entry.leaf.length + (entry.head?.length ?? 0) + (keys[at]?.length ?? 0)
    length += masks[at]?.length ?? 0
    for (const piece of texts[at]!) length += piece.length + 1
  }
  const packed = new ArrayBuffer(length)
  const into = Buffer.from(packed)
  let at = 0
  for (const [number, entry] of batch.entries.entries()) {
    const key = keys[number] ?? null
    const mask = masks[number] ?? null
    const textLength = texts[number]!.reduce((sum, piece) => sum + piece.length + 1, 0)
    into.writeUInt32BE(entry.leaf.length, at)
    into.writeUInt32BE(entry.head?.length ?? 0, at + 4)
    into.writeUInt32BE(textLength, at + 8)
    into.writeUInt32BE(key?.length ?? 0, at + 12)
    into.writeUInt32BE(mask?.length ?? 0, at + 16)
    into.writeDoubleBE(entry.segment, at + 20)
    into.writeDoubleBE(entry.offset, at + 28)
    at += FIXED
    at += entry.leaf.copy(into, at)
    if (entry.head !== null) at += entry.head.copy(into, at)
    for (const piece of texts[number]!) {
      into.set(piece, at)
      into[at + piece.length] = 10
      at += piece.length + 1
    }
    if (key !== null) at += key.copy(into, at)
    if (mask !== null) at += mask.copy(into, at)
  }
  return packed
}

export function unpackBatch(packed: ArrayBuffer): PackedEntry[] {
  const from = Buffer.from(packed)
  const entries: PackedEntry[] = []
  for (let at = 0; at < from.length; ) {
    const lengths = [0, 4, 8, 12, 16].map(offset => from.readUInt32BE(at + offset))
    const segment = from.readDoubleBE(at + 20)
    const offset = from.readDoubleBE(at + 28)
    at += FIXED
    const [leaf, head, text, keys, masks] = lengths.map(length => {
      const piece = from.subarray(at, at + length)
      at += length
      return length === 0 ? null : piece
    })
    entries.push({
      leaf: leaf!,
      head: head!,
      text: text!,
      keys: keys == null ? null : (JSON.parse(keys.toString()) as WrittenKey[]),
      masks: masks == null ? null : (JSON.parse(masks.toString()) as MaskFacts),
      segment,
      offset,
    })
  }
  return entries
}

function masksOf({ entry }: DurableEntry): Buffer | null {
  if (entry.request?.delta === undefined && entry.response?.delta === undefined) return null
  const facts = maskFacts([entry.request, entry.response])
  return facts === null ? null : Buffer.from(JSON.stringify(facts))
}

function textOf({ entry }: DurableEntry): Uint8Array[] {
  if (entry.request === undefined && entry.response === undefined) return []
  return [...bodyText(entry.request), ...bodyText(entry.response)]
}

function bodyText(body: CapturedBody | undefined): Uint8Array[] {
  if (body === undefined || body.keyClass !== 'shown') return []
  const pieces: Uint8Array[] = []
  let left = INDEXED_BODY_BYTES
  for (const chunk of body.chunks) {
    if (left === 0) break
    const piece = chunk.length > left ? chunk.subarray(0, left) : chunk
    pieces.push(piece)
    left -= piece.length
  }
  // A word that lies across two chunks must stay one.
  return pieces.length < 2 ? pieces : [Buffer.concat(pieces)]
}
