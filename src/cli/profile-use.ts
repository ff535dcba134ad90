import { readProfile, writeProfile } from './config/profile.ts'
import type { Run } from './frame/context.ts'
import { exitCodes } from './frame/failure.ts'
import { unknownProfile } from './profile/unknown-profile.ts'

export const run: Run = async (context, [name = '']) => {
  const profile = readProfile(context.paths)
  const gateway = profile.gateways[name]
  if (gateway === undefined) throw await unknownProfile(name, profile)
  writeProfile(context.paths, { ...profile, current: name })
  context.say(`commands mean ${gateway.server} (${name}) from now on`)
  if (context.env.SALLYPORT_GATEWAY)
    context.warn(`SALLYPORT_GATEWAY (${context.env.SALLYPORT_GATEWAY}) is set and goes before the profile`)
  return exitCodes.done
}
