import { randomFillSync } from 'node:crypto'

const pool = Buffer.alloc(4096)
let used = pool.length
const hex: string[] = Array.from({ length: 256 }, (_, i) => i.toString(16).padStart(2, '0'))

/**
 * A UUIDv7 (RFC 9562 section 5.7): 48 bits of milliseconds, then random. It is the request id that the caller
 * sees, the `Audit-ID` upstream and the id that intent, frames and outcome share in the log.
 */
export function newCallId(now: number): string {
  if (used + 10 > pool.length) {
    randomFillSync(pool)
    used = 0
  }
  const at = used
  used += 10
  const time = now.toString(16).padStart(12, '0')
  const r = (i: number): string => hex[pool[at + i]!]!
  const version = hex[0x70 | (pool[at]! & 0x0f)]!
  const variant = hex[0x80 | (pool[at + 2]! & 0x3f)]!
  return `${time.slice(0, 8)}-${time.slice(8)}-${version}${r(1)}-${variant}${r(3)}-${r(4)}${r(5)}${r(6)}${r(7)}${r(8)}${r(9)}`
}
