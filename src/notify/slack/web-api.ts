import { Agent, request } from 'undici'
import { TryLater } from '../contract.ts'

export interface SlackApiSettings {
  /** Of a bot. */
  readonly token: string
  /** With a slash at its end. */
  readonly url: string
  /** PEM. */
  readonly ca?: string | undefined
}

/** Slack has understood, and says no: `error` is one of the words that its documentation lists for the method. */
export class SlackError extends Error {
  readonly error: string
  constructor(method: string, error: string) {
    super(`Slack refused ${method}: ${error}`)
    this.name = 'SlackError'
    this.error = error
  }
}

export interface SlackApi {
  /** Rejects with SlackError, with TryLater when Slack asks for a pause, and with other errors when it does not answer. */
  call(method: string, body: object): Promise<Record<string, unknown>>
  end(): Promise<void>
}

/** Less than the three seconds for which the trigger of a form is good. */
const TIMEOUT = 2_500
const LARGEST = 262_144

/** Slack's Web API: a POST of a form for each method (not all of them take JSON), answered with 200 and `ok`. */
export function createSlackApi({ token, url, ca }: SlackApiSettings): SlackApi {
  const dispatcher = new Agent({
    connect: { timeout: 2_000, ...(ca === undefined ? {} : { ca }) },
    connections: 4,
    maxResponseSize: LARGEST,
  })
  return {
    async call(method, body) {
      const answer = await request(url + method, {
        method: 'POST',
        dispatcher,
        body: formOf(body),
        signal: AbortSignal.timeout(method === 'views.open' ? TIMEOUT : 10_000),
        headers: {
          authorization: `Bearer ${token}`,
          'content-type': 'application/x-www-form-urlencoded; charset=utf-8',
          'user-agent': 'sallyport',
        },
      })
      if (answer.statusCode === 429) {
        await answer.body.dump()
        throw new TryLater(`Slack wants a pause before ${method}`, pauseOf(answer.headers['retry-after']))
      }
      if (answer.statusCode !== 200) {
        await answer.body.dump()
        throw new Error(`Slack answered ${method} with ${answer.statusCode}`)
      }
      const told = (await answer.body.json()) as Record<string, unknown>
      if (told?.ok === true) return told
      const error = typeof told?.error === 'string' ? told.error.slice(0, 100) : 'unknown'
      throw new SlackError(method, error)
    },
    end: () => dispatcher.close(),
  }
}

/** What is no text is JSON in its field. */
function formOf(body: object): string {
  const form = new URLSearchParams()
  for (const [name, value] of Object.entries(body)) {
    form.set(name, typeof value === 'string' ? value : JSON.stringify(value))
  }
  return form.toString()
}

/** Milliseconds. */
function pauseOf(header: string | string[] | undefined): number {
  const seconds = typeof header === 'string' && /^\d{1,5}$/.test(header) ? Number(header) : 30
  return Math.min(seconds, 3_600) * 1000
}
