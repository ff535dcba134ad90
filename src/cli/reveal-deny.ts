import type { RevealDocument } from '../api/schema/reveals.ts'
import { type Run, text } from './frame/context.ts'
import { exitCodes } from './frame/failure.ts'
import { revealText } from './output/two-persons.ts'

export const run: Run = async (context, [id = ''], options) => {
  const client = await context.client()
  const body = { reason: text(options, 'reason') ?? '' }
  const answer = await client.post<RevealDocument>(`/v1/reveals/${encodeURIComponent(id)}/deny`, { body })
  await context.output.one(answer, revealText(answer.reveal), `reveal/${answer.reveal.id}`)
  return exitCodes.done
}
