import type { AuditQuery } from './contract.ts'

/** What of a query is a column and the value that it must have; both engines name the columns alike. */
export function equalities(
  query: AuditQuery,
): readonly (readonly [column: string, value: string | undefined])[] {
  return [
    [query.principal?.startsWith('[') === true ? 'principal' : 'person', query.principal],
    ['connection', query.connection],
    ['session', query.session],
    ['kind', query.kind],
    ['verb', query.verb],
    ['grp', query.group === '' ? undefined : query.group],
    ['resource', query.resource],
    ['subresource', query.subresource],
    ['namespace', query.namespace],
    ['name', query.name],
    ['effect', query.effect],
  ]
}

/** For `group: ''`, the core group: heads leave it out, and so do requests of no resource. */
export const CORE_GROUP = 'grp IS NULL AND resource IS NOT NULL'
