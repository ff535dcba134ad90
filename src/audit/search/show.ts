import type { OpenedDelta } from '../deltas/read-delta.ts'
import type { CallPlaces, EntryPlace } from '../index/messages.ts'
import type { IndexedLog } from '../index/open-index.ts'
import type { PublishedCheckpoint } from '../log/contract.ts'
import { inclusionProof, rootFromProof } from '../log/read.ts'
import { readEntryAt } from '../segments/cursor.ts'
import type { AuditBody, AuditDetail, AuditLeaf, MaskedValue } from './contract.ts'

/** Bytes of each body that are shown. */
const SHOWN_BODY_BYTES = 1024 * 1024

/**
 * One call with its bodies, opened, and its leaves, proven against the newest checkpoint. Of a call of another gateway
 * only what the shared index holds: its bodies and its tree are with that one.
 */
export async function showCall(log: IndexedLog, places: CallPlaces): Promise<AuditDetail> {
  const gathered = { request: gather(), response: gather() }
  const here = places.elsewhere === undefined
  for (const entry of places.entries) await gatherBodies(here ? log : null, entry, gathered)
  const leaves: AuditLeaf[] = []
  const { checkpoint } = log
  const tiles = new Map<string, Buffer>()
  for (const entry of places.entries) {
    leaves.push(await leafOf(here ? log : null, entry, checkpoint, tiles))
  }
  const bodies = (['request', 'response'] as const)
    .filter(side => gathered[side].found)
    .map(side => bodyOf(side, gathered[side], places.more))
  return { row: places.row, leaves, bodies, policyDigest: places.policyDigest }
}

/** Masked values of a body that are listed. */
const MASKED_SHOWN = 1000

interface Gathered {
  found: boolean
  sealed: boolean
  lost: boolean
  mediaType: string
  /** As committed in the leaves. */
  bytes: number
  pieces: Buffer[]
  length: number
  readonly masked: MaskedValue[]
  maskedValues: number
}

function gather(): Gathered {
  return {
    found: false,
    sealed: false,
    lost: false,
    mediaType: '',
    bytes: 0,
    pieces: [],
    length: 0,
    masked: [],
    maskedValues: 0,
  }
}

async function gatherBodies(
  log: IndexedLog | null,
  entry: EntryPlace,
  into: { readonly request: Gathered; readonly response: Gathered },
): Promise<void> {
  if (entry.bodies.length === 0) return
  for (const [side, keyClass, bytes] of entry.bodies) {
    into[side].found = true
    into[side].bytes += bytes
    if (keyClass === 'sealed') into[side].sealed = true
  }
  const wanted = entry.bodies.filter(([side]) => !into[side].sealed && into[side].length < SHOWN_BODY_BYTES)
  if (wanted.length === 0) return
  const opened =
    log === null
      ? null
      : await readEntryAt(
          log.files,
          log.dataDir,
          log.origin,
          id => log.epochs.find(id),
          entry,
          entry.keys,
        ).catch(() => null)
  for (const [side] of wanted) {
    const body = opened?.[side] ?? null
    if (body === null) into[side].lost = true
    else if (!body.sealed) {
      if (into[side].pieces.length === 0) into[side].mediaType = body.mediaType
      into[side].pieces.push(body.bytes)
      into[side].length += body.bytes.length
      gatherMasked(into[side], opened?.[`${side}Delta`] ?? null)
    }
  }
}

function gatherMasked(into: Gathered, delta: OpenedDelta | null): void {
  if (delta === null) return
  into.maskedValues += delta.facts.fields.length
  for (const [, , , rule, keep, pointer, fingerprint] of delta.facts.fields) {
    if (into.masked.length >= MASKED_SHOWN) return
    into.masked.push({
      pointer,
      rule: delta.facts.rules[rule] ?? '',
      keep,
      ...(fingerprint === undefined ? {} : { fingerprint }),
    })
  }
}

function bodyOf(side: 'request' | 'response', body: Gathered, more: boolean): AuditBody {
  const { sealed, mediaType, bytes } = body
  // One sealed frame seals the whole body: what is shown must not depend on where frames were cut.
  if (sealed) return { side, mediaType: '', bytes, sealed: true }
  if (body.lost) return { side, mediaType, bytes, sealed: false, truncated: true }
  const whole = Buffer.concat(body.pieces)
  const shown = whole.subarray(0, SHOWN_BODY_BYTES)
  const text = textOf(shown)
  const truncated = shown.length < whole.length || shown.length < bytes || (more && side === 'response')
  return {
    side,
    mediaType,
    bytes,
    sealed: false,
    ...(text === null ? {} : { text }),
    ...(truncated ? { truncated: true } : {}),
    ...(body.maskedValues === 0 ? {} : { masked: body.masked, maskedValues: body.maskedValues }),
  }
}

/** Null for what is not text. A character cut at the end is dropped. */
function textOf(bytes: Buffer): string | null {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes, { stream: true })
  } catch {
    return null
  }
}

async function leafOf(
  log: IndexedLog | null,
  entry: EntryPlace,
  { size, root }: PublishedCheckpoint,
  tiles: Map<string, Buffer>,
): Promise<AuditLeaf> {
  const hash = Buffer.from(entry.hash)
  const path =
    log !== null && entry.seq < size
      ? await inclusionProof(log.files, log.dataDir, entry.seq, size, tiles).catch(() => null)
      : null
  const proven = path !== null && rootFromProof(hash, entry.seq, size, path).equals(root)
  return {
    index: entry.seq,
    phase: entry.phase,
    time: entry.time,
    leafHash: hash.toString('base64'),
    provenAt: proven ? size : null,
  }
}
