import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { json } from 'node:stream/consumers'

interface Account {
  readonly accountId: string
  readonly accountType: string
  readonly displayName: string
}
interface Comment {
  readonly id: string
  readonly author: Account
  updateAuthor: Account
  readonly created: string
  updated: string
  body: unknown
}
interface Issue {
  readonly id: string
  readonly creator: Account
  fields: Record<string, unknown>
  status: string
  readonly comments: Comment[]
  readonly history: { id: string; author: Account; items: object[] }[]
}

export interface FakeJira {
  readonly url: string
  readonly issues: Issue[]
  /** Status with which everything is answered; null: as usual. */
  broken: number | null
  account(name: string, type?: string): Account
  move(issue: string, by: Account, status: string): void
  comment(issue: string, by: Account, text: string): Comment
  close(): Promise<void>
}

/**
 * A stand-in for Jira Cloud: the few resources that we use, of the shapes that its documentation of the REST API version 3 gives.
 * No real Jira was asked.
 */
export async function startFakeJira(user: string, token: string): Promise<FakeJira> {
  let number = 10_000
  const self = accountOf('gateway', 'app')
  const issues: Issue[] = []
  const authorization = `Basic ${Buffer.from(`${user}:${token}`).toString('base64')}`
  const find = (id: string): Issue => issues.find(one => one.id === id)!
  const server = createServer(async (request, response) => {
    const answer = (status: number, value?: object): void =>
      void response
        .writeHead(status, { 'content-type': 'application/json' })
        .end(value === undefined ? '' : JSON.stringify(value))
    if (fake.broken !== null) return answer(fake.broken, {})
    if (request.headers.authorization !== authorization) return answer(401, {})
    const body =
      request.method === 'GET' ? {} : ((await json(request)) as { [name: string]: Record<string, unknown> })
    const [path = '', query = ''] = request.url!.slice('/rest/api/3'.length).split('?')
    const [, id = '', rest = ''] = /^\/issue\/(\d+)(?:\/(\w+))?$/.exec(path) ?? []
    const route = `${request.method} ${id === '' ? path : `/issue/ID${rest && `/${rest}`}`}`
    if (id !== '' && find(id) === undefined) return answer(404, {})
    switch (route) {
      case 'GET /myself':
        return answer(200, self)
      case 'POST /search/jql': {
        const label = /labels = "([^"]+)"/.exec(String(body.jql))![1]!
        const found = issues.filter(one => (one.fields.labels as string[]).includes(label))
        return answer(200, { issues: found.map(one => ({ id: one.id, fields: { creator: one.creator } })) })
      }
      case 'POST /issue': {
        const issue: Issue = {
          ...{ id: String(++number), creator: self, fields: body.fields!, status: 'Waiting' },
          ...{ comments: [], history: [] },
        }
        issues.push(issue)
        return answer(201, { id: issue.id, key: `OPS-${issues.length}` })
      }
      case 'PUT /issue/ID':
        Object.assign(find(id).fields, body.fields)
        return answer(204)
      case 'GET /issue/ID':
        return answer(200, { id, fields: { status: { name: find(id).status } } })
      case 'GET /issue/ID/comment':
        return answer(200, { comments: [...find(id).comments].reverse() })
      case 'POST /issue/ID/comment':
        return answer(201, comment(find(id), self, body.body))
      case 'GET /issue/ID/changelog': {
        const start = Number(new URLSearchParams(query).get('startAt'))
        // Pages of two, so that there are several.
        const values = find(id).history.slice(start, start + 2)
        return answer(200, { values, isLast: start + 2 >= find(id).history.length })
      }
      case 'GET /issue/ID/transitions': {
        const transitions = STATUSES.map((name, i) => ({ id: String(i), to: { name } }))
        return answer(200, { transitions })
      }
      case 'POST /issue/ID/transitions':
        fake.move(id, self, STATUSES[Number(body.transition!.id)]!)
        return answer(204)
      default:
        return answer(404, {})
    }
  })
  function comment(issue: Issue, author: Account, body: unknown): Comment {
    const created = new Date(1_800_000_000_000 + ++number).toISOString()
    const made = { id: String(number), author, updateAuthor: author, created, updated: created, body }
    issue.comments.push(made)
    return made
  }
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const fake: FakeJira = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    ...{ issues, broken: null, account: accountOf },
    move(id, author, to) {
      const issue = find(id)
      const item = { field: 'status', fieldId: 'status', fromString: issue.status, toString: to }
      issue.history.push({ id: String(++number), author, items: [item] })
      issue.status = to
    },
    comment: (id, by, text) =>
      comment(find(id), by, {
        ...{ type: 'doc', version: 1 },
        content: [{ type: 'paragraph', content: [{ type: 'text', text }] }],
      }),
    async close() {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
  return fake
}

const STATUSES = ['Waiting', 'Approved', 'Denied', 'Done']

function accountOf(name: string, accountType = 'atlassian'): Account {
  return { accountId: `5b:${name}`, accountType, displayName: name }
}
