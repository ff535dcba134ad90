import { generateKeyPairSync } from 'node:crypto'
import { formatCheckpoint } from '../../audit/log/checkpoint.ts'
import { consistencyProof, emptyRoot } from '../../audit/log/consistency.ts'
import { type NoteSigner, noteSigner } from '../../audit/log/note.ts'
import { tilePath } from '../../audit/log/tiles.ts'
import { openTree } from '../../audit/log/tree.ts'
import { memoryDisk } from '../../audit/testing/memory.ts'
import { formatAddCheckpoint } from '../add-checkpoint.ts'

/** A log in memory that can be grown, asked for proofs, and forked. For tests. */
export interface SmallLog {
  readonly signer: NoteSigner
  /** Signed checkpoint over the first `size` entries. */
  note(size: number): string
  proof(from: number, to: number): Promise<Buffer[]>
  /** A request as an honest log makes it. */
  request(oldSize: number, size: number): Promise<Buffer>
}

/** @param salt Two logs with one signer and other salts are a fork from the first entry on. */
export function smallLog(size: number, signer = newSigner('log.example/small'), salt = ''): SmallLog {
  const files = memoryDisk()
  const put = (path: string, bytes: Buffer) => files.content.set(`/log/${path}`, Buffer.from(bytes))
  const roots = [emptyRoot()]
  const tree = openTree({ size: 0, levels: [] }, (level, index, hashes) =>
    put(tilePath(level, index), hashes),
  )
  for (let at = 0; at < size; at += 1) {
    tree.append(Buffer.from(`entry ${salt}${at}`))
    roots.push(tree.root())
    for (const { level, index, hashes } of tree.partials())
      put(tilePath(level, index, hashes.length / 32), hashes)
  }
  const note = (at: number) =>
    signer.sign(formatCheckpoint({ origin: signer.name, size: at, root: roots[at]! }))
  const proof = (from: number, to: number) => consistencyProof(files, '/log', from, to)
  return {
    signer,
    note,
    proof,
    async request(oldSize, to) {
      return Buffer.from(formatAddCheckpoint({ oldSize, proof: await proof(oldSize, to), note: note(to) }))
    },
  }
}

export function newSigner(name: string): NoteSigner {
  return noteSigner(name, newPem())
}

export function newPem(): string {
  return generateKeyPairSync('ed25519').privateKey.export({ type: 'pkcs8', format: 'pem' }) as string
}
