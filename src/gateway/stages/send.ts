import { pinnedPath, pinOf } from '../../approvals/pin.ts'
import { pinVersion } from '../../approvals/pin-version.ts'
import { Refusal } from '../../errors/refusal.ts'
import { requestHeadersToForward } from '../../kubernetes/negotiation/headers.ts'
import { acceptFor } from '../accept-for.ts'
import { Answer } from '../answer.ts'
import { CallerLeft } from '../caller.ts'
import { letItSettle, TRIES } from '../changing-object.ts'
import type { Answered, Classified, Committed } from '../exchange.ts'
import type { Gateway } from '../gateway.ts'
import { circumstancesOf } from '../policy-circumstances.ts'
import { judgedAction, lookAgain } from '../result-of-write.ts'
import { answerOf } from '../whole-answer.ts'

type Forward = (gateway: Gateway, x: Committed, answer: Answer) => Promise<Answered>

/**
 * What was judged is what is sent: a write that was judged by what comes of it is bound to the version of the object that was
 * looked at. When that has changed meanwhile, it is looked at and judged anew, and sent again if it is still allowed. An object that
 * does not come to rest is its writer's conflict in the end.
 */
export async function send(gateway: Gateway, x: Committed, forward: Forward): Promise<Answered> {
  const { body } = x
  if (x.foreseen == null || x.foreseen.version === null) return forward(gateway, x, new Answer())
  let version: string = x.foreseen.version
  const answered = await forward(gateway, bound(x, body, version), new Answer())
  for (let tries = 1; tries < TRIES && answered.answer.status === 409; tries++) {
    await letItSettle(tries - 1)
    // Looked at as its writer sent it: bound to the old version the look would fail as this has.
    Object.assign(x, { body })
    const next = await judgeChanged(gateway, x, version)
    // It is as it was: the conflict is another one, and its writer's.
    if (next === null) return answered
    if (x.caller.gone) throw new CallerLeft()
    version = next
    bound(x, body, version)
    x.progress.firstStatus ??= answered.answer.status
    answered.answer.cancel(new Error('sent again'))
    const again = await gateway.sendAgain(x, {
      method: x.parsed.method,
      target: x.parsed.target,
      headers: requestHeadersToForward(x.parsed, acceptFor(gateway, x), x.body),
      body: x.body.bytes,
    })
    Object.assign(answered, { answer: answerOf(again.status, again.headers, again.body) })
  }
  return answered
}

function bound(x: Committed, body: Classified['body'], version: string): Committed {
  const bytes = pinVersion(x.action.body?.form ?? 'object', body.bytes, version)
  if (bytes === null) throw changed('the request cannot be bound to the object that was judged')
  return Object.assign(x, { body: { ...body, bytes } })
}

/** The version that the object has now, when the request is allowed for that one too; null: it has not changed. */
async function judgeChanged(gateway: Gateway, x: Committed, version: string): Promise<string | null> {
  await lookAgain(gateway, x)
  if (x.refusedAhead !== undefined) return null
  const now = x.foreseen?.version ?? null
  if (now === version) return null
  const decision = gateway.policies().decide(judgedAction(x), circumstancesOf(x, gateway.now()))
  if (decision.effect === 'deny') {
    const check = decision.rules[0] ?? 'default-deny'
    throw new Refusal('denied-by-policy', { check, detail: decision.reason })
  }
  if (decision.effect === 'hold' && !(await isLifted(gateway, x, decision.holds ?? decision.rules))) {
    throw changed(
      'the object has changed since it was judged, and policy wants to ask about it; send the request again',
    )
  }
  if (now === null) throw changed('the object has changed, and what would come of it cannot be seen any more')
  return now
}

/** The grant in hand is for these rules, and for the object as it is. */
async function isLifted(gateway: Gateway, x: Committed, holds: readonly string[]): Promise<boolean> {
  const { grant } = x
  if (grant === undefined || !holds.every(rule => grant.rules.includes(rule))) return false
  if (grant.intent === null) return true
  const path = pinnedPath(x.action, x.parsed.target)
  if (path === null || grant.pin === null) return path === null
  const live = await gateway.readLive(x, path, 'policy')
  const pin = live.status === 200 ? pinOf(live.body, gateway.fingerprintOf) : null
  return pin !== null && pin.uid === grant.pin.uid && pin.digest === grant.pin.digest
}

function changed(detail: string): Refusal {
  return new Refusal('approval-closed', { check: 'target', detail })
}
