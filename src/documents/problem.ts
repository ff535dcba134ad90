import { Refusal } from '../errors/refusal.ts'

/** One thing that is wrong with a document, with the place where it is written. Line and column count from 1. */
export interface Problem {
  readonly file: string
  readonly line: number
  readonly column: number
  /** Readable path inside the document, e.g. `spec.rules[2].match.verbs`; empty for the document itself. */
  readonly path: string
  readonly message: string
  readonly severity: 'error' | 'warning'
}

/** `policies.yaml:14:7 spec.rules[2].match.verbs: …`, the form that editors and people can follow. */
export function formatProblem(p: Problem): string {
  return `${p.file}:${p.line}:${p.column} ${p.path === '' ? '' : `${p.path}: `}${p.message}`
}

export function errorsOf(problems: readonly Problem[]): readonly Problem[] {
  return problems.filter(p => p.severity === 'error')
}

/** A set of documents that cannot take effect; carries every problem, not only the first. */
export class DocumentsInvalid extends Refusal {
  readonly problems: readonly Problem[]

  constructor(problems: readonly Problem[]) {
    const errors = errorsOf(problems)
    const more = errors.length > 1 ? ` (and ${errors.length - 1} more)` : ''
    super('document-invalid', {
      check: 'documents',
      detail: errors[0] === undefined ? 'invalid documents' : `${formatProblem(errors[0])}${more}`,
    })
    this.problems = problems
  }
}
