import type { SessionItem, SessionList } from '../api/schema/sessions.ts'
import { limitOf, readPages } from './client/pages.ts'
import { flag, type Run, text } from './frame/context.ts'
import { exitCodes } from './frame/failure.ts'
import { sessionColumns } from './output/session.ts'

export const run: Run = async (context, _args, options) => {
  const client = await context.client()
  const user = text(options, 'user')
  const query = {
    mine: !flag(options, 'all') && user === undefined,
    user,
    connection: text(options, 'connection'),
    state: text(options, 'state'),
  }
  const list = await readPages<SessionItem, SessionList>(
    client,
    '/v1/sessions',
    query,
    limitOf(text(options, 'limit')),
  )
  await context.output.list(list, list.items, sessionColumns, s => `session/${s.id}`)
  if (list.items.length === 0) context.say(query.mine ? 'you have no session' : 'there is no such session')
  return exitCodes.done
}
