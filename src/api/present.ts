import { API_VERSION } from '../brand.ts'
import type { Principal } from '../identity/principal.ts'
import type { BoundRole } from '../tunnel/calls/session-bindings.ts'
import type { Page, PageRequest, SessionRecord } from './services.ts'

/** Shapes of the domain as the API shows them: times as RFC 3339, absent fields left out. */

export const apiVersion = API_VERSION

export function time(milliseconds: number): string {
  return new Date(milliseconds).toISOString()
}

/** `{[name]: time}`, or nothing when there is no time. */
export function optionalTime<K extends string>(
  name: K,
  milliseconds: number | undefined,
): Partial<Record<K, string>> {
  return milliseconds === undefined ? {} : ({ [name]: time(milliseconds) } as Record<K, string>)
}

export function principalOf(p: Principal) {
  return {
    issuer: p.issuer,
    subject: p.subject,
    kind: p.kind,
    username: p.username,
    groups: [...p.groups],
    ...(p.displayName === undefined ? {} : { displayName: p.displayName }),
    ...(p.email === undefined ? {} : { email: p.email }),
  }
}

export function sessionOf(s: SessionRecord) {
  return {
    id: s.id,
    principal: principalOf(s.principal),
    connection: s.connection,
    opened: s.opened,
    state: s.state,
    openedAt: time(s.openedAt),
    expiresAt: time(s.expiresAt),
    ...(s.reason === undefined ? {} : { reason: s.reason }),
    ...optionalTime('lastUsedAt', s.lastUsedAt),
    ...optionalTime('endedAt', s.endedAt),
    ...(s.endReason === undefined ? {} : { endReason: s.endReason }),
  }
}

export function boundRoleOf({ kind, name, namespace, binding, expiresAt }: BoundRole) {
  return { kind, name, ...(namespace === '' ? {} : { namespace }), binding, expiresAt: time(expiresAt) }
}

export function pageOf(query: {
  readonly limit: number
  readonly continue?: string | undefined
}): PageRequest {
  return { limit: query.limit, ...(query.continue === undefined ? {} : { after: query.continue }) }
}

export function listOf<K extends string, T, O>(kind: K, page: Page<T>, present: (item: T) => O) {
  return {
    apiVersion,
    kind,
    metadata: { continue: page.next ?? null },
    items: page.items.map(present),
  }
}

/** Without the keys whose value is undefined, which `exactOptionalPropertyTypes` tells apart from absent ones. */
export function defined<T extends object>(object: T): { [K in keyof T]: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(object).filter(([, value]) => value !== undefined)) as {
    [K in keyof T]: Exclude<T[K], undefined>
  }
}
