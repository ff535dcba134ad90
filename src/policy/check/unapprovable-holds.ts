import type { LocatedDocument } from '../../documents/parse.ts'
import type { Problem } from '../../documents/problem.ts'
import type { PolicyDocument, PolicyRule } from '../../documents/schema/policy.ts'
import { compileGlobList } from '../glob.ts'
import { rulesOf, useProblems } from '../presets/expand.ts'
import { problemAt } from './policy-problems.ts'

/**
 * Hold rules that would hold for ever: no allow rule with `admin` lets anybody decide on them (`approval.decide` on
 * `approvals` of the rule's name), or none lets those decide who are asked for. And rules whose broken glass nobody could
 * review (`approval.review`). Errors, over all policies together.
 */
export function unapprovableHolds(policies: readonly LocatedDocument<PolicyDocument>[]): Problem[] {
  const documents = policies.filter(p => useProblems(p.document).length === 0)
  const admins = documents.flatMap(({ document }) =>
    rulesOf(document).filter(rule => rule.effect === 'allow' && rule.match.admin !== undefined),
  )
  return documents.flatMap(located => {
    const own = located.document.spec.rules?.length ?? 0
    return rulesOf(located.document).flatMap((rule, i) => {
      if (rule.effect !== 'hold') return []
      const name = `${located.document.metadata.name}/${rule.name}`
      const deciders = admins.filter(one => lets(one, 'approval.decide', name))
      // A rule of a preset stands where the preset is named; which of them it is, the message says.
      const path = i < own ? ['spec', 'rules', i] : ['spec', 'use']
      if (deciders.length === 0) {
        const message = `nobody can approve what ${name} holds: it takes an allow rule with admin: {verbs: [approval.decide]}`
        return [problemAt(located, path, message, 'error')]
      }
      const messages = askedGroups(rule)
        .filter(group => !deciders.some(one => couldBeIn(one, group)))
        .map(
          group =>
            `${name} asks for approvers of group ${group}, and no rule with approval.decide is for that group`,
        )
      messages.push(...unreviewable(rule, name, admins))
      return messages.map(message => problemAt(located, path, message, 'error'))
    })
  })
}

/** Broken glass is reviewed by whom policy lets, if he has a place among the approvers: any place. */
function unreviewable(rule: PolicyRule, name: string, admins: readonly PolicyRule[]): string[] {
  if (rule.approval?.breakGlass === undefined) return []
  const reviewers = admins.filter(one => lets(one, 'approval.review', name))
  if (reviewers.length === 0) {
    return [
      `nobody can review the glass that ${name} lets people break: it takes an allow rule with admin: {verbs: [approval.review]}`,
    ]
  }
  const places = (rule.approval.approvers ?? []).flatMap(quorum => [quorum, ...(quorum.escalate ?? [])])
  if (places.some(place => place.users !== undefined || place.groups === undefined)) return []
  const groups = askedGroups(rule)
  if (groups.length === 0 || groups.some(group => reviewers.some(one => couldBeIn(one, group)))) return []
  return [
    `nobody can review the glass that ${name} lets people break: no rule with approval.review is for ${groups.join(' or ')}`,
  ]
}

function lets({ match: { admin } }: PolicyRule, verb: string, name: string): boolean {
  const has = (list: readonly string[] | undefined, text: string): boolean =>
    list === undefined || compileGlobList(list).has(text)
  return has(admin!.verbs, verb) && has(admin!.resources, 'approvals') && has(admin!.names, name)
}

/** Groups in which nobody is asked for by name, at once or by escalation. */
function askedGroups(rule: PolicyRule): string[] {
  const asked = (rule.approval?.approvers ?? []).flatMap(quorum => [quorum, ...(quorum.escalate ?? [])])
  return asked.flatMap(q => (q.users === undefined ? (q.groups ?? []) : []))
}

/** In doubt yes: who is named otherwise than by group may be in it. */
function couldBeIn({ match: { principals } }: PolicyRule, group: string): boolean {
  if (principals?.groups === undefined || principals.users !== undefined) return true
  if (principals.serviceAccounts !== undefined) return true
  return principals.groups.some(
    own => compileGlobList([own]).has(group) || compileGlobList([group]).has(own) || own.includes('*'),
  )
}
