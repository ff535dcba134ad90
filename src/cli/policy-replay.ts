import type { PolicyReplay } from '../api/schema/documents.ts'
import { timesOf } from './audit-search.ts'
import { readSources } from './client/sources.ts'
import { flag, type Run, text, texts } from './frame/context.ts'
import { exitCodes, usage } from './frame/failure.ts'
import type { Column } from './output/table.ts'
import { shortTime } from './output/time.ts'

type Change = PolicyReplay['changes'][number]

const columns: readonly Column<Change>[] = [
  { title: 'TIME (UTC)', value: c => shortTime(c.time).slice(5) },
  { title: 'WHAT', value: c => c.sentence, least: 30, middle: true },
  { title: 'WAS', value: c => c.before.effect },
  { title: 'WOULD BE', value: c => c.after.effect },
  { title: 'BY', value: c => c.after.rules[0] ?? 'no rule', least: 12 },
  { title: 'REQUEST', value: c => c.call, from: 120 },
]

/** Which recorded decisions would change: under the policies in force, or with those of -f in their place. */
export const run: Run = async (context, _args, options) => {
  const files = texts(options, 'filename')
  const times = timesOf(options)
  if (times.since === undefined) throw usage('--since is missing', 'say from when on: --since 7d')
  const body = {
    ...times,
    principal: text(options, 'user'),
    connection: text(options, 'connection'),
    sources: files.length === 0 ? [] : readSources(files),
  }
  const client = await context.client()
  const report = await client.post<PolicyReplay>('/v1/policy/replay', { body })
  if (flag(options, 'diff')) {
    const { diffText } = await import('../documents/diff.ts')
    context.output.raw(diffText(linesOf(report, 'before'), linesOf(report, 'after'), 'decisions'))
  } else await context.output.list(report, report.changes, columns, c => `entry/${c.call}`)
  context.say(
    `${report.judged} recorded decisions asked again: ${report.unchanged} as they were, ${report.changed} would change`,
  )
  if (report.changed > report.changes.length)
    context.say(`the latest ${report.changes.length} of them are shown`)
  for (const { why, count, calls } of report.notJudged) {
    context.warn(`${count} could not be asked again: ${why} (such as ${calls[0] ?? ''})`)
  }
  if (report.cut)
    context.warn('there are more than one replay looks at; narrow it down with --since and --until')
  return report.changed > 0 && flag(options, 'exitCode') ? exitCodes.failed : exitCodes.done
}

/** One line a decision, so that a diff of the two sides shows what changes. */
function linesOf(report: PolicyReplay, side: 'before' | 'after'): string {
  return report.changes
    .map(c => {
      const what = c.sentence.split(' · ').slice(0, 3).join(' · ')
      const by = c[side].rules.join(', ') || 'no rule'
      return `${c.time} ${c.call} ${what}: ${c[side].effect} by ${by}\n`
    })
    .join('')
}
