import { API_VERSION } from '../brand.ts'
import { readSources } from './client/sources.ts'
import type { Run } from './frame/context.ts'
import { exitCodes, usage } from './frame/failure.ts'
import type { Column } from './output/table.ts'

interface Result {
  readonly name: string
  readonly file: string
  readonly line: number
  readonly ok: boolean
  readonly expected: string
  readonly got: string
  readonly detail?: string
}

const columns: readonly Column<Result>[] = [
  { title: 'RESULT', value: r => (r.ok ? 'ok' : 'FAILED') },
  { title: 'TEST', value: r => r.name, least: 20 },
  { title: 'EXPECTED', value: r => r.expected, least: 8 },
  {
    title: 'GOT',
    value: r => (r.ok ? '' : `${r.got}${r.detail === undefined ? '' : `: ${r.detail}`}`),
    least: 8,
  },
  { title: 'WHERE', value: r => `${r.file}:${r.line}`, least: 12 },
]

/** Offline, like `policy check`. A run without a single test is a mistake, not a success. */
export const run: Run = async (context, files) => {
  const { testPolicies } = await import('../policy/test.ts')
  const results: readonly Result[] = testPolicies(readSources(files))
  if (results.length === 0)
    throw usage('there is no test in these files', 'tests are documents of kind PolicyTest')
  const ok = results.every(r => r.ok)
  await context.output.list(
    { apiVersion: API_VERSION, kind: 'PolicyTestReport', ok, results },
    results,
    columns,
    r => `${r.ok ? 'ok' : 'failed'}/${r.name}`,
  )
  const failed = results.filter(r => !r.ok).length
  context.say(failed === 0 ? `${results.length} ok` : `${failed} of ${results.length} failed`)
  return ok ? exitCodes.done : exitCodes.failed
}
