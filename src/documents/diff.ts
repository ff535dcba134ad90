import { toYaml } from './canonical.ts'

const CONTEXT = 3
/** Cells of the table; above it the middle is shown as one replacement instead of the smallest change. */
const TABLE_LIMIT = 4_000_000

/** Unified diff of two documents as YAML (null: there is none); empty when they read the same. */
export function diffDocuments(before: unknown, after: unknown, name = 'document'): string {
  return diffText(
    before === null || before === undefined ? null : toYaml(before),
    after === null || after === undefined ? null : toYaml(after),
    name,
  )
}

/** Unified diff of two texts, as `diff -u` writes it. */
export function diffText(before: string | null, after: string | null, name: string): string {
  if (before === after) return ''
  const a = lines(before)
  const b = lines(after)
  const edits = editScript(a, b)
  const hunks = groupHunks(edits)
  if (hunks.length === 0) return ''
  const head = [`--- ${before === null ? '/dev/null' : name}`, `+++ ${after === null ? '/dev/null' : name}`]
  return `${[...head, ...hunks.flatMap(hunk)].join('\n')}\n`
}

interface Edit {
  readonly sign: ' ' | '-' | '+'
  readonly text: string
  /** Lines before this one on either side. */
  readonly a: number
  readonly b: number
}

function lines(text: string | null): string[] {
  if (text === null || text === '') return []
  return (text.endsWith('\n') ? text.slice(0, -1) : text).split('\n')
}

function editScript(a: readonly string[], b: readonly string[]): Edit[] {
  let head = 0
  while (head < a.length && head < b.length && a[head] === b[head]) head++
  let tail = 0
  while (tail < a.length - head && tail < b.length - head && a.at(-1 - tail) === b.at(-1 - tail)) tail++
  const n = a.length - head - tail
  const m = b.length - head - tail
  const common = n * m > TABLE_LIMIT ? null : commonLengths(a, b, head, n, m)
  const edits: Edit[] = []
  const push = (sign: Edit['sign'], i: number, j: number): void => {
    edits.push({ sign, text: sign === '+' ? b[j]! : a[i]!, a: i, b: j })
  }
  for (let i = 0; i < head; i++) push(' ', i, i)
  let i = 0
  let j = 0
  while (i < n || j < m) {
    if (common !== null && i < n && j < m && a[head + i] === b[head + j]) push(' ', head + i++, head + j++)
    else if (i < n && (j >= m || common === null || common[i + 1]![j]! >= common[i]![j + 1]!)) {
      push('-', head + i++, head + j)
    } else push('+', head + i, head + j++)
  }
  for (let k = 0; k < tail; k++) push(' ', head + n + k, head + m + k)
  return edits
}

/** `table[i][j]`: length of the longest common subsequence of what follows i and j. */
function commonLengths(
  a: readonly string[],
  b: readonly string[],
  head: number,
  n: number,
  m: number,
): Uint32Array[] {
  const table = Array.from({ length: n + 1 }, () => new Uint32Array(m + 1))
  for (let i = n - 1; i >= 0; i--) {
    for (let j = m - 1; j >= 0; j--) {
      table[i]![j] =
        a[head + i] === b[head + j]
          ? table[i + 1]![j + 1]! + 1
          : Math.max(table[i + 1]![j]!, table[i]![j + 1]!)
    }
  }
  return table
}

function groupHunks(edits: readonly Edit[]): Edit[][] {
  const hunks: Edit[][] = []
  let end = -1
  edits.forEach((edit, at) => {
    if (edit.sign === ' ') return
    const from = Math.max(at - CONTEXT, end)
    const to = Math.min(at + CONTEXT + 1, edits.length)
    if (end >= at - CONTEXT && hunks.length > 0) hunks.at(-1)!.push(...edits.slice(end, to))
    else hunks.push(edits.slice(Math.max(from, 0), to))
    end = to
  })
  return hunks
}

function hunk(edits: readonly Edit[]): string[] {
  const first = edits[0]!
  const a = edits.filter(e => e.sign !== '+').length
  const b = edits.filter(e => e.sign !== '-').length
  const range = (start: number, count: number): string => `${count === 0 ? start : start + 1},${count}`
  return [`@@ -${range(first.a, a)} +${range(first.b, b)} @@`, ...edits.map(e => e.sign + e.text)]
}
