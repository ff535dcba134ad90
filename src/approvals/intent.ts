import { createHash } from 'node:crypto'
import { type Principal, principalKey } from '../identity/principal.ts'
import type { KubernetesAction } from '../kubernetes/action.ts'
import type { GrantScope } from './scope.ts'

/** Parameters that say how an answer is to look or how long to wait for it, not what is to be done. */
const PRESENTATION: ReadonlySet<string> = new Set(['timeout', 'pretty', 'timeoutSeconds'])

export interface IntentFacts {
  readonly principal: Principal
  readonly connection: string
  readonly action: KubernetesAction
  /** As it is sent on. */
  readonly query: readonly (readonly [name: string, value: string])[]
  /** As it is sent on; null when there is none. */
  readonly body: Uint8Array | null
}

/**
 * What makes two requests one intent: same principal, same connection, same action, same query, same body to the byte.
 * Nothing that a client changes when it tries again, and nothing more: an approval is for this and not for what is like it.
 */
export function intentOf({ principal, connection, action, query, body }: IntentFacts): string {
  const parameters = query.filter(([name]) => !PRESENTATION.has(name))
  const digest = body === null ? '' : createHash('sha256').update(body).digest('base64url')
  return digestOf([...targetFacts(principal, connection, action), parameters, digest])
}

/** The same thing done to the same object, whatever the body says. */
export function targetOf({
  principal,
  connection,
  action,
}: Pick<IntentFacts, 'principal' | 'connection' | 'action'>): string {
  return digestOf(targetFacts(principal, connection, action))
}

/** Somebody on a connection: where grants for a scope are found. */
export function placeOf(principal: Pick<Principal, 'issuer' | 'subject'>, connection: string): string {
  return digestOf(['scope', principalKey(principal), connection])
}

/** What somebody asks for ahead. */
export function scopeIntentOf(
  principal: Principal,
  connection: string,
  scope: GrantScope,
  milliseconds: number,
): string {
  const { verbs, resources, namespaces, names } = scope
  return digestOf([
    'scope',
    principalKey(principal),
    connection,
    verbs,
    resources,
    namespaces,
    names,
    milliseconds,
  ])
}

/** A request to the API of Sallyport itself, to the letter. */
export function requestIntentOf(principal: Principal, request: readonly unknown[]): string {
  return digestOf(['request', principalKey(principal), request])
}

function targetFacts(principal: Principal, connection: string, a: KubernetesAction): unknown[] {
  const what = a.isResource ? [a.apiGroup, a.resource, a.subresource, a.namespace, a.name] : ['path', a.path]
  const { dryRun, labelSelector, fieldSelector, container, command } = a.query
  const as = a.impersonate
  return [
    principalKey(principal),
    connection,
    a.verb,
    what,
    [dryRun, labelSelector, fieldSelector, container, command],
    as === null ? null : [as.user, as.groups, as.uid, as.extra],
  ]
}

function digestOf(facts: unknown): string {
  return createHash('sha256').update(JSON.stringify(facts)).digest('base64url')
}
