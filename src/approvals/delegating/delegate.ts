import { personOf } from '../../audit/person.ts'
import { principalFacts } from '../../audit/principal-facts.ts'
import { Refusal } from '../../errors/refusal.ts'
import { type Principal, principalKey } from '../../identity/principal.ts'
import type { Delegation } from '../contract.ts'
import { refuseMachine } from '../may-decide.ts'
import { type ApprovalRecords, conflict, DELEGATION_KIND } from '../records.ts'

export interface DelegationWish {
  /** User name, prefix included. */
  readonly to: string
  /** Globs over `policy/rule`. */
  readonly rules: readonly string[]
  readonly milliseconds: number
  readonly reason: string | null
}

const MOST = 20

/**
 * Somebody who will be away names who decides in his place. The delegate still needs policy's word, never decides what the
 * person himself could not, and cannot hand it on.
 */
export async function delegate(
  records: ApprovalRecords,
  by: Principal,
  { to, rules, milliseconds, reason }: DelegationWish,
): Promise<Delegation> {
  refuseMachine(by)
  if (to === by.username) {
    throw new Refusal('second-person-required', { check: 'delegate', detail: 'name another person' })
  }
  const at = records.now()
  const own = [...records.delegations.values()].filter(
    one => principalKey(one.person) === principalKey(by) && one.until > at,
  )
  if (own.length >= MOST) {
    const detail = `${MOST} delegations of yours are in force: end some of them`
    throw new Refusal('too-many-requests', { check: 'delegations', detail, retryAfter: 3600 })
  }
  const delegation: Delegation = {
    ...{ id: records.newId(), person: personOf(by), groups: by.groups },
    ...{ to, rules, reason, from: at, until: at + milliseconds },
  }
  const { id } = delegation
  await records.append('approval.delegate', id, principalFacts(by), {
    ...{ delegation: id, to, rules, reason },
    until: new Date(delegation.until).toISOString(),
  })
  await records.commit([{ op: 'create', kind: DELEGATION_KIND, key: id, value: delegation }])
  return delegation
}

/** Before its time; what was decided by it stays decided. */
export async function endDelegation(
  records: ApprovalRecords,
  by: Principal,
  id: string,
): Promise<Delegation> {
  const one = records.delegations.get(id)
  if (one === undefined || one.value.until <= records.now()) {
    const detail = `there is no delegation ${id} in force`
    throw new Refusal('resource-unknown', { check: 'delegation', detail })
  }
  const ended: Delegation = { ...one.value, until: records.now() }
  await records.append('approval.delegate-end', id, principalFacts(by), {
    ...{ delegation: id, to: one.value.to, of: one.value.person.username },
  })
  const change = { op: 'update', kind: DELEGATION_KIND, key: id, version: one.version, value: ended } as const
  await records.commit([change]).catch(conflict)
  return ended
}
