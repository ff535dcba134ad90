import { parseDuration } from '../documents/duration.ts'
import type { PolicyRule, RuleMatch } from '../documents/schema/policy.ts'
import type { Condition } from './condition/compile-condition.ts'
import type { Decision, Effect, Limit, RuleEffect } from './decision.ts'
import { touchedVerbs } from './effects.ts'
import { type Circumstantial, compileCircumstantial } from './fields/circumstantial.ts'
import { compileGlobList, type GlobList } from './glob.ts'
import { type Reads, readsOf } from './reads.ts'
import { type Requirement, requirementOf } from './requirement.ts'
import { compileSubjects, type Subjects } from './subjects.ts'

/** A rule ready to be asked. Null in a field: the rule says nothing about it. */
export interface Rule {
  /** `policy/rule` */
  readonly name: string
  readonly effect: RuleEffect
  readonly reason: string | undefined
  readonly subjects: Subjects
  readonly connections: GlobList | null
  readonly verbs: Words | null
  /** Verbs of requests that amount to one of `verbs`; null: all do. */
  readonly touched: ReadonlySet<string> | null
  readonly apiGroups: Words | null
  readonly resources: Resources | null
  readonly namespaces: GlobList | null
  readonly resourceNames: GlobList | null
  /** Of the object. */
  readonly labels: Labels | null
  readonly urls: Urls | null
  readonly risks: Words | null
  readonly impersonate: Impersonation | null
  readonly admin: Admin | null
  /** Which requests it can be about at all. */
  readonly about: { readonly resources: boolean; readonly urls: boolean; readonly admin: boolean }
  readonly condition: Condition | null
  /** Whether what it covers of a list is shown. */
  readonly filter: boolean
  /** Whether what comes of a write must be known to ask it. */
  readonly reads: Reads
  /** Of a hold rule: what it takes. */
  readonly requirement: Requirement
  /** Time, client, images, dry run. */
  readonly circumstantial: Circumstantial | null
  readonly requireReason: boolean
  /** A hold rule that opens nothing by itself. */
  readonly guard: boolean
  readonly limit: Limit | null
  /** The answer when this rule alone decides, made once. */
  readonly decision: Decision
}

/** Key and value of each label that an object must have; `selector` asks the cluster for such. */
export interface Labels {
  readonly pairs: readonly (readonly [key: string, value: string])[]
  readonly selector: string
}

/** A list of words in which `*` is all of them. */
export interface Words {
  readonly any: boolean
  readonly set: ReadonlySet<string>
}

export interface Resources {
  readonly any: boolean
  /** `pods`, `pods/log` */
  readonly exact: ReadonlySet<string>
  /** Of `*\/scale`: `scale`. */
  readonly subresources: ReadonlySet<string>
  /** Of `pods/*`: `pods`. */
  readonly parents: ReadonlySet<string>
  /** Resources that are named, whatever the subresource. */
  readonly named: ReadonlySet<string>
}

export interface Urls {
  readonly any: boolean
  readonly exact: ReadonlySet<string>
  readonly prefixes: readonly string[]
}

export interface Impersonation {
  readonly users: GlobList | null
  readonly groups: GlobList | null
  readonly uids: GlobList | null
  readonly extraKeys: GlobList | null
}

export interface Admin {
  readonly verbs: GlobList
  readonly resources: GlobList | null
  readonly names: GlobList | null
}

export function compileRule(
  policy: string,
  rule: PolicyRule,
  condition: Condition | null,
  policyDigest: string,
): Rule {
  const { match } = rule
  const name = `${policy}/${rule.name}`
  const requireReason = rule.requireReason === true
  return {
    name,
    effect: rule.effect,
    reason: rule.reason,
    subjects: compileSubjects(match.principals),
    connections: globs(match.connections),
    verbs: words(match.verbs),
    touched: match.verbs === undefined || match.verbs.includes('*') ? null : touchedVerbs(match.verbs),
    apiGroups: words(match.apiGroups),
    resources: match.resources === undefined ? null : compileResources(match.resources),
    namespaces: globs(match.namespaces),
    resourceNames: globs(match.resourceNames),
    labels: compileLabels(match.labels),
    urls: match.nonResourceURLs === undefined ? null : compileUrls(match.nonResourceURLs),
    risks: words(match.riskClasses),
    impersonate: compileImpersonation(match.impersonate),
    admin: compileAdmin(match.admin),
    about: aboutOf(match, rule.effect === 'limit'),
    condition,
    filter: rule.filter === true,
    reads: readsOf(match, rule.when),
    requirement: requirementOf(rule),
    circumstantial: compileCircumstantial(match),
    requireReason,
    guard: rule.guard === true,
    limit:
      rule.limit === undefined
        ? null
        : {
            rule: name,
            reason: rule.reason,
            count: rule.limit.count,
            per: parseDuration(rule.limit.per)!,
            of: rule.limit.of ?? 'principal',
          },
    decision: Object.freeze({
      // A limit decides nothing: this answer of it is never given.
      effect: rule.effect === 'limit' ? 'deny' : rule.effect,
      rules: Object.freeze([name]),
      reason: rule.reason ?? DEFAULT_REASONS[rule.effect === 'limit' ? 'deny' : rule.effect](name),
      policyDigest,
      ...(requireReason ? { requireReason } : {}),
    }),
  }
}

const DEFAULT_REASONS: Readonly<Record<Effect, (name: string) => string>> = {
  allow: name => `allowed by rule ${name}`,
  deny: name => `denied by rule ${name}`,
  hold: name => `rule ${name} asks for an approval`,
}

function aboutOf(match: RuleMatch, limits: boolean): Rule['about'] {
  const ofResources =
    match.resources !== undefined ||
    match.apiGroups !== undefined ||
    match.namespaces !== undefined ||
    match.resourceNames !== undefined ||
    match.labels !== undefined ||
    match.images !== undefined ||
    match.dryRun !== undefined
  const ofRequests =
    match.verbs !== undefined ||
    match.connections !== undefined ||
    match.riskClasses !== undefined ||
    match.impersonate !== undefined
  if (limits) return { resources: match.nonResourceURLs === undefined, urls: !ofResources, admin: false }
  if (match.admin !== undefined) return { resources: false, urls: false, admin: true }
  if (ofResources) return { resources: true, urls: false, admin: false }
  if (match.nonResourceURLs !== undefined) return { resources: false, urls: true, admin: false }
  return { resources: true, urls: true, admin: !ofRequests }
}

function globs(patterns: readonly string[] | undefined): GlobList | null {
  // `*` says no more than leaving the field out.
  return patterns === undefined || patterns.includes('*') ? null : compileGlobList(patterns)
}

function words(list: readonly string[] | undefined): Words | null {
  return list === undefined ? null : { any: list.includes('*'), set: new Set(list) }
}

function compileResources(list: readonly string[]): Resources {
  const split = list.filter(r => r !== '*').map(r => r.split('/') as [string, string?])
  const subresources = new Set(split.filter(([r]) => r === '*').map(([, s]) => s!))
  const any = list.includes('*') || subresources.has('*')
  return {
    any,
    exact: new Set(split.filter(([r, s]) => r !== '*' && s !== '*').map(parts => parts.join('/'))),
    subresources,
    parents: new Set(split.filter(([r, s]) => r !== '*' && s === '*').map(([r]) => r)),
    named: new Set(split.map(([r]) => r).filter(r => r !== '*')),
  }
}

function compileUrls(list: readonly string[]): Urls {
  return {
    any: list.includes('*'),
    exact: new Set(list.filter(u => !u.endsWith('*'))),
    prefixes: list.filter(u => u.endsWith('*')).map(u => u.slice(0, -1)),
  }
}

function compileLabels(match: RuleMatch['labels']): Labels | null {
  if (match === undefined) return null
  const pairs = Object.entries(match).sort(([a], [b]) => (a < b ? -1 : 1))
  return { pairs, selector: pairs.map(([key, value]) => `${key}=${value}`).join(',') }
}

function compileImpersonation(match: RuleMatch['impersonate']): Impersonation | null {
  if (match === undefined) return null
  const list = (patterns: readonly string[] | undefined): GlobList | null =>
    patterns === undefined ? null : compileGlobList(patterns)
  return {
    users: list(match.users),
    groups: list(match.groups),
    uids: list(match.uids),
    extraKeys: list(match.extraKeys),
  }
}

function compileAdmin(match: RuleMatch['admin']): Admin | null {
  if (match === undefined) return null
  return {
    verbs: compileGlobList(match.verbs),
    resources: globs(match.resources),
    names: globs(match.names),
  }
}
