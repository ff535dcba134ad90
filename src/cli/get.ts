import type { AgentList } from '../api/schema/agents.ts'
import type { DocumentEnvelope, DocumentItem, DocumentList } from '../api/schema/documents.ts'
import { API_VERSION } from '../brand.ts'
import type { ApiClient } from './client/client.ts'
import { kindOf } from './client/kinds.ts'
import { readPages } from './client/pages.ts'
import type { Context, Run } from './frame/context.ts'
import { exitCodes, Failure } from './frame/failure.ts'
import type { Column } from './output/table.ts'
import { shortTime, span } from './output/time.ts'

const columns: readonly Column<DocumentItem>[] = [
  { title: 'KIND', value: d => d.kind },
  { title: 'NAME', value: d => d.name, least: 20 },
  { title: 'VERSION', value: d => String(d.version) },
  { title: 'SOURCE', value: d => d.file ?? d.source, least: 10 },
  { title: 'UPDATED', value: d => (d.updatedAt === undefined ? '' : shortTime(d.updatedAt)), wide: true },
]

const agentColumns: readonly Column<AgentList['items'][number]>[] = [
  { title: 'NAME', value: a => a.name, least: 16 },
  { title: 'STATE', value: a => (a.connected ? 'connected' : 'away') },
  { title: 'CONNECTIONS', value: a => a.connections.join(',') || 'none', least: 12 },
  { title: 'VERSION', value: a => (a.embedded ? 'embedded' : (a.version ?? '')) },
  {
    title: 'CERTIFICATE',
    value: a =>
      a.certificateExpiresAt === undefined ? '' : span(Date.parse(a.certificateExpiresAt) - Date.now()),
  },
  { title: 'ADDRESS', value: a => a.address ?? '', wide: true },
]

/** `-o yaml` prints documents as they can be applied again. */
export const run: Run = async (context, [word = '', name]) => {
  const client = await context.client()
  if (/^agents?$/.test(word.toLowerCase())) return agents(context, client, name)
  const kind = await kindOf(word, ['agents'])
  const { format } = context.output
  const items =
    name === undefined
      ? (await readPages<DocumentItem, DocumentList>(client, '/v1/documents', { kind }, 0)).items
      : [(await client.get<DocumentEnvelope>(`/v1/documents/${kind}/${encodeURIComponent(name)}`)).item]
  if (format === 'yaml') {
    const { toYaml } = await import('./output/yaml.ts')
    context.output.raw(items.map(item => toYaml(item.document)).join('---\n'))
    return exitCodes.done
  }
  if (format === 'json' && name !== undefined) {
    await context.output.one(items[0]!.document, '', '')
    return exitCodes.done
  }
  const document = { apiVersion: API_VERSION, kind: 'DocumentList', metadata: { continue: null }, items }
  await context.output.list(document, items, columns, d => `${d.kind.toLowerCase()}/${d.name}`)
  if (items.length === 0) context.say(`there is no ${kind}`)
  return exitCodes.done
}

async function agents(context: Context, client: ApiClient, name: string | undefined): Promise<number> {
  const list = await client.get<AgentList>('/v1/agents')
  const items = list.items.filter(a => name === undefined || a.name === name)
  if (name !== undefined && items.length === 0) {
    throw new Failure({
      exitCode: exitCodes.failed,
      what: `there is no agent ${name}`,
      next: 'see all: sallyport get agents',
    })
  }
  await context.output.list({ ...list, items }, items, agentColumns, a => `agent/${a.name}`)
  return exitCodes.done
}
