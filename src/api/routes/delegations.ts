import type { Delegation } from '../../approvals/contract.ts'
import { principalKey } from '../../identity/principal.ts'
import { apiVersion, listOf, time } from '../present.ts'
import { type Route, route } from '../route.ts'
import { approvalParams, grantsQuery } from '../schema/approvals.ts'
import { delegateBody, delegationEnvelope, delegationsSchema } from '../schema/delegations.ts'
import type { ApiServices } from '../services.ts'

export function delegationRoutes({ approvals, now }: ApiServices): Route[] {
  const envelope = (one: Delegation) => ({
    apiVersion,
    kind: 'Delegation' as const,
    delegation: delegationOf(one, now()),
  })
  return [
    route({
      method: 'GET',
      path: '/v1/delegations',
      summary: 'Who decides in whose place, and until when',
      query: grantsQuery,
      response: delegationsSchema,
      handle: async x => {
        const { principal } = x.caller
        const key = principalKey(principal)
        const items = approvals
          .delegations()
          .filter(
            one =>
              x.query.mine !== 'true' || principalKey(one.person) === key || one.to === principal.username,
          )
        return listOf('DelegationList', { items: items.slice(0, 500) }, one => delegationOf(one, now()))
      },
    }),
    route({
      method: 'POST',
      path: '/v1/delegations',
      summary: 'Let another person decide in my place, for a time',
      body: delegateBody,
      response: delegationEnvelope,
      status: 201,
      handle: async x => {
        const { to, rules, seconds, reason } = x.body
        const wish = { to, rules, milliseconds: seconds * 1000, reason: reason === '' ? null : reason }
        return envelope(await approvals.delegate(x.caller.principal, wish))
      },
    }),
    route({
      method: 'POST',
      path: '/v1/delegations/:id/end',
      summary: 'End a delegation before its time',
      params: approvalParams,
      response: delegationEnvelope,
      handle: async x => envelope(await approvals.endDelegation(x.caller.principal, x.params.id)),
    }),
  ]
}

function delegationOf({ id, person, to, rules, reason, from, until }: Delegation, now: number) {
  return {
    ...{ id, to, state: now < until ? ('live' as const) : ('over' as const) },
    of: person.username,
    rules: [...rules],
    ...(reason === null ? {} : { reason }),
    from: time(from),
    until: time(until),
  }
}
