import type { PolicySuggestion } from '../api/schema/documents.ts'
import { timesOf } from './audit-search.ts'
import { type Run, text } from './frame/context.ts'
import { exitCodes, usage } from './frame/failure.ts'

/** The smallest policy and roles for what somebody really did, as documents that can be applied. */
export const run: Run = async (context, _args, options) => {
  const principal = text(options, 'principal')
  const times = timesOf(options)
  if (principal === undefined) throw usage('nobody was named', 'say for whom: --principal corp:alice')
  if (times.since === undefined) throw usage('--since is missing', 'say from when on: --since 7d')
  const client = await context.client()
  const query = { ...times, principal, connection: text(options, 'connection') }
  const found = await client.get<PolicySuggestion>('/v1/policy/suggestion', { query })
  const { toYaml } = await import('./output/yaml.ts')
  const head = `# What ${found.principal} did: ${found.calls} calls.`
  const parts = [
    ...(found.policy === null
      ? ['# No policy is needed: all of it is always allowed.\n']
      : [`# For Sallyport:\n${toYaml(found.policy)}`]),
    ...found.roles.map(role => `# For the cluster:\n${toYaml(role)}`),
  ]
  await context.output.one(
    found,
    [head, parts.map(part => part.trimEnd()).join('\n---\n')].join('\n'),
    `suggestion/${found.principal}`,
  )
  for (const note of found.notes) context.warn(note)
  return exitCodes.done
}
