import { readFileSync } from 'node:fs'
import { printable } from '../audit/sentence.ts'
import { type Run, text } from './frame/context.ts'
import { exitCodes, Failure, usage } from './frame/failure.ts'
import { productVersion } from './frame/version.ts'

/** The agent process: server code, loaded only here. Runs until SIGTERM or SIGINT, then lets calls in flight end. */
export const run: Run = async (context, _args, options) => {
  const file = text(options, 'config')
  if (file === undefined) throw usage('agent run needs --config FILE')
  const token = tokenOf(text(options, 'tokenFile'))
  const [{ runAgent }, { readAgentConfig }] = await Promise.all([
    import('../agent/run.ts'),
    import('../agent/config.ts'),
  ])
  const stopped = Promise.withResolvers<void>()
  const stop = (): void => stopped.resolve()
  process.once('SIGTERM', stop)
  process.once('SIGINT', stop)
  try {
    const agent = await runAgent({
      config: await readAgentConfig(file),
      software: productVersion(),
      onEvent: event =>
        context.say(`${new Date().toISOString()} ${event.type} ${printable(event.detail)}`.trimEnd()),
      ...(token === undefined ? {} : { token }),
    })
    await stopped.promise
    await agent.stop()
    return exitCodes.done
  } catch (error) {
    const what = error instanceof Error ? error.message : String(error)
    throw new Failure({ exitCode: exitCodes.failed, what: `the agent cannot run: ${what}` })
  }
}

function tokenOf(file: string | undefined): string | undefined {
  if (file === undefined) return undefined
  try {
    return readFileSync(file === '-' ? 0 : file, 'utf8').trim()
  } catch {
    throw usage(`the token file ${file} cannot be read`)
  }
}
