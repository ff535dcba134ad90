/**
 * The few pieces of ASN.1 DER (ITU-T X.690) that certificates and certificate requests are made of. Node reads
 * certificates but cannot write them; the libraries that can cost more at start than the rest of the gateway.
 */

export const Tag = {
  integer: 0x02,
  bitString: 0x03,
  octetString: 0x04,
  oid: 0x06,
  utf8String: 0x0c,
  utcTime: 0x17,
  generalizedTime: 0x18,
  sequence: 0x30,
  set: 0x31,
} as const

export function tlv(tag: number, ...parts: readonly Uint8Array[]): Buffer {
  const content = Buffer.concat(parts)
  return Buffer.concat([Buffer.from([tag]), encodeLength(content.length), content])
}

export function sequence(...parts: readonly Uint8Array[]): Buffer {
  return tlv(Tag.sequence, ...parts)
}

/** Constructed context tag `[n]`. */
export function explicit(n: number, ...parts: readonly Uint8Array[]): Buffer {
  return tlv(0xa0 | n, ...parts)
}

/** Primitive context tag `[n]`. */
export function implicit(n: number, content: Uint8Array): Buffer {
  return tlv(0x80 | n, content)
}

/** A non-negative integer, big-endian. */
export function integer(bytes: Uint8Array): Buffer {
  let start = 0
  while (start < bytes.length - 1 && bytes[start] === 0) start++
  const trimmed = bytes.subarray(start)
  return (trimmed[0] ?? 0) & 0x80
    ? tlv(Tag.integer, Buffer.from([0]), trimmed)
    : tlv(Tag.integer, trimmed.length === 0 ? Buffer.from([0]) : trimmed)
}

export function boolean(value: boolean): Buffer {
  return tlv(0x01, Buffer.from([value ? 0xff : 0]))
}

export function octetString(content: Uint8Array): Buffer {
  return tlv(Tag.octetString, content)
}

export function bitString(content: Uint8Array, unusedBits = 0): Buffer {
  return tlv(Tag.bitString, Buffer.from([unusedBits]), content)
}

export function utf8String(text: string): Buffer {
  return tlv(Tag.utf8String, Buffer.from(text, 'utf8'))
}

/** Dotted decimal, at least two arcs. */
export function oid(dotted: string): Buffer {
  const arcs = dotted.split('.').map(Number)
  const bytes = [arcs[0]! * 40 + arcs[1]!]
  for (const arc of arcs.slice(2)) {
    const septets = [arc & 0x7f]
    for (let rest = Math.floor(arc / 128); rest > 0; rest = Math.floor(rest / 128)) {
      septets.unshift((rest & 0x7f) | 0x80)
    }
    bytes.push(...septets)
  }
  return tlv(Tag.oid, Buffer.from(bytes))
}

/** Seconds precision, UTC; UTCTime until 2049 as RFC 5280 4.1.2.5 asks for. */
export function time(milliseconds: number): Buffer {
  const text = new Date(milliseconds).toISOString().replace(/[-:T]/g, '').slice(0, 14)
  return Number(text.slice(0, 4)) < 2050
    ? tlv(Tag.utcTime, Buffer.from(`${text.slice(2)}Z`, 'latin1'))
    : tlv(Tag.generalizedTime, Buffer.from(`${text}Z`, 'latin1'))
}

export interface Element {
  readonly tag: number
  readonly content: Buffer
  /** Tag, length and content. */
  readonly whole: Buffer
}

/** Reads exactly the elements that `bytes` holds, one level deep. Throws on anything but strict DER. */
export function readElements(bytes: Uint8Array): Element[] {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const elements: Element[] = []
  let at = 0
  while (at < buffer.length) {
    const start = at
    const tag = buffer[at++]!
    if ((tag & 0x1f) === 0x1f) throw new Error('multi-byte tags are not used here')
    const first = buffer[at++]
    if (first === undefined) throw new Error('length is missing')
    let length = first
    if (first >= 0x80) {
      const octets = first & 0x7f
      if (octets === 0 || octets > 3 || at + octets > buffer.length) throw new Error('length is not DER')
      length = buffer.readUIntBE(at, octets)
      at += octets
      if (length < 0x80 || length < 2 ** (8 * (octets - 1))) throw new Error('length is not minimal')
    }
    if (at + length > buffer.length) throw new Error('element is cut off')
    elements.push({
      tag,
      content: buffer.subarray(at, at + length),
      whole: buffer.subarray(start, at + length),
    })
    at += length
  }
  return elements
}

/** The one element that `bytes` holds. */
export function readElement(bytes: Uint8Array, tag: number): Element {
  const [element, ...others] = readElements(bytes)
  if (element === undefined || others.length > 0 || element.tag !== tag) throw new Error('unexpected element')
  return element
}

function encodeLength(length: number): Buffer {
  if (length < 0x80) return Buffer.from([length])
  const bytes: number[] = []
  for (let rest = length; rest > 0; rest = Math.floor(rest / 256)) bytes.unshift(rest & 0xff)
  return Buffer.from([0x80 | bytes.length, ...bytes])
}
