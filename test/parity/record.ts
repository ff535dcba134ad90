/**
 * Records what real clients send: a TLS proxy between them and a cluster that writes down each request head and
 * forwards it. Credentials are stripped before anything is written.
 *
 *   node test/parity/record.ts <kubeconfig of an admin with client certificate> <output.json> <script.sh>
 *
 * The script runs with KUBECONFIG pointing at the proxy; a line `# client: NAME` that it prints names the client of
 * the requests that follow.
 */
import { spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import type { IncomingMessage } from 'node:http'
import { createServer, request as httpsRequest } from 'node:https'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { parse, stringify } from 'yaml'
import type { Recorded } from './recorded.ts'

interface AdminConfig {
  clusters: [{ cluster: { server: string; 'certificate-authority': string } }]
  users: [{ user: { 'client-certificate': string; 'client-key': string } }]
}

const [kubeconfig, output, script] = process.argv.slice(2)
if (kubeconfig === undefined || output === undefined || script === undefined)
  throw new Error('usage: record.ts <kubeconfig> <output.json> <script.sh>')

const admin = parse(readFileSync(kubeconfig, 'utf8')) as AdminConfig
const { cluster } = admin.clusters[0]
const upstream = new URL(cluster.server)
const dir = mkdtempSync(join(tmpdir(), 'record-'))
const recorded: Recorded[] = []
let client = 'unknown'

const tls = await selfSigned(dir)
const server = createServer({ ...tls, ALPNProtocols: ['http/1.1'] })
server.on('request', (incoming, answer) => {
  write(incoming)
  const outgoing = forward(incoming)
  outgoing.on('response', response => {
    answer.writeHead(response.statusCode!, response.headers)
    response.pipe(answer)
    answer.on('close', () => response.destroy())
  })
  outgoing.on('error', () => answer.destroy())
  incoming.pipe(outgoing)
})
server.on('upgrade', (incoming, socket, head) => {
  write(incoming)
  const outgoing = forward(incoming)
  outgoing.on('upgrade', (response, other, otherHead) => {
    const lines = [`HTTP/1.1 101 Switching Protocols`]
    for (let index = 0; index < response.rawHeaders.length; index += 2)
      lines.push(`${response.rawHeaders[index]}: ${response.rawHeaders[index + 1]}`)
    socket.write(`${lines.join('\r\n')}\r\n\r\n`)
    socket.write(otherHead)
    other.write(head)
    socket.pipe(other).pipe(socket)
    socket.on('error', () => other.destroy())
    other.on('error', () => socket.destroy())
  })
  outgoing.on('response', () => socket.destroy())
  outgoing.on('error', () => socket.destroy())
  socket.on('error', () => outgoing.destroy())
  outgoing.end()
})
server.listen(0, '127.0.0.1', run)

function forward(incoming: IncomingMessage): ReturnType<typeof httpsRequest> {
  const { user } = admin.users[0]
  return httpsRequest({
    host: upstream.hostname,
    port: upstream.port,
    method: incoming.method!,
    path: incoming.url!,
    headers: { ...(incoming.headersDistinct as Record<string, string[]>), host: upstream.host },
    ca: readFileSync(cluster['certificate-authority']),
    cert: readFileSync(user['client-certificate']),
    key: readFileSync(user['client-key']),
    agent: false,
  })
}

function write({ method, url, rawHeaders }: IncomingMessage): void {
  const headers: [string, string][] = []
  for (let index = 0; index < rawHeaders.length; index += 2) {
    const name = rawHeaders[index]!
    const lower = name.toLowerCase()
    if (lower === 'authorization' || lower === 'cookie') continue
    const value = lower === 'host' ? 'cluster.example:6443' : rawHeaders[index + 1]!
    headers.push([name, value.replace(/base64url\.bearer\.authorization\.k8s\.io\.[^,]*/, '')])
  }
  recorded.push({ client, method: method!, target: url!, headers })
}

function run(): void {
  const { port } = server.address() as AddressInfo
  const config = structuredClone(admin)
  config.clusters[0].cluster = {
    server: `https://127.0.0.1:${port}`,
    'certificate-authority': join(dir, 'tls.crt'),
  }
  const path = join(dir, 'kubeconfig')
  writeFileSync(path, stringify(config))
  const child = spawn('bash', [script!], {
    env: { ...process.env, KUBECONFIG: path },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  createInterface({ input: child.stdout }).on('line', line => {
    const name = /^# client: (.*)/.exec(line)?.[1]
    if (name !== undefined) client = name
    console.log(line)
  })
  child.on('close', () => {
    writeFileSync(output!, `${JSON.stringify(distinct(recorded), null, 1)}\n`)
    rmSync(dir, { recursive: true })
    server.close()
    server.closeAllConnections()
  })
}

/** Clients ask for the same thing many times; one of each client is enough. */
function distinct(all: readonly Recorded[]): Recorded[] {
  const seen = new Map<string, Recorded>()
  for (const one of all) {
    const names = one.headers.map(([name, value]) =>
      /^(accept|content-type)$/i.test(name) ? `${name}=${value}` : name,
    )
    seen.set(JSON.stringify([one.client, one.method, one.target.replace(/=\d+/g, '=N'), names]), one)
  }
  return [...seen.values()]
}

async function selfSigned(folder: string): Promise<{ cert: Buffer; key: Buffer }> {
  const keyFile = join(folder, 'tls.key')
  const certFile = join(folder, 'tls.crt')
  const args = [
    'req',
    '-x509',
    '-newkey',
    'ec',
    '-pkeyopt',
    'ec_paramgen_curve:prime256v1',
    '-nodes',
    '-days',
    '2',
  ]
  args.push(
    '-subj',
    '/CN=recorder',
    '-addext',
    'subjectAltName=IP:127.0.0.1',
    '-keyout',
    keyFile,
    '-out',
    certFile,
  )
  await new Promise<void>((resolve, reject) => {
    spawn('openssl', args, { stdio: 'ignore' }).once('close', code =>
      code === 0 ? resolve() : reject(new Error('openssl')),
    )
  })
  return { cert: readFileSync(certFile), key: readFileSync(keyFile) }
}
