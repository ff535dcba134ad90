import { randomFillSync } from 'node:crypto'

/** Random bytes from a pool: one call of the generator per 8 KiB instead of one per salt. */
export function randomPool(): { take(count: number, into: Buffer, at: number): void } {
  const pool = Buffer.allocUnsafeSlow(8192)
  let used = pool.length
  return {
    take(count, into, at) {
      if (used + count > pool.length) {
        randomFillSync(pool)
        used = 0
      }
      pool.copy(into, at, used, used + count)
      pool.fill(0, used, used + count)
      used += count
    },
  }
}
