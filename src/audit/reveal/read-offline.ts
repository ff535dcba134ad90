import { join } from 'node:path'
import type { Identity } from '../../keys/age/age.ts'
import type { KeyEncryption } from '../../keys/key-encryption.ts'
import type { Files } from '../files/files.ts'
import { readWhole } from '../files/whole.ts'
import type { Leaf } from '../heads/leaf.ts'
import type { CallPlaces, EntryPlace } from '../index/messages.ts'
import { epochKeys } from '../keys/epochs.ts'
import { parseCheckpoint } from '../log/checkpoint.ts'
import type { WrittenKey } from '../log/contract.ts'
import { readLeaves } from '../log/read.ts'
import { HEADER_BYTES, RecordType, readSeq, segmentFirst } from '../segments/record.ts'
import { scanSegment } from '../segments/scan.ts'
import type { Revealed } from './contract.ts'
import { readScope } from './read-scope.ts'

export interface OfflineOptions {
  readonly files: Files
  /** Of a log or an export of one: `checkpoint`, `tile/`, `segments/`, `keys/`. */
  readonly directory: string
  /** The key that wraps its epoch keys. */
  readonly keyEncryption: KeyEncryption
  readonly identities: readonly Identity[]
  readonly call: string
  readonly pointer?: string
}

/**
 * Opens what was sealed of a call without a gateway: for whoever holds an export, the key-encryption key and, where there
 * are recipients, an identity. No log hears of it. Null when there is no such call.
 */
export async function readOffline(options: OfflineOptions): Promise<Revealed | null> {
  const { files, directory, call, pointer, identities } = options
  const note = (await readWhole(files, join(directory, 'checkpoint')))?.toString()
  if (note === undefined) throw new Error(`${directory} holds no audit log (there is no checkpoint)`)
  const { origin, size } = parseCheckpoint(note.slice(0, note.lastIndexOf('\n\n') + 1))
  const leaves = new Map<number, Leaf>()
  for (let from = 0; from < size; ) {
    const read = await readLeaves(files, directory, from, size)
    for (const [at, bytes] of read.entries()) {
      const text = bytes.toString('latin1')
      if (!text.includes(call)) continue
      const leaf = JSON.parse(text) as Leaf
      if (leaf.call === call) leaves.set(from + at, leaf)
    }
    from += read.length
  }
  const first = leaves.values().next().value
  if (first === undefined) return null
  const session = first.session ?? null
  const entries = await placesIn(files, directory, origin, leaves, session ?? '')
  const places: CallPlaces = {
    row: {
      call,
      kind: first.kind,
      time: Date.parse(first.time),
      session,
      effect: first.effect ?? null,
      complete: true,
      head: {},
      index: first.seq,
    },
    policyDigest: null,
    entries,
    more: false,
  }
  const epochs = epochKeys(files, directory, origin, options.keyEncryption)
  const log = { files, dataDir: directory, origin, epochs, flush: async () => {} }
  const scope = pointer === undefined ? { call } : { call, pointer }
  return readScope(log, [places], scope, identities)
}

/** Where the records of these entries stand, and those of the data keys of their session before them. */
async function placesIn(
  files: Files,
  directory: string,
  origin: string,
  leaves: ReadonlyMap<number, Leaf>,
  session: string,
): Promise<EntryPlace[]> {
  const found: EntryPlace[] = []
  for (const name of (await files.list(join(directory, 'segments'))).sort()) {
    const segment = segmentFirst(name)
    if (segment < 0) continue
    const file = await files.open(join(directory, 'segments', name), 'read')
    try {
      const keys: WrittenKey[] = []
      const scan = await scanSegment(file, origin)
      for (let offset = scan.position, one = await scan.next(); one !== null; one = await scan.next()) {
        const seq = readSeq(one, 8)
        if (one[0] === RecordType.key) {
          if (sessionOf(one) === session) keys.push({ kid: one.toString('hex', 16, 32), offset })
        } else if (leaves.has(seq) && found.at(-1)?.seq !== seq) {
          found.push(placeOf(leaves.get(seq)!, seq, segment, offset, keys))
        }
        offset = scan.position
      }
    } finally {
      await file.close()
    }
  }
  return found
}

function placeOf(
  leaf: Leaf,
  seq: number,
  segment: number,
  offset: number,
  keys: readonly WrittenKey[],
): EntryPlace {
  const bodies: EntryPlace['bodies'][number][] = []
  for (const side of ['request', 'response'] as const) {
    const body = leaf[side]
    if (body !== undefined) bodies.push([side, body.class, body.n])
  }
  const { phase } = leaf
  return { seq, phase, time: Date.parse(leaf.time), hash: Buffer.alloc(0), segment, offset, bodies, keys }
}

/** Null for a damaged record. */
function sessionOf(record: Buffer): string | null {
  if (record.length < HEADER_BYTES + 2) return null
  const at = HEADER_BYTES + 2 + record.readUInt16BE(HEADER_BYTES)
  if (at + 2 > record.length) return null
  return record.toString('utf8', at + 2, at + 2 + record.readUInt16BE(at))
}
