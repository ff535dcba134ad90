import { request as requestHttp } from 'node:http'
import { request as requestHttps } from 'node:https'

export interface Answer {
  readonly status: number
  readonly headers: NodeJS.Dict<string | string[]>
  readonly body: string
}

export interface Asking {
  readonly method?: 'GET' | 'POST'
  readonly headers?: Readonly<Record<string, string>>
  /** Sent as application/x-www-form-urlencoded. */
  readonly form?: Readonly<Record<string, string>>
  /** Authority to trust for https, PEM. */
  readonly ca?: string | undefined
}

/** One request, redirects not followed, on a connection of its own. */
export async function ask(url: string, asking: Asking = {}): Promise<Answer> {
  const body = asking.form === undefined ? undefined : new URLSearchParams(asking.form).toString()
  const headers: Record<string, string> = { ...asking.headers }
  if (body !== undefined) headers['content-type'] = 'application/x-www-form-urlencoded'
  const request = url.startsWith('https:') ? requestHttps : requestHttp
  return new Promise((resolve, reject) => {
    const options = { method: asking.method ?? 'GET', headers, ca: asking.ca, agent: false as const }
    const outgoing = request(url, options, response => {
      let text = ''
      response.setEncoding('utf8')
      response.on('data', chunk => {
        text += chunk
      })
      response.on('end', () => {
        resolve({ status: response.statusCode ?? 0, headers: response.headers, body: text })
      })
      response.on('error', reject)
    })
    outgoing.on('error', reject)
    outgoing.end(body)
  })
}
