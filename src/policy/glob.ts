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

/** A list of patterns, any of which may match. */
export interface GlobList {
  /** `*` is in it. */
  readonly any: boolean
  has(text: string): boolean
  couldHaveAfter(prefix: string): boolean
  /** Like `has`, but only patterns that begin with `prefix` count. */
  hasWithin(prefix: string, text: string): boolean
}

export function compileGlobList(patterns: readonly string[]): GlobList {
  const exact = new Set(patterns.filter(p => !p.includes('*')))
  const globs = patterns.filter(p => p.includes('*')).map(compileGlob)
  const all = patterns.map(compileGlob)
  return {
    any: patterns.includes('*'),
    has(text) {
      if (exact.has(text)) return true
      for (let i = 0; i < globs.length; i++) if (globs[i]!.matches(text)) return true
      return false
    },
    hasWithin: (prefix, text) => all.some(g => g.pattern.startsWith(prefix) && g.matches(text)),
    couldHaveAfter: prefix => all.some(glob => glob.couldMatchAfter(prefix)),
  }
}
