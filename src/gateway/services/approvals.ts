import type { ApiServices, ApprovalServices } from '../../api/services.ts'
import { lifted } from '../../approvals/grants/lifted.ts'
import { placeOf, requestIntentOf, scopeIntentOf } from '../../approvals/intent.ts'
import type { Approvals } from '../../approvals/open-approvals.ts'
import { missingWords } from '../../approvals/quorum.ts'
import { judgeScope, scopeWords } from '../../approvals/scope.ts'
import { Refusal } from '../../errors/refusal.ts'
import type { CompiledPolicies } from '../../policy/compile.ts'
import { joinRequirements } from '../../policy/requirement.ts'
import { sayAction } from '../../policy/words.ts'
import type { Directory } from '../directory.ts'
import { ownSession } from './own-circumstances.ts'
import { unknownConnection } from './unknown-connection.ts'

export interface ApprovalServiceParts {
  readonly approvals: Approvals
  readonly directory: Directory
  policies(): CompiledPolicies
  now(): number
}

/** What people do with approvals through the API. */
export function approvalServices({
  approvals,
  directory,
  policies,
  now,
}: ApprovalServiceParts): ApprovalServices {
  return {
    list: approvals.list,
    get: approvals.get,
    wait: approvals.wait,
    waitUntil: approvals.waitUntil,
    barred: approvals.barred,
    glassBarred: approvals.glassBarred,
    reviewBarred: approvals.reviewBarred,
    decide: approvals.decide,
    cancel: approvals.cancel,
    breakGlass: approvals.breakGlass,
    review: approvals.review,
    delegate: approvals.delegate,
    endDelegation: approvals.endDelegation,
    delegations: approvals.delegations,
    shown: approvals.shown,
    grants: approvals.grants,
    grantOf: approvals.grantOf,
    revoke: approvals.revoke,
    async askAhead(principal, { call, connection: name, scope, milliseconds, reason }) {
      const connection = directory.byName(name)
      if (connection === undefined) throw unknownConnection(name)
      const set = policies()
      const circumstances = {
        session: { ...ownSession(principal, now()), connection: name },
        connection,
        now: now(),
      }
      const { held, denied } = judgeScope(scope, set.rules, action => set.decide(action, circumstances))
      const [first] = denied
      if (first !== undefined) {
        throw new Refusal('denied-by-policy', {
          check: first.decision.rules[0] ?? 'default-deny',
          detail: `no approval can open this: ${sayAction(first.action)}: ${first.decision.reason}`,
        })
      }
      // What some rule holds request by request stays so; the rest can be opened.
      const timed = held.filter(one => one.requirement!.grantFor !== null)
      if (timed.length === 0) {
        const once = held[0]?.rules[0]
        throw new Refusal('approval-impossible', {
          check: once ?? 'nothing-held',
          detail:
            once === undefined
              ? 'nothing of it needs an approval: policy allows it, or does not speak of it'
              : 'this is approved request by request',
        })
      }
      // The same rules hold many of its actions.
      const distinct = new Map(timed.map(one => [one.holds?.join(), one.requirement!]))
      const requirement = joinRequirements([...distinct.values()])
      const grantFor = Math.min(milliseconds, requirement.grantFor!)
      return approvals.ask(
        {
          ...{ call, principal, scope, reason },
          session: null,
          connection: name,
          rules: [...new Set(timed.flatMap(one => one.holds ?? []))],
          requirement: { ...requirement, grantFor },
          intent: scopeIntentOf(principal, name, scope, grantFor),
          target: placeOf(principal, name),
          sentence: `${principal.username} · ${scopeWords(scope)} · ${name} · for ${Math.round(grantFor / 60_000)} minutes`,
          action: { scope },
          policyDigest: set.digest,
          isWithin: () => false,
        },
        null,
      )
    },
  }
}

/** A request to the API is not held in place: it is answered with the approval that it waits for, and passes when it is repeated. */
export function holdRequests({ approvals, policies }: ApprovalServiceParts): ApiServices['hold'] {
  return async (principal, { call, held, request, foresee }) => {
    const requirement = joinRequirements(held.map(one => one.decision.requirement!))
    // With what is done: the same members may come by another route.
    const intent = requestIntentOf(principal, [held.map(one => one.action), ...request])
    const actions = held
      .map(({ action: a }) => `${a.verb} ${a.resource}${a.name === '' ? '' : `/${a.name}`}`)
      .join(', ')
    const wish = {
      ...{ call, principal, intent },
      session: null,
      connection: '',
      rules: [...new Set(held.flatMap(one => one.decision.holds ?? []))],
      requirement: { ...requirement, grantFor: null },
      target: intent,
      sentence: `${principal.username} · ${actions} · sallyport`,
      action: { actions: held.map(one => ({ ...one.action })) },
      policyDigest: policies().digest,
      isWithin: () => false,
    }
    const { decision } = held[0]!
    const grant = await approvals.use(wish, null)
    if (grant !== undefined) {
      return {
        ...decision,
        effect: 'allow',
        reason: `${lifted(grant)} (approval ${grant.approval})`,
      }
    }
    const foresight = await foresee()
    const approval = await approvals.ask({ ...wish, ...(foresight === undefined ? {} : { foresight }) }, null)
    throw new Refusal('approval-pending', {
      check: approval.rule,
      detail: `approval ${approval.id} (check ${approval.check}) waits for ${missingWords(requirement, 0)}`,
      retryAfter: 5,
    })
  }
}
