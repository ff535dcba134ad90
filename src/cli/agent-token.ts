import type { EnrolmentToken } from '../api/schema/agents.ts'
import { type Run, text } from './frame/context.ts'
import { exitCodes } from './frame/failure.ts'
import { duration, shortTime } from './output/time.ts'

/** The token is what this command is for, so it goes to stdout, alone: it can be piped into a file. */
export const run: Run = async (context, [agent = ''], options) => {
  const lifetime = text(options, 'lifetime')
  const body = {
    agent,
    ...(lifetime === undefined
      ? {}
      : { lifetimeSeconds: Math.round(duration(lifetime, '--lifetime') / 1000) }),
  }
  const client = await context.client()
  const answer = await client.post<EnrolmentToken>('/v1/agents/tokens', { body })
  context.say(`# enrols agent ${answer.agent}, once, until ${shortTime(answer.expiresAt)} UTC`)
  context.say('# on its machine: sallyport agent run --config FILE --token-file -')
  await context.output.one(answer, answer.token, `agent/${answer.agent}`)
  return exitCodes.done
}
