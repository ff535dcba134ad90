import type { Finding, MaskRule } from '../contract.ts'
import { isKeyLine } from '../detect/private-keys.ts'

const ROW = /[A-Za-z0-9+/]{16,4096}={0,2}/g

/** Findings of a line after a key that was interrupted, with its rows of base64 among them. */
export function keyMaterial(
  line: string,
  found: readonly Finding[],
  rule: MaskRule,
  column: number,
): readonly Finding[] {
  const rows: Finding[] = []
  for (const row of line.matchAll(ROW)) rows.push({ start: row.index, end: row.index + row[0].length, rule })
  const body = line.trimEnd()
  const last = /[A-Za-z0-9+/]{2,}={0,2}$/.exec(body)
  // The last row of a key may be short.
  if (rows.length === 0 && last !== null && isKeyLine(body, column) && last.index <= column) {
    rows.push({ start: last.index, end: body.length, rule })
  }
  const result = [...found]
  for (const row of rows) {
    if (!found.some(f => f.start < row.end && row.start < f.end)) result.push(row)
  }
  return result.sort((a, b) => a.start - b.start)
}
