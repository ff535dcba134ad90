import { printable } from '../audit/sentence.ts'
import { diffDocuments } from '../documents/diff.ts'
import type { KubernetesAction } from '../kubernetes/action.ts'
import { knownGroups } from '../policy/vocabulary.ts'

/** What would come of a request, for those who decide. Masked, and short enough to be kept with the approval. */
export interface Foresight {
  /** Lines of a unified diff, of the object that would be deleted or made. */
  readonly lines: readonly string[]
  readonly truncated: boolean
  /** Objects that a deletion of a collection would reach. */
  readonly count?: number
  /** Why there is nothing to show. */
  readonly note?: string
}

const LINES = 60
const COLUMNS = 160

/** Subresources whose dry run is known to change nothing. A proxy would carry out what is behind it. */
const SAFE: ReadonlySet<string> = new Set([
  '',
  'scale',
  'status',
  'ephemeralcontainers',
  'resize',
  'approval',
])

/**
 * Whether it can be asked what would come of a request (dryRun=All), be it a dry run already or not. `if-local`: only where the
 * API server serves the group itself; an aggregated API may know no dry run, and would do it.
 */
export function knowsTrial(action: KubernetesAction): 'yes' | 'if-local' | 'no' {
  const isKnown =
    action.isResource &&
    action.hasSideEffect &&
    SAFE.has(action.subresource) &&
    action.resource !== 'bindings' &&
    TRIED.has(action.verb)
  if (!isKnown) return 'no'
  return knownGroups.has(action.apiGroup) && action.apiGroup !== 'metrics.k8s.io' ? 'yes' : 'if-local'
}

const TRIED: ReadonlySet<string> = new Set(['create', 'update', 'patch', 'delete', 'deletecollection'])

export interface Trial {
  readonly target: string
  readonly body: Uint8Array | null
  readonly mediaType: string
}

/**
 * The same request as a dry run. A deletion reads it from its body alone when it has one, so it stands in both; with any
 * doubt about the body there is no trial. Null: it cannot be tried.
 */
export function trialOf(
  action: KubernetesAction,
  target: string,
  body: Uint8Array | null,
  mediaType: string,
): Trial | null {
  const tried = action.query.dryRun ? target : `${target}${target.includes('?') ? '&' : '?'}dryRun=All`
  if (!action.verb.startsWith('delete')) return { target: tried, body, mediaType }
  let options: Record<string, unknown> = {}
  if (body !== null) {
    try {
      options = JSON.parse(Buffer.from(body).toString()) as Record<string, unknown>
    } catch {
      return null
    }
    if (typeof options !== 'object' || options === null || Array.isArray(options)) return null
  }
  const trial = { ...options, kind: 'DeleteOptions', apiVersion: 'v1', dryRun: ['All'] }
  return { target: tried, body: Buffer.from(JSON.stringify(trial)), mediaType: 'application/json' }
}

/** Of the API server's answer to a dry run: it knows none for this. */
export function knowsNoTrial(status: number, body: Uint8Array): boolean {
  return status === 400 && /dry[ -]?run/i.test(Buffer.from(body).toString('utf8', 0, 8192))
}

/** Both as JSON that was masked; null: there is none. `title`: kind and name. */
export function foresee(before: string | null, after: string | null, title: string): Foresight {
  const text = diffDocuments(shown(before), shown(after), printable(title))
  return foreseeText(text.split('\n').slice(2).join('\n'))
}

/** Of a unified diff. */
export function foreseeText(diff: string): Foresight {
  const all = diff.split('\n').slice(0, -1)
  const lines = all.slice(0, LINES).map(line => {
    const safe = printable(line)
    return safe.length > COLUMNS ? `${safe.slice(0, COLUMNS - 1)}…` : safe
  })
  const note = lines.length === 0 ? 'nothing that an administrator writes would change' : undefined
  return { lines, truncated: all.length > LINES, ...(note === undefined ? {} : { note }) }
}

export function foreseeCollection(count: number): Foresight {
  return { lines: [], truncated: false, count }
}

export function unforeseen(note: string): Foresight {
  return { lines: [], truncated: false, note }
}

/** Without what nobody writes by hand. */
function shown(text: string | null): unknown {
  if (text === null) return null
  const without = (object: object, names: readonly string[]): [string, unknown][] =>
    Object.entries(object).filter(([name]) => !names.includes(name))
  const object = JSON.parse(text) as { readonly metadata?: object }
  const metadata = Object.fromEntries(without(object.metadata ?? {}, BOOKKEEPING))
  return Object.fromEntries(
    without(object, ['status']).map(([name, value]) => [name, name === 'metadata' ? metadata : value]),
  )
}

const BOOKKEEPING = ['managedFields', 'resourceVersion', 'uid', 'generation']
