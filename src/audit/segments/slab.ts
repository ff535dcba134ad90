/**
 * Bytes gathered for one write. Small pieces share a block, so that a batch of hundreds of records is a handful of
 * buffers, and each record can be hashed where it lies.
 */
export interface Slab {
  readonly length: number
  /** Room of exactly `count` bytes, to be filled by the caller. */
  reserve(count: number): Buffer
  /** All reserved bytes in order. */
  buffers(): Buffer[]
}

const BLOCK = 256 * 1024

export function openSlab(): Slab {
  const full: Buffer[] = []
  let block: Buffer | null = null
  let used = 0
  let length = 0
  return {
    get length() {
      return length
    },
    reserve(count) {
      length += count
      if (block !== null && used + count > block.length) {
        full.push(block.subarray(0, used))
        block = null
      }
      if (block === null) {
        // The first block is small: most batches of a quiet gateway hold one or two records.
        const size = full.length === 0 ? 16 * 1024 : BLOCK
        block = Buffer.allocUnsafeSlow(Math.max(size, count))
        used = 0
      }
      const start = used
      used += count
      return block.subarray(start, used)
    },
    buffers() {
      return block === null ? full : [...full, block.subarray(0, used)]
    },
  }
}
