import type { Approval } from '../../approvals/contract.ts'
import { needsReview } from '../../approvals/glass/review.ts'
import { Refusal } from '../../errors/refusal.ts'
import { ofCaller } from '../only-mine.ts'
import { listOf, time } from '../present.ts'
import { approvalDocument, approvalOf } from '../present-approvals.ts'
import { recentCalls } from '../recent.ts'
import { type Route, route } from '../route.ts'
import {
  approvalEnvelope,
  approvalParams,
  approvalQuery,
  approvalsQuery,
  approvalsSchema,
  askBody,
  decideBody,
  reasonBody,
} from '../schema/approvals.ts'
import type { ApiServices } from '../services.ts'

const MOST = 500

export function approvalRoutes(services: ApiServices): Route[] {
  const { approvals, now } = services
  return [
    route({
      method: 'GET',
      path: '/v1/approvals',
      summary: 'What waits for an approval, and what was decided in the last hour; newest first',
      query: approvalsQuery,
      response: approvalsSchema,
      handle: async x => {
        const { mine, state, review } = x.query
        const all = approvals.list()
        const items = (mine === 'true' ? ofCaller(all, x.caller, one => one.requester) : all)
          .filter(one => state === undefined || one.state === state)
          .filter(one => review === undefined || isUnreviewed(one, review, now()))
        return listOf('ApprovalList', { items: items.slice(0, MOST) }, one => approvalOf(one, now()))
      },
    }),
    route({
      method: 'POST',
      path: '/v1/approvals',
      summary: 'Ask ahead for what rules hold: a scope, for a time',
      body: askBody,
      response: approvalEnvelope,
      status: 201,
      handle: async x => {
        const { connection, scope, seconds, reason } = x.body
        const wish = { call: x.call, connection, scope, reason, milliseconds: seconds * 1000 }
        return approvalDocument(await approvals.askAhead(x.caller.principal, wish), now())
      },
    }),
    route({
      method: 'GET',
      path: '/v1/approvals/:id',
      summary: 'One approval; waits for its decision if asked to',
      params: approvalParams,
      query: approvalQuery,
      response: approvalEnvelope,
      handle: async x => {
        const { id } = x.params
        if ((await approvals.get(id)) === undefined) {
          throw new Refusal('resource-unknown', { check: 'approval', detail: `there is no approval ${id}` })
        }
        await approvals.shown(x.caller.principal, id)
        const approval = await approvals.wait(id, x.query.wait * 1000, x.signal)
        return {
          ...approvalDocument(approval, now()),
          recent: (await recentCalls(services, approval)).map(recentOf),
        }
      },
    }),
    route({
      method: 'POST',
      path: '/v1/approvals/:id/decide',
      summary: 'Approve or deny what another person asked for',
      params: approvalParams,
      body: decideBody,
      response: approvalEnvelope,
      handle: async x => {
        const { verdict, reason, via } = x.body
        const answer = { verdict, via, reason: reason === '' ? null : reason }
        return approvalDocument(await approvals.decide(x.caller.principal, x.params.id, answer), now())
      },
    }),
    route({
      method: 'POST',
      path: '/v1/approvals/:id/cancel',
      summary: 'Take back what one asked for',
      params: approvalParams,
      body: reasonBody,
      response: approvalEnvelope,
      handle: async x =>
        approvalDocument(
          await approvals.cancel(x.caller.principal, x.params.id, x.body.reason || null),
          now(),
        ),
    }),
  ]
}

function recentOf(one: { time: number; sentence: string }) {
  return { time: time(one.time), sentence: one.sentence }
}

function isUnreviewed(one: Approval, which: 'open' | 'overdue', at: number): boolean {
  return needsReview(one) && (which === 'open' || at >= one.brokenGlass!.reviewBy)
}
