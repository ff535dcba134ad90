/**
 * `npm run classify`: reads raw HTTP/1.1 requests, base64, one a line, and prints one JSON object a line: what the
 * request parser makes of each, or the check that refuses it. testbed/oracle answers the same lines for Go.
 */
import { createServer, type IncomingMessage, type Server } from 'node:http'
import { createInterface } from 'node:readline'
import { Duplex } from 'node:stream'
import type { ParsedRequest, RefusedRequest, RequestHead } from '../src/kubernetes/request/contract.ts'
import { parseRequest } from '../src/kubernetes/request/parse.ts'
import { refuse } from '../src/kubernetes/request/refusals.ts'

export type Classifier = (raw: Uint8Array) => Promise<ParsedRequest | RefusedRequest>

/**
 * Bytes go through Node's own HTTP/1.1 server, set up as the gateway's listener is, over a stream in memory: what
 * that server refuses is refused here, and the parser sees the very strings it sees in production.
 */
export function rawClassifier(): Classifier {
  const server = createServer({
    maxHeaderSize: 64 * 1024,
    requireHostHeader: true,
    shouldUpgradeCallback: () => false,
  } as Parameters<typeof createServer>[0])
  server.maxHeadersCount = 0
  const take = (request: IncomingMessage): void => {
    const { method = '', url = '', rawHeaders, httpVersion } = request
    ;(request.socket as unknown as MemorySocket).settle({ method, target: url, rawHeaders, httpVersion })
  }
  server.on('request', take)
  server.on('checkContinue', take)
  server.on('checkExpectation', take)
  server.on('clientError', (_error, socket) => (socket as MemorySocket).settle(null))
  return raw => classify(server, raw)
}

async function classify(server: Server, raw: Uint8Array): Promise<ParsedRequest | RefusedRequest> {
  const head = await new Promise<RequestHead | null>(resolve => {
    const socket = new MemorySocket(resolve)
    server.emit('connection', socket)
    socket.push(raw)
    socket.push(null)
  })
  return head === null ? refuse('http-syntax') : parseRequest(head)
}

/** One request's bytes and then the end. Only the first request on it counts; a pipelined one is not judged. */
class MemorySocket extends Duplex {
  readonly #resolve: (head: RequestHead | null) => void

  constructor(resolve: (head: RequestHead | null) => void) {
    super()
    this.#resolve = resolve
    this.on('error', () => {})
    this.on('close', () => resolve(null))
  }

  settle(head: RequestHead | null): void {
    this.#resolve(head)
    this.destroy()
  }

  override _read(): void {}

  /** Nobody here answers, so this is Node's own refusal, e.g. of a request without Host. */
  override _write(_chunk: unknown, _encoding: string, done: () => void): void {
    done()
    this.settle(null)
  }
}

async function main(): Promise<void> {
  const classifyRaw = rawClassifier()
  let printed = ''
  for await (const line of createInterface({ input: process.stdin, crlfDelay: Number.POSITIVE_INFINITY })) {
    const result = isBase64(line) ? await classifyRaw(Buffer.from(line, 'base64')) : refuse('http-syntax')
    printed += `${JSON.stringify(result.refused ? { refused: true, check: result.check } : result.info)}\n`
    if (printed.length < 64 * 1024) continue
    await print(printed)
    printed = ''
  }
  await print(printed)
}

function isBase64(line: string): boolean {
  return line.length > 0 && line.length % 4 === 0 && /^[A-Za-z0-9+/]*={0,2}$/.test(line)
}

function print(text: string): Promise<void> {
  return new Promise((resolve, reject) =>
    process.stdout.write(text, error => (error ? reject(error) : resolve())),
  )
}

if (import.meta.main) await main()
