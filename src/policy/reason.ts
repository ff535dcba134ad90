import type { KubernetesAction } from '../kubernetes/action.ts'
import {
  coversConnection,
  coversImpersonation,
  coversKind,
  coversLabels,
  coversName,
  coversNamespace,
  coversRisk,
  coversRisks,
  coversVerb,
  matchesResource,
  matchesUrl,
  matchesWord,
} from './covers.ts'
import type { Circumstances } from './decision.ts'
import { mayCreate, mayDelete } from './effects.ts'
import {
  type Circumstantial,
  type CircumstantialField,
  circumstantialFields,
  holds,
} from './fields/circumstantial.ts'
import type { Rule } from './rule.ts'
import { sayAction } from './words.ts'

export interface Gap {
  readonly field: string
  /** What the rule would have to say. */
  readonly needs: string
}

/** Every field of a rule that keeps it from covering the request; empty when only its condition can. */
export function gapsOf(rule: Rule, action: KubernetesAction, c: Circumstances): Gap[] {
  const gaps: Gap[] = []
  const gap = (field: string, needs: string): void => {
    gaps.push({ field, needs })
  }
  if (!rule.subjects.includes(c.session.principal, c.connection.name)) {
    gap('principals', `principals that include ${c.session.principal.username}`)
  }
  if (!coversConnection(rule, c)) gap('connections', `connections: [${c.connection.name}]`)
  if (!coversKind(rule, action)) {
    gap(
      action.isResource ? 'resources' : 'nonResourceURLs',
      action.isResource ? `resources: [${resourceWord(action)}]` : `nonResourceURLs: [${action.path}]`,
    )
    return gaps
  }
  if (!coversVerb(rule, action)) {
    const verbs = [action.verb]
    const because: string[] = []
    if (mayCreate(action)) {
      verbs.push('create')
      because.push('it may create what is missing')
    }
    if (mayDelete(action)) {
      verbs.push('delete')
      because.push('what has an owner is deleted with it')
    }
    const why = because.length === 0 ? '' : `, because ${because.join(' and ')}`
    gap('verbs', `verbs: [${verbs.join(', ')}]${why}`)
  }
  if (action.isResource) resourceGaps(rule, action, gap)
  else if (!matchesUrl(rule.urls, action.path)) gap('nonResourceURLs', `nonResourceURLs: [${action.path}]`)
  const closed = risksOfAction(action).filter(risk => !coversRisk(rule, risk))
  if (closed.length > 0) gap('riskClasses', `riskClasses: [${closed.join(', ')}]`)
  if (!coversImpersonation(rule, action)) {
    gap(
      'impersonate',
      action.impersonate === null
        ? 'an impersonated user: it covers --as only'
        : `impersonate that covers ${JSON.stringify(action.impersonate.user)} and what else --as asks for`,
    )
  }
  if (rule.circumstantial !== null) {
    for (const field of circumstantialFields) {
      if (holds(rule.circumstantial, field, action, c, true) !== true) {
        gap(field, `another ${NAMES_OF[field]}${wordsOf(rule.circumstantial, field)}`)
      }
    }
  }
  return gaps
}

const NAMES_OF: Readonly<Record<CircumstantialField, string>> = {
  time: 'time',
  dryRun: 'dryRun',
  client: 'client',
  images: 'images',
}

function wordsOf(rule: Circumstantial, field: CircumstantialField): string {
  if (field === 'time') return ` (it holds ${rule.time!.words})`
  if (field === 'dryRun')
    return ` (it is for ${rule.dryRun === true ? 'dry runs only' : 'what is no dry run'})`
  if (field === 'images') return ` (it is for images ${rule.images!.words})`
  return ''
}

function resourceGaps(
  rule: Rule,
  action: KubernetesAction,
  gap: (field: string, needs: string) => void,
): void {
  if (!matchesWord(rule.apiGroups, action.apiGroup)) gap('apiGroups', `apiGroups: ["${action.apiGroup}"]`)
  if (!matchesResource(rule.resources, action.resource, action.subresource)) {
    gap('resources', `resources: [${resourceWord(action)}]`)
  }
  if (!coversNamespace(rule, action)) {
    gap(
      'namespaces',
      action.namespace === ''
        ? `all namespaces (leave namespaces out)${orFilter(rule, action)}: the request is not limited to one`
        : `namespaces: [${action.namespace}]`,
    )
  }
  if (rule.labels !== null && !coversLabels(rule.labels, action)) {
    gap('labels', `no labels, or the request asked for them: -l ${rule.labels.selector}`)
  }
  if (!coversName(rule, action)) {
    gap(
      'resourceNames',
      action.name === ''
        ? `all names (leave resourceNames out)${orFilter(rule, action)}: the request is not limited to one`
        : `resourceNames: [${action.name}]`,
    )
  }
}

/** What would show a part of the answer. */
function orFilter(rule: Rule, action: KubernetesAction): string {
  const isList = action.verb === 'list' || action.verb === 'watch'
  return isList && rule.effect === 'allow' && !rule.filter ? ', or filter: true to show its part' : ''
}

function resourceWord(action: KubernetesAction): string {
  return action.subresource === '' ? action.resource : `${action.resource}/${action.subresource}`
}

export function risksOfAction(action: KubernetesAction): readonly string[] {
  return action.risks ?? (action.risk === 'none' ? [] : [action.risk])
}

export interface DefaultDeny {
  readonly reason: string
  /** `defaults/…` when only a closed second door or impersonation stood in the way; else empty. */
  readonly rules: readonly string[]
}

/** Why nothing allowed it, and what would: the rule that came nearest, if one was near. */
export function explainDefaultDeny(
  rules: readonly Rule[],
  action: KubernetesAction,
  c: Circumstances,
  failures: ReadonlyMap<Rule, string>,
): DefaultDeny {
  let nearest: { rule: Rule; gap: Gap | null } | undefined
  for (const rule of rules) {
    if (rule.effect === 'deny' || rule.effect === 'limit' || rule.guard) continue
    if (!isNear(rule, action, c)) continue
    const gaps = gapsOf(rule, action, c)
    if (gaps.length > 1 || gaps[0]?.field === 'principals') continue
    const gap = gaps[0] ?? null
    if (nearest === undefined || rank(gap) > rank(nearest.gap)) nearest = { rule, gap }
  }
  const said = `nothing allows ${sayAction(action)}`
  if (nearest === undefined) return { reason: `${said}; ${neededRule(action)}`, rules: [] }
  const { rule, gap } = nearest
  if (gap === null) {
    const failure = failures.get(rule)
    const why = failure === undefined ? 'is not met' : `failed (${failure})`
    return { reason: `${said}; rule ${rule.name} would, but its condition ${why}`, rules: [] }
  }
  const door = gap.field === 'riskClasses' ? firstClosed(rule, action) : undefined
  const named =
    door ?? (gap.field === 'impersonate' && action.impersonate !== null ? 'impersonate' : undefined)
  return {
    reason: `${said}; rule ${rule.name} would if it had ${gap.needs}`,
    rules: named === undefined ? [] : [`defaults/${named}`],
  }
}

/** Whether one field at most stands in the way, and not the principal: what `gapsOf` says, without words, cheapest first. */
function isNear(rule: Rule, action: KubernetesAction, c: Circumstances): boolean {
  let gaps = 0
  if (action.isResource) {
    if (!matchesResource(rule.resources, action.resource, action.subresource)) gaps += 1
    if (!coversVerb(rule, action) && ++gaps > 1) return false
    if (!matchesWord(rule.apiGroups, action.apiGroup) && ++gaps > 1) return false
    if (!coversNamespace(rule, action) && ++gaps > 1) return false
    if (!coversName(rule, action) && ++gaps > 1) return false
  } else {
    if (!matchesUrl(rule.urls, action.path)) gaps += 1
    if (!coversVerb(rule, action) && ++gaps > 1) return false
  }
  if (!coversConnection(rule, c) && ++gaps > 1) return false
  if (!coversRisks(rule, action) && ++gaps > 1) return false
  return rule.subjects.includes(c.session.principal, c.connection.name)
}

const NEARNESS = [
  'connections',
  'nonResourceURLs',
  'apiGroups',
  'resources',
  'verbs',
  'namespaces',
  'resourceNames',
  'labels',
  'images',
  'dryRun',
  'client',
  'time',
]

function rank(gap: Gap | null): number {
  if (gap === null) return 100
  if (gap.field === 'riskClasses' || gap.field === 'impersonate') return 50
  return NEARNESS.indexOf(gap.field)
}

function firstClosed(rule: Rule, action: KubernetesAction): string | undefined {
  return risksOfAction(action).find(risk => !coversRisk(rule, risk))
}

function neededRule(action: KubernetesAction): string {
  const risks = risksOfAction(action)
  const classes = risks.length > 0 ? `, riskClasses: [${risks.join(', ')}]` : ''
  return action.isResource
    ? `it takes a rule with verbs: [${action.verb}], resources: [${resourceWord(action)}]${classes}`
    : `it takes a rule with verbs: [${action.verb}], nonResourceURLs`
}
