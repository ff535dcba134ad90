import { Agent, request } from 'node:https'
import type { ChosenGateway } from '../config/gateway.ts'

export type Got =
  | { readonly failure: string }
  | {
      readonly status: number
      readonly version: string | undefined
      readonly date: string | undefined
    }

const LARGEST = 64 * 1024

/** `GET /version`, without a credential, with the headers that a client of the API does not show. */
export function getAnswer(gateway: ChosenGateway): Promise<Got> {
  const agent = new Agent({
    ...(gateway.ca === undefined ? {} : { ca: gateway.ca }),
    proxyEnv: process.env,
  } as ConstructorParameters<typeof Agent>[0])
  return new Promise(resolve => {
    const fail = (error: NodeJS.ErrnoException): void => resolve({ failure: error.code ?? error.message })
    const req = request(new URL('/version', gateway.server), { agent, timeout: 5_000 }, res => {
      let text = ''
      res.setEncoding('utf8')
      res.on('data', (chunk: string) => {
        text += chunk
        if (text.length > LARGEST) res.destroy()
      })
      res.on('error', fail)
      res.on('end', () =>
        resolve({ status: res.statusCode ?? 0, version: versionOf(text), date: res.headers.date }),
      )
    })
    req.on('timeout', () => req.destroy(Object.assign(new Error('timeout'), { code: 'ETIMEDOUT' })))
    req.on('error', fail)
    req.end()
  })
}

function versionOf(text: string): string | undefined {
  try {
    const { kind, version } = JSON.parse(text) as { kind?: unknown; version?: unknown }
    return kind === 'Version' && typeof version === 'string' ? version : undefined
  } catch {
    return undefined
  }
}
