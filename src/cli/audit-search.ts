import type { AuditItem, AuditList } from '../api/schema/audit.ts'
import { limitOf, readPages } from './client/pages.ts'
import { type Options, type Run, text } from './frame/context.ts'
import { exitCodes, usage } from './frame/failure.ts'
import { auditColumns, filterOptions } from './output/audit.ts'
import { moment } from './output/time.ts'

export const run: Run = async (context, words, options) => {
  const query = { ...filtersOf(options), ...textOf(words, options), ...timesOf(options) }
  const client = await context.client()
  const limit = limitOf(text(options, 'limit'))
  const list = await readPages<AuditItem, AuditList>(client, '/v1/audit/entries', query, limit)
  await context.output.list(list, list.items, auditColumns, r => `entry/${r.call}`)
  if (list.items.length === 0) context.say(nothing(query))
  else if (list.metadata.continue !== null)
    context.say(`there is more; see all with --limit 0, or narrow it down`)
  return exitCodes.done
}

export function filtersOf(options: Options): Record<string, string> {
  const query: Record<string, string> = {}
  for (const [filter, option] of Object.entries(filterOptions)) {
    const value = text(options, option)
    if (value !== undefined) query[filter] = value
  }
  return query
}

function textOf(words: readonly string[], options: Options): Record<string, string> {
  if (words.length === 0) return {}
  if (text(options, 'text') !== undefined) throw usage('give the words once: as arguments or with --text')
  return { text: words.join(' ') }
}

export function timesOf(options: Options): Record<string, string> {
  const now = Date.now()
  const [since, until] = [text(options, 'since'), text(options, 'until')]
  return {
    ...(since === undefined ? {} : { since: moment(since, '--since', now) }),
    ...(until === undefined ? {} : { until: moment(until, '--until', now) }),
  }
}

/** An empty answer names what emptied it. */
function nothing(query: Record<string, string>): string {
  const filters = Object.entries(query).map(([name, value]) => `${name}=${value}`)
  return filters.length === 0 ? 'the trail is empty' : `nothing matches ${filters.join(' ')}`
}
