import { readProfile, writeProfile } from './config/profile.ts'
import { forgetSignIn } from './config/sign-in-file.ts'
import type { Run } from './frame/context.ts'
import { exitCodes } from './frame/failure.ts'
import { unknownProfile } from './profile/unknown-profile.ts'

/** Forgets here. The sign-in at the gateway is ended by `logout`, which has to reach it. */
export const run: Run = async (context, [name = '']) => {
  const profile = readProfile(context.paths)
  const { [name]: gateway, ...gateways } = profile.gateways
  if (gateway === undefined) throw await unknownProfile(name, profile)
  const tokens = forgetSignIn(context.paths, gateway.server)
  writeProfile(context.paths, {
    gateways,
    ...(profile.current === undefined || profile.current === name ? {} : { current: profile.current }),
  })
  context.say(`${name} (${gateway.server}) is forgotten; tokens deleted from this machine: ${tokens}`)
  return exitCodes.done
}
