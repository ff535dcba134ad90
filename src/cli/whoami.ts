import type { WhoAmI } from '../api/schema/identity.ts'
import type { Run } from './frame/context.ts'
import { exitCodes } from './frame/failure.ts'
import { factLines } from './output/facts.ts'
import { shortTime } from './output/time.ts'

export const run: Run = async context => {
  const client = await context.client()
  const me = await client.get<WhoAmI>('/v1/whoami')
  const { principal, authentication } = me
  await context.output.one(
    me,
    factLines([
      ['User', principal.username],
      ['Name', principal.displayName],
      ['Email', principal.email],
      ['Kind', principal.kind],
      ['Issuer', principal.issuer],
      ['Subject', principal.subject],
      ['Groups', principal.groups.join(', ') || 'none'],
      ['Roles', me.roles.join(', ')],
      ['Proven by', `${authentication.method}, ${authentication.provider}`],
      ['Valid until', `${shortTime(authentication.validUntil)} UTC`],
    ]),
    `principal/${principal.username}`,
  )
  return exitCodes.done
}
