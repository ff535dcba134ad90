import { isIP } from 'node:net'

/** Eight groups of 16 bits; an IPv4 address in its mapped form (RFC 4291, 2.5.5.2), so that both ways to write it are one. */
type Groups = readonly number[]

/** Ranges of addresses in CIDR notation (RFC 4632), or single addresses. */
export class AddressRanges {
  readonly #ranges: readonly { readonly groups: Groups; readonly bits: number }[]

  constructor(texts: readonly string[]) {
    this.#ranges = texts.map(text => parseRange(text)!)
  }

  /** Null: what is given is no address. */
  has(address: string): boolean | null {
    const groups = parsedAddress(address)
    if (groups === null) return null
    for (const range of this.#ranges) if (sharesBits(range.groups, groups, range.bits)) return true
    return false
  }
}

/** `10.0.0.0/8`, `2001:db8::/32`, `10.1.2.3`; undefined when it is none of them or has bits behind its prefix. */
export function parseRange(text: string): { readonly groups: Groups; readonly bits: number } | undefined {
  const [address = '', length] = text.split('/') as [string, string?]
  const version = address.includes('%') ? 0 : isIP(address)
  if (version === 0 || text.split('/').length > 2) return undefined
  const most = version === 4 ? 32 : 128
  if (length !== undefined && !/^\d{1,3}$/.test(length)) return undefined
  const own = length === undefined ? most : Number(length)
  if (own > most) return undefined
  const groups = groupsOf(address)!
  const bits = version === 4 ? own + 96 : own
  // `10.1.2.3/8` is a slip of the pen: nobody knows whether the address or the range was meant.
  for (let bit = bits; bit < 128; bit++) {
    if ((groups[bit >> 4]! >> (15 - (bit & 15))) & 1) return undefined
  }
  return { groups, bits }
}

const KEPT = 4096
const parsed = new Map<string, Groups | null>()

/** The same few clients come again and again. */
function parsedAddress(text: string): Groups | null {
  let groups = parsed.get(text)
  if (groups === undefined) {
    groups = groupsOf(text) ?? null
    if (parsed.size >= KEPT) parsed.clear()
    parsed.set(text, groups)
  }
  return groups
}

function groupsOf(text: string): Groups | undefined {
  // The zone of a link-local address says by which interface, not who.
  const address = text.split('%', 1)[0]!
  switch (isIP(address)) {
    case 4: {
      const [a, b] = pairs(address)
      return [0, 0, 0, 0, 0, 0xffff, a, b]
    }
    case 6: {
      const dot = address.includes('.') ? address.lastIndexOf(':') + 1 : -1
      const hex =
        dot < 0
          ? address
          : address.slice(0, dot) +
            pairs(address.slice(dot))
              .map(n => n.toString(16))
              .join(':')
      const [head = '', tail] = hex.split('::') as [string, string?]
      const words = (part: string): number[] =>
        part === '' ? [] : part.split(':').map(w => Number.parseInt(w, 16))
      const before = words(head)
      if (tail === undefined) return before
      const after = words(tail)
      return [...before, ...new Array<number>(8 - before.length - after.length).fill(0), ...after]
    }
    default:
      return undefined
  }
}

function pairs(address: string): [number, number] {
  const [a, b, c, d] = address.split('.').map(Number) as [number, number, number, number]
  return [a * 256 + b, c * 256 + d]
}

function sharesBits(a: Groups, b: Groups, bits: number): boolean {
  const whole = bits >> 4
  for (let i = 0; i < whole; i++) if (a[i] !== b[i]) return false
  const rest = bits & 15
  return rest === 0 || a[whole]! >> (16 - rest) === b[whole]! >> (16 - rest)
}
