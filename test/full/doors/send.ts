import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { connect } from 'node:http2'
import { request } from 'node:https'
import { text } from 'node:stream/consumers'
import type { Gateway } from '../../e2e/call.ts'
import type { Raw } from './door.ts'

export interface RawAnswer {
  readonly status: number
  readonly body: string
}

/** The request as it stands, byte for byte in its path. */
export function sendRaw(gateway: Gateway, raw: Raw, token: string): Promise<RawAnswer> {
  const path = `/k/demo${raw.path}`
  const body = raw.body === undefined ? undefined : JSON.stringify(raw.body)
  const headers: Record<string, string | number> = {
    authorization: `Bearer ${token}`,
    ...(body === undefined ? {} : { 'content-type': raw.type ?? 'application/json' }),
    // So that it may wait as long as people take.
    'user-agent': 'curl/8.0',
    ...raw.headers,
  }
  if (body !== undefined || raw.method === 'POST') headers['content-length'] = Buffer.byteLength(body ?? '')
  const ca = readFileSync(gateway.caFile)
  return raw.http2 === true
    ? overHttp2(gateway.url, ca, { ':method': raw.method, ':path': path, ...headers }, body)
    : overHttp1(gateway.url, ca, raw.method, path, headers, body)
}

function overHttp1(
  url: string,
  ca: Buffer,
  method: string,
  path: string,
  headers: Record<string, string | number>,
  body: string | undefined,
): Promise<RawAnswer> {
  return new Promise((resolve, reject) => {
    const { hostname, port } = new URL(url)
    const sent = request({ hostname, port, ca, method, path, headers, agent: false }, answer => {
      text(answer).then(read => resolve({ status: answer.statusCode!, body: read }), reject)
    })
    sent.on('upgrade', (answer, socket) => {
      socket.destroy()
      resolve({ status: answer.statusCode!, body: 'upgraded' })
    })
    sent.setTimeout(60_000, () => sent.destroy(new Error(`${method} ${path} did not end in time`)))
    sent.on('error', reject)
    sent.end(body)
  })
}

async function overHttp2(
  url: string,
  ca: Buffer,
  headers: Record<string, string | number>,
  body: string | undefined,
): Promise<RawAnswer> {
  const session = connect(url, { ca })
  try {
    const stream = session.request(headers)
    stream.end(body)
    const [answer] = await once(stream, 'response')
    return { status: answer[':status'], body: await text(stream) }
  } finally {
    session.close()
  }
}
