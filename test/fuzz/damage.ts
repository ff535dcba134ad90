import type { Random } from '../parity/random.ts'

/** Bytes of one damage in an input: file, how, place, value. */
const BYTES = 8

/** One change of one file of a log, as far as the files of that log make it one. */
export interface Damage {
  readonly file: number
  readonly how: number
  /** Where, as a part of the file: 0 ≤ at < 1. */
  readonly at: number
  readonly value: number
}

export function randomDamage(random: Random): Buffer {
  const count = 1 + random.below(3)
  return Buffer.from(Array.from({ length: count * BYTES }, () => random.below(256)))
}

export function damagesOf(input: Buffer): Damage[] {
  const found: Damage[] = []
  for (let i = 0; i + BYTES <= input.length; i += BYTES) {
    found.push({
      file: input[i]!,
      how: input[i + 1]!,
      at: input.readUInt32BE(i + 2) / 0x1_0000_0000,
      value: input.readUInt16BE(i + 6),
    })
  }
  return found
}

/** The file after it; undefined: it is gone. */
export function damaged(bytes: Buffer, { how, at, value }: Damage): Buffer | undefined {
  const place = Math.floor(at * bytes.length)
  const [before, after] = [bytes.subarray(0, place), bytes.subarray(place)]
  switch (how % 7) {
    case 0: {
      const copy = Buffer.from(bytes)
      if (copy.length > 0) copy[place]! ^= 1 << (value % 8)
      return copy
    }
    case 1:
      return before
    case 2:
      return Buffer.concat([before, Buffer.alloc(Math.min(value, after.length)), after.subarray(value)])
    case 3:
      return Buffer.concat([before, after.subarray(1 + (value % 64))])
    case 4:
      return Buffer.concat([before, after.subarray(0, value % 300), after])
    case 5:
      return Buffer.concat([bytes, Buffer.alloc(value % 2048, value)])
    default:
      return undefined
  }
}
