import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { LONGEST_REQUEST } from './add-checkpoint.ts'
import type { Witness } from './witness.ts'

export interface WitnessServerOptions {
  readonly witness: Witness
  readonly host: string
  readonly port: number
  /** PEM; absent: plain HTTP, for loopback and behind a proxy. What is signed needs no secrecy. */
  readonly tls?: { readonly certificate: string; readonly key: string }
}

export interface WitnessServer {
  readonly url: string
  /** Answers what is under way, then closes. */
  stop(): Promise<void>
}

const REQUEST_TIME = 10_000
const MOST_CONNECTIONS = 256

/** C2SP tlog-witness over HTTP: `POST /add-checkpoint`, `GET /<origin hash>/checkpoint`. */
export async function serveWitness(options: WitnessServerOptions): Promise<WitnessServer> {
  const { witness, tls, host, port } = options
  const settings = { requestTimeout: REQUEST_TIME, headersTimeout: REQUEST_TIME, maxHeaderSize: 16 * 1024 }
  const listener = (request: IncomingMessage, response: ServerResponse): void => {
    handle(witness, request, response).catch(() => response.destroy())
  }
  const server: Server =
    tls === undefined
      ? createServer(settings, listener)
      : createTlsServer({ ...settings, cert: tls.certificate, key: tls.key, minVersion: 'TLSv1.2' }, listener)
  server.maxConnections = MOST_CONNECTIONS
  server.on('clientError', (_error, socket) => socket.destroy())
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, host, () => {
      server.off('error', reject)
      resolve()
    })
  })
  const address = server.address() as AddressInfo
  const name = address.family === 'IPv6' ? `[${address.address}]` : address.address
  return {
    url: `${tls === undefined ? 'http' : 'https'}://${name}:${address.port}`,
    async stop() {
      const closed = new Promise(resolve => server.close(resolve))
      server.closeIdleConnections()
      const late = setTimeout(() => server.closeAllConnections(), REQUEST_TIME)
      await closed
      clearTimeout(late)
    },
  }
}

async function handle(witness: Witness, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const path = request.url ?? ''
  if (path === '/add-checkpoint') {
    if (request.method !== 'POST') return send(response, 405, 'POST only\n', 'text/plain', { allow: 'POST' })
    const body = await read(request)
    if (body === null)
      return send(response, 413, 'the request is too long\n', 'text/plain', { connection: 'close' })
    const answer = await witness.addCheckpoint(body)
    return send(response, answer.status, answer.body, answer.mediaType)
  }
  const hash = /^\/([0-9a-f]{64})\/checkpoint$/.exec(path)?.[1]
  if (hash !== undefined && (request.method === 'GET' || request.method === 'HEAD')) {
    const note = await witness.checkpoint(hash)
    if (note !== null) return send(response, 200, note, 'text/plain; charset=utf-8')
  }
  send(response, 404, 'there is nothing here\n', 'text/plain')
}

async function read(request: IncomingMessage): Promise<Buffer | null> {
  const chunks: Buffer[] = []
  let bytes = 0
  for await (const chunk of request as AsyncIterable<Buffer>) {
    bytes += chunk.length
    if (bytes > LONGEST_REQUEST) return null
    chunks.push(chunk)
  }
  return Buffer.concat(chunks)
}

function send(
  response: ServerResponse,
  status: number,
  body: string,
  mediaType: string,
  headers: Readonly<Record<string, string>> = {},
): void {
  response.writeHead(status, {
    'content-type': mediaType,
    'content-length': Buffer.byteLength(body),
    'cache-control': 'no-store',
    ...headers,
  })
  response.end(body)
}
