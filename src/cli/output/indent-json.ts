/**
 * JSON text with line breaks, for reading. Works on the text itself: numbers, duplicate keys and the order of keys stay
 * exactly what was recorded. Text that is no JSON comes out as some text; it is only shown.
 */
export function indentJson(text: string): string {
  let out = ''
  let depth = 0
  let inString = false
  const line = (): string => `\n${'  '.repeat(Math.min(depth, 50))}`
  for (let i = 0; i < text.length; i++) {
    const c = text[i]!
    if (inString) {
      out += c
      if (c === '\\') out += text[++i] ?? ''
      else if (c === '"') inString = false
    } else if (c === '"') {
      inString = true
      out += c
    } else if (c === '{' || c === '[') {
      const next = skip(text, i + 1)
      if (text[next] === '}' || text[next] === ']') {
        out += c + text[next]
        i = next
      } else {
        depth++
        out += c + line()
      }
    } else if (c === '}' || c === ']') {
      depth = Math.max(0, depth - 1)
      out += line() + c
    } else if (c === ',') out += c + line()
    else if (c === ':') out += ': '
    else if (!isSpace(c)) out += c
  }
  return out
}

function skip(text: string, from: number): number {
  let at = from
  while (at < text.length && isSpace(text[at]!)) at++
  return at
}

function isSpace(c: string): boolean {
  return c === ' ' || c === '\n' || c === '\r' || c === '\t'
}
