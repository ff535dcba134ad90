import type { DelegationDocument } from '../api/schema/delegations.ts'
import { type Run, text, texts } from './frame/context.ts'
import { exitCodes, usage } from './frame/failure.ts'
import { shortTime } from './output/time.ts'

export const run: Run = async (context, [to = ''], options) => {
  const match = /^(\d{1,4})(m|h|d)$/.exec(text(options, 'for') ?? '')
  if (match === null) throw usage('--for takes a duration such as 8h or 5d')
  const unit = { m: 60, h: 3_600, d: 86_400 }[match[2] as 'm' | 'h' | 'd']
  const rules = texts(options, 'rule')
  const body = {
    ...{ to, seconds: Number(match[1]) * unit, reason: text(options, 'reason') ?? '' },
    ...(rules.length === 0 ? {} : { rules }),
  }
  const client = await context.client()
  const answer = await client.post<DelegationDocument>('/v1/delegations', { body })
  const { id, until } = answer.delegation
  const words = `${to} decides in your place until ${shortTime(until)} UTC (delegation ${id})`
  await context.output.one(answer, words, `delegation/${id}`)
  return exitCodes.done
}
