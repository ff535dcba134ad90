import { Refusal } from '../../errors/refusal.ts'
import type { ChannelLink } from '../../notify/links/contract.ts'
import type { ChannelServices } from '../services.ts'
import { alice } from './fixtures.ts'

const at = Date.UTC(2026, 0, 2)

/** Answers of the right shape, with no rule behind them: the rules are tested where they are. */
export function fakeChannels(): ChannelServices {
  const link: ChannelLink = {
    ...{ id: 'link-1', channel: 'chat', linkedAt: at, signedInAt: at },
    person: { id: 'slack/T1/U1', name: 'alice' },
    principal: alice,
  }
  return {
    links: () => [link],
    withCodes: () => ['tracker'],
    begin: async () => `link-${'0'.repeat(28)}-${'a'.repeat(26)}`,
    async invitation(_, token) {
      if (!token.endsWith('a')) throw new Refusal('link-refused', { check: 'token' })
      const { channel, person } = link
      return { channel, person, by: null, secret: '', createdAt: at, expiresAt: at }
    },
    confirm: async () => link,
    async unlink(_, id) {
      if (id !== link.id) throw new Refusal('resource-unknown', { check: 'link' })
      return link
    },
  }
}
