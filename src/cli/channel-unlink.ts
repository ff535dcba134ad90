import type { ChannelLinkDocument } from '../api/schema/channels.ts'
import type { Run } from './frame/context.ts'
import { exitCodes } from './frame/failure.ts'

export const run: Run = async (context, [id = '']) => {
  const client = await context.client()
  const answer = await client.delete<ChannelLinkDocument>(`/v1/channel-links/${encodeURIComponent(id)}`)
  const { account, channel, principal } = answer.link
  const words = `unlinked: ${account.name} of channel ${channel} decides no more as ${principal.username}`
  await context.output.one(answer, words, `link/${id}`)
  return exitCodes.done
}
