import type { MaskCountItem, MaskReport } from '../api/schema/audit.ts'
import { timesOf } from './audit-search.ts'
import { type Run, text } from './frame/context.ts'
import { exitCodes } from './frame/failure.ts'
import type { Column } from './output/table.ts'

const columns: readonly Column<MaskCountItem>[] = [
  { title: 'VALUES', value: r => String(r.values) },
  { title: 'CALLS', value: r => String(r.calls) },
  { title: 'RULE', value: r => r.rule },
  { title: 'CONNECTION', value: r => r.connection ?? '' },
  { title: 'NAMESPACE', value: r => r.namespace ?? '' },
  { title: 'RESOURCE', value: r => r.resource ?? '' },
]

export const run: Run = async (context, _args, options) => {
  const client = await context.client()
  const query = {
    rule: text(options, 'rule'),
    connection: text(options, 'connection'),
    namespace: text(options, 'namespace'),
    ...timesOf(options),
  }
  const report = await client.get<MaskReport>('/v1/audit/masked', { query })
  await context.output.list(report, report.items, columns, r => `rule/${r.rule}`)
  if (report.items.length === 0) context.say('nothing was masked')
  return exitCodes.done
}
