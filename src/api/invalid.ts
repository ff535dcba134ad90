import { Refusal } from '../errors/refusal.ts'
import type { ProblemDetail } from './problem.ts'
import type { SourceProblem } from './services.ts'

/** A refusal with the places that are wrong. */
export class InvalidInput extends Refusal {
  readonly errors: readonly ProblemDetail[]

  constructor(code: 'input-invalid' | 'document-invalid', check: string, errors: readonly ProblemDetail[]) {
    const first = errors[0]
    super(code, { check, ...(first === undefined ? {} : { detail: `${first.at}: ${first.message}` }) })
    this.errors = errors
  }
}

export function invalidSources(problems: readonly SourceProblem[]): InvalidInput {
  return new InvalidInput('document-invalid', 'document', problems.map(detailOf))
}

/** Places of an error that carries them, whichever module threw it. */
export function placesOf(error: Refusal): readonly ProblemDetail[] | undefined {
  if (error instanceof InvalidInput) return error.errors
  const { problems } = error as { problems?: readonly SourceProblem[] }
  return problems?.map(detailOf)
}

function detailOf(p: SourceProblem): ProblemDetail {
  return {
    at: `${p.file}:${p.line}:${p.column}`,
    message: p.path === '' ? p.message : `${p.path}: ${p.message}`,
  }
}
