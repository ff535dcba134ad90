import type { SessionEnvelope, SessionItem, SessionList } from '../api/schema/sessions.ts'
import { API_VERSION } from '../brand.ts'
import { readPages } from './client/pages.ts'
import { type Run, text } from './frame/context.ts'
import { exitCodes, Failure } from './frame/failure.ts'

export const run: Run = async (context, [reason = ''], options) => {
  const client = await context.client()
  const one = text(options, 'session')
  const connection = text(options, 'connection')
  const query = { mine: true, state: 'live', connection }
  const ids =
    one !== undefined
      ? [one]
      : (await readPages<SessionItem, SessionList>(client, '/v1/sessions', query, 0)).items.map(s => s.id)
  if (ids.length === 0) {
    throw new Failure({
      exitCode: exitCodes.failed,
      what: `you have no live session${connection === undefined ? '' : ` on connection ${connection}`}`,
      next: 'run your command once: that opens one, and then say why',
    })
  }
  const items: SessionItem[] = []
  for (const id of ids) {
    const path = `/v1/sessions/${encodeURIComponent(id)}/reason`
    items.push((await client.put<SessionEnvelope>(path, { body: { reason } })).session)
  }
  const said = items.map(s => `session ${s.id} on ${s.connection}: reason noted`).join('\n')
  const document = { apiVersion: API_VERSION, kind: 'SessionList', metadata: { continue: null }, items }
  await context.output.one(document, said, items.map(s => `session/${s.id}`).join('\n'))
  return exitCodes.done
}
