import { printable } from '../../audit/sentence.ts'

export interface Column<T> {
  readonly title: string
  value(row: T): string
  /** Only with `-o wide`. */
  readonly wide?: boolean
  /** May be cut to this many characters when the table does not fit; absent: never. */
  readonly least?: number
  /** Cut in the middle: the end says what came of it. */
  readonly middle?: boolean
  /** Left out, before anything is cut, where the table is narrower than this. */
  readonly from?: number
  /** Left out where it is at least this wide. */
  readonly until?: number
}

export interface TableOptions {
  /** Characters per line; Infinity for no limit. */
  readonly width: number
  readonly wide: boolean
  readonly headers: boolean
}

const GAP = 2

/**
 * Rows in columns that fit the width: columns that are too much for it are left out, then the widest of those that
 * may be cut are cut, with an ellipsis. Cells hold text that others chose, so control characters are made visible.
 */
export function table<T>(rows: readonly T[], columns: readonly Column<T>[], options: TableOptions): string {
  const space = options.wide ? Number.POSITIVE_INFINITY : options.width
  const shown = columns.filter(
    c =>
      (c.wide !== true || options.wide) &&
      (c.from ?? 0) <= space &&
      (c.until === undefined || space < c.until),
  )
  const cells = rows.map(row => shown.map(column => printable(column.value(row))))
  const lines = options.headers ? [shown.map(column => column.title), ...cells] : cells
  const widths = shown.map((_, i) => lines.reduce((most, line) => Math.max(most, widthOf(line[i]!)), 0))
  shrink(widths, shown, space)
  return lines
    .map(
      line =>
        `${line
          .map((cell, i) => fit(cell, widths[i]!, shown[i]!.middle === true))
          .join(' '.repeat(GAP))
          .trimEnd()}\n`,
    )
    .join('')
}

function shrink<T>(widths: number[], columns: readonly Column<T>[], width: number): void {
  const total = (): number => widths.reduce((sum, w) => sum + w, 0) + GAP * (widths.length - 1)
  for (let over = total() - width; over > 0; over = total() - width) {
    let widest = -1
    columns.forEach((column, i) => {
      if (column.least === undefined || widths[i]! <= column.least) return
      if (widest === -1 || widths[i]! > widths[widest]!) widest = i
    })
    if (widest === -1) return
    widths[widest] = Math.max(columns[widest]!.least!, widths[widest]! - Math.max(1, Math.min(over, 8)))
  }
}

function fit(cell: string, width: number, middle: boolean): string {
  const length = widthOf(cell)
  if (length <= width) return cell + ' '.repeat(width - length)
  const tail = middle ? reverse(cutTo(reverse(cell), Math.floor((width - 1) / 2))) : ''
  const cut = `${cutTo(cell, width - 1 - widthOf(tail))}…${tail}`
  return cut + ' '.repeat(width - widthOf(cut))
}

function cutTo(text: string, width: number): string {
  let cut = ''
  let used = 0
  for (const character of text) {
    used += characterWidth(character.codePointAt(0)!)
    if (used > width) break
    cut += character
  }
  return cut
}

function reverse(text: string): string {
  return [...text].reverse().join('')
}

/** Columns that a terminal needs for the text: two for wide East Asian characters and emoji, none for marks. */
export function widthOf(text: string): number {
  let width = 0
  for (const character of text) width += characterWidth(character.codePointAt(0)!)
  return width
}

function characterWidth(c: number): number {
  if (c < 0x300) return 1
  if (c <= 0x36f || (c >= 0xfe00 && c <= 0xfe0f)) return 0
  const wide =
    (c >= 0x1100 && c <= 0x115f) ||
    (c >= 0x2e80 && c <= 0xa4cf) ||
    (c >= 0xac00 && c <= 0xd7a3) ||
    (c >= 0xf900 && c <= 0xfaff) ||
    (c >= 0xfe30 && c <= 0xfe6f) ||
    (c >= 0xff00 && c <= 0xff60) ||
    (c >= 0xffe0 && c <= 0xffe6) ||
    (c >= 0x1f300 && c <= 0x1faff) ||
    (c >= 0x20000 && c <= 0x3fffd)
  return wide ? 2 : 1
}
