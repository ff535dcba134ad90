import type { FastifyReply, FastifyRequest } from 'fastify'
import { Refusal } from '../errors/refusal.ts'
import { problemOf } from './problem.ts'
import { authFailureOf, intentOf, outcomeOf } from './record.ts'
import type { ApiServices } from './services.ts'

/**
 * Records how a request ended, once, before its answer leaves. What cannot be recorded is not answered: the caller
 * gets 503 instead. A stream is recorded at its end (`payload` undefined: the answer is over).
 */
export async function settle(
  services: ApiServices,
  request: FastifyRequest,
  reply: FastifyReply,
  payload: unknown,
): Promise<unknown> {
  const { progress } = request
  if (progress === null || progress === undefined || progress.recorded.outcomeWritten === true) return payload
  const { recorded, failure } = progress
  if (recorded.principal === undefined && failure?.status !== 401) return payload
  const streams = typeof (payload as { pipe?: unknown } | null)?.pipe === 'function'
  if (streams) {
    progress.streaming = true
    return payload
  }
  recorded.outcomeWritten = true
  try {
    if (recorded.principal === undefined) {
      await services.record(authFailureOf(recorded, failure!))
      return payload
    }
    const bytes = typeof payload === 'string' ? Buffer.byteLength(payload) : 0
    const left = payload === undefined ? !reply.raw.writableFinished : reply.raw.destroyed
    const ended = failure !== undefined ? 'refused' : left ? 'aborted-by-caller' : 'complete'
    const pending = recorded.intentWritten === true ? undefined : services.record(intentOf(recorded))
    const outcome = services.record(
      outcomeOf(recorded, services.now(), reply.statusCode, bytes, ended, failure),
    )
    await Promise.all([pending, outcome])
    return payload
  } catch (error) {
    if (reply.raw.headersSent) {
      services.broke(error, recorded.call)
      return payload
    }
    const refusal =
      error instanceof Refusal && error.status === 503
        ? error
        : new Refusal('audit-unavailable', { cause: error })
    reply.code(refusal.status).removeHeader('content-length').type('application/problem+json')
    return JSON.stringify(problemOf(refusal, recorded.call))
  }
}
