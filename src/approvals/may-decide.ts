import { maybeSame, personOf } from '../audit/person.ts'
import { Refusal } from '../errors/refusal.ts'
import type { Principal } from '../identity/principal.ts'
import type { Approval } from './contract.ts'
import { missingWords } from './quorum.ts'

/**
 * Who can never decide: machines, the one who asked, who has decided already, and whom no quorum names. That policy lets
 * the person decide at all was asked before. Throws a Refusal.
 */
export function refuseDecider(approval: Approval, by: Principal, quorums: readonly number[]): void {
  const person = personOf(by)
  if (by.kind !== 'person') {
    throw new Refusal('approver-required', { check: 'not-a-person', detail: `${by.username} is no person` })
  }
  if (maybeSame(approval.requester, person)) {
    throw new Refusal('second-person-required', {
      check: 'requester',
      detail: 'who asked for it cannot approve it',
    })
  }
  if (approval.decisions.some(one => maybeSame(one.by, person))) {
    throw new Refusal('approval-closed', { check: 'decided', detail: 'you have decided already' })
  }
  if (approval.requirement.quorums.length > 0 && quorums.length === 0) {
    throw new Refusal('approver-required', {
      check: 'quorum',
      detail: `rule ${approval.rule} asks for ${missingWords(approval.requirement, 0)}`,
    })
  }
}
