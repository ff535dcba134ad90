import { LONGEST_PROOF } from '../audit/log/consistency.ts'

/** Body of add-checkpoint, C2SP tlog-witness: old size, consistency proof, empty line, checkpoint. */
export interface AddCheckpoint {
  readonly oldSize: number
  readonly proof: readonly Buffer[]
  /** A signed note; nothing of it is checked yet. */
  readonly note: string
}

/** Bytes. 63 hashes are less than 3 KiB; what remains is room for many signatures of large kinds. */
export const LONGEST_REQUEST = 128 * 1024

export function formatAddCheckpoint({ oldSize, proof, note }: AddCheckpoint): string {
  return `old ${oldSize}\n${proof.map(one => `${one.toString('base64')}\n`).join('')}\n${note}`
}

/** Throws an Error that says what is malformed. */
export function parseAddCheckpoint(body: Uint8Array): AddCheckpoint {
  if (body.length > LONGEST_REQUEST) throw new Error('the request is too long')
  let text: string
  try {
    text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(body)
  } catch {
    throw new Error('the request is not UTF-8')
  }
  const end = text.indexOf('\n\n')
  if (end < 0) throw new Error('no empty line stands before the checkpoint')
  const [first = '', ...lines] = text.slice(0, end).split('\n')
  const old = /^old (0|[1-9]\d{0,14})$/.exec(first)
  if (old === null) throw new Error('the first line is no old size')
  if (lines.length > LONGEST_PROOF) throw new Error(`a proof has at most ${LONGEST_PROOF} lines`)
  return { oldSize: Number(old[1]), proof: lines.map(hashOf), note: text.slice(end + 2) }
}

function hashOf(line: string): Buffer {
  const hash = Buffer.from(line, 'base64')
  // Compared with itself encoded: base64 has more than one spelling of the same bytes.
  if (hash.length !== 32 || hash.toString('base64') !== line)
    throw new Error('a line of the proof is no hash')
  return hash
}
