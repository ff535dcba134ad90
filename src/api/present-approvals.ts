import type { Approval, BrokenGlass, Grant } from '../approvals/contract.ts'
import { missingWords } from '../approvals/quorum.ts'
import type { GrantScope } from '../approvals/scope.ts'
import type { Person } from '../audit/person.ts'
import { apiVersion, optionalTime, time } from './present.ts'

/** Approvals and grants as the API shows them. */

export function approvalDocument(approval: Approval, now: number) {
  return { apiVersion, kind: 'Approval' as const, approval: approvalOf(approval, now) }
}

export function approvalOf(a: Approval, now: number) {
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

export function grantOf(g: Grant, now: number) {
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

function personOf({ issuer, subject, username, email, startedBy }: Person) {
  return {
    ...{ issuer, subject, username },
    ...(email === undefined ? {} : { email }),
    ...(startedBy === undefined ? {} : { startedBy: [...startedBy] }),
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
