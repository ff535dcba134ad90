/** Raw HTTP/2 (RFC 9113) with literal header fields (RFC 7541 6.2.2), as a peer that keeps to no library would write it. */
export const PREFACE = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n')

export const Type = {
  data: 0,
  headers: 1,
  priority: 2,
  reset: 3,
  settings: 4,
  push: 5,
  ping: 6,
  goaway: 7,
  window: 8,
  continuation: 9,
} as const

export const END_STREAM = 1
export const ACK = 1
export const END_HEADERS = 4

export function frame(
  type: number,
  flags: number,
  stream: number,
  payload: Uint8Array = Buffer.alloc(0),
): Buffer {
  const head = Buffer.alloc(9)
  head.writeUIntBE(payload.length, 0, 3)
  head[3] = type
  head[4] = flags
  head.writeUInt32BE(stream >>> 0, 5)
  return Buffer.concat([head, payload])
}

export function headers(
  stream: number,
  fields: readonly (readonly [string, string])[],
  flags = END_HEADERS,
): Buffer {
  const parts = fields.flatMap(([name, value]) => [Buffer.from([0]), literal(name), literal(value)])
  return frame(Type.headers, flags, stream, Buffer.concat(parts))
}

/** Lengths below 127 only: one byte each. */
function literal(text: string): Buffer {
  const bytes = Buffer.from(text).subarray(0, 126)
  return Buffer.concat([Buffer.from([bytes.length]), bytes])
}
