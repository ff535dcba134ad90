/** A second, plain reading of JSON texts (RFC 8259), written for comparison only: recursive, on strings. */
export interface ReferenceReading {
  readonly value: unknown
  /** A name twice in one object. */
  readonly duplicate: boolean
  /** A \u escape that is half a character. */
  readonly loneSurrogate: boolean
  readonly depth: number
  readonly tokens: number
  readonly names: ReadonlySet<string>
}

const NUMBER = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y
const STRING = /"(?:[^"\\\u0000-\u001f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*"/y
const BLANK = /[ \t\n\r]*/y

/** Undefined for what is no JSON. */
export function readReference(text: string): ReferenceReading | undefined {
  let at = 0
  let duplicate = false
  let loneSurrogate = false
  let deepest = 0
  let tokens = 0
  const names = new Set<string>()

  function take(pattern: RegExp): string | undefined {
    pattern.lastIndex = at
    const found = pattern.exec(text)?.[0]
    if (found !== undefined) at += found.length
    return found
  }

  function string(): string | undefined {
    const raw = take(STRING)
    if (raw === undefined) return undefined
    const value = JSON.parse(raw) as string
    if (!value.isWellFormed()) loneSurrogate = true
    return value
  }

  /** `undefined` is the fault; JSON has no such value. */
  function value(depth: number): unknown {
    take(BLANK)
    tokens += 1
    const c = text[at]
    if (c === '"') return string()
    if (c === '{' || c === '[') {
      deepest = Math.max(deepest, depth + 1)
      at += 1
      return c === '{' ? object(depth + 1) : array(depth + 1)
    }
    for (const [word, meaning] of [
      ['true', true],
      ['false', false],
      ['null', null],
    ] as const) {
      if (!text.startsWith(word, at)) continue
      at += word.length
      return meaning
    }
    const number = take(NUMBER)
    return number === undefined || number === '' ? undefined : { number }
  }

  function object(depth: number): unknown {
    const found = new Map<string, unknown>()
    take(BLANK)
    if (text[at] === '}') {
      at += 1
      return found
    }
    for (;;) {
      take(BLANK)
      tokens += 1
      const name = text[at] === '"' ? string() : undefined
      if (name === undefined) return undefined
      if (found.has(name)) duplicate = true
      names.add(name)
      take(BLANK)
      if (text[at] !== ':') return undefined
      at += 1
      const member = value(depth)
      if (member === undefined) return undefined
      found.set(name, member)
      take(BLANK)
      const c = text[at]
      at += 1
      if (c === '}') return found
      if (c !== ',') return undefined
    }
  }

  function array(depth: number): unknown {
    const found: unknown[] = []
    take(BLANK)
    if (text[at] === ']') {
      at += 1
      return found
    }
    for (;;) {
      const element = value(depth)
      if (element === undefined) return undefined
      found.push(element)
      take(BLANK)
      const c = text[at]
      at += 1
      if (c === ']') return found
      if (c !== ',') return undefined
    }
  }

  const read = value(0)
  if (read === undefined) return undefined
  take(BLANK)
  if (at !== text.length) return undefined
  return { value: read, duplicate, loneSurrogate, depth: deepest, tokens, names }
}
