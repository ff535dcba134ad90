import { isUtf8 } from 'node:buffer'

/**
 * Checks a stream for well-formed UTF-8 (RFC 3629: no overlong forms, no surrogates, nothing above U+10FFFF), with
 * characters that cross chunk borders. `end` tells whether the last character was whole.
 */
export class Utf8Check {
  /** The first bytes of a character that the next chunk ends; at most three. */
  #tail: Uint8Array = new Uint8Array(0)

  feed(bytes: Uint8Array): boolean {
    const joined = this.#tail.length === 0 ? bytes : Buffer.concat([this.#tail, bytes])
    const whole = joined.length - openTail(joined)
    this.#tail = joined.slice(whole)
    return isUtf8(joined.subarray(0, whole))
  }

  end(): boolean {
    return this.#tail.length === 0
  }
}

/** How many bytes at the end begin a character without ending it (a guess that `isUtf8` checks later). */
function openTail(bytes: Uint8Array): number {
  for (let back = 1; back <= 3 && back <= bytes.length; back++) {
    const c = bytes[bytes.length - back]!
    if (c < 0x80) return 0
    if (c >= 0xc0) return back < (c >= 0xf0 ? 4 : c >= 0xe0 ? 3 : 2) ? back : 0
  }
  return 0
}
