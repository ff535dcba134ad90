import type { Person } from '../../audit/person.ts'
import { personOf } from '../../audit/person.ts'
import type { Principal } from '../../identity/principal.ts'
import { compileGlobList } from '../../policy/glob.ts'
import type { Approval, Delegation } from '../contract.ts'
import { isOne, refuseDecider } from '../may-decide.ts'
import { quorumsOf } from '../quorum.ts'
import type { ApprovalRecords } from '../records.ts'

/** Where somebody counts in an approval, and in whose place if not in his own. */
export interface Seat {
  readonly quorums: readonly number[]
  readonly inPlaceOf?: Person
}

/** Throws the Refusal of whoever cannot decide. That policy lets the person decide at all was asked before. */
export function seatOf(records: ApprovalRecords, approval: Approval, by: Principal): Seat {
  const own = quorumsOf(approval.requirement, by)
  const seat = own.length > 0 ? { quorums: own } : (delegatedSeat(records, approval, by) ?? { quorums: [] })
  refuseDecider(approval, by, seat.quorums, records.linked)
  return seat
}

/** Only what somebody holds himself can be delegated: a delegate's own delegations are not looked at. */
function delegatedSeat(records: ApprovalRecords, approval: Approval, by: Principal): Seat | undefined {
  const at = records.now()
  for (const one of records.delegations.values()) {
    if (one.to !== by.username || at < one.from || at >= one.until || !isAbout(one, approval)) continue
    const { person } = one
    // Nobody hands on what he cannot do, and nobody decides twice, in person and through another.
    if (isOne(person, personOf(by), records.linked)) continue
    if (isOne(approval.requester, person, records.linked)) continue
    if (approval.decisions.some(d => isIn(d.by, d.inPlaceOf, person, records))) continue
    if (records.isRevoked(person, one.from)) continue
    const quorums = quorumsOf(approval.requirement, { username: person.username, groups: one.groups })
    if (quorums.length > 0) return { quorums, inPlaceOf: person }
  }
  return undefined
}

function isAbout({ rules }: Delegation, approval: Approval): boolean {
  const list = compileGlobList(rules)
  return approval.rules.every(rule => list.has(rule))
}

function isIn(by: Person, inPlaceOf: Person | undefined, who: Person, { linked }: ApprovalRecords): boolean {
  return isOne(by, who, linked) || (inPlaceOf !== undefined && isOne(inPlaceOf, who, linked))
}
