import { printable } from '../../audit/sentence.ts'

interface Problem {
  readonly file: string
  readonly line: number
  readonly column: number
  readonly path: string
  readonly message: string
  readonly severity: string
}

/** `file:line:column: error: path: message`, which editors can follow. */
export function problemLines(problems: readonly Problem[]): string[] {
  return problems.map(p => {
    const where = `${p.file}:${p.line}:${p.column}`
    return printable(`${where}: ${p.severity}: ${p.path === '' ? '' : `${p.path}: `}${p.message}`)
  })
}
