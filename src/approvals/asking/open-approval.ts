import { randomInt } from 'node:crypto'
import { SELF } from '../../audit/acts.ts'
import { personOf } from '../../audit/person.ts'
import { principalFacts } from '../../audit/principal-facts.ts'
import { type Change, StoreConflict, type Stored } from '../../store/store.ts'
import type { Approval, Pin, Wish } from '../contract.ts'
import { APPROVAL_KIND, type ApprovalRecords, ASK_KIND, closed, moving } from '../records.ts'
import { refuseFlood } from './refuse-flood.ts'

const CHANGED = 'its target has changed since'
const ASKED = 'the same was asked for at the same moment: that approval stands'

/**
 * A new approval. Throws StoreConflict when it is not the only one that asks for this.
 * @param asked Which approval its intent has had until now.
 * @param changed That approval, when it is pending for an object that is not the same any more.
 */
export async function openApproval(
  records: ApprovalRecords,
  wish: Wish,
  pin: Pin | null,
  asked: Stored<{ id: string }> | undefined,
  changed: Stored<Approval> | undefined,
): Promise<Approval> {
  refuseFlood(records, wish.principal)
  const at = records.now()
  const approval = approvalOf(wish, pin, records.newId(), at)
  const { id } = approval
  if (changed !== undefined) {
    await records.append('approval.close', changed.key, SELF, { approval: changed.key, because: CHANGED })
  }
  await records.append('approval.request', id, principalFacts(wish.principal), requestFacts(approval))
  const pointer: Change =
    asked === undefined
      ? { op: 'create', kind: ASK_KIND, key: wish.intent, value: { id } }
      : { op: 'update', kind: ASK_KIND, key: wish.intent, version: asked.version, value: { id } }
  try {
    await records.commit([
      pointer,
      { op: 'create', kind: APPROVAL_KIND, key: id, value: approval },
      ...(changed === undefined ? [] : [moving(changed, closed(changed.value, 'cancelled', at, CHANGED))]),
    ])
  } catch (error) {
    // It is in the trail already: nobody is to look for how it ended.
    if (error instanceof StoreConflict)
      await records.append('approval.close', id, SELF, { approval: id, because: ASKED })
    throw error
  }
  return approval
}

function approvalOf(wish: Wish, pin: Pin | null, id: string, at: number): Approval {
  const { call, principal, session, connection, rules, requirement } = wish
  return {
    ...{ id, state: 'pending', connection, session, rules, requirement, pin },
    requester: { ...personOf(principal), kind: principal.kind },
    rule: rules[0]!,
    intent: wish.intent,
    target: wish.target,
    scope: wish.scope ?? null,
    sentence: wish.sentence,
    action: wish.action,
    reason: wish.reason ?? null,
    foresight: wish.foresight ?? null,
    check: String(randomInt(10, 100)),
    calls: [call],
    callCount: 1,
    policyDigest: wish.policyDigest,
    askedAt: at,
    deadline: at + requirement.deadline,
    decisions: [],
  }
}

function requestFacts(one: Approval): Record<string, unknown> {
  const { id, sentence, connection, rules, intent, pin, deadline, calls, check, scope, reason } = one
  return {
    ...{ approval: id, asked: sentence, connection, rules, intent, check, reason },
    until: new Date(deadline).toISOString(),
    ...(scope === null ? { call: calls[0], target: pin?.uid ?? null } : { scope }),
  }
}
