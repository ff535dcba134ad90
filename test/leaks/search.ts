import { gunzipSync } from 'node:zlib'
import type { Canary } from './canary.ts'

/** How a canary was seen. The first five are leaks wherever rules cover it; the rest is what somebody did to the value. */
export type Form = 'clear' | 'base64' | 'base64 twice' | 'reversed' | 'hex' | 'rot13'

export interface Seen {
  readonly canary: Canary
  readonly form: Form
  /** Bytes around it, for the message of a failed test: it is nobody's secret. */
  readonly around: string
}

export interface Search {
  /** All canaries in these bytes, each form once; what is packed by gzip is unpacked first. */
  look(bytes: Uint8Array): Seen[]
}

/** Letters of a canary that must stand together to be called seen: a part of a secret is a leak as well. */
const WINDOW = 10
/** The same in base64; a little more, because these windows do not end at letters. */
const WINDOW_BASE64 = 14
const BITS = 22

/**
 * Finds every part of `WINDOW` letters of every canary, in all its forms, in one pass over the bytes: base64 at each of its
 * three alignments, and again at each of three. Letters and digits only, so that escapes of JSON, YAML and URLs leave
 * a canary as it is.
 */
export function createSearch(canaries: readonly Canary[]): Search {
  const heads = new Uint8Array(1 << BITS)
  const known = new Map<string, { canary: Canary; form: Form }>()
  const add = (canary: Canary, form: Form, text: string, window: number): void => {
    for (let at = 0; at + window <= text.length; at++) {
      const part = text.slice(at, at + window)
      known.set(part, { canary, form })
      heads[headOf(part.charCodeAt(0), part.charCodeAt(1), part.charCodeAt(2), part.charCodeAt(3))] = 1
    }
  }
  for (const canary of canaries) {
    const { core } = canary
    add(canary, 'clear', core, WINDOW)
    for (const once of alignments(core)) {
      add(canary, 'base64', once, WINDOW_BASE64)
      for (const twice of alignments(once)) add(canary, 'base64 twice', twice, WINDOW_BASE64)
    }
    add(canary, 'reversed', [...core].reverse().join(''), WINDOW)
    add(canary, 'hex', Buffer.from(core).toString('hex'), WINDOW_BASE64)
    add(canary, 'rot13', rot13(core), WINDOW)
  }

  function scan(bytes: Uint8Array, seen: Map<string, Seen>): void {
    const last = bytes.length - WINDOW
    for (let at = 0; at <= last; at++) {
      if (heads[headOf(bytes[at]!, bytes[at + 1]!, bytes[at + 2]!, bytes[at + 3]!)] === 0) continue
      const view = Buffer.from(
        bytes.buffer,
        bytes.byteOffset + at,
        Math.min(WINDOW_BASE64, bytes.length - at),
      )
      const text = view.toString('latin1')
      const hit = known.get(text.slice(0, WINDOW)) ?? known.get(text)
      if (hit === undefined) continue
      const id = `${hit.canary.id} ${hit.form}`
      if (seen.has(id)) continue
      const around = Buffer.from(bytes.subarray(Math.max(0, at - 160), at + 100)).toString('latin1')
      seen.set(id, { ...hit, around })
    }
  }

  return {
    look(bytes) {
      const seen = new Map<string, Seen>()
      scan(bytes, seen)
      for (const unpacked of packedIn(bytes)) scan(unpacked, seen)
      return [...seen.values()]
    },
  }
}

function headOf(a: number, b: number, c: number, d: number): number {
  return Math.imul((a << 24) | (b << 16) | (c << 8) | d, 0x9e3779b1) >>> (32 - BITS)
}

/** The letters of a text's base64 that do not depend on what stands around it, for each of the three alignments. */
export function alignments(text: string): string[] {
  return [0, 1, 2].map(before => {
    const encoded = Buffer.from(`${'\0'.repeat(before)}${text}`)
      .toString('base64')
      .replace(/=+$/, '')
    const from = before === 0 ? 0 : before + 1
    return encoded.slice(from, Math.floor(((before + text.length) * 8) / 6))
  })
}

export function rot13(text: string): string {
  return text.replace(/[A-Za-z]/g, letter => {
    const base = letter <= 'Z' ? 65 : 97
    return String.fromCharCode(((letter.charCodeAt(0) - base + 13) % 26) + base)
  })
}

/** gzip as base64 (as ConfigMaps hold it) and as base64 of base64 (as Helm keeps releases). */
const PACKED = /H4sI[A-Za-z0-9+/]{20,}|SDRzS[A-Za-z0-9+/]{20,}/g

function packedIn(bytes: Uint8Array): Buffer[] {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  if (!buffer.includes('H4sI') && !buffer.includes('SDRzS')) return []
  const found: Buffer[] = []
  for (const [text] of buffer.toString('latin1').matchAll(PACKED)) {
    let packed = Buffer.from(text, 'base64')
    if (text.startsWith('SDRzS')) packed = Buffer.from(packed.toString('latin1'), 'base64')
    try {
      found.push(gunzipSync(packed, { finishFlush: 2 }))
    } catch {
      // Cut off, or no gzip after all: what could be read was read as base64 already.
    }
  }
  return found
}

/** Secrets that nobody planted: what has the look of a token or a private key, in any answer. */
const LOOKS: readonly (readonly [string, RegExp])[] = [
  ['a token', /eyJ[A-Za-z0-9_-]{10,}\.eyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{20,}/],
  ['a private key', /-----BEGIN [A-Z ]*PRIVATE KEY-----(?:\\n|\s)+[A-Za-z0-9+/]{20}/],
]

export function looksIn(bytes: Uint8Array): string[] {
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1')
  return LOOKS.flatMap(([name, look]) => {
    const match = look.exec(text)
    return match === null ? [] : [`${name}: …${text.slice(Math.max(0, match.index - 120), match.index + 60)}`]
  })
}
