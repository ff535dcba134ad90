import { readFileSync } from 'node:fs'

/** A request head as a real client sent it, without its credentials. */
export interface Recorded {
  readonly client: string
  readonly method: string
  readonly target: string
  readonly headers: readonly (readonly [name: string, value: string])[]
}

/** See record.ts for how they came about. */
export function recordedRequests(): Recorded[] {
  return JSON.parse(readFileSync(new URL('recorded.json', import.meta.url), 'utf8')) as Recorded[]
}

export function recordedBytes({ method, target, headers }: Recorded): Buffer {
  const lines = headers.map(([name, value]) => `${name}: ${value}\r\n`).join('')
  return Buffer.from(`${method} ${target} HTTP/1.1\r\n${lines}\r\n`, 'latin1')
}
