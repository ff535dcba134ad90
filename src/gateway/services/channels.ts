import type { ChannelServices } from '../../api/services.ts'
import { Refusal } from '../../errors/refusal.ts'
import type { Links } from '../../notify/links/open-links.ts'
import type { Notify } from '../../notify/open-notify.ts'

/** Who of a channel is whom. */
export function channelServices({
  links,
  notify,
}: {
  readonly links: Links
  readonly notify: Pick<Notify, 'channels'>
}): ChannelServices {
  const withCodes = (): string[] =>
    notify
      .channels()
      .filter(one => one.poll !== undefined)
      .map(one => one.name)
  return {
    links: links.list,
    withCodes,
    async begin(channel, by) {
      if (!withCodes().includes(channel)) {
        throw new Refusal('resource-unknown', {
          check: 'channel',
          detail: 'there is no channel of this name in which a code could be written',
        })
      }
      return links.begin(channel, by)
    },
    invitation: links.invitation,
    confirm: links.confirm,
    unlink: links.remove,
  }
}
