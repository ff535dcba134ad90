import type { HoldDocument } from '../api/schema/reveals.ts'
import { type Run, text } from './frame/context.ts'
import { exitCodes, usage } from './frame/failure.ts'
import { holdText } from './output/two-persons.ts'

export const run: Run = async (context, [kind, value = '', subject], options) => {
  const reason = text(options, 'reason')
  if (reason === undefined) throw usage('give --reason')
  if ((kind === 'principal') !== (subject !== undefined)) {
    throw usage('a principal is named by issuer and subject, a day or session by one word')
  }
  const scope =
    kind === 'principal'
      ? { issuer: value, subject }
      : kind === 'session'
        ? { session: value }
        : { day: value }
  const client = await context.client()
  const answer = await client.post<HoldDocument>('/v1/holds', { body: { scope, reason } })
  await context.output.one(
    answer,
    `hold ${answer.hold.id} on ${holdText(answer.hold.scope)}`,
    `hold/${answer.hold.id}`,
  )
  if (answer.late.length > 0) context.warn(`too late for ${answer.late.join(', ')}: being destroyed already`)
  return exitCodes.done
}
