import { once } from 'node:events'
import { rmSync } from 'node:fs'
import { createConnection, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { buildProgram } from '../../testbed/build-program.ts'

/** A planted fault; see testbed/faults/plan_linux.go. */
export interface Rule {
  readonly op: 'write' | 'sync' | 'open' | 'rename' | 'truncate' | 'mkdir'
  /** A regular expression over the absolute path. */
  readonly path: string
  readonly fault: 'EIO' | 'ENOSPC' | 'EDQUOT' | 'EROFS' | 'hang'
  readonly after?: number
  readonly times?: number
}

export interface FileEvent {
  readonly at: number
  readonly op: Rule['op']
  readonly path: string
  readonly fd: number
  /** Empty when it was let through. */
  readonly fault: string
}

export interface Injector {
  /** What a program is started with to be under it. */
  readonly under: readonly string[]
  /** Replaces what is planted; calls that hung go on. `watch`: the paths recorded from now on. */
  plant(rules: readonly Rule[], watch?: string): Promise<void>
  events(): Promise<readonly FileEvent[]>
  disconnect(): void
}

let serial = 0

/** One program can be under it, from its start to its end. */
export async function createInjector(): Promise<Injector> {
  const program = await buildProgram('faults')
  serial += 1
  const path = join(tmpdir(), `sallyport-faults-${process.pid}-${serial}.sock`)
  let socket: Socket | undefined
  const waiting: ((line: string) => void)[] = []

  async function ask(
    command: object,
  ): Promise<{ error?: string; events?: FileEvent[]; truncated?: boolean }> {
    if (socket === undefined) {
      socket = createConnection(path)
      await once(socket, 'connect')
      createInterface({ input: socket }).on('line', line => waiting.shift()?.(line))
    }
    const line = new Promise<string>(resolve => waiting.push(resolve))
    socket.write(`${JSON.stringify(command)}\n`)
    const reply = JSON.parse(await line)
    if (reply.error !== undefined) throw new Error(`faults: ${reply.error}`)
    return reply
  }

  return {
    under: [program, path],
    async plant(rules, watch = '') {
      await ask({ rules, watch })
    },
    async events() {
      const { events, truncated } = await ask({ events: true })
      if (truncated) throw new Error('more file operations than the record holds')
      return events ?? []
    },
    disconnect() {
      socket?.destroy()
      rmSync(path, { force: true })
    },
  }
}
