import { keepAliveAgent, run, scenarios, send } from './load.ts'
import { HUGE } from './objects.ts'
import { residentBytes } from './process-cpu.ts'
import type { Target } from './targets/target.ts'

export interface MemoryReport {
  /** Bytes resident before, at most while 16 readers take 64 KB every 50 ms, and after 10,000 more requests. */
  readonly before: number
  readonly slowReaders: number
  readonly after: number
  readonly errors: number
}

/** What slow readers of a 50 MB list cost the proxy; they take a bounded part of it and leave. */
export async function slowReaders(target: Target): Promise<MemoryReport> {
  const small = scenarios.find(one => one.name === 'static-get-c16')!
  await run(target, small, 3000) // warm: what is measured is the readers, not the first requests
  const before = residentBytes(target.pids)
  const agent = keepAliveAgent(target, 16)
  let most = before
  let errors = 0
  const watch = setInterval(() => {
    most = Math.max(most, residentBytes(target.pids))
  }, 100)
  await Promise.all(
    Array.from({ length: 16 }, () =>
      readSlowly(target, agent).catch(() => {
        errors += 1
      }),
    ),
  )
  clearInterval(watch)
  agent.destroy()
  let requests = 0
  while (requests < 10_000) {
    const sample = await run(target, small, 2000)
    requests += sample.requests
    errors += sample.errors
  }
  return { before, slowReaders: most, after: residentBytes(target.pids), errors }
}

function readSlowly(target: Target, agent: ReturnType<typeof keepAliveAgent>): Promise<void> {
  const until = performance.now() + 10_000
  return new Promise((resolve, reject) => {
    const outgoing = send(target, HUGE, agent, response => {
      if (response.statusCode !== 200) {
        reject(new Error(`${response.statusCode}`))
        return
      }
      response.on('error', () => resolve())
      const take = (): void => {
        response.read(64 * 1024)
        if (performance.now() < until && !response.readableEnded) setTimeout(take, 50)
        else {
          outgoing.destroy()
          resolve()
        }
      }
      take()
    })
    outgoing.on('error', reject)
  })
}
