import type { ApplyResult } from '../api/schema/documents.ts'
import { kindOf } from './client/kinds.ts'
import type { Run } from './frame/context.ts'
import { exitCodes } from './frame/failure.ts'

export const run: Run = async (context, [word = '', name = '']) => {
  const kind = await kindOf(word)
  const client = await context.client()
  const answer = await client.delete<ApplyResult>(`/v1/documents/${kind}/${encodeURIComponent(name)}`)
  const label = `${kind.toLowerCase()}/${name}`
  await context.output.one(answer, `${label} deleted`, label)
  return exitCodes.done
}
