import { Agent, request } from 'undici'

export interface CallerSettings {
  /** Without a slash at its end; paths are put behind it. */
  readonly url: string
  /** Sent with each request. */
  readonly headers: Readonly<Record<string, string>>
  /** PEM. */
  readonly ca?: string | undefined
  /** Where the credential is one that runs out. */
  readonly authorization?: RenewedAuthorization | undefined
}

export interface RenewedAuthorization {
  /** Value of the header. */
  header(): Promise<string>
  /** It was refused: the next one is to be a new one. */
  refused(): void
}

export interface Call {
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH'
  /** With its query; what is in it was encoded by whoever made it. */
  readonly path: string
  readonly json?: unknown
  /** In the place of JSON. */
  readonly form?: Readonly<Record<string, string>>
  readonly headers?: Readonly<Record<string, string>>
  /** Statuses that are answers too, besides 2xx. */
  readonly also?: readonly number[]
}

export interface Called {
  readonly status: number
  /** Parsed; null where there is no JSON. */
  readonly json: unknown
  header(name: string): string | undefined
}

/** Requests to one server with one credential. */
export interface Caller {
  /** Rejects with method, path and status, never with what was sent; redirects are not followed. */
  call(call: Call): Promise<Called>
  end(): Promise<void>
}

const TIMEOUT = 10_000
const LARGEST = 2 * 1024 * 1024
const LONGEST_WAIT = 300_000

export function createCaller(
  { url, headers, ca, authorization }: CallerSettings,
  now: () => number = Date.now,
): Caller {
  const dispatcher = new Agent({
    connect: { timeout: 5_000, ...(ca === undefined ? {} : { ca }) },
    connections: 4,
  })
  let notBefore = 0

  return {
    async call({ method, path, json, form, headers: more, also = [] }) {
      // Who was told to slow down does so, whatever is still to be said.
      if (now() < notBefore) throw new Error('it asked to be left alone for a while')
      const body = form === undefined ? jsonText(json) : new URLSearchParams(form).toString()
      const type = form === undefined ? 'application/json' : 'application/x-www-form-urlencoded'
      const authorized = authorization && { authorization: await authorization.header() }
      const answer = await request(`${url}${path}`, {
        ...{ method, dispatcher, signal: AbortSignal.timeout(TIMEOUT) },
        headers: {
          accept: 'application/json',
          'user-agent': 'sallyport',
          ...(body === undefined ? {} : { 'content-type': type }),
          ...headers,
          ...authorized,
          ...more,
        },
        ...(body === undefined ? {} : { body }),
      })
      const { statusCode: status } = answer
      const text = await bounded(answer.body)
      const header = (name: string): string | undefined => {
        const value = answer.headers[name]
        return Array.isArray(value) ? value[0] : value
      }
      if (status === 401) authorization?.refused()
      if (status === 429) {
        const seconds = Number(header('retry-after') ?? '1')
        notBefore = now() + Math.min(LONGEST_WAIT, Number.isFinite(seconds) ? seconds * 1000 : 1000)
      }
      if ((status < 200 || status > 299) && !also.includes(status)) {
        throw new Error(`${method} ${path.split('?')[0]} was answered with ${status}`)
      }
      return { status, json: parsed(text), header }
    },
    end: () => dispatcher.close(),
  }
}

async function bounded(body: AsyncIterable<Uint8Array>): Promise<string> {
  const chunks: Uint8Array[] = []
  let size = 0
  for await (const chunk of body) {
    size += chunk.length
    if (size > LARGEST) throw new Error('its answer is larger than 2 MiB')
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString('utf8')
}

function jsonText(json: unknown): string | undefined {
  return json === undefined ? undefined : JSON.stringify(json)
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return null
  }
}

export function basicAuthorization(user: string, password: string): string {
  return `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`
}
