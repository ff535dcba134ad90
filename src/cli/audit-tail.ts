import type { TailLine } from '../api/schema/audit.ts'
import { printable } from '../audit/sentence.ts'
import { API_VERSION } from '../brand.ts'
import { filtersOf } from './audit-search.ts'
import type { Run } from './frame/context.ts'
import { exitCodes, Failure } from './frame/failure.ts'

/** Until it is interrupted. `-o json` prints one object a line, so that a program can read it as it comes. */
export const run: Run = async (context, _args, options) => {
  const client = await context.client()
  const stop = new AbortController()
  const interrupted = (): void => stop.abort()
  process.once('SIGINT', interrupted)
  process.once('SIGTERM', interrupted)
  const { format } = context.output
  try {
    const lines = client.lines<TailLine>('/v1/audit/tail', { query: filtersOf(options), signal: stop.signal })
    let first = true
    for await (const line of lines) {
      if (first) context.say('waiting for requests; Ctrl-C ends it')
      first = false
      if (line.kind !== 'AuditEntry') continue
      const { entry } = line
      if (format === 'json' || format === 'yaml') {
        const document = { apiVersion: API_VERSION, kind: 'AuditEntry', entry }
        if (format === 'json') context.output.raw(`${JSON.stringify(document)}\n`)
        else await context.output.one(document, '', '').then(() => context.output.raw('---\n'))
      } else if (format === 'name') context.output.raw(`entry/${entry.call}\n`)
      else {
        const id = format === 'wide' ? `  ${entry.call}` : ''
        context.output.raw(`${entry.time.slice(11, 19)}${id}  ${printable(entry.sentence)}\n`)
      }
    }
  } catch (error) {
    if (!stop.signal.aborted) throw error
  } finally {
    process.off('SIGINT', interrupted)
    process.off('SIGTERM', interrupted)
  }
  if (stop.signal.aborted) return exitCodes.done
  throw new Failure({
    exitCode: exitCodes.unreachable,
    what: `${client.server} ended the tail`,
    next: 'read on: sallyport audit tail',
  })
}
