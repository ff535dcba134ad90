/** A pattern in which `*` stands for any characters, also none, and everything else for itself. Case counts. */
export interface Glob {
  readonly pattern: string
  matches(text: string): boolean
  /** Whether some text that begins with `prefix` and goes on could match. */
  couldMatchAfter(prefix: string): boolean
}

export function compileGlob(pattern: string): Glob {
  const parts = pattern.split('*')
  const head = parts[0]!
  const couldMatchAfter =
    parts.length === 1
      ? (prefix: string) => pattern.length > prefix.length && pattern.startsWith(prefix)
      : (prefix: string) => head.startsWith(prefix) || prefix.startsWith(head)
  return { pattern, matches: matcherOf(pattern, parts), couldMatchAfter }
}

function matcherOf(pattern: string, parts: readonly string[]): (text: string) => boolean {
  if (parts.length === 1) return text => text === pattern
  if (pattern === '*') return () => true
  const head = parts[0]!
  const tail = parts.at(-1)!
  if (parts.length === 2 && tail === '') return text => text.startsWith(head)
  const middle = parts.slice(1, -1).filter(part => part !== '')
  return text => {
    if (text.length < head.length + tail.length || !text.startsWith(head) || !text.endsWith(tail))
      return false
    // The leftmost place is always good enough: what follows has only more room.
    let at = head.length
    for (const part of middle) {
      const found = text.indexOf(part, at)
      if (found < 0) return false
      at = found + part.length
    }
    return at <= text.length - tail.length
  }
}

/** A list of patterns, any of which may match. A class, so that the many lists of a policy set share one shape. */
export class GlobList {
  /** `*` is in it. */
  readonly any: boolean
  /** As they are written. */
  readonly patterns: readonly string[]
  readonly #exact: ReadonlySet<string>
  /** Of patterns whose only star is the last character. */
  readonly #prefixes: readonly string[]
  readonly #others: readonly Glob[]
  readonly #all: readonly Glob[]

  constructor(patterns: readonly string[]) {
    const isPrefix = (p: string): boolean => p.indexOf('*') === p.length - 1
    this.any = patterns.includes('*')
    this.patterns = patterns
    this.#exact = new Set(patterns.filter(p => !p.includes('*')))
    this.#prefixes = patterns.filter(p => p.includes('*') && isPrefix(p)).map(p => p.slice(0, -1))
    this.#others = patterns.filter(p => p.includes('*') && !isPrefix(p)).map(compileGlob)
    this.#all = patterns.map(compileGlob)
  }

  has(text: string): boolean {
    if (this.#exact.size > 0 && this.#exact.has(text)) return true
    const prefixes = this.#prefixes
    for (let i = 0; i < prefixes.length; i++) if (text.startsWith(prefixes[i]!)) return true
    const others = this.#others
    for (let i = 0; i < others.length; i++) if (others[i]!.matches(text)) return true
    return false
  }

  /** Whether some text that begins with `prefix` and goes on could match. */
  couldHaveAfter(prefix: string): boolean {
    return this.#all.some(glob => glob.couldMatchAfter(prefix))
  }

  /** Like `has`, but only patterns that begin with `prefix` count. */
  hasWithin(prefix: string, text: string): boolean {
    return this.#all.some(glob => glob.pattern.startsWith(prefix) && glob.matches(text))
  }
}

export function compileGlobList(patterns: readonly string[]): GlobList {
  return new GlobList(patterns)
}
