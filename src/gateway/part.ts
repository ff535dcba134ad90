import { namespaceOfAction } from '../kubernetes/access-review.ts'
import type { KubernetesAction } from '../kubernetes/action.ts'
import type { ObjectFacts } from '../kubernetes/filter/contract.ts'
import { encodeQuery, parameter, type Query } from '../kubernetes/request/query.ts'
import type { Decided } from './exchange.ts'

/** The same action, on one object of its answer: as a request for that object alone would be judged. */
export function limitedTo(
  action: KubernetesAction,
  object: ObjectFacts,
  byLabels: boolean,
): KubernetesAction {
  const { name, labels } = object
  const namespace = namespaceOfAction(action.apiGroup, action.resource, object.namespace, name)
  return { ...action, namespace, name, ...(byLabels ? { labels } : {}) }
}

/**
 * What is sent upstream for an exchange. Where only a part of the answer is shown, it is asked for whole: the token that
 * continues a page names the object where the page ends, and how long pages are would tell how many are hidden (a server may
 * always answer without pages). Rows come with the metadata by which they are judged.
 */
export function targetOf({ parsed, decision }: Decided): string {
  const { part } = decision
  if (part === undefined) return parsed.target
  const query: (readonly [string, string])[] = []
  for (const pair of parsed.query) {
    const [name, value] = pair
    if (name === 'limit' || (name === 'labelSelector' && part.selector !== '')) continue
    query.push(name === 'includeObject' && value === 'None' ? [name, 'Metadata'] : pair)
  }
  if (part.selector !== '') {
    // Ours comes first: what a caller leaves open there cannot swallow it.
    const asked = parameter(parsed.query, 'labelSelector') ?? ''
    query.push(['labelSelector', asked === '' ? part.selector : `${part.selector},${asked}`])
  }
  const mark = parsed.target.indexOf('?')
  const path = mark < 0 ? parsed.target : parsed.target.slice(0, mark)
  return path + encodeQuery(query)
}

/** Whether rows were asked for without objects. */
export function wantsBareRows(query: Query): boolean {
  return parameter(query, 'includeObject') === 'None'
}

/** Whether a watch begins with all objects that there are (API concepts: "Semantics for watch"). */
export function beginsWithAll(query: Query): boolean {
  const version = parameter(query, 'resourceVersion') ?? ''
  return version === '' || version === '0' || parameter(query, 'sendInitialEvents') === 'true'
}
