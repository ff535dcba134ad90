import { hash } from 'node:crypto'
import type { Files } from '../files/files.ts'
import { inclusionProof, readLeaves } from '../log/read.ts'

export interface EntryProof {
  /** The entry, canonical JSON. */
  readonly leaf: Buffer
  /** RFC 6962. */
  readonly leafHash: Buffer
  /** A whole C2SP tlog-proof, with the entry as its extra data: it can be checked with nothing else but keys. */
  readonly text: string
}

/** Proof that an entry is in a signed (perhaps cosigned) checkpoint. Rejects with a RangeError when it is not. */
export async function entryProof(
  files: Files,
  directory: string,
  checkpoint: { readonly size: number; readonly note: string },
  index: number,
): Promise<EntryProof> {
  const path = await inclusionProof(files, directory, index, checkpoint.size)
  const leaf = (await readLeaves(files, directory, index, checkpoint.size))[0]!
  const lines = [
    'c2sp.org/tlog-proof@v1',
    `extra ${leaf.toString('base64')}`,
    `index ${index}`,
    ...path.map(one => one.toString('base64')),
  ]
  return {
    leaf,
    leafHash: hash('sha256', Buffer.concat([Buffer.from([0]), leaf]), 'buffer'),
    text: `${lines.join('\n')}\n\n${checkpoint.note}`,
  }
}
