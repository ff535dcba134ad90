import type { ApplyResult, DocumentList } from '../api/schema/documents.ts'
import { printable } from '../audit/sentence.ts'
import type { ApiClient } from './client/client.ts'
import { readPages } from './client/pages.ts'
import { readSources, type Source } from './client/sources.ts'
import { flag, type Options, type Run, text, texts } from './frame/context.ts'
import { exitCodes, Failure, usage } from './frame/failure.ts'
import { problemLines } from './output/problems.ts'

const done = { create: 'created', update: 'updated', unchanged: 'unchanged', delete: 'deleted' } as const

export const run: Run = async (context, _args, options) => {
  const files = texts(options, 'filename')
  const sources = readSources(files)
  const dryRun = flag(options, 'dryRun')
  if (!flag(options, 'prune') && options.pruneCount !== undefined)
    throw usage('--prune-count belongs to --prune')
  const client = await context.client()
  const pruned = flag(options, 'prune') ? await pruning(client, sources, files, options) : {}
  const answer = await client.post<ApplyResult>('/v1/documents/apply', {
    body: { sources, dryRun, ...pruned },
  })
  const lines = answer.changes.map(c => {
    const word = `${c.kind.toLowerCase()}/${c.name} ${done[c.change]}${dryRun && c.change !== 'unchanged' ? ' (dry run)' : ''}`
    return dryRun && c.diff !== '' ? `${word}\n${shown(c.diff)}` : word
  })
  for (const line of problemLines(answer.warnings ?? [])) context.warn(line)
  const names = answer.changes.map(c => `${c.kind.toLowerCase()}/${c.name}`)
  await context.output.one(answer, lines.join('\n'), names.join('\n'))
  return exitCodes.done
}

interface Pruning {
  readonly remove: readonly { readonly kind: string; readonly name: string }[]
  /** Of what is deleted as it was seen here: whatever was changed since is not deleted unread. */
  readonly versions: Readonly<Record<string, number>>
}

/**
 * What the gateway has and the sources do not. Only kinds that the sources hold at all, only documents that were
 * written through the API; and never more than stays, unless the number is named.
 */
async function pruning(
  client: ApiClient,
  sources: readonly Source[],
  files: readonly string[],
  options: Options,
): Promise<Pruning> {
  const { changes } = await client.post<ApplyResult>('/v1/documents/apply', {
    body: { sources, dryRun: true },
  })
  const keep = new Set(changes.map(c => `${c.kind}/${c.name}`))
  const kinds = new Set(changes.map(c => c.kind))
  const present: DocumentList['items'] = []
  for (const kind of kinds)
    present.push(
      ...(await readPages<DocumentList['items'][number], DocumentList>(client, '/v1/documents', { kind }, 0))
        .items,
    )
  const surplus = present.filter(d => d.source === 'api' && !keep.has(`${d.kind}/${d.name}`))
  const stated = text(options, 'pruneCount')
  if (stated !== undefined && !/^\d{1,5}$/.test(stated))
    throw usage(`--prune-count takes a number, not ${stated}`)
  const tooMany = [...kinds].find(
    kind =>
      surplus.filter(d => d.kind === kind).length >
      [...keep].filter(key => key.startsWith(`${kind}/`)).length,
  )
  const count = surplus.length
  if (stated === undefined ? tooMany !== undefined && !flag(options, 'dryRun') : Number(stated) !== count) {
    const named = files.map(file => ` -f ${file}`).join('')
    throw new Failure({
      exitCode: exitCodes.failed,
      what:
        stated === undefined
          ? `--prune would delete more than stays: ${surplus.map(d => `${d.kind}/${d.name}`).join(', ')}`
          : `--prune would delete ${count}, not ${stated}: ${surplus.map(d => `${d.kind}/${d.name}`).join(', ') || 'none'}`,
      check: 'nothing was changed',
      next: `look at it first: sallyport apply${named} --prune --prune-count ${count} --dry-run`,
    })
  }
  return {
    remove: surplus.map(({ kind, name }) => ({ kind, name })),
    versions: Object.fromEntries(surplus.map(d => [`${d.kind}/${d.name}`, d.version])),
  }
}

export function shown(diff: string): string {
  return diff.trimEnd().split('\n').map(printable).join('\n')
}
