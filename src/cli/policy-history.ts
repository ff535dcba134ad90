import type { PolicyHistory } from '../api/schema/documents.ts'
import type { Run } from './frame/context.ts'
import { exitCodes } from './frame/failure.ts'
import type { Column } from './output/table.ts'
import { shortTime } from './output/time.ts'

const columns: readonly Column<PolicyHistory['items'][number]>[] = [
  { title: 'VERSION', value: v => String(v.number) },
  { title: 'TIME (UTC)', value: v => shortTime(v.time) },
  { title: 'BY', value: v => v.by || '(before versions were kept)', least: 12 },
  { title: 'CHANGE', value: v => v.change },
]

export const run: Run = async (context, [name = '']) => {
  const client = await context.client()
  const list = await client.get<PolicyHistory>(`/v1/policies/${encodeURIComponent(name)}/history`)
  await context.output.list(list, list.items, columns, v => `policyversion/${name}/${v.number}`)
  return exitCodes.done
}
