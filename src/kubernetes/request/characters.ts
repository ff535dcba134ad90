/** Classes of the bytes of a request-target, looked up by character code (0–255). */
const REFUSED = 0
const ESCAPED = 1
const PLAIN = 2

/**
 * PLAIN characters stand for themselves in a path segment that we write (RFC 3986 unreserved, `:` and `@`, which
 * Go's and other clients leave alone in names); ESCAPED ones may come unescaped and are sent on escaped.
 */
const classes = new Uint8Array(256)
for (let code = 0x21; code < 0x7f; code++) classes[code] = ESCAPED
for (const character of 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~:@')
  classes[character.charCodeAt(0)] = PLAIN
classes[0x23] = REFUSED // # would begin a fragment

export function isRefusedInTarget(code: number): boolean {
  return code > 0xff || classes[code] === REFUSED
}

/** RFC 3986 unreserved characters only: what stands for itself everywhere. */
export function isUnreserved(text: string): boolean {
  for (let index = 0; index < text.length; index++) {
    const code = text.charCodeAt(index)
    if (classes[code] !== PLAIN || code === 0x3a || code === 0x40) return false
  }
  return true
}

export function isPlainInPath(code: number): boolean {
  return classes[code] === PLAIN
}

export function isPrintableAscii(text: string): boolean {
  for (let index = 0; index < text.length; index++) {
    const code = text.charCodeAt(index)
    if (code < 0x20 || code > 0x7e) return false
  }
  return true
}

/** The value of a hexadecimal digit, or -1. */
export function hexDigit(code: number): number {
  if (code >= 0x30 && code <= 0x39) return code - 0x30
  if (code >= 0x41 && code <= 0x46) return code - 0x37
  if (code >= 0x61 && code <= 0x66) return code - 0x57
  return -1
}
