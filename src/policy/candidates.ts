import type { KubernetesAction } from '../kubernetes/action.ts'
import { matchesResource, matchesWord } from './covers.ts'
import { deletesNamespace } from './effects.ts'
import type { Rule } from './rule.ts'
import { resourceVerbs } from './vocabulary.ts'

/** Rules that are worth asking for a request, in the order of the set. */
export interface Candidates {
  readonly deny: readonly Rule[]
  readonly hold: readonly Rule[]
  /** Rules that count what is allowed. */
  readonly limit: readonly Rule[]
  /** Verb, resource and subresource are already known to match. */
  readonly allow: readonly Rule[]
}

type ByVerb = ReadonlyMap<string, Candidates>

/** Stands for every word that no rule names. */
const OTHER = '\u0000'

/**
 * Sorts rules by what requests name, once, so that a decision asks few of them. All maps are filled here: a request
 * cannot make them grow.
 */
export function indexCandidates(rules: readonly Rule[]): (action: KubernetesAction) => Candidates {
  const ofResources = rules.filter(r => r.about.resources)
  const urls = byVerb(rules.filter(r => r.about.urls))
  const named = new Set(ofResources.flatMap(r => [...(r.resources?.named ?? [])]))
  // `bindings` is a write to pods under another name.
  if (named.has('pods')) named.add('bindings')
  const byResource = new Map([...named, OTHER].map(resource => [resource, ofResource(ofResources, resource)]))
  const others = byResource.get(OTHER)!
  const anyDeny = ofResources.filter(r => r.effect === 'deny')
  const anyHold = ofResources.filter(r => r.effect === 'hold')
  const anyLimit = ofResources.filter(r => r.effect === 'limit')

  return action => {
    if (!action.isResource) return urls.get(action.verb) ?? urls.get(OTHER)!
    const bySubresource = byResource.get(action.resource) ?? others
    const verbs = bySubresource.get(action.subresource) ?? bySubresource.get(OTHER)!
    const found = verbs.get(action.verb) ?? verbs.get(OTHER)!
    // It touches rules about whatever can be in the namespace, or about the same objects under another name.
    return deletesNamespace(action) || hasOtherResourceName(action)
      ? { ...found, deny: anyDeny, hold: anyHold, limit: anyLimit }
      : found
  }
}

function hasOtherResourceName({ sameStorage, resource }: KubernetesAction): boolean {
  return sameStorage?.some(other => other.resource !== resource) === true
}

/** By subresource. Deny and hold rules are the same for all: one subresource can amount to another, or to the object. */
function ofResource(rules: readonly Rule[], resource: string): ReadonlyMap<string, ByVerb> {
  const amounts = resource === 'bindings' ? 'pods' : resource
  const about = rules.filter(
    ({ resources: r }) =>
      r === null || r.any || r.subresources.size > 0 || r.named.has(resource) || r.named.has(amounts),
  )
  const subresources = new Set(['', OTHER])
  for (const { resources } of rules) {
    for (const word of resources?.exact ?? []) if (word.includes('/')) subresources.add(word.split('/')[1]!)
    for (const word of resources?.subresources ?? []) subresources.add(word)
  }
  return new Map(
    [...subresources].map(subresource => [
      subresource,
      byVerb(about.filter(r => r.effect !== 'allow' || matchesResource(r.resources, resource, subresource))),
    ]),
  )
}

const VERBS = [...resourceVerbs, 'head', 'post', 'put', OTHER]

function byVerb(rules: readonly Rule[]): ByVerb {
  const deny = rules.filter(r => r.effect === 'deny')
  const hold = rules.filter(r => r.effect === 'hold')
  const limit = rules.filter(r => r.effect === 'limit')
  const allow = rules.filter(r => r.effect === 'allow')
  const verbs = new Set([...VERBS, ...allow.flatMap(r => [...(r.verbs?.set ?? [])])])
  return new Map(
    [...verbs].map(verb => [
      verb,
      { deny, hold, limit, allow: allow.filter(r => matchesWord(r.verbs, verb)) },
    ]),
  )
}
