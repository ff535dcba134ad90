import type { HoldList } from '../api/schema/reveals.ts'
import type { Run } from './frame/context.ts'
import { exitCodes } from './frame/failure.ts'
import { holdColumns } from './output/two-persons.ts'

export const run: Run = async context => {
  const client = await context.client()
  const list = await client.get<HoldList>('/v1/holds')
  await context.output.list(list, list.items, holdColumns, r => `hold/${r.id}`)
  if (list.items.length === 0) context.say('there is no legal hold')
  return exitCodes.done
}
