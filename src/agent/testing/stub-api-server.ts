import { mkdtempSync, rmSync } from 'node:fs'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createServer as createTlsServer, type TLSSocket } from 'node:tls'
import { openAuthority } from '../../pki/authority.ts'
import { ensureServerCertificate } from '../../pki/server-certificate.ts'
import type { UpstreamTarget } from '../upstream/target.ts'

/** A request as the stub got it. */
export interface SeenRequest {
  readonly method: string
  readonly target: string
  /** Flat, as received. */
  readonly rawHeaders: readonly string[]
  readonly body: string
}

export type Behaviour = (request: IncomingMessage, response: ServerResponse, body: string) => void

export interface StubApiServer {
  readonly target: UpstreamTarget
  readonly origin: string
  readonly seen: SeenRequest[]
  /** Connections open now; the most that were open at once; all that were ever made. */
  readonly sockets: ReadonlySet<Socket>
  readonly peak: number
  readonly accepted: number
  /** Subjects of the client certificates that came, '' for none. */
  readonly clientCertificates: string[]
  behaviour: Behaviour
  stop(): Promise<void>
}

export interface StubOptions {
  /** Ask for client certificates of this authority. */
  readonly clientAuthority?: string
  readonly names?: readonly string[]
  readonly port?: number
}

/** A TLS server that stands for a kube-apiserver: records what it gets and misbehaves on demand. For tests. */
export async function startStub(behaviour: Behaviour, options: StubOptions = {}): Promise<StubApiServer> {
  const directory = mkdtempSync(join(tmpdir(), 'stub-'))
  const authority = openAuthority(directory)
  const certificate = ensureServerCertificate(authority, directory, options.names ?? ['127.0.0.1'])
  const seen: SeenRequest[] = []
  const sockets = new Set<Socket>()
  const clientCertificates: string[] = []
  let peak = 0
  let accepted = 0

  const http: Server = createServer(
    { keepAliveTimeout: 0, maxHeaderSize: 256 * 1024 },
    (request, response) => {
      const chunks: Buffer[] = []
      request.on('data', (chunk: Buffer) => chunks.push(chunk))
      request.on('end', () => {
        const body = Buffer.concat(chunks).toString('utf8')
        const { method = '', url = '', rawHeaders } = request
        seen.push({ method, target: url, rawHeaders, body })
        stub.behaviour(request, response, body)
      })
      request.on('error', () => {})
      response.on('error', () => {})
    },
  )
  http.maxHeadersCount = 0
  const server = createTlsServer(
    {
      key: certificate.key,
      cert: certificate.chain,
      ALPNProtocols: ['h2', 'http/1.1'],
      noDelay: true,
      ...(options.clientAuthority === undefined
        ? {}
        : { ca: options.clientAuthority, requestCert: true, rejectUnauthorized: true }),
    },
    (socket: TLSSocket) => {
      accepted++
      sockets.add(socket)
      peak = Math.max(peak, sockets.size)
      clientCertificates.push(socket.getPeerX509Certificate()?.subject ?? '')
      socket.on('close', () => sockets.delete(socket))
      socket.on('error', () => {})
      http.emit('connection', socket)
    },
  )
  await new Promise<void>(resolve => server.listen(options.port ?? 0, '127.0.0.1', resolve))
  const origin = `https://127.0.0.1:${(server.address() as AddressInfo).port}`

  const stub: StubApiServer = {
    target: { origin, basePath: '', certificateAuthority: authority.pem },
    origin,
    seen,
    sockets,
    get peak() {
      return peak
    },
    get accepted() {
      return accepted
    },
    clientCertificates,
    behaviour,
    stop() {
      for (const socket of sockets) socket.destroy()
      rmSync(directory, { recursive: true, force: true })
      return new Promise(resolve => server.close(() => resolve()))
    },
  }
  return stub
}

/** Values of a field in a flat list, whatever its case. */
export function valuesOf(rawHeaders: readonly string[], name: string): string[] {
  const values: string[] = []
  for (let i = 0; i + 1 < rawHeaders.length; i += 2) {
    if (rawHeaders[i]!.toLowerCase() === name) values.push(rawHeaders[i + 1]!)
  }
  return values
}

export function answerJson(response: ServerResponse, status: number, value: unknown): void {
  const body = JSON.stringify(value)
  response.writeHead(status, {
    'content-type': 'application/json',
    'content-length': Buffer.byteLength(body),
  })
  response.end(body)
}
