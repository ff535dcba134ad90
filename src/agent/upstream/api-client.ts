import { Agent, type Dispatcher, request } from 'undici'
import type { UpstreamCredential } from '../credentials/credential.ts'
import { upstreamRefusal } from './failures.ts'

/** The API server's answer to a call that the agent makes for itself. */
export interface ApiAnswer {
  readonly status: number
  /** Parsed JSON; undefined when the answer is none. */
  readonly body: unknown
  /** `message` of a Status, for the operator; shortened. */
  readonly message: string
}

/** Small JSON calls under one credential: the agent's own work, never a caller's. */
export interface ApiClient {
  /** Rejects with a Refusal when there is no answer; every status is an answer. */
  call(method: 'GET' | 'POST' | 'PATCH' | 'DELETE', path: string, options?: ApiCall): Promise<ApiAnswer>
  close(): Promise<void>
}

export interface ApiCall {
  readonly body?: unknown
  readonly contentType?: string
  /** More header fields, such as those of an impersonation that is tried out. */
  readonly headers?: Readonly<Record<string, string>>
  /** Instead of the client's own. */
  readonly made?: (request: MadeRequest) => void
}

/** A request of this client, for who keeps the books: `id` went along as Audit-ID. */
export interface MadeRequest {
  readonly id: string
  readonly method: string
  /** Path and query. */
  readonly target: string
  /** Milliseconds since the epoch, and how long it took. */
  readonly at: number
  readonly milliseconds: number
  /** 0: there was no answer. */
  readonly status: number
  /** Whom it tried to be. */
  readonly as?: string
}

const TIME = 10_000
const LONGEST_ANSWER = 4 * 1024 * 1024

export function openApiClient(
  credential: UpstreamCredential,
  clock: () => number = Date.now,
  made?: (request: MadeRequest) => void,
): ApiClient {
  const { target } = credential
  let dispatcher: Agent | undefined
  let dispatcherFor: unknown

  return {
    async call(method, path, options = {}) {
      const material = credential.current(clock()) ?? (await credential.refresh())
      if (dispatcher === undefined || dispatcherFor !== material.certificate) {
        await dispatcher?.close()
        dispatcher = connectTo(credential, material.certificate)
        dispatcherFor = material.certificate
      }
      const { body, headers, contentType = 'application/json' } = options
      const tell = options.made ?? made
      const id = tell === undefined ? undefined : crypto.randomUUID()
      const at = clock()
      let status = 0
      try {
        // Redirects are not followed: undici does so only when told to.
        const answer = await request(`${target.origin}${target.basePath}${path}`, {
          method: method as Dispatcher.HttpMethod,
          headers: {
            accept: 'application/json',
            'user-agent': 'sallyport-agent',
            ...headers,
            ...(id === undefined ? {} : { 'audit-id': id }),
            ...(body === undefined ? {} : { 'content-type': contentType }),
            ...(material.authorization === '' ? {} : { authorization: material.authorization }),
          },
          body: body === undefined ? null : JSON.stringify(body),
          dispatcher,
          headersTimeout: TIME,
          bodyTimeout: TIME,
        })
        status = answer.statusCode
        if (answer.statusCode === 401) credential.rejected(material)
        return readAnswer(answer.statusCode, await readText(answer.body))
      } catch (error) {
        throw upstreamRefusal(error)
      } finally {
        const as = headers?.['impersonate-user']
        const facts = { method, target: path, at, milliseconds: clock() - at, status }
        if (id !== undefined) tell?.({ id, ...facts, ...(as === undefined ? {} : { as }) })
      }
    },
    async close() {
      await dispatcher?.close()
      dispatcher = undefined
    },
  }
}

function connectTo(
  { target }: UpstreamCredential,
  certificate: { readonly certificate: string; readonly key: string } | undefined,
): Agent {
  return new Agent({
    allowH2: false,
    connections: 4,
    connect: {
      timeout: TIME,
      rejectUnauthorized: target.insecure !== true,
      ...(target.certificateAuthority === undefined ? {} : { ca: target.certificateAuthority }),
      ...(target.serverName === undefined ? {} : { servername: target.serverName }),
      ...(certificate === undefined ? {} : { cert: certificate.certificate, key: certificate.key }),
    },
  })
}

async function readText(body: AsyncIterable<Buffer>): Promise<string> {
  const chunks: Buffer[] = []
  let length = 0
  for await (const chunk of body) {
    length += chunk.length
    if (length > LONGEST_ANSWER) throw new Error('the answer is too long')
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString('utf8')
}

function readAnswer(status: number, text: string): ApiAnswer {
  let body: unknown
  try {
    body = JSON.parse(text)
  } catch {
    body = undefined
  }
  const message = (body as { message?: unknown } | null | undefined)?.message
  return { status, body, message: typeof message === 'string' ? message.slice(0, 500) : '' }
}
