import type { ShredDocument } from '../api/schema/reveals.ts'
import type { Run } from './frame/context.ts'
import { exitCodes } from './frame/failure.ts'
import { shredText } from './output/two-persons.ts'

export const run: Run = async (context, [id = '']) => {
  const client = await context.client()
  const answer = await client.post<ShredDocument>(`/v1/shreds/${encodeURIComponent(id)}/approve`)
  await context.output.one(answer, shredText(answer.shred), `shred/${answer.shred.id}`)
  return exitCodes.done
}
