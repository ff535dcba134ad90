import { hash } from 'node:crypto'
import type { Files } from '../files/files.ts'
import { largestPowerBelow, subtreeReader } from './subtree.ts'
import { hashChildren } from './tree.ts'

/** A proof between any two sizes below 2^64 is no longer. */
export const LONGEST_PROOF = 63

/** PROOF(old, D[size]) of RFC 6962 section 2.1.2, from the published tiles. Empty from nothing and to the same size. */
export async function consistencyProof(
  files: Files,
  directory: string,
  oldSize: number,
  size: number,
): Promise<Buffer[]> {
  if (oldSize > size) throw new RangeError('a tree is not consistent with a larger one')
  if (oldSize === 0 || oldSize === size) return []
  const subtree = subtreeReader(files, directory, size)
  const proof: Buffer[] = []
  let from = 0
  let to = size
  // `whole`: the subtree is the old tree itself, whose root the verifier has.
  let whole = true
  while (oldSize !== to) {
    const middle = from + largestPowerBelow(to - from)
    if (oldSize <= middle) {
      proof.unshift(await subtree(middle, to))
      to = middle
    } else {
      proof.unshift(await subtree(from, middle))
      from = middle
      whole = false
    }
  }
  if (!whole) proof.unshift(await subtree(from, to))
  return proof
}

/** Whether the tree of `size` and `root` begins with the tree of `oldSize` and `oldRoot` (RFC 9162 section 2.1.4.2). */
export function isConsistent(
  oldSize: number,
  oldRoot: Buffer,
  size: number,
  root: Buffer,
  proof: readonly Buffer[],
): boolean {
  if (oldSize > size || proof.length > LONGEST_PROOF) return false
  if (oldSize === 0)
    return proof.length === 0 && oldRoot.equals(emptyRoot()) && (size > 0 || root.equals(emptyRoot()))
  if (oldSize === size) return proof.length === 0 && oldRoot.equals(root)
  const path = [...proof]
  // Climb to the largest complete subtree in which the old tree ends.
  let node = BigInt(oldSize - 1)
  let last = BigInt(size - 1)
  while ((node & 1n) === 1n) {
    node >>= 1n
    last >>= 1n
  }
  let oldHash = node === 0n ? oldRoot : path.shift()
  if (oldHash === undefined) return false
  let newHash = oldHash
  while (last > 0n) {
    const right = (node & 1n) === 1n
    if (right || node < last) {
      const sibling = path.shift()
      if (sibling === undefined) return false
      if (right) {
        oldHash = hashChildren(sibling, oldHash)
        newHash = hashChildren(sibling, newHash)
      } else newHash = hashChildren(newHash, sibling)
    }
    node >>= 1n
    last >>= 1n
  }
  return path.length === 0 && oldHash.equals(oldRoot) && newHash.equals(root)
}

/** RFC 6962 section 2.1: the hash of the empty string. */
export function emptyRoot(): Buffer {
  return hash('sha256', '', 'buffer')
}
