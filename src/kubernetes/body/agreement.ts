import type { ObjectKind } from '../discovery/entry.ts'
import type { RequestInfo } from '../request/contract.ts'
import { type RefusedBody, refuseBody } from './contract.ts'

/** What an object says of itself. Empty where it says nothing. */
export interface Claims {
  readonly apiVersion: string
  readonly kind: string
  readonly name: string
  readonly generateName: string
  readonly namespace: string
}

/** Bodies that a resource takes in more versions or groups than its own (`AcceptsGroupVersionDelegate`, apiserver). */
const SCALES = new Set(['autoscaling/v1', 'extensions/v1beta1', 'apps/v1beta1', 'apps/v1beta2'])

/**
 * Holds a body against the URL that it is sent to. Where they differ kube-apiserver answers 400 in most cases; here the
 * decision was made on one of the two, so all are refused. `expected` is what discovery says, if it is known.
 */
export function disagreement(
  info: RequestInfo,
  claims: Claims,
  expected: ObjectKind | undefined,
): RefusedBody | null {
  if (expected !== undefined) {
    if (claims.kind !== '' && claims.kind !== expected.kind) {
      return refuseBody(
        'body-kind',
        `the body is a ${printable(claims.kind)}, the URL takes a ${printable(expected.kind)}`,
      )
    }
    if (claims.apiVersion !== '' && !isAccepted(info, claims.apiVersion, expected)) {
      return refuseBody(
        'body-api-version',
        `the body is of ${printable(claims.apiVersion)}, the URL takes ${printable(expected.apiVersion)}`,
      )
    }
  } else if (info.subresource === '' && claims.apiVersion !== '') {
    const own = info.apiGroup === '' ? info.apiVersion : `${info.apiGroup}/${info.apiVersion}`
    if (claims.apiVersion !== own) {
      return refuseBody(
        'body-api-version',
        `the body is of ${printable(claims.apiVersion)}, the URL of ${printable(own)}`,
      )
    }
  }
  if (info.name !== '' && claims.name !== '' && claims.name !== info.name) {
    return refuseBody('body-name', 'the name in the body is not the name in the URL')
  }
  // Of a cluster-scoped object upstream clears the namespace; a Namespace stands in RequestInfo as its own.
  const isNamespaceItself = info.apiGroup === '' && info.resource === 'namespaces'
  if (
    info.namespace !== '' &&
    !isNamespaceItself &&
    claims.namespace !== '' &&
    claims.namespace !== info.namespace
  ) {
    return refuseBody('body-namespace', 'the namespace in the body is not the namespace in the URL')
  }
  return null
}

function isAccepted(info: RequestInfo, apiVersion: string, expected: ObjectKind): boolean {
  if (apiVersion === expected.apiVersion) return true
  if (info.subresource === '') return false
  if (expected.kind === 'Scale') return SCALES.has(apiVersion)
  return expected.kind === 'Eviction' && (apiVersion === 'policy/v1' || apiVersion === 'policy/v1beta1')
}

function printable(text: string): string {
  return text.slice(0, 80).replace(/[^\x21-\x7e]/g, '?')
}
