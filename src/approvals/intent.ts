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

/** What kubectl sends with each request of one command: a random UUID, made by the client. */
const KUBECTL_SESSION = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i

/**
 * The same words on another object of the same kind and namespace, by one kubectl command in one session of ours. The header
 * is only a hint: whoever makes it up gets no further than the command itself would. Null: it belongs to no burst. Only what
 * says the same to each object can be one: of what is created or replaced nobody has seen the rest.
 */
export function burstOf(facts: IntentFacts, session: string, hint: string | undefined): string | null {
  const { principal, connection, action, query, body } = facts
  if (hint === undefined || !KUBECTL_SESSION.test(hint)) return null
  if (!action.isResource || action.name === '' || action.impersonate !== null) return null
  if (action.verb !== 'delete' && action.verb !== 'patch') return null
  const parameters = query.filter(([name]) => !PRESENTATION.has(name))
  const said = body === null ? '' : createHash('sha256').update(body).digest('base64url')
  const what = [action.verb, action.apiGroup, action.resource, action.subresource, action.namespace]
  const of = [
    'burst',
    principalKey(principal),
    connection,
    session,
    hint.toLowerCase(),
    what,
    parameters,
    said,
  ]
  return `burst-${createHash('sha256').update(JSON.stringify(of)).digest('hex').slice(0, 48)}`
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
