import type { Approval, Grant, Pin, Wish } from '../../approvals/contract.ts'
import {
  type Foresight,
  foresee,
  foreseeCollection,
  knowsNoTrial,
  unforeseen,
} from '../../approvals/foresight.ts'
import { lifted } from '../../approvals/grants/lifted.ts'
import { burstOf, intentOf, targetOf } from '../../approvals/intent.ts'
import { patienceOf } from '../../approvals/patience.ts'
import { NO_OBJECT, pinnedPath, pinOf } from '../../approvals/pin.ts'
import { pinWrite } from '../../approvals/pin-write.ts'
import { missingWords } from '../../approvals/quorum.ts'
import { isWithin } from '../../approvals/scope.ts'
import { principalFacts } from '../../audit/principal-facts.ts'
import { sentence } from '../../audit/sentence.ts'
import { Refusal } from '../../errors/refusal.ts'
import { readJson } from '../../kubernetes/json/read-json.ts'
import { maskRequest } from '../../masking/request/mask-request.ts'
import { elementsOf } from '../../masking/writeback/atlas.ts'
import type { Decision } from '../../policy/decision.ts'
import type { CollectedAnswer } from '../../tunnel/calls/collect.ts'
import type { Answer } from '../answer.ts'
import { CallerLeft } from '../caller.ts'
import type { Answered, Committed, Decided } from '../exchange.ts'
import type { Gateway } from '../gateway.ts'
import { circumstancesOf } from '../policy-circumstances.ts'
import { actionFacts } from '../record.ts'
import { judgedAction, lookAgain } from '../result-of-write.ts'
import { trialFor } from '../trial.ts'
import { answerOf } from '../whole-answer.ts'

/**
 * What rules hold waits here, with its connection open, until people have decided; then it goes on in place as the same
 * request. Each time it wakes the policy of that moment and the object as it is then are asked again: what was approved
 * is what is sent, and once.
 */
export async function hold(gateway: Gateway, x: Decided): Promise<Decided> {
  if (x.decision.effect !== 'hold') return x
  const until = gateway.now() + patienceOf(x.caller.userAgent, parameter(x, 'timeout'))
  let approved: Approval | undefined
  for (let decision: Decision = x.decision; ; ) {
    refuseUnsaid(x, decision)
    const wish = wishOf(gateway, x, decision)
    const live = await readTarget(gateway, x)
    const pin = pinOfTarget(gateway, live)
    const grant = await gateway.approvals.use(wish, pin)
    if (grant !== undefined) return granted(gateway, x, decision, grant, pin)
    if (approved !== undefined) refuseSecond(gateway, approved)
    const tried = await tryOut(gateway, x, live)
    if (tried.refusal !== undefined) return Object.assign(x, { refusedAhead: tried.refusal })
    const approval = await gateway.approvals.ask({ ...wish, foresight: tried.foresight }, pin)
    const settled = await wait(gateway, x, approval, until)
    if (settled.state !== 'approved') throw refusalOf(gateway, settled)
    approved = settled
    await lookAgain(gateway, x)
    if (x.refusedAhead !== undefined) return x
    decision = gateway.policies().decide(judgedAction(x), circumstancesOf(x, gateway.now()))
    x.progress.decision = decision
    x.progress.decidedAt = gateway.now()
    if (decision.effect === 'deny') {
      const check = decision.rules[0] ?? 'default-deny'
      throw new Refusal('denied-by-policy', { check, detail: decision.reason })
    }
    if (decision.effect === 'allow') return Object.assign(x, { decision })
  }
}

/** The answer of a request that nobody was asked about; undefined: go on to the cluster. */
export function refusedAhead(x: Committed): Answered | undefined {
  return x.refusedAhead === undefined ? undefined : Object.assign(x, { answer: x.refusedAhead })
}

/**
 * What would come of it, by a dry run as the session. What the cluster refuses takes nobody's time; everything else is shown
 * to those who decide, masked as the trail is.
 */
async function tryOut(
  gateway: Gateway,
  x: Decided,
  live: CollectedAnswer | null,
): Promise<{ refusal?: Answer; foresight: Foresight }> {
  const { action } = x
  const trial = action.query.dryRun ? null : await trialFor(gateway, x)
  if (trial === null) return { foresight: unforeseen('it cannot be tried without doing it') }
  const tried = x.foreseen?.tried ?? (await gateway.dryRun(x, trial))
  if (knowsNoTrial(tried.status, tried.body)) {
    return { foresight: unforeseen('the cluster cannot say what would come of it') }
  }
  if (tried.status >= 400)
    return { refusal: answerOf(tried.status, tried.headers, tried.body), foresight: unforeseen('') }
  if (action.verb === 'deletecollection') return { foresight: foreseeCollection(countOf(tried.body)) }
  const before = live?.status === 200 && action.subresource === '' ? shown(gateway, x, live.body) : null
  const after = action.verb === 'delete' ? null : shown(gateway, x, tried.body)
  const title = `${x.answerKind?.kind ?? action.resource} ${action.name}`
  if (before === undefined || after === undefined)
    return { foresight: unforeseen('what would come of it cannot be read') }
  return { foresight: foresee(before, after, title) }
}

/** Undefined: it cannot be read, and so is not shown. */
function shown(gateway: Gateway, x: Decided, bytes: Uint8Array): string | undefined {
  const context = { ...(x.answerKind ?? { group: '', kind: '' }), isTrial: true }
  const masked = maskRequest(gateway.trailEngine(), bytes, context, 'object')
  return masked === null ? undefined : Buffer.concat(masked.bytes).toString()
}

function countOf(list: Uint8Array): number {
  const document = readJson(list)
  if ('refused' in document) return 0
  const items = document.member(0, 'items')
  if (items === undefined || !document.isArray(items)) return 0
  return elementsOf(document, items).length
}

/** Approvers are not asked without the reason that the rule wants them to see. */
function refuseUnsaid(x: Decided, { requirement, holds, rules }: Decision): void {
  if (requirement?.reason !== true || x.progress.statedReason !== undefined) return
  const detail = `approvers are told why on connection ${x.connection.name}`
  throw new Refusal('reason-required', { check: (holds ?? rules)[0] ?? 'hold', detail })
}

/** Several requests waited for one approval that is good once: the others are told, and nobody is asked again for them. */
function refuseSecond(gateway: Gateway, approved: Approval): void {
  const grant = gateway.approvals.grantOf(approved)
  if (grant?.state !== 'used') return
  const detail = `approval ${approved.id} was for one request, and request ${grant.usedBy} has used it`
  throw new Refusal('approval-closed', { check: 'used', detail })
}

/** Until somebody decides, the client's patience ends, it leaves, its session ends, or this process shuts down. */
async function wait(gateway: Gateway, x: Decided, approval: Approval, until: number): Promise<Approval> {
  const stop = new AbortController()
  let ended = false
  x.caller.onGone(() => stop.abort())
  const stopDrain = gateway.onDrain(() => stop.abort())
  const stopSession = gateway.onSessionEnd(x.session.id, () => {
    ended = true
    stop.abort()
  })
  try {
    const settled = await gateway.approvals.wait(approval.id, until - gateway.now(), stop.signal)
    if (x.caller.gone) throw new CallerLeft()
    if (ended) throw new Refusal('session-ended')
    return settled
  } finally {
    stopDrain()
    stopSession()
  }
}

function granted(gateway: Gateway, x: Decided, decision: Decision, grant: Grant, pin: Pin | null): Decided {
  const { progress } = x
  const reason = lifted(grant)
  const allowed: Decision = { ...decision, effect: 'allow', reason }
  const { id, approval, approvers, sentence: asked } = grant
  progress.decision = allowed
  progress.grant = {
    id,
    approval,
    approvers,
    asked,
    ...(grant.brokenGlass === true ? { brokenGlass: true } : {}),
    ...(grant.reason === null ? {} : { reason: grant.reason }),
    ...(grant.intent === null && grant.burst === undefined ? { until: grant.until } : {}),
  }
  const { release } = progress
  progress.release = () => {
    release?.()
    // Never sent, or refused by a condition that we set: then nothing was done with it.
    const status = (x as Partial<Answered>).answer?.status
    if (progress.upstream === undefined || status === 409)
      gateway.approvals.giveBack(grant).catch(error => gateway.observe.broke(error, x.callId))
  }
  return Object.assign(x, { decision: allowed, grant, body: pinnedBody(x, pin) })
}

/** Bound to the object that was looked at. */
function pinnedBody(x: Decided, pin: Pin | null): Decided['body'] {
  if (pin === null || pin === NO_OBJECT || x.action.verb === 'create') return x.body
  const bytes = pinWrite(x.action.verb, x.action.body?.form ?? 'object', x.body.bytes, pin.uid)
  if (bytes === null) {
    const detail = 'the request cannot be bound to the object that was approved'
    throw new Refusal('approval-closed', { check: 'target', detail })
  }
  return bytes === x.body.bytes
    ? x.body
    : { ...x.body, bytes, mediaType: x.body.mediaType || 'application/json' }
}

/** What is changed, as the session reads it; null when there is nothing to compare. */
async function readTarget(gateway: Gateway, x: Decided): Promise<CollectedAnswer | null> {
  const path = pinnedPath(x.action, x.parsed.target)
  return path === null ? null : gateway.readLive(x, path, 'approval')
}

/** Null also when the session may not read it. */
function pinOfTarget(gateway: Gateway, live: CollectedAnswer | null): Pin | null {
  if (live?.status === 404) return NO_OBJECT
  return live?.status === 200 ? pinOf(live.body, gateway.fingerprintOf) : null
}

function wishOf(gateway: Gateway, x: Decided, decision: Decision): Wish {
  const { principal, action } = x
  const connection = x.connection.name
  const facts = actionFacts(gateway.trailEngine(), action)
  const head = { principal: principalFacts(principal), connection, action: facts }
  const of = { principal, connection, action }
  const intentFacts = { ...of, query: x.parsed.query, body: x.body.bytes }
  const burst =
    decision.requirement!.burst === true
      ? burstOf(intentFacts, x.session.id, x.parsed.headers.get('kubectl-session'))
      : null
  return {
    call: x.callId,
    ...{ principal, connection },
    session: x.session.id,
    rules: decision.holds ?? decision.rules,
    requirement: decision.requirement!,
    intent: intentOf(intentFacts),
    ...(burst === null ? {} : { burst }),
    target: targetOf(of),
    sentence: sentence({ kind: 'k8s.request', effect: null, head }),
    action: facts,
    ...(x.progress.statedReason === undefined ? {} : { reason: x.progress.statedReason }),
    policyDigest: decision.policyDigest,
    isWithin: scope => isWithin(scope, action, circumstancesOf(x, gateway.now())),
  }
}

function parameter(x: Decided, name: string): string | undefined {
  return x.parsed.query.find(([key]) => key === name)?.[1]
}

function refusalOf(gateway: Gateway, approval: Approval): Refusal {
  const { id, rule, state, decisions, closedBecause } = approval
  const last = decisions.at(-1)
  switch (state) {
    case 'denied': {
      const why = last?.reason == null ? '' : `: ${last.reason}`
      return new Refusal('approval-denied', {
        check: rule,
        detail: `${last?.by.username ?? 'an approver'} denied approval ${id}${why}`,
      })
    }
    case 'pending': {
      const left = Math.max(0, Math.round((approval.deadline - gateway.now()) / 60_000))
      const who = missingWords(approval.requirement, decisions.length)
      return new Refusal('approval-pending', {
        check: rule,
        detail: `approval ${id} (check ${approval.check}) waits for ${who}, ${left} more minutes`,
        retryAfter: 1,
      })
    }
    default:
      return new Refusal('approval-expired', {
        check: rule,
        detail: `approval ${id}: ${closedBecause ?? state}`,
      })
  }
}
