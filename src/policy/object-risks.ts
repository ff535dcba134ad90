import type { BodyFacts } from '../kubernetes/action.ts'
import { ANYTHING, patchedObject } from './pod-spec.ts'

/**
 * What a write says about an object's own head and address: whose it is, which labels it loses, which addresses it takes.
 * Bodies are as they were sent; in doubt the answer is yes.
 */

/**
 * Whether it names owners. The garbage collector deletes an object whose owners are not there, so that is a delete (kube-apiserver
 * asks for that right too, where OwnerReferencesPermissionEnforcement is on). A PUT or an apply may only repeat what is there; that
 * cannot be seen.
 */
export function namesOwners(body: BodyFacts): boolean {
  return statesOf(body).some(state => {
    const metadata = at(state, 'metadata')
    const owners = at(metadata, 'ownerReferences')
    return [state, metadata, owners].includes(ANYTHING) || !isNothing(owners)
  })
}

/**
 * Whether labels of the object may go, those that nobody names included: a PUT and an apply leave out what they do not say
 * (of an apply: what its manager said before), and a patch can clear all of them at once.
 */
export function mayTakeLabels(body: BodyFacts): boolean {
  if (body.form === 'object' || body.form === 'apply-patch') return true
  if (Array.isArray(body.object)) return body.object.some(reachesAllLabels)
  const metadata = at(body.object, 'metadata')
  const labels = at(metadata, 'labels')
  return metadata === null || labels === null || [body.object, metadata, labels].some(hasDirective)
}

const ABOVE_LABELS: ReadonlySet<unknown> = new Set(['', '/metadata', '/metadata/labels'])

function reachesAllLabels(operation: unknown): boolean {
  const { op, path, from } = (operation ?? {}) as Record<string, unknown>
  return (op !== 'test' && ABOVE_LABELS.has(path)) || (op === 'move' && ABOVE_LABELS.has(from))
}

/** `$patch`, `$retainKeys` and the like of a strategic merge patch. */
function hasDirective(value: unknown): boolean {
  return typeof value === 'object' && value !== null && Object.keys(value).some(key => key.startsWith('$'))
}

/** Whether a Service takes addresses that may be anybody's (CVE-2020-8554). */
export function takesAddresses(body: BodyFacts): boolean {
  return statesOf(body).some(state => {
    const spec = at(state, 'spec')
    return [state, spec].includes(ANYTHING) || !isNothing(at(spec, 'externalIPs'))
  })
}

/** What is said, as objects; of a JSON patch one for each operation. */
function statesOf({ object }: BodyFacts): readonly unknown[] {
  return Array.isArray(object) ? object.map(patchedObject) : [object]
}

function at(value: unknown, key: string): unknown {
  if (typeof value !== 'object' || value === null || !Object.hasOwn(value, key)) return undefined
  return (value as Record<string, unknown>)[key]
}

function isNothing(value: unknown): boolean {
  return value === undefined || value === null || (Array.isArray(value) && value.length === 0)
}
