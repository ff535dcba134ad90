import { timingSafeEqual } from 'node:crypto'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { exitCodes, Failure } from '../frame/failure.ts'

export interface Loopback {
  readonly redirectUri: string
  /** The full URL that the issuer sent the browser to. */
  readonly answer: Promise<URL>
  close(): void
}

/**
 * Waits on a random port of 127.0.0.1 for the browser to come back. Only a request with our own `state` counts: any
 * page in any browser on this machine can send others.
 */
export async function listenForAnswer(state: string, patience: number): Promise<Loopback> {
  const server = createServer()
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(0, '127.0.0.1', resolve)
  })
  const redirectUri = `http://127.0.0.1:${(server.address() as AddressInfo).port}/callback`
  let timer: NodeJS.Timeout | undefined
  const answer = new Promise<URL>((resolve, reject) => {
    timer = setTimeout(() => {
      const what = 'nobody finished the sign-in in the browser within five minutes'
      reject(new Failure({ exitCode: exitCodes.signInFirst, what, next: 'try again: sallyport login' }))
    }, patience)
    server.on('request', (request, response) => {
      const url = answerOf(request, redirectUri, state)
      if (url === undefined) return say(response, 404, 'There is nothing here.')
      const refused = url.searchParams.get('error') !== null
      say(
        response,
        200,
        refused ? 'The sign-in was refused; the terminal says why.' : 'Signed in. You can close this tab.',
      )
      resolve(url)
    })
  })
  answer.catch(() => {})
  return {
    redirectUri,
    answer,
    close() {
      clearTimeout(timer)
      server.close()
      server.closeAllConnections()
    },
  }
}

function answerOf(request: IncomingMessage, redirectUri: string, state: string): URL | undefined {
  const { method, url = '' } = request
  if (method !== 'GET' || !url.startsWith('/callback?') || request.headers.host !== new URL(redirectUri).host)
    return
  const found = new URL(redirectUri)
  found.search = url.slice(url.indexOf('?'))
  const given = Buffer.from(found.searchParams.get('state') ?? '')
  const wanted = Buffer.from(state)
  return given.length === wanted.length && timingSafeEqual(given, wanted) ? found : undefined
}

function say(response: ServerResponse, status: number, words: string): void {
  const page = `<!doctype html><html lang="en"><meta charset="utf-8"><title>Sallyport</title><style>:root{color-scheme:light dark}body{font:1.1rem/1.5 system-ui,sans-serif;margin:15vh auto;max-width:32rem;padding:0 1rem}</style><p>${words}</p></html>`
  response.writeHead(status, {
    'content-type': 'text/html; charset=utf-8',
    'content-length': Buffer.byteLength(page),
    'content-security-policy': "default-src 'none'; style-src 'unsafe-inline'",
    'cache-control': 'no-store',
    'referrer-policy': 'no-referrer',
    connection: 'close',
  })
  response.end(page)
}
