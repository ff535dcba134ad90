import type { SignOut } from '../api/schema/identity.ts'
import { forgetSignIn, readSignIn } from './config/sign-in-file.ts'
import type { Run } from './frame/context.ts'
import { exitCodes, Failure } from './frame/failure.ts'

export const run: Run = async context => {
  const gateway = await context.gateway()
  if (readSignIn(context.paths, gateway.server, Date.now()) === undefined && !context.env.SALLYPORT_TOKEN) {
    forgetSignIn(context.paths, gateway.server)
    context.say(`you were not signed in to ${gateway.server}`)
    return exitCodes.done
  }
  const client = await context.client()
  let failure: Failure | undefined
  try {
    const { sessionsEnded } = await client.post<SignOut>('/v1/signout')
    context.say(`signed out of ${gateway.server}; sessions ended: ${sessionsEnded}`)
  } catch (error) {
    if (!(error instanceof Failure)) throw error
    // A token that the gateway no longer takes is as good as signed out.
    if (error.facts.exitCode === exitCodes.signInFirst)
      context.say(`the sign-in at ${gateway.server} had ended before`)
    else failure = error
  }
  // Whatever the gateway says, this machine keeps no token.
  forgetSignIn(context.paths, gateway.server)
  if (failure === undefined) return exitCodes.done
  context.warn('the tokens on this machine are forgotten; the gateway may keep the sign-in until it expires')
  throw failure
}
