import { recentCalls } from '../api/recent.ts'
import type { Approval, Grant } from '../approvals/contract.ts'
import { needsReview } from '../approvals/glass/review.ts'
import { isFresh } from '../approvals/may-decide.ts'
import { messageOf } from '../approvals/message.ts'
import { Refusal } from '../errors/refusal.ts'
import { principalKey } from '../identity/principal.ts'
import { newsOf } from './news.ts'
import { mayDo } from './route.ts'
import type { PageServices } from './services.ts'
import type { ApprovalView } from './views/approval.ts'
import type { SignedVisit } from './visit.ts'

/** One approval as this reader sees it: only what he may do is offered. */
export async function viewOf(services: PageServices, visit: SignedVisit, id: string): Promise<ApprovalView> {
  const { viewer } = visit
  const { api } = services
  const approval = await known(api.approvals.get(id), id)
  const { principal, authenticatedAt } = viewer
  await api.approvals.shown(principal, id)
  const now = api.now()
  const own = principalKey(approval.requester) === principalKey(principal)
  const pending = approval.state === 'pending'
  const grant = api.approvals.grantOf(approval)
  return {
    ...{ viewer, now, approval, own, grant },
    message: messageOf(approval, ''),
    recent: pending ? await recentCalls(api, approval) : [],
    barred: barredOf(services, visit, approval),
    needsSignIn: approval.requirement.page === true && !isFresh(authenticatedAt ?? undefined, now),
    mayCancel: own && pending && mayDo(services, visit, 'self.approval.cancel', 'approvals', id),
    mayBreakGlass: mayBreakGlass(services, visit, approval),
    reviewBarred: needsReview(approval) ? reviewBarredOf(services, visit, approval) : null,
    mayEndGrant: grant !== undefined && mayEnd(services, visit, grant, now),
    watch: watchOf(approval, grant, now) ? newsOf(approval, api.approvals) : null,
  }
}

/** What can still change soon. Each look is in the trail: a page that is left open all day does not fill it. */
function watchOf({ state }: Approval, grant: Grant | undefined, now: number): boolean {
  if (state === 'pending') return true
  return grant !== undefined && grant.state === 'live' && grant.intent !== null && now < grant.until
}

export async function known(found: Promise<Approval | undefined>, id: string): Promise<Approval> {
  const approval = await found
  if (approval !== undefined) return approval
  throw new Refusal('resource-unknown', { check: 'approval', detail: `there is no approval ${id}` })
}

export function mayBreakGlass(services: PageServices, visit: SignedVisit, approval: Approval): boolean {
  const { api } = services
  const { principal } = visit.viewer
  if (api.approvals.glassBarred(principal, approval) !== undefined) return false
  return mayDo(services, visit, 'self.approval.break-glass', 'approvals', approval.id)
}

/** For what is shown only: the same is asked again when somebody decides. */
function barredOf(services: PageServices, visit: SignedVisit, approval: Approval): string | null {
  const rule = approval.rules.find(name => !mayDo(services, visit, 'approval.decide', 'approvals', name))
  if (rule !== undefined) return `policy does not let you decide what rule ${rule} holds`
  return wordsOf(services.api.approvals.barred(visit.viewer.principal, approval))
}

function reviewBarredOf(services: PageServices, visit: SignedVisit, approval: Approval): string | null {
  const rule = approval.rules.find(name => !mayDo(services, visit, 'approval.review', 'approvals', name))
  if (rule !== undefined) return `policy does not let you review what rule ${rule} holds`
  return wordsOf(services.api.approvals.reviewBarred(visit.viewer.principal, approval))
}

function mayEnd(services: PageServices, visit: SignedVisit, grant: Grant, now: number): boolean {
  if (grant.state !== 'live' || now >= grant.until) return false
  const isOwn = principalKey(grant.principal) === principalKey(visit.viewer.principal)
  return mayDo(services, visit, isOwn ? 'self.grant.revoke' : 'grant.revoke', 'grants', grant.id)
}

function wordsOf(refusal: Refusal | undefined): string | null {
  return refusal === undefined ? null : (refusal.detail ?? refusal.message)
}
