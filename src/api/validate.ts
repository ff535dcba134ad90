import type { FastifySerializerCompiler } from 'fastify/types/schema.js'
import type { z } from 'zod'
import { InvalidInput } from './invalid.ts'
import type { ProblemDetail } from './problem.ts'

/** Requests are judged by the zod schemas themselves; nothing is coerced or dropped that a schema does not say. */
export function validatorCompiler(part: { readonly schema: unknown; readonly httpPart?: string }) {
  const schema = part.schema as z.ZodType
  return (data: unknown) => {
    const result = schema.safeParse(data)
    if (result.success) return { value: result.data }
    return {
      error: new InvalidInput('input-invalid', 'schema', detailsOf(result.error, part.httpPart ?? 'request')),
    }
  }
}

/** Answers pass their schema too: a field that it does not name stays here. */
export const serializerCompiler: FastifySerializerCompiler<unknown> = ({ schema }) => {
  return data => JSON.stringify((schema as z.ZodType).parse(data))
}

function detailsOf(error: z.ZodError, part: string): ProblemDetail[] {
  return error.issues.slice(0, 20).map(issue => ({
    at: [part, ...issue.path.map(String)].join('.'),
    message: issue.message,
  }))
}
