import { Agent, type IncomingMessage, request } from 'node:http'
import { Agent as HttpsAgent, request as requestTls } from 'node:https'
import type { Target } from './targets/target.ts'

/** What one scenario did to one target. */
export interface Sample {
  readonly requests: number
  readonly errors: number
  /** Milliseconds, sorted. */
  readonly latencies: readonly number[]
  readonly seconds: number
}

export interface Scenario {
  readonly name: string
  readonly path: string
  readonly concurrency: number
  /** A new TLS connection for each request. */
  readonly newConnection?: boolean
  readonly upstream: Target['upstream']
}

export const SMALL = '/api/v1/namespaces/bench/configmaps/small'
export const LIST = '/api/v1/namespaces/bench-list/configmaps'

export const scenarios: readonly Scenario[] = [
  { name: 'get-c1', path: SMALL, concurrency: 1, upstream: 'api' },
  { name: 'get-c16', path: SMALL, concurrency: 16, upstream: 'api' },
  { name: 'get-c64', path: SMALL, concurrency: 64, upstream: 'api' },
  { name: 'list-5mb-c2', path: LIST, concurrency: 2, upstream: 'api' },
  { name: 'new-connection-c4', path: SMALL, concurrency: 4, newConnection: true, upstream: 'api' },
  { name: 'static-get-c16', path: SMALL, concurrency: 16, upstream: 'static' },
  { name: 'static-get-c64', path: SMALL, concurrency: 64, upstream: 'static' },
  { name: 'static-list-5mb-c2', path: LIST, concurrency: 2, upstream: 'static' },
]

/** Closed loop: each of `concurrency` workers sends its next request when its last answer has ended. */
export async function run(target: Target, scenario: Scenario, milliseconds: number): Promise<Sample> {
  const agent = scenario.newConnection ? undefined : keepAliveAgent(target, scenario.concurrency)
  const latencies: number[] = []
  let errors = 0
  const started = performance.now()
  const until = started + milliseconds
  const worker = async (): Promise<void> => {
    while (performance.now() < until) {
      const from = performance.now()
      try {
        await once(target, scenario.path, agent)
        latencies.push(performance.now() - from)
      } catch {
        errors++
      }
    }
  }
  await Promise.all(Array.from({ length: scenario.concurrency }, worker))
  const seconds = (performance.now() - started) / 1000
  agent?.destroy()
  latencies.sort((a, b) => a - b)
  return { requests: latencies.length, errors, latencies, seconds }
}

/** `watches` open watches; what is counted are events that arrived everywhere, latency from write to arrival. */
export async function runWatches(
  target: Target,
  watches: number,
  writes: number,
  write: (n: number) => Promise<void>,
): Promise<Sample> {
  const latencies: number[] = []
  let errors = 0
  const sentAt = new Map<string, number>()
  const open: { destroy(): void }[] = []
  const agent = keepAliveAgent(target, watches)
  let arrived = 0
  await Promise.all(
    Array.from({ length: watches }, () =>
      new Promise<void>((resolve, reject) => {
        const outgoing = send(
          target,
          '/api/v1/namespaces/bench/configmaps?watch=true&fieldSelector=metadata.name%3Dticker&allowWatchBookmarks=true',
          agent,
          response => {
            let rest = ''
            resolve()
            response.on('data', chunk => {
              rest += chunk
              for (let end = rest.indexOf('\n'); end >= 0; end = rest.indexOf('\n')) {
                const number = /"tick":"(\d+)"/.exec(rest.slice(0, end))?.[1]
                rest = rest.slice(end + 1)
                const at = number === undefined ? undefined : sentAt.get(number)
                if (at !== undefined) {
                  latencies.push(performance.now() - at)
                  arrived++
                }
              }
            })
            response.on('error', () => {})
          },
        )
        outgoing.on('error', error => {
          errors++
          reject(error)
        })
        open.push(outgoing)
      }).catch(() => {}),
    ),
  )
  const started = performance.now()
  for (let n = 1; n <= writes; n++) {
    sentAt.set(String(n), performance.now())
    await write(n)
  }
  const giveUp = performance.now() + 10_000
  while (arrived < watches * writes && performance.now() < giveUp) await new Promise(r => setTimeout(r, 5))
  const seconds = (performance.now() - started) / 1000
  errors += watches * writes - arrived
  for (const outgoing of open) outgoing.destroy()
  agent.destroy()
  latencies.sort((a, b) => a - b)
  return { requests: arrived, errors, latencies, seconds }
}

export function keepAliveAgent(target: Target, sockets: number): Agent {
  const options = { keepAlive: true, maxSockets: sockets, scheduling: 'lifo' as const }
  return target.url.startsWith('https:') ? new HttpsAgent({ ...options, ...target.tls }) : new Agent(options)
}

export function send(
  target: Target,
  path: string,
  agent: Agent | undefined,
  onResponse: (r: IncomingMessage) => void,
) {
  const url = new URL(target.url)
  const options = {
    host: url.hostname,
    port: url.port,
    path: `${target.prefix}${path}`,
    headers: { ...target.headers, accept: 'application/json' },
    agent: agent ?? (false as const),
  }
  const outgoing =
    url.protocol === 'https:'
      ? requestTls({ ...options, ...target.tls }, onResponse)
      : request(options, onResponse)
  outgoing.end()
  return outgoing
}

function once(target: Target, path: string, agent: Agent | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    const outgoing = send(target, path, agent, response => {
      response.on('data', () => {})
      response.on('end', () =>
        response.statusCode === 200 ? resolve() : reject(new Error(`${response.statusCode}`)),
      )
      response.on('error', reject)
    })
    outgoing.on('error', reject)
  })
}

export function quantile(sorted: readonly number[], q: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * q))] ?? Number.NaN
}
