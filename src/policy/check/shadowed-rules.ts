import type { LocatedDocument } from '../../documents/parse.ts'
import type { Problem } from '../../documents/problem.ts'
import type { PolicyDocument, PolicyRule, RuleMatch } from '../../documents/schema/policy.ts'
import { compileGlob } from '../glob.ts'
import { rulesOf, useProblems } from '../presets/expand.ts'
import { problemAt } from './policy-problems.ts'

/** Allow and hold rules of which a deny rule takes everything away: whatever they match, it matches too. */
export function shadowedRules(policies: readonly LocatedDocument<PolicyDocument>[]): Problem[] {
  const all = policies
    .filter(located => useProblems(located.document).length === 0)
    .flatMap(located => rulesOf(located.document).map((rule, i) => ({ located, rule, i })))
  const denying = all.filter(({ rule }) => rule.effect === 'deny' && rule.when === undefined)
  return all
    .filter(
      ({ located, rule, i }) => rule.effect !== 'deny' && i < (located.document.spec.rules?.length ?? 0),
    )
    .flatMap(({ located, rule, i }) => {
      const by = denying.find(deny => contains(deny.rule.match, rule))
      if (by === undefined) return []
      const name = `${by.located.document.metadata.name}/${by.rule.name}`
      return [problemAt(located, ['spec', 'rules', i], `deny rule ${name} takes all of it away`, 'warning')]
    })
}

const LISTS = [
  'connections',
  'verbs',
  'apiGroups',
  'resources',
  'namespaces',
  'resourceNames',
  'nonResourceURLs',
] as const

const CIRCUMSTANTIAL = ['time', 'client', 'images', 'dryRun'] as const

/** Sure of it, not merely likely: a field that cannot be compared means no. */
function contains(outer: RuleMatch, { match: inner }: PolicyRule): boolean {
  if (outer.impersonate !== undefined || outer.principals?.kinds !== undefined) return false
  if (CIRCUMSTANTIAL.some(field => outer[field] !== undefined)) return false
  if (outer.principals?.claims !== undefined) return false
  // Of a deny rule classes are a filter, of an allow rule a licence: they do not compare.
  if (outer.riskClasses !== undefined) return false
  if (!LISTS.every(field => listContains(outer[field], inner[field]))) return false
  const { principals } = outer
  if (principals !== undefined) {
    const theirs = inner.principals
    if (theirs === undefined || theirs.kinds !== undefined) return false
    const everybody = principals.users?.includes('*') === true
    const fields = ['users', 'groups', 'serviceAccounts'] as const
    if (
      !everybody &&
      !fields.every(f => theirs[f] === undefined || listContains(principals[f] ?? [], theirs[f]))
    ) {
      return false
    }
  }
  if (outer.admin === undefined) {
    const general = LISTS.every(field => outer[field] === undefined)
    return inner.admin === undefined || general
  }
  return (
    inner.admin !== undefined &&
    listContains(outer.admin.verbs, inner.admin.verbs) &&
    listContains(outer.admin.resources, inner.admin.resources) &&
    listContains(outer.admin.names, inner.admin.names)
  )
}

function listContains(outer: readonly string[] | undefined, inner: readonly string[] | undefined): boolean {
  if (outer === undefined || outer.includes('*')) return true
  if (inner === undefined) return false
  const globs = outer.map(compileGlob)
  // A star in the inner pattern is just another character that the outer star swallows.
  return inner.every(text => globs.some(glob => glob.matches(text)))
}
