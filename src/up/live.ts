import { onlyHeader } from '../gateway/caller.ts'
import type { FinishedExchange } from '../gateway/gateway.ts'

/** kubectl commands remembered, so that the many requests of one command print one line. */
const REMEMBERED = 200

/**
 * One line for each kubectl command as it goes by. kubectl names its command and gives all requests of one
 * invocation the same `Kubectl-Session`; discovery is not what the person asked for and prints nothing. Other
 * clients print a line for each request on a resource that is not a read.
 */
export function createLiveLine(print: (line: string) => void): (x: FinishedExchange) => void {
  const seen = new Set<string>()
  return x => {
    const { action, principal, decision } = x.progress
    if (action === undefined || principal === undefined || !action.isResource) return
    if (action.resource === 'selfsubjectreviews') return
    const session = onlyHeader(x.rawHeaders, 'kubectl-session')
    if (session === '' && !action.hasSideEffect && decision?.effect === 'allow') return
    const key = session === '' ? x.callId : `${session} ${action.verb} ${x.error ?? ''}`
    if (seen.has(key)) return
    seen.add(key)
    if (seen.size > REMEMBERED) seen.delete(seen.values().next().value!)
    print(line(x))
  }
}

function line(x: FinishedExchange): string {
  const action = x.progress.action!
  const what = [
    action.verb,
    action.subresource === '' ? action.resource : `${action.resource}/${action.subresource}`,
  ]
  if (action.name !== '') what.push(action.name)
  const where = action.namespace === '' ? x.connectionName : `${x.connectionName}/${action.namespace}`
  const how =
    x.error ?? (x.progress.decision?.effect === 'allow' ? 'allowed' : (x.progress.decision?.effect ?? ''))
  const by = x.progress.decision?.rules[0]
  return [
    x.progress.principal!.username,
    what.join(' '),
    where,
    by === undefined ? how : `${how} by ${by}`,
    x.status === 0 ? 'cut' : String(x.status),
    `audit ${x.callId}`,
  ].join(' · ')
}
