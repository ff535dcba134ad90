import type { Approval, BrokenGlass, Grant } from '../../approvals/contract.ts'
import { needsReview } from '../../approvals/glass/review.ts'
import { missingWords } from '../../approvals/quorum.ts'
import type { GrantScope } from '../../approvals/scope.ts'
import type { Person } from '../../audit/person.ts'
import { Refusal } from '../../errors/refusal.ts'
import { principalKey } from '../../identity/principal.ts'
import { approvalStats } from '../approval-stats.ts'
import { apiVersion, listOf, optionalTime, time } from '../present.ts'
import { recentCalls } from '../recent.ts'
import { type Route, route } from '../route.ts'
import {
  approvalEnvelope,
  approvalParams,
  approvalQuery,
  approvalStatsSchema,
  approvalsQuery,
  approvalsSchema,
  askBody,
  decideBody,
  glassBody,
  grantEnvelope,
  grantsQuery,
  grantsSchema,
  reasonBody,
  reviewBody,
  statsQuery,
} from '../schema/approvals.ts'
import type { ApiServices } from '../services.ts'

const MOST = 500

export function approvalRoutes(services: ApiServices): Route[] {
  const { approvals, now } = services
  const envelope = (approval: Approval) => ({
    apiVersion,
    kind: 'Approval' as const,
    approval: approvalOf(approval, now()),
  })
  return [
    route({
      method: 'GET',
      path: '/v1/approvals',
      summary: 'What waits for an approval, and what was decided in the last hour; newest first',
      query: approvalsQuery,
      response: approvalsSchema,
      handle: async x => {
        const { mine, state, review } = x.query
        const key = principalKey(x.caller.principal)
        const items = approvals
          .list()
          .filter(one => mine !== 'true' || principalKey(one.requester) === key)
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
        return envelope(await approvals.askAhead(x.caller.principal, wish))
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
        approvals.shown(x.caller.principal, id)
        const approval = await approvals.wait(id, x.query.wait * 1000, x.signal)
        return { ...envelope(approval), recent: (await recentCalls(services, approval)).map(recentOf) }
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
        return envelope(await approvals.decide(x.caller.principal, x.params.id, answer))
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
        envelope(await approvals.cancel(x.caller.principal, x.params.id, x.body.reason || null)),
    }),
    route({
      method: 'POST',
      path: '/v1/approvals/:id/break-glass',
      summary: 'Go on without an approval, where the rule names me for that; another person reviews it',
      params: approvalParams,
      body: glassBody,
      response: approvalEnvelope,
      handle: async x => envelope(await approvals.breakGlass(x.caller.principal, x.params.id, x.body)),
    }),
    route({
      method: 'POST',
      path: '/v1/approvals/:id/review',
      summary: 'Say whether broken glass was justified',
      params: approvalParams,
      body: reviewBody,
      response: approvalEnvelope,
      handle: async x => envelope(await approvals.review(x.caller.principal, x.params.id, x.body)),
    }),
    route({
      method: 'GET',
      path: '/v1/approval-stats',
      summary: 'How the approvals of each rule went, from the trail',
      query: statsQuery,
      response: approvalStatsSchema,
      handle: async x => {
        const items = await approvalStats(services, now() - x.query.days * 86_400_000)
        return listOf('ApprovalStatsList', { items }, ({ medianSeconds, ...rest }) => ({
          ...rest,
          ...(medianSeconds === null ? {} : { medianSeconds }),
        }))
      },
    }),
    route({
      method: 'GET',
      path: '/v1/grants',
      summary: 'What approvals have opened, and until when',
      query: grantsQuery,
      response: grantsSchema,
      handle: async x => {
        const key = principalKey(x.caller.principal)
        const items = approvals
          .grants()
          .filter(one => x.query.mine !== 'true' || principalKey(one.principal) === key)
        return listOf('GrantList', { items: items.slice(0, MOST) }, one => grantOf(one, now()))
      },
    }),
    route({
      method: 'POST',
      path: '/v1/grants/:id/revoke',
      summary: 'End a grant before its time',
      params: approvalParams,
      body: reasonBody,
      response: grantEnvelope,
      handle: async x => ({
        apiVersion,
        kind: 'Grant' as const,
        grant: grantOf(await approvals.revoke(x.caller.principal, x.params.id, x.body.reason || null), now()),
      }),
    }),
  ]
}

function recentOf(one: { time: number; sentence: string }) {
  return { time: time(one.time), sentence: one.sentence }
}

function isUnreviewed(one: Approval, which: 'open' | 'overdue', at: number): boolean {
  return needsReview(one) && (which === 'open' || at >= one.brokenGlass!.reviewBy)
}

function personOf({ issuer, subject, username, email, startedBy }: Person) {
  return {
    ...{ issuer, subject, username },
    ...(email === undefined ? {} : { email }),
    ...(startedBy === undefined ? {} : { startedBy: [...startedBy] }),
  }
}

function approvalOf(a: Approval, now: number) {
  return {
    ...{ id: a.id, state: a.state, sentence: a.sentence, connection: a.connection, check: a.check },
    requester: personOf(a.requester),
    ...(a.session === null ? {} : { session: a.session }),
    rules: [...a.rules],
    action: { ...a.action },
    ...(a.scope === null ? {} : { scope: scopeOf(a.scope) }),
    ...(a.reason === null ? {} : { reason: a.reason }),
    ...(a.foresight === null ? {} : { foresight: { ...a.foresight, lines: [...a.foresight.lines] } }),
    calls: [...a.calls],
    callCount: a.callCount,
    askedAt: time(a.askedAt),
    deadline: time(a.deadline),
    quorums: a.requirement.quorums.map(({ groups, users, count }) => ({
      ...(groups === undefined ? {} : { groups: [...groups] }),
      ...(users === undefined ? {} : { users: [...users] }),
      count,
    })),
    takes: missingWords(a.requirement, 0),
    ...(a.requirement.grantFor === null ? {} : { grantSeconds: Math.round(a.requirement.grantFor / 1000) }),
    decisions: a.decisions.map(({ by, verdict, reason, at, via, unread, inPlaceOf }) => ({
      ...{ by: personOf(by), verdict, via, unread, at: time(at) },
      ...(reason === null ? {} : { reason }),
      ...(inPlaceOf === undefined ? {} : { inPlaceOf: inPlaceOf.username }),
    })),
    ...(a.notices === undefined ? {} : { notices: a.notices.map(one => ({ ...one, at: time(one.at) })) }),
    ...(a.brokenGlass === undefined ? {} : { brokenGlass: glassOf(a.brokenGlass, now) }),
    ...optionalTime('closedAt', a.closedAt),
    ...(a.closedBecause === undefined ? {} : { closedBecause: a.closedBecause }),
    ...(a.grant === undefined ? {} : { grant: a.grant }),
  }
}

function glassOf({ by, reason, ticket, at, reviewBy, review }: BrokenGlass, now: number) {
  return {
    ...{ by: personOf(by), reason, ticket, at: time(at), reviewBy: time(reviewBy) },
    overdue: review === undefined && now >= reviewBy,
    ...(review === undefined ? {} : { review: { ...review, by: personOf(review.by), at: time(review.at) } }),
  }
}

function scopeOf({ verbs, resources, namespaces, names }: GrantScope) {
  return {
    verbs: [...verbs],
    resources: [...resources],
    namespaces: [...namespaces],
    names: [...names],
  }
}

function grantOf(g: Grant, now: number) {
  return {
    ...{ id: g.id, approval: g.approval, sentence: g.sentence, connection: g.connection },
    state: g.state === 'live' && now >= g.until ? ('over' as const) : g.state,
    principal: personOf(g.principal),
    rules: [...g.rules],
    once: g.intent !== null,
    ...(g.brokenGlass === undefined ? {} : { brokenGlass: true as const }),
    ...(g.burst === undefined || g.intent !== null ? {} : { left: g.burst.left }),
    approvers: [...g.approvers],
    grantedAt: time(g.grantedAt),
    until: time(g.until),
    ...(g.usedBy === undefined ? {} : { usedBy: g.usedBy }),
  }
}
