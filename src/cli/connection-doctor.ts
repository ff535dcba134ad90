import type { ConnectionReport } from '../api/schema/identity.ts'
import { printable } from '../audit/sentence.ts'
import { checkLines } from './doctor/check.ts'
import type { Run } from './frame/context.ts'
import { exitCodes } from './frame/failure.ts'

export const run: Run = async (context, [name = '']) => {
  const client = await context.client()
  const report = await client.get<ConnectionReport>(`/v1/connections/${encodeURIComponent(name)}/checks`)
  const lines = checkLines(report.checks).split('\n').map(printable).join('\n')
  await context.output.one(report, lines, `connection/${name}`)
  return report.ok ? exitCodes.done : exitCodes.failed
}
