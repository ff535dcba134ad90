import { crossReferenceProblems } from '../../documents/cross-references.ts'
import { documentKinds } from '../../documents/kinds.ts'
import { type LocatedDocument, parseKinds, type SourceText } from '../../documents/parse.ts'
import type { Problem } from '../../documents/problem.ts'
import type { PolicyRule } from '../../documents/schema/policy.ts'
import { didYouMean } from '../../documents/suggest.ts'
import type { Path } from '../../documents/yaml-source.ts'
import { type PolicyTestDocument, policyTestSchema } from '../testing/schema.ts'
import {
  adminVerbs,
  groupsOf,
  isNamespaced,
  knownGroups,
  knownResources,
  knownSubresources,
  nonResourceVerbs,
  resourceVerbs,
} from '../vocabulary.ts'
import { closedDoors } from './closed-doors.ts'
import { failingCondition } from './failing-condition.ts'
import { missingFacts } from './missing-facts.ts'
import { isPolicy, policyProblems, problemAt } from './policy-problems.ts'
import { shadowedRules } from './shadowed-rules.ts'
import { unapprovableHolds } from './unapprovable-holds.ts'
import { uncarriedClaims } from './uncarried-claims.ts'

export type Finding = Problem

/**
 * Syntax and sense of policies: errors keep a set from being loaded, warnings say that a rule probably does not mean
 * what it says. Sorted by file and line. Pure.
 */
export function checkPolicies(sources: readonly SourceText[]): readonly Finding[] {
  const kinds = { ...documentKinds, PolicyTest: policyTestSchema }
  const { documents, problems } = parseKinds<LocatedDocument['document'] | PolicyTestDocument>(sources, kinds)
  const policies = documents.filter(isPolicy)
  const connections = documents.filter(d => d.document.kind === 'Connection')
  const findings = [...problems, ...policyProblems(policies)]
  if (connections.length > 0) {
    const config = documents.filter(d => d.document.kind !== 'PolicyTest') as LocatedDocument[]
    findings.push(...crossReferenceProblems(config))
  }
  for (const located of policies) {
    located.document.spec.rules?.forEach((rule, i) => {
      const warn = (path: Path, message: string): void => {
        findings.push(problemAt(located, ['spec', 'rules', i, ...path], message, 'warning'))
      }
      checkWords(rule, warn)
      checkSense(rule, warn)
    })
  }
  findings.push(...shadowedRules(policies), ...unapprovableHolds(policies), ...uncarriedClaims(documents))
  return findings.sort((a, b) =>
    a.file === b.file ? a.line - b.line || a.column - b.column : a.file < b.file ? -1 : 1,
  )
}

type Warn = (path: Path, message: string) => void

function checkWords({ match }: PolicyRule, warn: Warn): void {
  const known: readonly string[] = match.nonResourceURLs === undefined ? resourceVerbs : nonResourceVerbs
  match.verbs?.forEach((verb, i) => {
    if (verb === '*' || known.includes(verb)) return
    if (match.nonResourceURLs === undefined && match.resources === undefined && verb === 'post') return
    warn(['match', 'verbs', i], `there is no verb ${verb}${didYouMean(verb, known)}`)
  })
  match.apiGroups?.forEach((group, i) => {
    if (group === 'core' || group === 'v1') {
      warn(['match', 'apiGroups', i], `the core group is written "", not ${group}`)
    } else if (group !== '*' && !knownGroups.has(group)) {
      const hint = didYouMean(group, knownGroups)
      // A group that looks like no built-in one is somebody's own.
      if (hint !== '') warn(['match', 'apiGroups', i], `there is no built-in group ${group}${hint}`)
    }
  })
  match.resources?.forEach((text, i) => {
    checkResource({ match }, text, i, warn)
  })
  match.admin?.verbs.forEach((verb, i) => {
    const reaches = (name: string): boolean =>
      verb === name || verb === '*' || (verb.endsWith('.*') && name.startsWith(verb.slice(0, -1)))
    if (!adminVerbs.some(reaches)) {
      warn(['match', 'admin', 'verbs', i], `there is no action ${verb}${didYouMean(verb, adminVerbs)}`)
    }
  })
}

function checkResource({ match }: Pick<PolicyRule, 'match'>, text: string, i: number, warn: Warn): void {
  if (text === '*') return
  const [resource, subresource] = text.split('/') as [string, string?]
  const groups = match.apiGroups
  const builtIn = groups === undefined || groups.every(g => knownGroups.has(g))
  if (subresource !== undefined && subresource !== '*' && builtIn && !knownSubresources.has(subresource)) {
    warn(
      ['match', 'resources', i],
      `there is no subresource ${subresource}${didYouMean(subresource, knownSubresources)}`,
    )
  }
  if (resource === '*') return
  const homes = groupsOf(resource)
  if (homes.length === 0) {
    const hint = didYouMean(resource, knownResources)
    if (hint !== '' && builtIn)
      warn(['match', 'resources', i], `there is no built-in resource ${resource}${hint}`)
    return
  }
  if (groups === undefined || groups.includes('*') || homes.some(home => groups.includes(home))) return
  const home = homes.map(h => JSON.stringify(h)).join(' or ')
  if (builtIn)
    warn(['match', 'resources', i], `${resource} is in group ${home}, which apiGroups does not name`)
}

function checkSense(rule: PolicyRule, warn: Warn): void {
  const { match } = rule
  if (rule.effect === 'deny' && Object.keys(match).length === 0 && rule.when === undefined) {
    warn(['match'], 'an empty match denies everything to everybody')
  }
  if (rule.effect === 'allow') for (const door of closedDoors(rule)) warn(door.path, door.message)
  const kinds = match.principals?.kinds
  if (
    kinds !== undefined &&
    !kinds.includes('serviceaccount') &&
    match.principals?.serviceAccounts !== undefined
  ) {
    warn(['match', 'principals', 'kinds'], 'service accounts are named, and kinds leaves them out')
  }
  match.verbs?.forEach((verb, i) => {
    const streams = match.resources?.every(r => /^pods\/(exec|attach|portforward)$/.test(r))
    if (streams && verb === 'get') {
      warn(['match', 'verbs', i], 'exec, attach and portforward are always create, whatever the HTTP method')
    }
  })
  if (
    rule.filter === true &&
    match.verbs?.every(verb => verb !== '*' && verb !== 'list' && verb !== 'watch')
  ) {
    warn(['filter'], 'shows a part of lists and watches: verbs has neither')
  }
  if (rule.effect === 'allow') unreachable(rule, warn)
  for (const { path, message } of missingFacts(rule)) warn([...path], message)
  const failure = failingCondition(rule)
  if (failure !== undefined) warn(['when'], failure)
}

/** Fields that exclude each other: such a rule covers nothing. */
function unreachable({ match }: PolicyRule, warn: Warn): void {
  const { resources, namespaces, resourceNames, verbs, apiGroups } = match
  if (
    namespaces !== undefined &&
    !namespaces.includes('*') &&
    resources?.every(
      r => r !== 'namespaces' && apiGroups?.every(group => isNamespaced(group, r.split('/')[0]!) === false),
    )
  ) {
    warn(['match', 'namespaces'], 'these resources live in no namespace: the rule covers nothing')
  }
  if (
    resourceNames !== undefined &&
    !resourceNames.includes('*') &&
    resources?.every(r => !r.includes('/')) &&
    verbs?.every(verb => verb === 'create' || verb === 'deletecollection')
  ) {
    warn(
      ['match', 'resourceNames'],
      'a create or deletecollection has no name to compare (as in RBAC): the rule covers nothing',
    )
  }
}
