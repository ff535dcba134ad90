import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { json } from 'node:stream/consumers'
import { walkChannel } from '../approvals/channel-walk.ts'
import { decideOnPage, followLink, pathOf } from '../approvals/decide-on-page.ts'

interface Card {
  readonly body: readonly { readonly inlines: readonly { readonly text: string }[] }[]
  readonly actions: readonly { readonly type: string; readonly url: string }[]
}

/**
 * Cards of Microsoft Teams, posted to an address of this machine: they lead to the page, where a real browser decides. That the
 * library of their makers takes such cards, judged-chats.test.ts says.
 */
walkChannel({
  name: 'teams',
  via: 'page',
  async open({ people, browser }) {
    const cards: Card[] = []
    const server = createServer(async (request, response) => {
      const { attachments } = (await json(request)) as { attachments: { content: Card }[] }
      cards.push(attachments[0]!.content)
      response.writeHead(202).end()
    })
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    const { port } = server.address() as AddressInfo
    const textOf = (card: Card): string =>
      card.body.map(({ inlines }) => inlines.map(({ text }) => text).join('')).join('\n')
    const linkOf = (card: Card): string => card.actions.find(one => one.type === 'Action.OpenUrl')!.url
    return {
      spec: { teams: { url: `\${TEAMS_URL}` } },
      env: { TEAMS_URL: `http://127.0.0.1:${port}/workflows/x?sig=of-the-url` },
      async places({ id }) {
        const asking = cards.filter(card => pathOf(linkOf(card)) === `/approvals/${id}`)
        // Each step is a card of its own.
        return asking.slice(0, 1).map(linkOf)
      },
      async words(place) {
        return cards
          .filter(card => pathOf(linkOf(card)) === pathOf(place))
          .map(textOf)
          .join('\n')
      },
      async follow(user, place) {
        const page = await followLink(browser(), people(), user, place)
        const words = (await page.locator('main').textContent()) ?? ''
        await page.context().close()
        return words
      },
      decide: (user, place, verdict, reason) =>
        decideOnPage(browser(), people(), user, { link: place, verdict, reason }),
      async close() {
        assert.ok(cards.length > 0)
        server.close()
      },
    }
  },
})
