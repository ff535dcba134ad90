import type { Principal } from '../identity/principal.ts'
import { compileGlobList } from '../policy/glob.ts'
import type { Quorum, Requirement } from '../policy/requirement.ts'

type Named = Pick<Principal, 'username' | 'groups'>

/** Places of the quorums for which this person counts; empty: none. Without quorums whoever policy lets decide counts. */
export function quorumsOf({ quorums }: Requirement, by: Named): number[] {
  return quorums.flatMap((quorum, i) => (isNamed(quorum, by) ? [i] : []))
}

/** Both absent: everybody is. */
export function isNamed({ groups, users }: Pick<Quorum, 'groups' | 'users'>, by: Named): boolean {
  if (groups === undefined && users === undefined) return true
  if (users !== undefined && compileGlobList(users).has(by.username)) return true
  if (groups === undefined) return false
  const list = compileGlobList(groups)
  return by.groups.some(group => list.has(group))
}

/**
 * Whether these approvers fill every quorum. Of one rule each of them stands in one place only: a person in two groups
 * cannot be both of two approvers. `approvers` holds the quorums of each.
 */
export function isMet({ quorums }: Requirement, approvers: readonly (readonly number[])[]): boolean {
  if (approvers.length === 0) return false
  const rules = new Set(quorums.map(quorum => quorum.rule))
  return [...rules].every(rule => {
    const seats = quorums.flatMap((quorum, i) =>
      quorum.rule === rule ? Array.from({ length: quorum.count }, () => i) : [],
    )
    return fills(seats, approvers)
  })
}

/** Augmenting paths, as in the matching of bipartite graphs: a handful of people and seats. */
function fills(seats: readonly number[], approvers: readonly (readonly number[])[]): boolean {
  const takenBy = new Array<number>(seats.length).fill(-1)
  function seat(person: number, tried: Set<number>): boolean {
    for (const [at, quorum] of seats.entries()) {
      if (tried.has(at) || !approvers[person]!.includes(quorum)) continue
      tried.add(at)
      const sitting = takenBy[at]!
      if (sitting >= 0 && !seat(sitting, tried)) continue
      takenBy[at] = person
      return true
    }
    return false
  }
  for (let person = 0; person < approvers.length; person++) seat(person, new Set())
  return takenBy.every(person => person >= 0)
}

/** People that are still missing, by quorum: what an approver or a requester wants to know. */
export function missingWords(requirement: Requirement, approvals: number): string {
  const place = requirement.page === true ? ', on the approval page' : ''
  if (requirement.quorums.length === 0) return approvals > 0 ? '' : `one approver${place}`
  const words = requirement.quorums.map(({ groups = [], users = [], count }) => {
    const names = [...groups, ...users].join(' or ')
    return `${count} of ${names === '' ? 'those who may approve' : names}`
  })
  return [...new Set(words)].join(' and ') + place
}
