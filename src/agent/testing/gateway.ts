import { mkdtempSync, rmSync } from 'node:fs'
import { createServer as createHttpServer, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createServer, type TLSSocket } from 'node:tls'
import { Refusal } from '../../errors/refusal.ts'
import { verifyAgentCertificate } from '../../pki/agent-certificate.ts'
import { type CertificateAuthority, openAuthority } from '../../pki/authority.ts'
import { ensureServerCertificate } from '../../pki/server-certificate.ts'
import type { StateStore } from '../../store/store.ts'
import { type AgentGate, type AgentGateEvent, createAgentGate } from '../../tunnel/agent-gate.ts'
import {
  type EnrolmentOptions,
  enrolAgent,
  isEnrolled,
  renewAgent,
} from '../../tunnel/enrolment/enrolment.ts'
import type { Liveness } from '../../tunnel/protocol.ts'
import { type AgentRegistry, createAgentRegistry } from '../../tunnel/registry.ts'
import { memoryStore } from '../../tunnel/testing/memory-store.ts'

export interface TestGateway {
  readonly port: number
  readonly directory: string
  readonly authority: CertificateAuthority
  readonly store: StateStore
  readonly registry: AgentRegistry
  readonly gate: AgentGate
  readonly events: AgentGateEvent[]
  /** Tunnel sockets that are open, on the gateway's side. */
  readonly sockets: Set<TLSSocket>
  stop(): Promise<void>
}

export interface TestGatewayOptions extends EnrolmentOptions {
  readonly port?: number
  readonly authority?: CertificateAuthority
  readonly store?: StateStore
  readonly liveness?: Liveness
  readonly recheck?: number
}

/** The parts of a gateway that agents meet: one TLS port, the gate, enrolment and renewal. For tests. */
export async function startGateway(options: TestGatewayOptions = {}): Promise<TestGateway> {
  const directory = mkdtempSync(join(tmpdir(), 'gateway-'))
  const authority = options.authority ?? openAuthority(directory)
  const store = options.store ?? memoryStore()
  const certificate = ensureServerCertificate(authority, directory, ['127.0.0.1'])
  const registry = createAgentRegistry()
  const events: AgentGateEvent[] = []
  const sockets = new Set<TLSSocket>()
  const gate = createAgentGate({
    authority,
    registry,
    verify: identity => isEnrolled(store, identity),
    onEvent: event => events.push(event),
    ...(options.liveness === undefined ? {} : { liveness: options.liveness }),
    ...(options.recheck === undefined ? {} : { recheck: options.recheck }),
  })

  const http = createHttpServer((request, response) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => {
      serve(request, Buffer.concat(chunks).toString('utf8')).then(
        ({ certificate: pem }) => response.end(JSON.stringify({ certificate: pem })),
        (error: Error) => {
          response.statusCode = error instanceof Refusal ? error.status : 500
          response.end(JSON.stringify({ detail: error.message }))
        },
      )
    })
  })

  function serve(request: IncomingMessage, body: string): Promise<{ certificate: string }> {
    const { certificateRequest } = JSON.parse(body) as { certificateRequest: string }
    if (request.url === '/v1/agents/enrol') {
      const token = (request.headers.authorization ?? '').replace('Bearer ', '')
      return enrolAgent(store, authority, token, certificateRequest, options)
    }
    const peer = (request.socket as TLSSocket).getPeerX509Certificate()
    const identity = peer === undefined ? undefined : verifyAgentCertificate(authority, peer)
    if (identity === undefined) return Promise.reject(new Refusal('credential-missing'))
    return renewAgent(store, authority, identity, certificateRequest, options)
  }

  const server = createServer(
    {
      key: certificate.key,
      cert: certificate.chain,
      ca: authority.pem,
      requestCert: true,
      rejectUnauthorized: false,
      ALPNProtocols: [gate.protocol, 'h2', 'http/1.1'],
    },
    socket => {
      socket.on('error', () => {})
      if (socket.alpnProtocol !== gate.protocol) {
        http.emit('connection', socket)
        return
      }
      sockets.add(socket)
      socket.on('close', () => sockets.delete(socket))
      gate.accept(socket)
    },
  )
  await new Promise<void>(resolve => server.listen(options.port ?? 0, '127.0.0.1', resolve))

  return {
    port: (server.address() as AddressInfo).port,
    directory,
    authority,
    store,
    registry,
    gate,
    events,
    sockets,
    async stop() {
      gate.close()
      http.closeAllConnections()
      for (const socket of sockets) socket.destroy()
      await new Promise<void>(resolve => server.close(() => resolve()))
      rmSync(directory, { recursive: true, force: true })
    },
  }
}
