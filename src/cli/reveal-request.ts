import type { RevealDocument } from '../api/schema/reveals.ts'
import { type Run, text } from './frame/context.ts'
import { exitCodes, usage } from './frame/failure.ts'
import { revealText } from './output/two-persons.ts'

export const run: Run = async (context, [call, pointer], options) => {
  const session = text(options, 'session')
  if ((call === undefined) === (session === undefined)) {
    throw usage('name one call, or one session with --session', 'find one: sallyport audit search -o wide')
  }
  const [reason, ticket] = [text(options, 'reason'), text(options, 'ticket')]
  if (reason === undefined || ticket === undefined) throw usage('give --reason and --ticket')
  const scope = session === undefined ? { call, ...(pointer === undefined ? {} : { pointer }) } : { session }
  const client = await context.client()
  const answer = await client.post<RevealDocument>('/v1/reveals', { body: { scope, reason, ticket } })
  await context.output.one(answer, revealText(answer.reveal), `reveal/${answer.reveal.id}`)
  context.say(`another person approves it with: sallyport reveal approve ${answer.reveal.id}`)
  return exitCodes.done
}
