import type { ApplyResult, DocumentList, PolicyVersionDocument } from '../api/schema/documents.ts'
import { shown } from './apply.ts'
import type { ApiClient } from './client/client.ts'
import { readPages } from './client/pages.ts'
import { flag, type Run, text } from './frame/context.ts'
import { exitCodes, Failure, usage } from './frame/failure.ts'

/** An apply of the older text: it takes the same rights, and is an entry and a version like any other change. */
export const run: Run = async (context, [name = ''], options) => {
  const to = text(options, 'to')
  if (to === undefined || !/^[1-9]\d{0,7}$/.test(to)) {
    throw usage('--to takes the number of a version', `see them: sallyport policy history ${name}`)
  }
  const client = await context.client()
  const path = `/v1/policies/${encodeURIComponent(name)}/history/${to}`
  const { version } = await client.get<PolicyVersionDocument>(path)
  if (version.text === null) {
    throw new Failure({
      exitCode: exitCodes.failed,
      what: `version ${to} of policy ${name} is its deletion`,
      next: `delete it: sallyport delete policy ${name}`,
    })
  }
  const sources = [{ file: `policy ${name}, version ${to}`, text: version.text }]
  // Whatever was changed after the diff was made is not overwritten unread.
  const versions = { [`Policy/${name}`]: await presentVersion(client, name) }
  const planned = await client.post<ApplyResult>('/v1/documents/apply', {
    body: { sources, dryRun: true, versions },
  })
  const diff = planned.changes.map(c => shown(c.diff)).join('\n')
  const dryRun = flag(options, 'dryRun')
  const done = dryRun
    ? planned
    : await client.post<ApplyResult>('/v1/documents/apply', { body: { sources, versions } })
  const unchanged = done.changes.every(c => c.change === 'unchanged')
  const said = unchanged
    ? `policy ${name} is as it was in version ${to}`
    : `policy ${name} is as in version ${to} again`
  await context.output.one(
    done,
    [...(diff === '' ? [] : [diff]), dryRun && !unchanged ? `${said} (dry run)` : said].join('\n'),
    `policy/${name}`,
  )
  return exitCodes.done
}

/** 0: it is gone, and must still be gone when the older text is applied. */
async function presentVersion(client: ApiClient, name: string): Promise<number> {
  const query = { kind: 'Policy' }
  const all = await readPages<DocumentList['items'][number], DocumentList>(client, '/v1/documents', query, 0)
  return all.items.find(d => d.name === name)?.version ?? 0
}
