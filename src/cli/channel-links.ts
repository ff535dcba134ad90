import type { ChannelLinkList } from '../api/schema/channels.ts'
import { flag, type Run } from './frame/context.ts'
import { exitCodes } from './frame/failure.ts'
import { linkColumns } from './output/channels.ts'

export const run: Run = async (context, _args, options) => {
  const client = await context.client()
  const query = { mine: flag(options, 'mine') }
  const list = await client.get<ChannelLinkList>('/v1/channel-links', { query })
  await context.output.list(list, list.items, linkColumns, one => `link/${one.id}`)
  if (list.items.length === 0) context.say('no account of a channel is linked')
  return exitCodes.done
}
