import { listAt, textAt } from '../../src/notify/outgoing/json.ts'
import { startRoundup } from '../../testbed/roundup/start-roundup.ts'
import { walkChannel } from '../approvals/channel-walk.ts'

/** Issues of a real Roundup tracker. */
walkChannel({
  name: 'tracker',
  via: 'channel/tracker',
  async open() {
    const server = await startRoundup(['sallyport', 'bob', 'frank', 'mallory'])
    const ids = new Map<string, string>()
    for (const user of ['bob', 'frank', 'mallory']) {
      const { data } = await server.as('admin')('GET', `/user?username=${user}`)
      ids.set(user, textAt(listAt(data, 'collection')[0], 'id')!)
    }
    const messages = async (issue: string): Promise<string[]> => {
      const { data } = await server.as('bob')('GET', `/issue/${issue}?@verbose=0`)
      const texts = listAt(data, 'attributes', 'messages').map(async id => {
        const read = await server.as('bob')('GET', `/msg/${id}?@verbose=3`)
        return textAt(read.data, 'attributes', 'content') ?? ''
      })
      return Promise.all(texts)
    }
    async function write(user: string, issue: string, content: string): Promise<void> {
      const { data } = await server.as(user)('POST', '/msg', { content, author: user })
      const add = { '@op': 'add', messages: [textAt(data, 'id')] }
      await server.as(user)('PATCH', `/issue/${issue}`, add)
    }
    return {
      spec: {
        roundup: {
          ...{ url: server.url, user: 'sallyport', password: `\${ROUNDUP_PASSWORD}` },
          ...{ closedStatus: 'resolved', decisions: true },
        },
      },
      env: { ROUNDUP_PASSWORD: server.passwords.sallyport! },
      async places({ id }) {
        const { data } = await server.as('bob')('GET', `/issue?title=${id}&@fields=title`)
        return listAt(data, 'collection').map(issue => textAt(issue, 'id')!)
      },
      async words(issue) {
        const { data } = await server.as('bob')('GET', `/issue/${issue}?@verbose=3`)
        return [textAt(data, 'attributes', 'title'), ...(await messages(issue))].join('\n')
      },
      async decide(user, issue, verdict, reason) {
        const [, code] = /"approve (\S+)"/.exec((await messages(issue))[0]!) ?? []
        await write(user, issue, `${verdict} ${code}: ${reason}`)
      },
      write,
      account: user => `roundup/${server.url}/user${ids.get(user)}`,
      close: () => server.remove(),
    }
  },
})
