import type { ConnectionItem, ConnectionList } from '../api/schema/identity.ts'
import type { Run } from './frame/context.ts'
import { exitCodes } from './frame/failure.ts'
import type { Column } from './output/table.ts'

const columns: readonly Column<ConnectionItem>[] = [
  { title: 'NAME', value: c => c.name, least: 16 },
  { title: 'KIND', value: c => c.kind },
  { title: 'AGENTS', value: agentsOf, least: 8 },
  { title: 'IDENTITY', value: c => c.upstreamIdentity },
  { title: 'CAPTURE', value: c => c.capture },
  { title: 'DESCRIPTION', value: c => c.description ?? '', least: 10 },
  { title: 'SERVER', value: c => c.server, wide: true },
]

export const run: Run = async context => {
  const client = await context.client()
  const list = await client.get<ConnectionList>('/v1/connections')
  await context.output.list(list, list.items, columns, c => `connection/${c.name}`)
  if (list.items.length === 0) context.say('there is no connection that you may use')
  return exitCodes.done
}

function agentsOf(c: ConnectionItem): string {
  if (c.agents.length === 0) return 'none'
  return c.agents.map(a => (a.connected ? a.name : `${a.name} (away)`)).join(',')
}
