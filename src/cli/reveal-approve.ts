import type { RevealDocument } from '../api/schema/reveals.ts'
import { type Run, text } from './frame/context.ts'
import { exitCodes, usage } from './frame/failure.ts'
import { revealText } from './output/two-persons.ts'

export const run: Run = async (context, [id = ''], options) => {
  const minutes = text(options, 'minutes') ?? '15'
  if (!/^\d{1,2}$/.test(minutes)) throw usage('--minutes takes a number from 1 to 60')
  const client = await context.client()
  const path = `/v1/reveals/${encodeURIComponent(id)}/approve`
  const answer = await client.post<RevealDocument>(path, { body: { minutes: Number(minutes) } })
  await context.output.one(answer, revealText(answer.reveal), `reveal/${answer.reveal.id}`)
  return exitCodes.done
}
