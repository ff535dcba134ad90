import {
  fieldSelectorTerms,
  labelSelectorTerms,
  type SelectorTerm,
} from '../../kubernetes/request/selector.ts'
import type { FieldState } from '../json/field-state.ts'
import type { MaskEngine } from '../json/mask-engine.ts'

/** Which field or label of a selector must not be asked for: whoever may guess learns whether the guess is right. */
export interface MaskedSelector {
  readonly by: 'field' | 'label'
  readonly name: string
}

/** What tells objects apart is never masked. */
const IDENTITY = new Set(['metadata.name', 'metadata.namespace', 'metadata.uid'])

/**
 * The first term of the selectors that compares a masked value. Masked is a field or label that a rule names; one whose
 * name tells, or `value`, whose neighbour may tell, if what it is compared with could be such a value (what could not
 * is never equal to one); and whatever is compared with a text in which a secret is found by its look.
 *
 * @param group Of the objects that are selected, with `kind`; empty where the URL names none.
 */
export function maskedSelector(
  engine: MaskEngine,
  group: string,
  kind: string,
  fieldSelector: string,
  labelSelector: string,
): MaskedSelector | null {
  if (fieldSelector === '' && labelSelector === '') return null
  const start = engine.start(group, kind)
  for (const term of fieldSelectorTerms(fieldSelector)) {
    if (IDENTITY.has(term.name)) continue
    const path = term.name.split(/[.[\]'"\\]+/).filter(segment => segment !== '')
    if (isMasked(engine, start, path, term)) return { by: 'field', name: term.name }
  }
  for (const term of labelSelectorTerms(labelSelector)) {
    if (isMasked(engine, start, ['metadata', 'labels', term.name], term))
      return { by: 'label', name: term.name }
  }
  return null
}

function isMasked(
  engine: MaskEngine,
  start: FieldState | null,
  path: readonly string[],
  { values, isOrdering }: SelectorTerm,
): boolean {
  let state = start
  for (const segment of path) state = state === null ? null : state.step(segment)
  // That something is there is not hidden.
  if (values.length === 0) return false
  if (state?.leaf != null) return true
  const last = path.at(-1) ?? ''
  const { rules } = engine
  // Who is exempt from the rule of names sees the values, and may ask for them.
  const beside = last === 'value' ? rules.env('password')?.strength : undefined
  const strength = rules.key(last)?.strength ?? beside
  if (strength !== undefined && (isOrdering || values.some(value => engine.plausible(value, strength))))
    return true
  return values.some(value => findsSecret(engine, value))
}

function findsSecret(engine: MaskEngine, value: string): boolean {
  const bytes = Buffer.from(value).toString('latin1')
  const found: Parameters<typeof engine.rules.text.find>[1] = []
  engine.rules.text.find(bytes, found)
  return found.length > 0
}
