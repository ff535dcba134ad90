import type { DelegationItem, DelegationList } from '../api/schema/delegations.ts'
import { flag, type Run } from './frame/context.ts'
import { exitCodes } from './frame/failure.ts'
import type { Column } from './output/table.ts'
import { shortTime } from './output/time.ts'

const columns: readonly Column<DelegationItem>[] = [
  { title: 'ID', value: d => d.id },
  { title: 'STATE', value: d => d.state },
  { title: 'OF', value: d => d.of },
  { title: 'TO', value: d => d.to },
  { title: 'RULES', value: d => d.rules.join(', '), least: 12 },
  { title: 'UNTIL (UTC)', value: d => shortTime(d.until) },
  { title: 'REASON', value: d => d.reason ?? '', wide: true },
]

export const run: Run = async (context, _args, options) => {
  const client = await context.client()
  const list = await client.get<DelegationList>('/v1/delegations', { query: { mine: flag(options, 'mine') } })
  await context.output.list(list, list.items, columns, d => `delegation/${d.id}`)
  if (list.items.length === 0) context.say('there is no delegation')
  return exitCodes.done
}
