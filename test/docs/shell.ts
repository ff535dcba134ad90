import { type ChildProcess, spawn } from 'node:child_process'
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'

export interface Done {
  readonly code: number
  /** Standard output and standard error as a terminal shows them, in one. */
  readonly output: string
}

export interface Shell {
  /** Runs a block; variables, functions and the folder stay for the next one. */
  run(script: string): Promise<Done>
  /** Runs a block in the background and resolves when `ready` says so of its output. */
  background(script: string, ready: (output: string) => boolean): Promise<void>
  /** Ends what still runs, and waits. */
  close(): Promise<void>
}

export interface ShellOptions {
  readonly cwd: string
  readonly env: Readonly<Record<string, string | undefined>>
  /** Milliseconds that one block may take. */
  readonly patience: number
}

/** One bash for a page: a reader has one terminal, and a second for what says it keeps running. */
export function openShell(options: ShellOptions): Shell {
  const { cwd, env, patience } = options
  const scratch = mkdtempSync(join(tmpdir(), 'sallyport-docs-shell-'))
  const messages = join(scratch, 'messages')
  closeSync(openSync(messages, 'w'))
  // Descriptor 3 carries what the shell tells us; blocks write their own output to files.
  const bash = spawn('bash', ['--noprofile', '--norc'], {
    cwd,
    env,
    stdio: ['pipe', 'ignore', 'ignore', 'pipe'],
  })
  const lines = createInterface({ input: bash.stdio[3] as NodeJS.ReadableStream })
  const told: string[] = []
  let wake = (): void => {}
  lines.on('line', line => {
    told.push(line)
    wake()
  })
  const ended = new Promise<void>(resolve => bash.once('close', () => resolve()))
  bash.stdin!.on('error', () => {})
  bash.stdin!.write('set -m\n')
  const groups: number[] = []
  let count = 0

  /** What the shell says next. Rejects when it is gone or takes too long. */
  async function next(what: string, output: () => string): Promise<string> {
    const deadline = Date.now() + patience
    while (told.length === 0) {
      const left = deadline - Date.now()
      if (left <= 0 || bash.exitCode !== null)
        throw new Error(`${what} ${left <= 0 ? 'did not end in time' : 'ended the shell'}:\n${output()}`)
      await Promise.race([
        new Promise<void>(resolve => {
          wake = resolve
        }),
        ended,
        sleep(Math.min(left, 1000)),
      ])
    }
    return told.shift()!
  }

  function place(script: string): { file: string; out: string; output: () => string } {
    const file = join(scratch, `${count}.sh`)
    const out = join(scratch, `${count}.out`)
    count++
    // Each command must succeed, also the ones before the last: a page shows no command that fails in silence.
    writeFileSync(file, script)
    writeFileSync(out, '')
    return { file, out, output: () => readFileSync(out, 'utf8') }
  }

  return {
    async run(script) {
      const { file, out, output } = place(script)
      // A trap instead of `set -e`: the shell goes on, so that a block may be expected to fail.
      bash.stdin!.write(
        `failed=0; trap 'failed=$?' ERR; . ${file} >${out} 2>&1 </dev/null 3>&-; trap - ERR; echo $failed >&3\n`,
      )
      const code = Number(await next(`the block\n${script}`, output))
      return { code, output: output() }
    },
    async background(script, ready) {
      const { file, out, output } = place(script)
      bash.stdin!.write(`(. ${file}) >${out} 2>&1 </dev/null 3>&- & echo $! >&3\n`)
      const group = Number(await next('a background block', output))
      groups.push(group)
      const deadline = Date.now() + patience
      while (!ready(output())) {
        if (!isAlive(group)) throw new Error(`the block ended:\n${script}\n${output()}`)
        if (Date.now() > deadline)
          throw new Error(`the block does not show it in time:\n${script}\n${output()}`)
        await sleep(100)
      }
    },
    async close() {
      for (const group of groups.reverse()) await endGroup(group)
      endShell(bash)
      await ended
      rmSync(scratch, { recursive: true, force: true })
    },
  }
}

function endShell(bash: ChildProcess): void {
  bash.stdin!.end()
  bash.kill('SIGKILL')
}

/** SIGTERM to all of a background block, SIGKILL when that is not enough. */
async function endGroup(group: number): Promise<void> {
  for (const [signal, tries] of [
    ['SIGTERM', 150],
    ['SIGKILL', 50],
  ] as const) {
    signalGroup(group, signal)
    for (let left = tries; left > 0 && isAlive(group); left--) await sleep(100)
  }
}

function isAlive(group: number): boolean {
  return signalGroup(group, 0)
}

function signalGroup(group: number, signal: NodeJS.Signals | 0): boolean {
  try {
    process.kill(-group, signal)
    return true
  } catch {
    return false
  }
}
