/** Bech32 (BIP 173) as age uses it: no limit of 90 characters. */
const LETTERS = 'qpzry9x8gf2tvdw0s3jn54khce6mua7l'
const GENERATOR = [0x3b6a57b2, 0x26508e6d, 0x1ea119fa, 0x3d4233dd, 0x2a1462b3]

/** The bytes behind a prefix; null for anything that is not exactly that. */
export function decodeBech32(text: string, prefix: string): Buffer | null {
  const lower = text.toLowerCase()
  if (text !== lower && text !== text.toUpperCase()) return null
  if (!lower.startsWith(`${prefix}1`)) return null
  const words: number[] = []
  for (const letter of lower.slice(prefix.length + 1)) {
    const word = LETTERS.indexOf(letter)
    if (word < 0) return null
    words.push(word)
  }
  if (words.length < 6 || checksum([...expand(prefix), ...words]) !== 1) return null
  let bits = 0
  let held = 0
  const bytes: number[] = []
  for (const word of words.slice(0, -6)) {
    held = ((held << 5) | word) & 0xfff
    bits += 5
    if (bits < 8) continue
    bits -= 8
    bytes.push((held >> bits) & 0xff)
  }
  // What does not fill a byte must be zero.
  if (bits >= 5 || (held & ((1 << bits) - 1)) !== 0) return null
  return Buffer.from(bytes)
}

export function encodeBech32(prefix: string, bytes: Uint8Array): string {
  const words: number[] = []
  let bits = 0
  let held = 0
  for (const byte of bytes) {
    held = ((held << 8) | byte) & 0xfff
    bits += 8
    while (bits >= 5) {
      bits -= 5
      words.push((held >> bits) & 31)
    }
  }
  if (bits > 0) words.push((held << (5 - bits)) & 31)
  const sum = checksum([...expand(prefix), ...words, 0, 0, 0, 0, 0, 0]) ^ 1
  for (let at = 5; at >= 0; at -= 1) words.push((sum >> (5 * at)) & 31)
  return `${prefix}1${words.map(word => LETTERS[word]).join('')}`
}

function expand(prefix: string): number[] {
  const codes = [...prefix].map(letter => letter.charCodeAt(0))
  return [...codes.map(code => code >> 5), 0, ...codes.map(code => code & 31)]
}

function checksum(words: readonly number[]): number {
  let sum = 1
  for (const word of words) {
    const top = sum >>> 25
    sum = ((sum & 0x1ffffff) << 5) ^ word
    for (const [at, value] of GENERATOR.entries()) if (((top >> at) & 1) === 1) sum ^= value
  }
  return sum >>> 0
}
