import type { ImpersonationRequest, KubernetesAction } from '../kubernetes/action.ts'
import { coversConnection, coversImpersonation, matchesResource, matchesUrl, matchesWord } from './covers.ts'
import type { Circumstances, PolicySet } from './decision.ts'
import { describedAction } from './described-action.ts'
import type { Resources, Rule, Urls, Words } from './rule.ts'
import { isNamespaced, nonResourceVerbs, resourceVerbs } from './vocabulary.ts'

/** Of a SelfSubjectRulesReview (k8s.io/api authorization/v1 SubjectRulesReviewStatus). Lists that are not there: empty. */
export interface RulesStatus {
  readonly resourceRules: readonly ResourceRule[]
  readonly nonResourceRules: readonly NonResourceRule[]
  readonly incomplete: boolean
  readonly evaluationError?: string
}

export interface ResourceRule {
  readonly verbs: readonly string[]
  readonly apiGroups?: readonly string[]
  readonly resources?: readonly string[]
  readonly resourceNames?: readonly string[]
}

export interface NonResourceRule {
  readonly verbs: readonly string[]
  readonly nonResourceURLs?: readonly string[]
}

/** Decisions that one list may take. */
const MOST = 5_000

/**
 * What the cluster would let somebody do in a namespace, cut down to what policy lets him do. Each verb on each resource that
 * both name is decided as if it were asked for. What a star stands for, and what depends on labels or conditions, a list of rules
 * cannot say: it is then incomplete, and says why.
 */
export function cutRules(
  status: RulesStatus,
  policies: PolicySet,
  {
    namespace,
    impersonate,
  }: { readonly namespace: string; readonly impersonate: ImpersonationRequest | null },
  c: Circumstances,
): RulesStatus {
  const mine = policies.rules.filter(
    rule => coversConnection(rule, c) && rule.subjects.couldMean(c.session.principal, impersonate),
  )
  const opening = mine.filter(
    rule =>
      (rule.effect === 'allow' || rule.effect === 'hold') &&
      coversImpersonation(rule, { impersonate }) &&
      rule.subjects.includes(c.session.principal, c.connection.name),
  )
  const why = new Set<string>()
  let left = MOST

  function isAllowed(verb: string, group: string, text: string, name: string): boolean {
    const [resource = '', subresource = ''] = text.split('/')
    const place = isNamespaced(group, resource) === false && resource !== 'namespaces' ? '' : namespace
    const said = { verb, path: '', group, resource, subresource, namespace: place, name }
    return isDecided(describedAction(said))
  }

  function isDecided(described: KubernetesAction): boolean {
    const action = { ...described, impersonate }
    if (--left < 0) {
      why.add('the list is too long')
      return false
    }
    return policies.shows(action, c, true) || policies.decide(action, c).effect !== 'deny'
  }

  function cut(theirs: ResourceRule, ours: Rule): ResourceRule[] {
    if (!ours.about.resources || (ours.namespaces !== null && !ours.namespaces.has(namespace))) return []
    const groups = meetWords(theirs.apiGroups ?? [], ours.apiGroups)
    const resources = meetResources(theirs.resources ?? [], ours.resources)
    const verbs = meetWords(theirs.verbs, ours.verbs)
    const names = meetNames(theirs.resourceNames ?? [], ours, why)
    if (names === null || verbs.length === 0) return []
    if (ours.labels !== null) why.add(`${ours.name} asks for labels`)
    const found: ResourceRule[] = []
    for (const group of groups) {
      for (const resource of resources) {
        const isWide = group === '*' || resource.includes('*')
        if (isWide) narrower(ours)
        for (const name of names.length === 0 ? [''] : names) {
          const kept = isWide
            ? verbs
            : allowedVerbs(verbs, resourceVerbs, verb => isAllowed(verb, group, resource, name))
          if (kept.length === 0) continue
          found.push({
            verbs: kept,
            apiGroups: [group],
            resources: [resource],
            ...(name === '' ? {} : { resourceNames: [name] }),
          })
        }
      }
    }
    return found
  }

  /** A star is more than what is allowed where something is taken from it. */
  function narrower(ours: Rule): void {
    for (const rule of mine) {
      if (rule.effect === 'deny' && rule.about.resources) why.add(`${rule.name} takes some of it away`)
    }
    if (ours.condition !== null) why.add(`${ours.name} has a condition`)
    if (ours.risks?.any !== true) why.add('second doors need rules of their own')
  }

  function cutUrls(theirs: NonResourceRule, ours: Rule): NonResourceRule[] {
    if (!ours.about.urls) return []
    const verbs = meetWords(theirs.verbs, ours.verbs)
    const urls = meetUrls(theirs.nonResourceURLs ?? [], ours.urls)
    return urls.flatMap(path => {
      const isWide = path.endsWith('*')
      if (isWide) {
        for (const rule of mine)
          if (rule.effect === 'deny' && rule.about.urls) why.add(`${rule.name} takes some of it away`)
      }
      const said = { path, group: '', resource: '', subresource: '', namespace: '', name: '' }
      const kept = isWide
        ? verbs
        : allowedVerbs(verbs, nonResourceVerbs, verb => isDecided(describedAction({ verb, ...said })))
      return kept.length === 0 ? [] : [{ verbs: kept, nonResourceURLs: [path] }]
    })
  }

  const resourceRules = status.resourceRules.flatMap(theirs => {
    const parts = opening.map(ours => cut(theirs, ours))
    // Where one rule leaves it as it is, the others add nothing.
    return parts.some(found => isWhole(theirs, found)) ? [theirs] : parts.flat()
  })
  const nonResourceRules = status.nonResourceRules.flatMap(theirs => {
    const parts = opening.map(ours => cutUrls(theirs, ours))
    const urls = theirs.nonResourceURLs ?? []
    const isWhole = (found: readonly NonResourceRule[]): boolean =>
      found.length === urls.length &&
      found.every(one => urls.includes(one.nonResourceURLs![0]!) && one.verbs.join() === theirs.verbs.join())
    return parts.some(isWhole) ? [theirs] : parts.flat()
  })
  const said = [...why].slice(0, 5)
  const errors = [
    ...(status.evaluationError === undefined || status.evaluationError === ''
      ? []
      : [status.evaluationError]),
    ...(said.length === 0 ? [] : [`sallyport: ${said.join('; ')}`]),
  ]
  return {
    resourceRules: joined(resourceRules),
    nonResourceRules: distinct(nonResourceRules),
    incomplete: status.incomplete || why.size > 0,
    ...(errors.length === 0 ? {} : { evaluationError: errors.join('; ') }),
  }
}

/** All verbs that there are, if all are allowed. */
function allowedVerbs(
  verbs: readonly string[],
  all: readonly string[],
  isAllowed: (verb: string) => boolean,
): readonly string[] {
  if (!verbs.includes('*')) return verbs.filter(isAllowed)
  const allowed = all.filter(isAllowed)
  return allowed.length === all.length ? ['*'] : allowed
}

/** Words that both lists mean. */
function meetWords(theirs: readonly string[], ours: Words | null): readonly string[] {
  if (ours === null || ours.any) return theirs
  return theirs.includes('*') ? [...ours.set] : theirs.filter(word => matchesWord(ours, word))
}

function meetResources(theirs: readonly string[], ours: Resources | null): readonly string[] {
  if (ours === null || ours.any) return theirs
  return theirs.flatMap(text => {
    const [resource = '', subresource = ''] = text.split('/')
    if (text === '*')
      return [
        ...ours.exact,
        ...[...ours.subresources].map(s => `*/${s}`),
        ...[...ours.parents].map(p => `${p}/*`),
      ]
    if (resource !== '*') return matchesResource(ours, resource, subresource) ? [text] : []
    if (ours.subresources.has(subresource)) return [text]
    return [...ours.exact].filter(one => one.endsWith(`/${subresource}`))
  })
}

/** Null: none that both mean; empty: all names. */
function meetNames(
  theirs: readonly string[],
  { resourceNames, name }: Rule,
  why: Set<string>,
): readonly string[] | null {
  if (resourceNames === null) return theirs
  if (resourceNames.patterns.some(pattern => pattern.includes('*'))) why.add(`${name} has patterns of names`)
  const exact = resourceNames.patterns.filter(pattern => !pattern.includes('*'))
  const both = theirs.length === 0 ? exact : theirs.filter(one => resourceNames.has(one))
  return both.length === 0 ? null : both
}

function meetUrls(theirs: readonly string[], ours: Urls | null): readonly string[] {
  if (ours === null || ours.any) return theirs
  return theirs.flatMap(url => {
    if (!url.endsWith('*')) return matchesUrl(ours, url) ? [url] : []
    const prefix = url.slice(0, -1)
    if (ours.prefixes.some(one => prefix.startsWith(one))) return [url]
    return [
      ...[...ours.exact].filter(one => one.startsWith(prefix)),
      ...ours.prefixes.filter(one => one.startsWith(prefix)).map(one => `${one}*`),
    ]
  })
}

function isWhole(theirs: ResourceRule, found: readonly ResourceRule[]): boolean {
  const { apiGroups = [], resources = [], resourceNames = [], verbs } = theirs
  return (
    found.length === apiGroups.length * resources.length * Math.max(1, resourceNames.length) &&
    found.every(
      one =>
        apiGroups.includes(one.apiGroups![0]!) &&
        resources.includes(one.resources![0]!) &&
        one.verbs.join() === verbs.join() &&
        (one.resourceNames === undefined) === (resourceNames.length === 0),
    )
  )
}

/** Rules with the same verbs, group and names are one. */
function joined(rules: readonly ResourceRule[]): ResourceRule[] {
  const found = new Map<string, { rule: ResourceRule; resources: Set<string> }>()
  for (const rule of rules) {
    const id = JSON.stringify([rule.verbs, rule.apiGroups, rule.resourceNames])
    const one = found.get(id) ?? { rule, resources: new Set() }
    for (const resource of rule.resources ?? []) one.resources.add(resource)
    found.set(id, one)
  }
  return [...found.values()].map(({ rule, resources }) => ({ ...rule, resources: [...resources] }))
}

function distinct(rules: readonly NonResourceRule[]): NonResourceRule[] {
  return [...new Map(rules.map(rule => [JSON.stringify(rule), rule])).values()]
}
