import { actionAskedAbout, isAccessReview } from '../../kubernetes/access-review.ts'
import { risksOf } from '../../policy/risk.ts'
import { Answer } from '../answer.ts'
import type { Answered, Committed } from '../exchange.ts'
import type { Gateway } from '../gateway.ts'
import { circumstancesOf } from '../policy-circumstances.ts'

/**
 * `kubectl auth can-i` asks the cluster, which does not know our policy. Where policy says no, the answer is no and
 * names the rule; where it says yes, the cluster is asked, and its answer stands: both have to agree. Undefined: go on
 * to the cluster. The question itself was authenticated, decided and recorded like every other request.
 */
export function reviewAccess(gateway: Gateway, x: Committed): Answered | undefined {
  if (!isAccessReview(x.action)) return undefined
  const asked = actionAskedAbout(x.action.body?.object)
  if (asked === undefined) return undefined
  const risks = risksOf(asked)
  const action = { ...asked, risks, risk: risks[0] ?? 'none' } as const
  const decision = gateway.policies().decide(action, circumstancesOf(x, gateway.now()))
  if (decision.effect === 'allow') return undefined
  const by = decision.rules[0] ?? 'default-deny'
  const what = decision.effect === 'hold' ? 'needs an approval' : 'denied by policy'
  const given = x.action.body?.object as { readonly spec?: unknown }
  const body = Buffer.from(
    JSON.stringify({
      kind: 'SelfSubjectAccessReview',
      apiVersion: 'authorization.k8s.io/v1',
      metadata: {},
      spec: given.spec,
      status: {
        allowed: false,
        ...(decision.effect === 'deny' ? { denied: true } : {}),
        reason: `sallyport: ${what} [${by}]: ${decision.reason}`,
      },
    }),
  )
  const answer = new Answer()
  answer.onHead(201, ['content-type', 'application/json'], { pause() {}, resume() {} })
  answer.onData(body)
  answer.onEnd()
  return Object.assign(x, { answer })
}
