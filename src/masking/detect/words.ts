/** Pairs of letters that are common in English and in names of software: second letters by first letter, a to z. */
const COMMON_PAIRS = [
  'bcdfgiklmnprstuvwyz',
  'aeijlorsuy',
  'acehikloprstuy',
  'adegilmoprsuy',
  'abcdefghijklmnopqrstuvwxy',
  'aefilorstuy',
  'aeghilmnorsu',
  'aeiorstuy',
  'abcdefgklmnoprstvxz',
  'eosu',
  'aeginsu',
  'acdefilmopstuvy',
  'abcdeilmopsu',
  'abcdefgiklmnoprstuvy',
  'abcdefgijklmnoprstuvwxy',
  'adeghikloprstu',
  'u',
  'abcdefgiklmnoprstuvwy',
  'acefhiklmopstuwy',
  'acdefghilnoprstuwy',
  'abcdefgilmnoprst',
  'aeio',
  'aehinors',
  'aceipty',
  'aeimnopst',
  'aei',
]

const common = new Uint8Array(26 * 26)
for (const [first, seconds] of COMMON_PAIRS.entries()) {
  for (const second of seconds) common[first * 26 + second.charCodeAt(0) - 97] = 1
}

/** Words of a name in lower case: `awsSecretAccessKey`, `AWS_SECRET_ACCESS_KEY` → aws, secret, access, key. */
export function wordsOf(name: string): string[] {
  return name
    .replace(/([a-z0-9])([A-Z])/g, '$1 $2')
    .replace(/([A-Z])([A-Z][a-z])/g, '$1 $2')
    .toLowerCase()
    .split(/[^a-z0-9]+/)
    .filter(word => word !== '')
}

/**
 * Whether some part of the value looks made by a generator rather than by a person: letters and digits mixed, letters
 * in an order that no word has, capitals in the middle. Names of things (`tls-cert-2024`, `WebhookToken`) are not.
 */
export function looksRandom(value: string): boolean {
  let random = 0
  for (const token of value.split(/[^A-Za-z0-9]+/)) {
    if (token.length < 4) continue
    if (randomToken(token)) random += token.length
  }
  return random >= 8
}

function randomToken(token: string): boolean {
  if (/^\d+$/.test(token) || /^v\d+(alpha|beta|rc)\d+$/.test(token)) return false
  if (token.length >= 16 && /^(?:[0-9a-f]+|[0-9A-F]+)$/.test(token)) return true
  const pieces = token.match(/[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+/g)!
  // Words in camelCase have about one border per five letters; a random token has one per two.
  if (token.length >= 6 && pieces.length >= 4 && token.length / pieces.length < 3) return true
  let pairs = 0
  let uncommon = 0
  let vowels = 0
  let letters = 0
  for (const piece of pieces) {
    if (/\d/.test(piece)) continue
    const word = piece.toLowerCase()
    letters += word.length
    for (let i = 0; i < word.length; i++) {
      if ('aeiouy'.includes(word[i]!)) vowels++
      if (i + 1 === word.length) continue
      pairs++
      if (common[(word.charCodeAt(i) - 97) * 26 + word.charCodeAt(i + 1) - 97] === 0) uncommon++
    }
  }
  if (pairs < 5) return token.length >= 8 && letters < token.length && pieces.length >= 3
  return uncommon / pairs > 0.25 || (letters >= 10 && vowels / letters < 0.12)
}
