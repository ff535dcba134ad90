import { randomFillSync } from 'node:crypto'

/** UUIDv7 (RFC 9562) of entries, from a pool of random hex: one call of the generator per 256 of them. */
export function identifiers(): (milliseconds: number) => string {
  const pool = Buffer.allocUnsafeSlow(256 * 10)
  let hex = ''
  let used = 0
  let lastTime = -1
  let prefix = ''
  return milliseconds => {
    if (used === hex.length) {
      hex = randomFillSync(pool).toString('hex')
      used = 0
    }
    if (milliseconds !== lastTime) {
      lastTime = milliseconds
      const time = milliseconds.toString(16).padStart(12, '0')
      prefix = `${time.slice(0, 8)}-${time.slice(8)}-7`
    }
    const r = used
    used += 20
    const variant = '89ab'[Number.parseInt(hex[r + 3]!, 16) & 3]
    return `${prefix}${hex.slice(r, r + 3)}-${variant}${hex.slice(r + 4, r + 7)}-${hex.slice(r + 7, r + 19)}`
  }
}
