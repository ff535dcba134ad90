import type { ApprovalDocument } from '../api/schema/approvals.ts'
import { type Run, text, texts } from './frame/context.ts'
import { exitCodes, usage } from './frame/failure.ts'
import { approvalText } from './output/approvals.ts'

/** What people call it, and what it is to the API server. */
const EDIT = ['create', 'update', 'patch', 'delete']

export const run: Run = async (context, verbs, options) => {
  const [connection, reason] = [text(options, 'connection'), text(options, 'reason')]
  if (connection === undefined || reason === undefined) throw usage('give --connection and --reason')
  const scope = {
    verbs: [...new Set(verbs.flatMap(verb => (verb === 'edit' ? EDIT : [verb])))],
    resources: texts(options, 'resource'),
    namespaces: texts(options, 'namespace'),
    names: texts(options, 'name'),
  }
  const seconds = secondsOf(text(options, 'for') ?? '30m')
  const client = await context.client()
  const body = { connection, scope, seconds, reason }
  const answer = await client.post<ApprovalDocument>('/v1/approvals', { body })
  const { id, takes } = answer.approval
  await context.output.one(answer, approvalText(answer.approval), `approval/${id}`)
  context.say(`it takes ${takes}; wait for it with: sallyport approval wait ${id}`)
  return exitCodes.done
}

function secondsOf(duration: string): number {
  const match = /^(\d{1,4})(m|h)$/.exec(duration)
  if (match === null) throw usage('--for takes a duration such as 30m or 2h')
  return Number(match[1]) * (match[2] === 'h' ? 3600 : 60)
}
