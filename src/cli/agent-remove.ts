import type { AgentRemoval } from '../api/schema/agents.ts'
import type { Run } from './frame/context.ts'
import { exitCodes } from './frame/failure.ts'

export const run: Run = async (context, [name = '']) => {
  const client = await context.client()
  const answer = await client.delete<AgentRemoval>(`/v1/agents/${encodeURIComponent(name)}`)
  await context.output.one(answer, `agent ${answer.name} removed`, `agent/${answer.name}`)
  return exitCodes.done
}
