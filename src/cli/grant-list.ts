import type { GrantList } from '../api/schema/approvals.ts'
import { flag, type Run } from './frame/context.ts'
import { exitCodes } from './frame/failure.ts'
import { grantColumns } from './output/approvals.ts'

export const run: Run = async (context, _args, options) => {
  const client = await context.client()
  const list = await client.get<GrantList>('/v1/grants', { query: { mine: flag(options, 'mine') } })
  await context.output.list(list, list.items, grantColumns, g => `grant/${g.id}`)
  if (list.items.length === 0) context.say('there is no grant')
  return exitCodes.done
}
