import { text } from 'node:stream/consumers'
import { createClient } from './client/client.ts'
import type { Context, Run } from './frame/context.ts'
import { exitCodes, Failure } from './frame/failure.ts'
import { productVersion } from './frame/version.ts'
import type { BackgroundOrder } from './signin/background.ts'
import { PATIENCE } from './signin/patience.ts'
import { signIn } from './signin/sign-in.ts'

/** The process that finishes a sign-in for a caller that could not wait. It has an end whatever happens. */
export const run: Run = async context => {
  setTimeout(() => process.exit(exitCodes.failed), PATIENCE + 30_000).unref()
  const { gateway, provider, state } = JSON.parse(await text(process.stdin)) as BackgroundOrder
  const client = createClient(gateway, undefined, productVersion())
  const here: Context = {
    ...context,
    paths: { ...context.paths, state },
    gateway: async () => gateway,
    client: async () => client,
    say: () => {},
    warn: () => {},
  }
  try {
    await signIn(here, { interactive: true, background: true, remember: false, before: undefined, provider })
    return exitCodes.done
  } catch (error) {
    if (error instanceof Failure) return error.facts.exitCode
    throw error
  }
}
