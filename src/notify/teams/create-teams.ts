import { Agent, request } from 'undici'
import type { ApprovalMessage } from '../../approvals/message.ts'
import type { ChannelBase } from '../channel-base.ts'
import { type Channel, TryLater } from '../contract.ts'
import { cardOf } from './card.ts'

export interface TeamsSettings extends ChannelBase {
  /** Of a workflow "when a Teams webhook request is received". Who knows it can post: it is a secret. */
  readonly url: string
  readonly ca?: string | undefined
}

/**
 * Adaptive cards through a workflow of Microsoft Teams. A workflow says nothing of what it has made, so each step is a card of
 * its own, and nobody can decide in it: who pressed would be a claim of the workflow. Cards lead to the page.
 */
export function createTeams(settings: TeamsSettings): Channel {
  const { name, url, ca } = settings
  const dispatcher = new Agent({
    connect: { timeout: 5_000, ...(ca === undefined ? {} : { ca }) },
    connections: 4,
  })

  async function post(message: ApprovalMessage): Promise<void> {
    const content = cardOf(message)
    const attachment = {
      contentType: 'application/vnd.microsoft.card.adaptive',
      ...{ contentUrl: null, content },
    }
    const answer = await request(url, {
      method: 'POST',
      dispatcher,
      body: JSON.stringify({ type: 'message', attachments: [attachment] }),
      signal: AbortSignal.timeout(10_000),
      headers: { 'content-type': 'application/json', 'user-agent': 'sallyport' },
    })
    await answer.body.dump({ limit: 65_536 })
    const { statusCode, headers } = answer
    if (statusCode === 429) {
      const after = headers['retry-after']
      const seconds = typeof after === 'string' && /^\d{1,4}$/.test(after) ? Number(after) : 30
      throw new TryLater('the workflow wants a pause', seconds * 1000)
    }
    if (statusCode < 200 || statusCode > 299) throw new Error(`the workflow answered ${statusCode}`)
  }

  return {
    name,
    wants: settings.wants,
    async create(message) {
      await post(message)
      return message.id
    },
    update: (_, message) => post(message),
    close: (_, message) => post(message),
    end: () => dispatcher.close(),
  }
}
