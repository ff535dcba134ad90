import type { Random } from '../parity/random.ts'

const INTERESTING = [
  0, 1, 7, 9, 10, 13, 32, 34, 37, 44, 46, 47, 58, 91, 92, 93, 123, 125, 127, 128, 192, 239, 255,
]
const NUMBERS = [0, 1, 0x7f, 0x80, 0xff, 0x7fff, 0x8000, 0xffff, 0x7fffffff, 0x80000000, 0xffffffff]

/** A few changes anywhere. `words` are inserted as they are. */
export function mutate(input: Buffer, random: Random, words: readonly string[] = [], most = 4): Buffer {
  let bytes = input
  for (let left = 1 + random.below(most); left > 0; left--) bytes = change(bytes, random, words)
  return bytes
}

function change(bytes: Buffer, random: Random, words: readonly string[]): Buffer {
  const at = random.below(bytes.length + 1)
  const [before, after] = [bytes.subarray(0, at), bytes.subarray(at)]
  switch (random.below(words.length > 0 ? 9 : 8)) {
    case 0:
      return Buffer.concat([before, Buffer.from([random.pick(INTERESTING)]), after.subarray(1)])
    case 1:
      return Buffer.concat([before, Buffer.from([random.below(256)]), after.subarray(1)])
    case 2:
      return Buffer.concat([before, Buffer.from([random.pick(INTERESTING)]), after])
    case 3:
      return Buffer.concat([before, after.subarray(1 + random.below(8))])
    case 4:
      return Buffer.concat([before, after.subarray(0, 1 + random.below(32)), after])
    case 5:
      return before
    case 6: {
      const copy = Buffer.from(bytes)
      if (copy.length >= 4) copy.writeUInt32BE(random.pick(NUMBERS), random.below(copy.length - 3))
      return copy
    }
    case 7: {
      // A bit.
      const copy = Buffer.from(bytes)
      if (copy.length > 0) copy[Math.min(at, copy.length - 1)]! ^= 1 << random.below(8)
      return copy
    }
    default:
      return Buffer.concat([before, Buffer.from(random.pick(words)), after])
  }
}

/** Cuts bytes into pieces as a network would. */
export function pieces(bytes: Buffer, random: Random, most = 6): Buffer[] {
  const marks = Array.from({ length: random.below(most) }, () => random.below(bytes.length + 1))
  const cuts = [0, ...marks.sort((a, b) => a - b), bytes.length]
  return cuts.slice(1).map((end, i) => bytes.subarray(cuts[i], end))
}
