import { Refusal } from '../../errors/refusal.ts'
import {
  actionAskedAbout,
  isAccessReview,
  isRulesReview,
  rulesStatusOf,
} from '../../kubernetes/access-review.ts'
import type { KubernetesAction } from '../../kubernetes/action.ts'
import type { Circumstances, Decision } from '../../policy/decision.ts'
import { dependsOnBody } from '../../policy/depends-on-body.ts'
import { risksOf } from '../../policy/risk.ts'
import { cutRules } from '../../policy/rules-review.ts'
import type { Answered, Committed } from '../exchange.ts'
import type { Gateway } from '../gateway.ts'
import { circumstancesOf } from '../policy-circumstances.ts'
import { answerOf, wholeOf } from '../whole-answer.ts'

/**
 * `kubectl auth can-i` asks the cluster, which does not know our policy. Where policy says no, the answer is no and
 * names the rule. Undefined: go on to the cluster, both have to agree. The question itself was authenticated, decided and
 * recorded like every other request.
 */
export function reviewAccess(gateway: Gateway, x: Committed): Answered | undefined {
  if (!isAccessReview(x.action)) return undefined
  const asked = judged(gateway, x)
  if (asked === undefined || asked.decision.effect !== 'deny') return undefined
  const { decision, unsure } = asked
  const by = decision.rules[0] ?? 'default-deny'
  const given = x.action.body?.object as { readonly spec?: unknown }
  const review = {
    kind: 'SelfSubjectAccessReview',
    apiVersion: 'authorization.k8s.io/v1',
    metadata: {},
    spec: given.spec,
    status: {
      allowed: false,
      ...(unsure.length === 0 ? { denied: true } : { evaluationError: incomplete(unsure) }),
      reason: `sallyport: denied by policy [${by}]: ${decision.reason}`,
    },
  }
  return Object.assign(x, {
    answer: answerOf(201, ['content-type', 'application/json'], Buffer.from(JSON.stringify(review))),
  })
}

/**
 * What the cluster answered to a question about oneself, completed by what policy says of it: yes, but with an approval; yes,
 * but in part; the rules that are left of its own.
 */
export function completeReview(gateway: Gateway, x: Answered): Answered | Promise<Answered> {
  const isAccess = isAccessReview(x.action)
  if ((!isAccess && !isRulesReview(x.action)) || x.answer.status !== 201) return x
  return complete(gateway, x, isAccess)
}

async function complete(gateway: Gateway, x: Answered, isAccess: boolean): Promise<Answered> {
  const bytes = await wholeOf(x.answer, LARGEST)
  const review = parsed(bytes)
  const changed =
    review === undefined ? undefined : isAccess ? completed(gateway, x, review) : cut(gateway, x, review)
  const body = changed === undefined ? bytes : Buffer.from(JSON.stringify(changed))
  return Object.assign(x, { answer: answerOf(x.answer.status, x.answer.headers, body) })
}

type Review = Readonly<Record<string, unknown>>

function completed(gateway: Gateway, x: Answered, review: Review): Review | undefined {
  const asked = judged(gateway, x)
  const status = review.status as {
    readonly allowed?: unknown
    readonly reason?: unknown
    readonly evaluationError?: unknown
  }
  if (asked === undefined || typeof status !== 'object' || status === null) return undefined
  const { decision, unsure } = asked
  const said: { reason?: string; evaluationError?: string } = {}
  if (status.allowed === true && decision.effect === 'hold')
    said.reason = `sallyport: requires approval [${decision.rules[0]}]: ${decision.reason}`
  else if (status.allowed === true && (decision.part !== undefined || decision.requireReason === true)) {
    const asks = decision.requireReason === true ? ' (a reason has to be given)' : ''
    said.reason = `sallyport: ${decision.reason}${asks}`
  }
  if (unsure.length > 0) {
    const theirs = typeof status.evaluationError === 'string' ? `${status.evaluationError}; ` : ''
    said.evaluationError = `${theirs}${incomplete(unsure)}`
  }
  if (said.reason === undefined && said.evaluationError === undefined) return undefined
  x.progress.asked = said.reason ?? said.evaluationError!
  return { ...review, status: { ...status, ...said } }
}

function cut(gateway: Gateway, x: Answered, review: Review): Review | undefined {
  const status = rulesStatusOf(review)
  if (status === undefined) {
    throw new Refusal('upstream-answer-refused', {
      check: 'answer-unreadable',
      detail: 'a list of rules of another form',
    })
  }
  const spec = (x.action.body?.object as { readonly spec?: { readonly namespace?: unknown } } | null)?.spec
  const namespace = typeof spec?.namespace === 'string' ? spec.namespace : ''
  const kept = cutRules(
    status,
    gateway.policies(),
    { namespace, impersonate: x.action.impersonate },
    circumstancesOfQuestion(gateway, x),
  )
  return { ...review, status: kept }
}

interface Asked {
  readonly decision: Decision
  /** Rules that look at what would be sent. */
  readonly unsure: readonly string[]
}

/** What policy says to the action that a review asks about; undefined where it asks about none. */
function judged(gateway: Gateway, x: Committed): Asked | undefined {
  const asked = actionAskedAbout(x.action.body?.object)
  if (asked === undefined) return undefined
  // With --as the question is about whom the caller acts as, and so is what policy says.
  const said = { ...asked, impersonate: x.action.impersonate }
  const risks = risksOf(said)
  const action: KubernetesAction = { ...said, risks, risk: risks[0] ?? 'none' }
  const policies = gateway.policies()
  const circumstances = circumstancesOfQuestion(gateway, x)
  return {
    decision: policies.decide(action, circumstances),
    unsure: dependsOnBody(policies.rules, action, circumstances),
  }
}

/** What is asked about would be sent by another command than the question. */
function circumstancesOfQuestion(gateway: Gateway, x: Committed): Circumstances {
  const { client, ...others } = circumstancesOf(x, gateway.now())
  return client === undefined ? others : { ...others, client: { ...client, command: '' } }
}

function incomplete(rules: readonly string[]): string {
  return `sallyport: it depends on what is sent: ${rules.join(', ')}`
}

/** Cluster roles are some hundred KiB at most. */
const LARGEST = 4 * 1024 * 1024

function parsed(bytes: Buffer): Review | undefined {
  try {
    const value: unknown = JSON.parse(bytes.toString())
    return typeof value === 'object' && value !== null ? (value as Review) : undefined
  } catch {
    // Whoever reads the answer next says what is wrong with it.
    return undefined
  }
}
