import type { QueryFacts } from '../action.ts'
import type { ParsedRequest } from './contract.ts'
import { isSwitchedOn, parameter } from './query.ts'

/** What policy may look at in a query. */
export function queryFacts({ info, query }: ParsedRequest): QueryFacts {
  const command: string[] = []
  let dryRun = false
  for (const [name, value] of query) {
    if (name === 'command') command.push(value)
    // The only value that kube-apiserver takes; any other is an error there and no dry run here.
    else if (name === 'dryRun' && value === 'All') dryRun = true
  }
  return {
    fieldSelector: info.fieldSelector,
    labelSelector: info.labelSelector,
    dryRun,
    follow: isSwitchedOn(query, 'follow'),
    container: parameter(query, 'container') ?? '',
    command,
  }
}
