import type { ApplyResult } from '../api/schema/documents.ts'
import { printable } from '../audit/sentence.ts'
import { readSources } from './client/sources.ts'
import { flag, type Run, texts } from './frame/context.ts'
import { exitCodes } from './frame/failure.ts'

const done = { create: 'created', update: 'updated', unchanged: 'unchanged', delete: 'deleted' } as const

export const run: Run = async (context, _args, options) => {
  const sources = readSources(texts(options, 'filename'))
  const dryRun = flag(options, 'dryRun')
  const client = await context.client()
  const answer = await client.post<ApplyResult>('/v1/documents/apply', { body: { sources, dryRun } })
  const lines = answer.changes.map(c => {
    const word = `${c.kind.toLowerCase()}/${c.name} ${done[c.change]}${dryRun && c.change !== 'unchanged' ? ' (dry run)' : ''}`
    return dryRun && c.diff !== '' ? `${word}\n${shown(c.diff)}` : word
  })
  const names = answer.changes.map(c => `${c.kind.toLowerCase()}/${c.name}`)
  await context.output.one(answer, lines.join('\n'), names.join('\n'))
  return exitCodes.done
}

export function shown(diff: string): string {
  return diff.trimEnd().split('\n').map(printable).join('\n')
}
