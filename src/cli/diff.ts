import type { ApplyResult } from '../api/schema/documents.ts'
import { shown } from './apply.ts'
import { readSources } from './client/sources.ts'
import { flag, type Run, texts } from './frame/context.ts'
import { exitCodes } from './frame/failure.ts'

export const run: Run = async (context, _args, options) => {
  const sources = readSources(texts(options, 'filename'))
  const client = await context.client()
  const answer = await client.post<ApplyResult>('/v1/documents/apply', { body: { sources, dryRun: true } })
  const changes = answer.changes.filter(c => c.change !== 'unchanged')
  const { format } = context.output
  if (format === 'json' || format === 'yaml') await context.output.one(answer, '', '')
  else if (format === 'name')
    context.output.raw(changes.map(c => `${c.kind.toLowerCase()}/${c.name}\n`).join(''))
  else context.output.raw(changes.map(c => `${shown(c.diff)}\n`).join(''))
  if (changes.length === 0) context.say('nothing would change')
  return changes.length > 0 && flag(options, 'exitCode') ? exitCodes.failed : exitCodes.done
}
