import type { ShredList } from '../api/schema/reveals.ts'
import type { Run } from './frame/context.ts'
import { exitCodes } from './frame/failure.ts'
import { shredColumns } from './output/two-persons.ts'

export const run: Run = async context => {
  const client = await context.client()
  const list = await client.get<ShredList>('/v1/shreds')
  await context.output.list(list, list.items, shredColumns, r => `shred/${r.id}`)
  if (list.items.length === 0) context.say('nobody has asked to destroy a key')
  return exitCodes.done
}
