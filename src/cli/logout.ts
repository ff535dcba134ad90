import type { SignOut } from '../api/schema/identity.ts'
import { API_VERSION } from '../brand.ts'
import { forgetSignIn, readSignIn } from './config/sign-in-file.ts'
import type { Context, Run } from './frame/context.ts'
import { exitCodes, Failure } from './frame/failure.ts'

/** Ends the sign-in and its sessions at the gateway, and deletes every token of them from this machine. */
export const run: Run = async context => {
  const { server } = await context.gateway()
  const signedIn =
    readSignIn(context.paths, server, Date.now()) !== undefined || Boolean(context.env.SALLYPORT_TOKEN)
  const ended = signedIn ? await signOut(context) : undefined
  // Whatever the gateway says, this machine keeps no token.
  const tokens = forgetSignIn(context.paths, server)
  if (ended instanceof Failure) {
    context.warn(
      `tokens deleted from this machine: ${tokens}; the gateway may keep the sign-in until it expires`,
    )
    throw ended
  }
  const document = {
    apiVersion: API_VERSION,
    kind: 'ClientSignOut',
    gateway: server,
    signedIn,
    sessionsEnded: ended ?? 0,
    tokensDeleted: tokens,
  }
  const text = !signedIn
    ? `you were not signed in to ${server}; tokens deleted from this machine: ${tokens}`
    : ended === null
      ? `the sign-in at ${server} had ended before; tokens deleted from this machine: ${tokens}`
      : `signed out of ${server}; sessions ended: ${ended}; tokens deleted from this machine: ${tokens}`
  await context.output.one(document, text, `gateway/${server}`)
  if (context.env.SALLYPORT_TOKEN)
    context.warn('SALLYPORT_TOKEN is still set in this shell; its sign-in is ended')
  return exitCodes.done
}

/** The number of sessions ended; null when a token was no longer taken, which is as good as signed out. */
async function signOut(context: Context): Promise<number | null | Failure> {
  try {
    const client = await context.client()
    return (await client.post<SignOut>('/v1/signout')).sessionsEnded
  } catch (error) {
    if (!(error instanceof Failure)) throw error
    return error.facts.exitCode === exitCodes.signInFirst ? null : error
  }
}
