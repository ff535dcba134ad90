import { hexDigit, isUnreserved } from './characters.ts'
import type { RefusedRequest } from './contract.ts'
import { refuse } from './refusals.ts'

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/**
 * Decodes percent escapes once (RFC 3986, 2.1), with `+` as space where a query asks for it. `raw` is ASCII; the
 * result is well-formed, because bytes that are not UTF-8 are refused.
 */
export function percentDecode(raw: string, plusIsSpace: boolean): string | RefusedRequest {
  if (!raw.includes('%')) return plusIsSpace && raw.includes('+') ? raw.replaceAll('+', ' ') : raw
  const bytes = Buffer.allocUnsafe(raw.length)
  let length = 0
  let ascii = true
  for (let index = 0; index < raw.length; index++) {
    let code = raw.charCodeAt(index)
    if (code === 0x25) {
      // charCodeAt past the end is NaN, for which hexDigit answers -1.
      const high = hexDigit(raw.charCodeAt(index + 1))
      const low = hexDigit(raw.charCodeAt(index + 2))
      if (high < 0 || low < 0) return refuse('bad-escape')
      code = high * 16 + low
      if (code > 0x7f) ascii = false
      index += 2
    } else if (code === 0x2b && plusIsSpace) code = 0x20
    bytes[length++] = code
  }
  if (ascii) return bytes.toString('latin1', 0, length)
  try {
    return utf8.decode(bytes.subarray(0, length))
  } catch {
    return refuse('bad-utf8')
  }
}

/** The only form in which a query name or value is sent on: RFC 3986 unreserved characters, all else escaped. */
export function encodeQueryPart(text: string): string {
  return isUnreserved(text) ? text : strictlyEncoded(encodeURIComponent(text))
}

/** The only form in which a path segment is sent on: as in a query, but `:` and `@` stay. */
export function encodeSegment(text: string): string {
  return strictlyEncoded(encodeURIComponent(text)).replaceAll('%3A', ':').replaceAll('%40', '@')
}

function strictlyEncoded(encoded: string): string {
  return /[!'()*]/.test(encoded)
    ? encoded.replace(/[!'()*]/g, character => `%${character.charCodeAt(0).toString(16).toUpperCase()}`)
    : encoded
}
