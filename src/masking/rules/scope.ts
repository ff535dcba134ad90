import type { ExemptionSpec, MaskingRuleSpec } from '../../documents/schema/masking-rules.ts'
import type { Principal } from '../../identity/principal.ts'
import { compileGlobList, type GlobList } from '../../policy/glob.ts'
import { compileSubjects, type Subjects } from '../../policy/subjects.ts'
import type { MaskDirection } from '../contract.ts'

/** Of what rules are asked. Not more than this may decide which ones hold, or they could not be kept. */
export interface MaskScope {
  /** Name of the connection. */
  readonly connection: string
  readonly principal: Principal
  /** `''`: across namespaces, or in none. */
  readonly namespace: string
  readonly direction: MaskDirection
  /** Milliseconds since the epoch. */
  readonly now: number
}

/** For whom and where a rule masks. */
export interface RuleScope {
  /** Looks at more than the direction. */
  readonly narrow: boolean
  holds(scope: MaskScope): boolean
}

/**
 * In doubt a rule holds. A list across namespaces may show objects of every namespace, so a rule for one of them masks
 * in all of it; another cluster's service account that has the name of one that is meant is masked as well.
 */
export function compileScope(spec: MaskingRuleSpec['scope']): RuleScope {
  const connections = list(spec?.connections)
  const namespaces = list(spec?.namespaces)
  const subjects: Subjects | null = spec?.principals === undefined ? null : compileSubjects(spec.principals)
  const directions = spec?.directions === undefined ? null : new Set<MaskDirection>(spec.directions)
  return {
    narrow: connections !== null || namespaces !== null || subjects !== null,
    holds: ({ connection, principal, namespace, direction }) =>
      (directions === null ||
        directions.has(direction) ||
        // A request goes to the cluster as it is; only the trail shows it.
        (direction === 'request' && directions.has('trail'))) &&
      (connections === null || connections.has(connection)) &&
      (namespaces === null || namespace === '' || namespaces.has(namespace)) &&
      (subjects === null || subjects.couldMean(principal, null)),
  }
}

/** Switches rules off for somebody. */
export interface Exemption {
  readonly name: string
  /** Name of the document. */
  readonly source: string
  readonly spec: ExemptionSpec
  readonly rules: GlobList
  /** Milliseconds since the epoch; infinite when it has no end. */
  readonly expires: number
  /** But for its end. */
  holds(scope: MaskScope): boolean
}

/**
 * In doubt an exemption does not hold: not for lists across namespaces when it names some, not for a principal who only
 * could be meant. Only for what a caller receives: what the trail shows to others stays masked.
 */
export function compileExemption(source: string, spec: ExemptionSpec): Exemption {
  const connections = list(spec.connections)
  const namespaces = list(spec.namespaces)
  const subjects = compileSubjects(spec.principals)
  const expires = spec.expires === undefined ? Number.POSITIVE_INFINITY : Date.parse(spec.expires)
  return {
    name: spec.name,
    source,
    spec,
    rules: compileGlobList(spec.rules),
    // A time that cannot be read is over.
    expires: Number.isNaN(expires) ? Number.NEGATIVE_INFINITY : expires,
    holds: ({ connection, principal, namespace, direction }) =>
      direction === 'response' &&
      (connections === null || connections.has(connection)) &&
      (namespaces === null || (namespace !== '' && namespaces.has(namespace))) &&
      subjects.includes(principal, connection),
  }
}

function list(patterns: readonly string[] | undefined): GlobList | null {
  return patterns === undefined ? null : compileGlobList(patterns)
}
