import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { cli } from './rig.ts'

export interface AgentProcess {
  readonly child: ChildProcess
  /** All that it has printed, or the last of it. */
  said(): string
  /** Waits until it is gone. @returns Its exit code; null: a signal ended it. */
  end(signal: 'SIGTERM' | 'SIGKILL'): Promise<number | null>
}

export interface AgentOptions {
  /** Of its enrolment; goes in by stdin, for whoever lists processes could read it in argv. */
  readonly token?: string
  /** When it counts as started, by what it has printed; absent: both of its tunnels are up. */
  readonly isUp?: (said: string) => boolean
}

export function writeAgentConfig(
  file: string,
  config: {
    readonly gateway: string
    readonly dataDir: string
    readonly connections: readonly object[]
    readonly ceiling?: object
  },
): void {
  writeFileSync(file, JSON.stringify({ apiVersion: 'sallyport.dev/v1', kind: 'AgentConfig', ...config }))
}

/** `sallyport agent run` as a process of its own; rejects with all that it said when it ends before it is up. */
export async function startAgent(
  configFile: string,
  { token, isUp = hasTunnels }: AgentOptions = {},
): Promise<AgentProcess> {
  const args = [cli, 'agent', 'run', '--config', configFile]
  if (token !== undefined) args.push('--token-file', '-')
  const child = spawn(process.execPath, args, { stdio: ['pipe', 'pipe', 'pipe'] })
  child.stdin.end(token ?? '')
  let said = ''
  await new Promise<void>((resolve, reject) => {
    const listen = (chunk: Buffer): void => {
      said = (said + chunk).slice(-1_000_000)
      if (isUp(said)) resolve()
    }
    child.stdout.on('data', listen)
    child.stderr.on('data', listen)
    child.once('exit', code => reject(new Error(`the agent ended with ${code}: ${said}`)))
  })
  return {
    child,
    said: () => said,
    async end(signal) {
      if (child.exitCode !== null || child.signalCode !== null) return child.exitCode
      const gone = once(child, 'exit')
      child.kill(signal)
      return (await gone)[0]
    },
  }
}

const hasTunnels = (said: string): boolean => said.split(' connected').length > 2
