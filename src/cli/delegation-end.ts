import type { DelegationDocument } from '../api/schema/delegations.ts'
import type { Run } from './frame/context.ts'
import { exitCodes } from './frame/failure.ts'

export const run: Run = async (context, [id = '']) => {
  const client = await context.client()
  const path = `/v1/delegations/${encodeURIComponent(id)}/end`
  const answer = await client.post<DelegationDocument>(path, { body: {} })
  const { of, to } = answer.delegation
  await context.output.one(answer, `ended: ${to} decides in the place of ${of} no more`, `delegation/${id}`)
  return exitCodes.done
}
