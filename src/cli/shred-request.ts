import type { ShredDocument } from '../api/schema/reveals.ts'
import { type Run, text } from './frame/context.ts'
import { exitCodes, usage } from './frame/failure.ts'
import { shredText } from './output/two-persons.ts'

export const run: Run = async (context, [keyClass, day], options) => {
  const reason = text(options, 'reason')
  if (reason === undefined) throw usage('give --reason')
  const client = await context.client()
  const answer = await client.post<ShredDocument>('/v1/shreds', { body: { class: keyClass, day, reason } })
  await context.output.one(answer, shredText(answer.shred), `shred/${answer.shred.id}`)
  context.say(`another person destroys the key with: sallyport shred approve ${answer.shred.id}`)
  return exitCodes.done
}
