import type { Profile } from '../config/profile.ts'
import { type Failure, usage } from '../frame/failure.ts'

export async function unknownProfile(name: string, profile: Profile): Promise<Failure> {
  const known = Object.keys(profile.gateways)
  const { didYouMean } = await import('../../documents/suggest.ts')
  return usage(
    `there is no gateway ${name} in the profile${didYouMean(name, known)}`,
    known.length === 0
      ? 'sign in to one: sallyport login --gateway URL'
      : `the profile has ${known.join(', ')}`,
  )
}
