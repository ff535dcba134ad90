import type { Options, Run } from './frame/context.ts'
import { exitCodes, Failure, formatFailure } from './frame/failure.ts'
import { makeContext, type Streams } from './frame/make-context.ts'

/**
 * Runs a command line and resolves with its exit code. Nothing is loaded that the command does not need: kubectl
 * starts `credential` each time, so that one does not even load the parser of the others.
 */
export async function main(
  argv: readonly string[],
  env: NodeJS.ProcessEnv = process.env,
  streams: Streams = process,
): Promise<number> {
  try {
    const { run, args, options } =
      argv[0] === 'credential' ? await credential(argv.slice(1)) : await parsed(argv, streams)
    return await run(makeContext(env, streams, options), args, options)
  } catch (error) {
    if (error instanceof Failure) {
      streams.stderr.write(formatFailure(error.facts))
      return error.facts.exitCode
    }
    const { describeUnexpected } = await import('./frame/unexpected.ts')
    streams.stderr.write(describeUnexpected(error, env))
    return exitCodes.failed
  }
}

interface Ready {
  readonly run: Run
  readonly args: readonly string[]
  readonly options: Options
}

async function credential(argv: readonly string[]): Promise<Ready> {
  const { parseCredentialOptions, run } = await import('./credential.ts')
  return { run, args: [], options: parseCredentialOptions(argv) }
}

async function parsed(argv: readonly string[], streams: Streams): Promise<Ready> {
  const { parseCommandLine } = await import('./frame/program.ts')
  const { productVersion } = await import('./frame/version.ts')
  const write = (text: string): void => void streams.stdout.write(text)
  const width = streams.stdout.columns ?? 80
  const found = parseCommandLine(argv, productVersion(), write, Math.min(width, 110))
  if ('exitCode' in found) return { run: async () => found.exitCode, args: [], options: {} }
  const { run } = await found.spec.load()
  return { run, args: found.args, options: found.options }
}

/** For the launcher, and for `node src/cli/main.ts`. */
export async function runProcess(): Promise<void> {
  // A reader that has seen enough (`| head`) is no failure.
  process.stdout.on('error', error => {
    process.exit((error as NodeJS.ErrnoException).code === 'EPIPE' ? 0 : 1)
  })
  const code = await main(process.argv.slice(2))
  // What is still open then (a request given up, a lock waited for) must not hold the caller up.
  process.stdout.write('', () => process.exit(code))
}

if (import.meta.main) await runProcess()
