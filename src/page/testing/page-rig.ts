import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, type IncomingHttpHeaders, request } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import { createFake, type Fake } from '../../api/testing/fake-services.ts'
import type { Approvals } from '../../approvals/open-approvals.ts'
import { type ApprovalsRig, openApprovalsRig } from '../../approvals/testing/approvals-rig.ts'
import type { Principal } from '../../identity/principal.ts'
import { createPage } from '../create.ts'
import { formTokenOf } from '../form.ts'

export interface Got {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly text: string
}

/** The page before real approvals, on a clock that stands; the rest of the product is made up, and policy allows what `fake` says. */
export interface PageRig {
  readonly approvals: Approvals
  readonly rig: ApprovalsRig
  readonly fake: Fake
  /** A browser of somebody who is signed in gets a page. */
  get(who: Principal, path: string): Promise<Got>
  /** It sends a form of ours, or with `changed` one that is not quite. */
  post(
    who: Principal,
    path: string,
    fields?: Readonly<Record<string, string>>,
    changed?: { form?: string; headers?: Readonly<Record<string, string>> },
  ): Promise<Got>
  close(): Promise<void>
}

export async function openPageRig(): Promise<PageRig> {
  const rig = await openApprovalsRig()
  const approvals = await rig.gateway()
  const fake = createFake()
  const people = new Map<string, Principal>()
  const page = createPage({
    api: {
      ...fake.services,
      now: () => rig.clock,
      approvals: { ...approvals, askAhead: () => assert.fail('nothing is asked for ahead') },
    },
    shown: words => words,
    browsers: {
      providers: () => [],
      flow: { begin: () => assert.fail('no sign-in'), finish: () => assert.fail('no sign-in') },
      byIdToken: () => assert.fail('no sign-in'),
      byCode: () => assert.fail('no sign-in'),
      async find(token) {
        const principal = people.get(token)!
        const signIn = { id: token, createdAt: 0, expiresAt: rig.clock + 3_600_000 }
        return { ...signIn, principal, browser: { authenticatedAt: rig.clock } }
      },
      end: async () => true,
    },
  })
  const server = createServer((req, res) => page.handle(req, res))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const host = `127.0.0.1:${port}`

  function sessionOf(who: Principal): string {
    const token = `spb_${who.subject}`
    people.set(token, who)
    return token
  }

  async function send(
    method: string,
    who: Principal,
    path: string,
    headers: object,
    body = '',
  ): Promise<Got> {
    const sent = request({
      ...{ host: '127.0.0.1', port, path, method, agent: false },
      headers: { cookie: `__Host-sallyport=${sessionOf(who)}`, ...headers },
    })
    sent.end(body)
    const [response] = await once(sent, 'response')
    return { status: response.statusCode, headers: response.headers, text: await text(response) }
  }

  return {
    ...{ approvals, rig, fake },
    get: (who, path) => send('GET', who, path, {}),
    post(who, path, fields = {}, { form = formTokenOf(sessionOf(who)), headers = {} } = {}) {
      const type = { 'content-type': 'application/x-www-form-urlencoded', origin: `https://${host}` }
      const body = new URLSearchParams({ form, ...fields }).toString()
      return send('POST', who, path, { ...type, ...headers }, body)
    },
    async close() {
      page.close()
      server.close()
      await rig.close()
    },
  }
}
