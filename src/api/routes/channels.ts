import type { ChannelLink } from '../../notify/links/contract.ts'
import { ofCaller } from '../only-mine.ts'
import { apiVersion, listOf, time } from '../present.ts'
import { type Route, route } from '../route.ts'
import { linkParams, linksQuery, linksSchema, unlinkedSchema } from '../schema/channels.ts'
import type { ApiServices } from '../services.ts'

export function channelRoutes({ channels }: ApiServices): Route[] {
  return [
    route({
      method: 'GET',
      path: '/v1/channel-links',
      summary: 'Which accounts of channels are linked to whom; newest first',
      query: linksQuery,
      response: linksSchema,
      handle: async x => {
        const all = channels.links()
        const items = x.query.mine === 'true' ? ofCaller(all, x.caller, one => one.principal) : all
        return listOf('ChannelLinkList', { items }, linkOf)
      },
    }),
    route({
      method: 'DELETE',
      path: '/v1/channel-links/:id',
      summary: 'Take a link away: whoever uses the account decides nothing any more',
      params: linkParams,
      response: unlinkedSchema,
      handle: async x => ({
        apiVersion,
        kind: 'ChannelLink' as const,
        link: linkOf(await channels.unlink(x.caller.principal, x.params.id)),
      }),
    }),
  ]
}

function linkOf({ id, channel, person, principal, linkedAt, signedInAt }: ChannelLink) {
  const { issuer, subject, username } = principal
  return {
    ...{ id, channel, account: { id: person.id, name: person.name } },
    principal: { issuer, subject, username },
    linkedAt: time(linkedAt),
    signedInAt: time(signedInAt),
  }
}
