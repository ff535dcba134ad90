import type { SessionEnvelope } from '../api/schema/sessions.ts'
import type { Run } from './frame/context.ts'
import { exitCodes } from './frame/failure.ts'
import { sessionFacts } from './output/session.ts'

export const run: Run = async (context, [id = '']) => {
  const client = await context.client()
  const answer = await client.get<SessionEnvelope>(`/v1/sessions/${encodeURIComponent(id)}`)
  await context.output.one(answer, sessionFacts(answer.session), `session/${answer.session.id}`)
  return exitCodes.done
}
