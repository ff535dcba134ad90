/** Markup that is safe to send: made by `html` only, never from a plain text. */
export class Html {
  readonly text: string
  constructor(text: string) {
    this.text = text
  }
}

export type Piece = Html | string | number | null | undefined | false | readonly Piece[]

/** Markup of a template. Whatever is put into it is text, and is escaped, unless it is markup itself. */
export function html(parts: TemplateStringsArray, ...pieces: readonly Piece[]): Html {
  let text = parts[0]!
  for (const [i, piece] of pieces.entries()) text += markupOf(piece) + parts[i + 1]!
  return new Html(text)
}

function markupOf(piece: Piece): string {
  if (piece instanceof Html) return piece.text
  if (piece === null || piece === undefined || piece === false) return ''
  if (typeof piece === 'object') return piece.map(markupOf).join('')
  return escapeHtml(String(piece))
}

/** For element content and for values of attributes in quotes, single or double. */
export function escapeHtml(text: string): string {
  return text.replace(/[&<>"'`]/g, c => `&#${c.charCodeAt(0)};`)
}
