import { once } from 'node:events'
import { createServer, type IncomingMessage, request } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Registry } from 'prom-client'
import { type Api, createApi } from '../create.ts'
import { createFake, type Fake } from './fake-services.ts'

export interface Answer {
  readonly status: number
  readonly headers: IncomingMessage['headers']
  readonly text: string
  // biome-ignore lint/suspicious/noExplicitAny: tests read answers field by field
  readonly json: any
}

export interface Ask {
  readonly token?: string | null
  readonly body?: unknown
  readonly raw?: string
  readonly headers?: Record<string, string | string[]>
}

/** The API over HTTP/1.1 on loopback; `renew` puts fresh services behind it. */
export interface Rig {
  readonly port: number
  fake: Fake
  api: Api
  renew(): Promise<void>
  ask(method: string, path: string, how?: Ask): Promise<Answer>
  close(): Promise<void>
}

export async function createRig(): Promise<Rig> {
  const fresh = async (): Promise<{ fake: Fake; api: Api }> => {
    const fake = createFake()
    const api = createApi(fake.services, { metrics: new Registry() })
    await api.ready
    return { fake, api }
  }
  const server = createServer((req, res) => rig.api.handle(req, res))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const rig: Rig = {
    port,
    ...(await fresh()),
    async renew() {
      await rig.api.close()
      Object.assign(rig, await fresh())
    },
    ask: (method, path, how = {}) => ask(port, method, path, how),
    async close() {
      await rig.api.close()
      server.closeAllConnections()
      server.close()
    },
  }
  return rig
}

async function ask(port: number, method: string, path: string, how: Ask): Promise<Answer> {
  const text = how.raw ?? (how.body === undefined ? undefined : JSON.stringify(how.body))
  const token = how.token === undefined ? 'alice-token' : how.token
  const req = request({
    port,
    host: '127.0.0.1',
    method,
    path,
    headers: {
      ...(token === null ? {} : { authorization: `Bearer ${token}` }),
      ...(text === undefined
        ? {}
        : { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) }),
      ...how.headers,
    },
  })
  // A body that is too large is answered before all of it was sent.
  req.on('error', () => {})
  req.end(text)
  const [res] = (await once(req, 'response')) as [IncomingMessage]
  const chunks: Buffer[] = []
  for await (const chunk of res) chunks.push(chunk as Buffer)
  const answer = Buffer.concat(chunks).toString()
  return {
    status: res.statusCode!,
    headers: res.headers,
    text: answer,
    json: /json/.test(res.headers['content-type'] ?? '') ? JSON.parse(answer) : undefined,
  }
}
