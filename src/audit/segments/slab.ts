/**
 * Bytes gathered for one write. Small pieces share a block, so that a batch of hundreds of records is a handful of
 * buffers, and each record can be hashed where it lies.
 */
export interface Slab {
  readonly length: number
  /** Room of exactly `count` bytes, to be filled by the caller. */
  reserve(count: number): Buffer
  /** Takes a piece as it is, without copying; it must not be changed any more. */
  append(piece: Buffer): void
  /** All reserved bytes in order. */
  buffers(): Buffer[]
}

const BLOCK = 256 * 1024

export function openSlab(): Slab {
  const full: Buffer[] = []
  let block: Buffer | null = null
  /** Where what is not in `full` yet begins in the block. */
  let from = 0
  let used = 0
  let length = 0

  function cut(): void {
    if (block !== null && used > from) full.push(block.subarray(from, used))
    from = used
  }

  return {
    get length() {
      return length
    },
    reserve(count) {
      length += count
      if (block !== null && used + count > block.length) {
        cut()
        block = null
      }
      if (block === null) {
        // The first block is small: most batches of a quiet gateway hold one or two records.
        const size = full.length === 0 ? 16 * 1024 : BLOCK
        block = Buffer.allocUnsafeSlow(Math.max(size, count))
        from = 0
        used = 0
      }
      const start = used
      used += count
      return block.subarray(start, used)
    },
    append(piece) {
      cut()
      full.push(piece)
      length += piece.length
    },
    buffers() {
      return block === null || used === from ? full : [...full, block.subarray(from, used)]
    },
  }
}
