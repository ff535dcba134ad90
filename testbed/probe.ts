import { Agent, get } from 'node:https'
import type { KeyPair } from './pki.ts'

/** Looks at the API server as its administrator while the cluster comes up. */
export interface Probe {
  /** True when the answer to GET is 200. */
  ok(path: string): Promise<boolean>
  /** The JSON of a 200, else undefined. */
  get(path: string): Promise<unknown>
  close(): void
}

export function createProbe(url: string, ca: string, client: KeyPair): Probe {
  const agent = new Agent({ ca, cert: client.cert, key: client.key, keepAlive: true })
  const body = async (path: string): Promise<string | undefined> =>
    new Promise(resolve => {
      const request = get(`${url}${path}`, { agent, timeout: 5_000 }, response => {
        let text = ''
        response.setEncoding('utf8')
        response.on('data', chunk => {
          text += chunk
        })
        response.on('end', () => resolve(response.statusCode === 200 ? text : undefined))
        response.on('error', () => resolve(undefined))
      })
      // Not listening yet, or on its way down: the caller tries again and watches the process itself.
      request.on('error', () => resolve(undefined))
      request.on('timeout', () => request.destroy())
    })
  return {
    ok: async path => (await body(path)) !== undefined,
    async get(path) {
      const text = await body(path)
      return text === undefined ? undefined : JSON.parse(text)
    },
    close: () => agent.destroy(),
  }
}
