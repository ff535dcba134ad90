import { canonicalJson } from '../documents/canonical.ts'
import type { KubernetesAction } from '../kubernetes/action.ts'
import type { Pin } from './contract.ts'

/** What changes by itself: a person who approves a deletion does not mean a certain count of restarts. */
const BOOKKEEPING = ['resourceVersion', 'managedFields', 'selfLink'] as const

/** There is none yet: a write that may create is held again when there is one meanwhile. */
export const NO_OBJECT: Pin = { uid: '', digest: '' }

/**
 * The object as far as a person looked at it. `fingerprintOf`: keyed, because the object may hold secrets.
 * @returns null when it cannot be read as an object of Kubernetes.
 */
export function pinOf(bytes: Uint8Array, fingerprintOf: (text: string) => string): Pin | null {
  let object: { metadata?: Record<string, unknown>; status?: unknown }
  try {
    object = JSON.parse(Buffer.from(bytes).toString()) as typeof object
  } catch {
    return null
  }
  const { metadata } = object ?? {}
  if (typeof metadata?.uid !== 'string') return null
  const kept = Object.fromEntries(
    Object.entries(metadata).filter(([name]) => !BOOKKEEPING.some(one => one === name)),
  )
  const { status: _, ...rest } = object
  return { uid: metadata.uid, digest: fingerprintOf(canonicalJson({ ...rest, metadata: kept })) }
}

const PINNED: ReadonlySet<string> = new Set(['update', 'patch', 'delete'])

/**
 * Path of the object that a request changes, without query; null where there is none to compare: reads, collections,
 * creations of something new. A subresource belongs to its object.
 */
export function pinnedPath(action: KubernetesAction, target: string): string | null {
  if (!action.isResource || action.name === '') return null
  if (!PINNED.has(action.verb) && !(action.verb === 'create' && action.subresource !== '')) return null
  const query = target.indexOf('?')
  const parts = (query < 0 ? target : target.slice(0, query)).split('/')
  let at = parts[1] === 'api' ? 3 : 4
  if (parts[at] === 'namespaces' && action.resource !== 'namespaces') at += 2
  return parts.length < at + 2 ? null : parts.slice(0, at + 2).join('/')
}

/** Whether it is still the object that somebody looked at. */
export function samePin(one: Pin | null, other: Pin | null): boolean {
  return one === null || other === null ? one === other : one.uid === other.uid && one.digest === other.digest
}
