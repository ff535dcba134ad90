/**
 * Words as SQLite's FTS5 cuts them (tokenizer `unicode61 remove_diacritics 0`; ext/fts5/fts5_tokenize.c), so that both
 * engines find the same entries: letters, numbers, private use and what was not assigned when its tables were made begin
 * a word; combining marks of its list go on with one. Scripts that Unicode added later may differ in case.
 */
const BEGINS = String.raw`[\p{L}\p{N}\p{Co}\p{Cn}]`
const MARKS = String.raw`[\u{300}-\u{304}\u{306}-\u{30c}\u{30f}\u{311}\u{31b}\u{323}-\u{328}\u{32d}\u{32e}\u{330}\u{331}]`
const WORD = new RegExp(`${BEGINS}(?:${BEGINS}|${MARKS})*`, 'gu')

/** Letters that fold to another one than `toLowerCase` gives (Unicode's CaseFolding.txt, status C). */
const FOLDED: Readonly<Record<string, string>> = {
  '\u00b5': '\u03bc',
  '\u017f': 's',
  '\u03c2': '\u03c3',
  '\u03d0': '\u03b2',
  '\u03d1': '\u03b8',
  '\u03d5': '\u03c6',
  '\u03d6': '\u03c0',
  '\u03f0': '\u03ba',
  '\u03f1': '\u03c1',
  '\u03f5': '\u03b5',
}
const SPECIAL = /[\u00b5\u0130\u017f\u03a3\u03c2\u03d0\u03d1\u03d5\u03d6\u03f0\u03f1\u03f5]/

export function wordsOf(text: string): string[] {
  const words = text.match(WORD) ?? []
  return words.map(fold)
}

function fold(word: string): string {
  if (!SPECIAL.test(word)) return word.toLowerCase()
  // Letter by letter: as a whole, JavaScript looks at what stands around a sigma, and makes two letters of U+0130.
  return Array.from(word, letter => {
    const lower = letter.toLowerCase()
    return FOLDED[letter] ?? (Array.from(lower).length === 1 ? lower : letter)
  }).join('')
}

/** PostgreSQL takes at most 2,046 bytes in a word of a vector, 1 MiB in a vector. What is cut is compared in the text. */
const LONGEST = 200
const MOST_BYTES = 768 * 1024

/** What is stored of an entry: its words in order, each between spaces, and the different ones for the vector. */
export interface StoredWords {
  readonly text: string
  readonly lexemes: string
}

export function storedWords(text: string): StoredWords | null {
  const words = wordsOf(text)
  if (words.length === 0) return null
  const different = new Set<string>()
  let bytes = 0
  for (const word of words) {
    const lexeme = cut(word)
    if (different.has(lexeme)) continue
    bytes += Buffer.byteLength(lexeme) + 8
    if (bytes > MOST_BYTES) break
    different.add(lexeme)
  }
  return { text: ` ${words.join(' ')} `, lexemes: [...different].join(' ') }
}

/** A question: `vector` for the operator `@@`, and parts that must stand in the text as they are. */
export interface WordsQuery {
  readonly vector: string
  readonly phrases: readonly string[]
}

/** Each word that a person typed is a phrase with an open end, as for FTS5. Null when nothing in it can be looked for. */
export function wordsQuery(text: string): WordsQuery | null {
  const vector: string[] = []
  const phrases: string[] = []
  for (const typed of text.replaceAll('\u0000', ' ').split(/\s+/)) {
    const words = wordsOf(typed)
    const last = words.length - 1
    for (const [at, word] of words.entries()) {
      // A word of letters and digits only: nothing in it is syntax.
      vector.push(`'${cut(word)}'${at === last ? ':*' : ''}`)
    }
    if (words.length > 1 || words.some(word => cut(word) !== word)) phrases.push(` ${words.join(' ')}`)
  }
  return vector.length === 0 ? null : { vector: vector.join(' & '), phrases }
}

function cut(word: string): string {
  if (word.length <= LONGEST) return word
  const piece = word.slice(0, LONGEST)
  return piece.isWellFormed() ? piece : piece.slice(0, -1)
}
