import type { HoldDocument } from '../api/schema/reveals.ts'
import { type Run, text } from './frame/context.ts'
import { exitCodes, usage } from './frame/failure.ts'
import { holdText } from './output/two-persons.ts'

export const run: Run = async (context, [id = ''], options) => {
  const reason = text(options, 'reason')
  if (reason === undefined) throw usage('give --reason')
  const client = await context.client()
  const path = `/v1/holds/${encodeURIComponent(id)}/release`
  const answer = await client.post<HoldDocument>(path, { body: { reason } })
  await context.output.one(
    answer,
    `released hold ${answer.hold.id} on ${holdText(answer.hold.scope)}`,
    `hold/${answer.hold.id}`,
  )
  return exitCodes.done
}
