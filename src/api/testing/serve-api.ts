import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openAuthority } from '../../pki/authority.ts'
import { ensureServerCertificate } from '../../pki/server-certificate.ts'
import { createApi } from '../create.ts'
import { createFake, type Fake } from './fake-services.ts'

export interface ServedApi {
  readonly fake: Fake
  readonly url: string
  readonly caFile: string
  /** PEM. */
  readonly ca: string
  /** A folder for the test's own files, removed at the end. */
  readonly dir: string
  /** `METHOD path` of each request, with the query, in order. */
  readonly requests: string[]
  /** Runs before each request; a promise holds it up. */
  before: (request: string) => Promise<void> | void
  /** As if the network broke. */
  dropConnections(): void
  close(): Promise<void>
}

/** The API in front of services in memory, over TLS of our own authority on loopback. */
export async function serveApi(): Promise<ServedApi> {
  const dir = mkdtempSync(join(tmpdir(), 'sallyport-api-'))
  const authority = openAuthority(join(dir, 'pki'))
  const { chain, key } = ensureServerCertificate(authority, join(dir, 'pki'), ['127.0.0.1', 'localhost'])
  const fake = createFake()
  const api = createApi(fake.services)
  await api.ready
  const requests: string[] = []
  const served = { before: (_: string): Promise<void> | void => {} }
  const server = createServer({ cert: chain, key }, (req, res) => {
    const line = `${req.method} ${req.url}`
    requests.push(line)
    Promise.resolve(served.before(line)).then(() => api.handle(req, res))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  fake.url = `https://127.0.0.1:${(server.address() as AddressInfo).port}`
  fake.certificateAuthority = authority.pem
  const caFile = join(dir, 'gateway-ca.crt')
  writeFileSync(caFile, authority.pem)
  return Object.assign(served, {
    fake,
    url: fake.url,
    caFile,
    ca: authority.pem,
    dir,
    requests,
    dropConnections: () => server.closeAllConnections(),
    async close() {
      await api.close()
      server.closeAllConnections()
      server.close()
      rmSync(dir, { recursive: true })
    },
  })
}

/** An `up` that was never started: nothing listens on this port any more. */
export async function closedPort(): Promise<string> {
  const server = createServer()
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return `https://127.0.0.1:${port}`
}
