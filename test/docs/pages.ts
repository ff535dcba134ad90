import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

export const root = join(import.meta.dirname, '..', '..')

/** A fenced block of a page. */
export interface Block {
  readonly language: string
  /** What stands behind the language: `exit=4`, `background`, or the name of a file. */
  readonly words: readonly string[]
  readonly text: string
  /** Of the fence, from 1. */
  readonly line: number
}

export interface Page {
  /** From the root of the repository. */
  readonly path: string
  readonly text: string
  readonly blocks: readonly Block[]
  /** What `<!-- runs: … -->` says: what the commands of the page need. */
  readonly fixture: string | undefined
  /** Numbers of lines that would be shown as code without a fence: nobody would run them. */
  readonly indented: readonly number[]
}

/** The pages that people wrote: those of docs/reference are made from the code, decisions are for developers. */
export function pages(): Page[] {
  return ['README.md', ...globSync('docs/**/*.md', { cwd: root })]
    .map(path => path.replaceAll('\\', '/'))
    .filter(path => !/^docs\/(reference|decisions)\//.test(path))
    .sort()
    .map(path => readPage(path, readFileSync(join(root, path), 'utf8')))
}

export function readPage(path: string, text: string): Page {
  return {
    path,
    text,
    blocks: blocksOf(text),
    fixture: /^<!-- runs: (.+) -->$/m.exec(text)?.[1],
    indented: indentedLines(text),
  }
}

function indentedLines(text: string): number[] {
  let fenced = false
  return text.split('\n').flatMap((line, i) => {
    if (/^\s*```/.test(line)) fenced = !fenced
    return !fenced && /^(?: {4}|\t)/.test(line) ? [i + 1] : []
  })
}

/** Throws when a fence is not closed: all after it would be taken for code, or for none. */
function blocksOf(text: string): Block[] {
  const blocks: Block[] = []
  let open: { info: string; line: number; lines: string[] } | undefined
  for (const [i, line] of text.split('\n').entries()) {
    if (open === undefined) {
      const fence = /^\s*```(.*)$/.exec(line)
      if (fence !== null) open = { info: fence[1]!.trim(), line: i + 1, lines: [] }
    } else if (/^\s*```\s*$/.test(line)) {
      const [language = '', ...words] = open.info.split(/\s+/)
      blocks.push({ language, words, text: `${open.lines.join('\n')}\n`, line: open.line })
      open = undefined
    } else open.lines.push(line)
  }
  if (open !== undefined) throw new Error(`the block on line ${open.line} is not closed`)
  return blocks
}

/** Whether the output is what the page shows; `…` stands for any text, also over several lines. */
export function looksLike(output: string, shown: string): boolean {
  return pattern(shown, '$').test(tidy(output))
}

/** The same for a program that still runs: more may come. */
export function beginsLike(output: string, shown: string): boolean {
  return pattern(shown, '').test(tidy(output))
}

function pattern(shown: string, end: string): RegExp {
  const parts = tidy(shown).split('…')
  return new RegExp(
    `^${parts.map(part => part.replace(/[.*+?^${}()|[\]\\/]/g, '\\$&')).join('[\\s\\S]*?')}${end}`,
  )
}

/** Without what a reader cannot see: spaces at the end of lines, empty lines at the end. */
function tidy(text: string): string {
  return text.replace(/[ \t\r]+$/gm, '').trimEnd()
}
