import type { SessionEnd } from '../api/schema/sessions.ts'
import { API_VERSION } from '../brand.ts'
import { forgetSessions } from './config/sign-in-file.ts'
import { type Run, text } from './frame/context.ts'
import { exitCodes } from './frame/failure.ts'

export const run: Run = async (context, ids, options) => {
  const client = await context.client()
  const items: SessionEnd[] = []
  for (const id of ids) {
    const answer = await client.delete<SessionEnd>(`/v1/sessions/${encodeURIComponent(id)}`, {
      query: { reason: text(options, 'reason') },
    })
    forgetSessions(context.paths, client.server, id)
    items.push(answer)
  }
  const said = items.map(one => `session ${one.id} ${one.ended ? 'ended' : 'had ended before'}`).join('\n')
  const document = { apiVersion: API_VERSION, kind: 'SessionEndList', metadata: { continue: null }, items }
  await context.output.one(document, said, items.map(one => `session/${one.id}`).join('\n'))
  return exitCodes.done
}
