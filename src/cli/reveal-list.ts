import type { RevealList } from '../api/schema/reveals.ts'
import type { Run } from './frame/context.ts'
import { exitCodes } from './frame/failure.ts'
import { revealColumns } from './output/two-persons.ts'

export const run: Run = async context => {
  const client = await context.client()
  const list = await client.get<RevealList>('/v1/reveals')
  await context.output.list(list, list.items, revealColumns, r => `reveal/${r.id}`)
  if (list.items.length === 0) context.say('nobody has asked for anything')
  return exitCodes.done
}
