import assert from 'node:assert/strict'
import { listAt, textAt } from '../../src/notify/outgoing/json.ts'
import { startSynapse } from '../../testbed/synapse/start-synapse.ts'
import { walkChannel } from '../approvals/channel-walk.ts'

/** A room of a real Synapse. */
walkChannel({
  name: 'room',
  via: 'channel/room',
  async open() {
    const server = await startSynapse(['sallyport', 'bob', 'frank', 'mallory'])
    const room = await server.room('sallyport', ['bob', 'frank', 'mallory'])
    const path = `/v3/rooms/${encodeURIComponent(room)}`
    let number = 0
    const send = (user: string, content: object): Promise<unknown> =>
      server.as(user)('PUT', `${path}/send/m.room.message/w${++number}`, { msgtype: 'm.text', ...content })
    const events = async (): Promise<unknown[]> => {
      const { chunk } = await server.as('bob')('GET', `${path}/messages?dir=b&limit=200`)
      return (chunk as unknown[]).reverse()
    }
    return {
      spec: { matrix: { url: server.url, room, accessToken: `\${MATRIX_TOKEN}`, decisions: true } },
      env: { MATRIX_TOKEN: server.tokens.sallyport! },
      async places({ id }) {
        const asking = (await events()).filter(event => {
          const { 'dev.sallyport.question': question } = (event as { content: Record<string, unknown> })
            .content
          return (question as { approval?: string } | undefined)?.approval === id
        })
        return asking.map(event => textAt(event, 'event_id')!)
      },
      async words(place) {
        const about = (await events()).filter(
          event =>
            textAt(event, 'event_id') === place ||
            textAt(event, 'content', 'm.relates_to', 'event_id') === place,
        )
        assert.ok(listAt({ about }, 'about').length > 0)
        return about.map(event => textAt(event, 'content', 'body') ?? '').join('\n')
      },
      async decide(user, place, verdict, reason) {
        await send(user, {
          body: `${verdict}: ${reason}`,
          'm.relates_to': { 'm.in_reply_to': { event_id: place } },
        })
      },
      async write(user, _, body) {
        await send(user, { body })
      },
      account: user => `matrix/${server.userId(user)}`,
      close: () => server.remove(),
    }
  },
})
