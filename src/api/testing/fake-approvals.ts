import type { Approval, Delegation, Grant } from '../../approvals/contract.ts'
import { Refusal } from '../../errors/refusal.ts'
import type { ApprovalServices } from '../services.ts'
import { alice, bob } from './fixtures.ts'

const at = Date.UTC(2026, 0, 2)

/** Answers of the right shape, with no rule behind them: the rules are tested where they are. */
export function fakeApprovals(): ApprovalServices {
  const { issuer, subject, username } = alice
  const requester = { issuer, subject, username, kind: 'person' as const }
  const approval: Approval = {
    id: 'approval-1',
    state: 'pending',
    requester,
    session: 's-known',
    connection: 'prod',
    rules: ['guard-rails/namespaces'],
    rule: 'guard-rails/namespaces',
    requirement: {
      quorums: [{ groups: ['corp:oncall'], count: 1, rule: 0 }],
      deadline: 3_600_000,
      grantFor: null,
      reason: false,
    },
    intent: 'intent',
    target: 'target',
    scope: null,
    pin: null,
    sentence: 'alice · delete namespace shop · prod',
    action: { verb: 'delete', resource: 'namespaces', name: 'shop' },
    reason: null,
    foresight: { lines: ['-a: 1', '+a: 2'], truncated: false },
    check: '47',
    calls: ['call-1'],
    callCount: 1,
    policyDigest: 'sha256:0',
    askedAt: at,
    deadline: at + 3_600_000,
    decisions: [],
  }
  const grant: Grant = {
    id: 'grant-1',
    approval: 'approval-1',
    rules: approval.rules,
    principal: requester,
    connection: 'prod',
    intent: 'intent',
    target: 'target',
    scope: null,
    pin: null,
    sentence: approval.sentence,
    approvers: [bob.username],
    reason: null,
    grantedAt: at,
    until: at + 900_000,
    state: 'live',
  }
  const delegation: Delegation = {
    ...{ id: 'delegation-1', person: requester, groups: ['corp:oncall'], to: bob.username },
    ...{ rules: ['*'], reason: null, from: at, until: at + 86_400_000 },
  }
  const known = (id: string): Approval | undefined => (id === approval.id ? approval : undefined)
  return {
    list: () => [approval],
    get: async id => known(id),
    wait: async () => ({ ...approval, state: 'approved' }),
    askAhead: async (by, wish) => ({
      ...approval,
      ...{ scope: wish.scope, reason: wish.reason },
      session: null,
      requester: { ...requester, username: by.username },
    }),
    decide: async (by, _, { verdict, reason, via }) => ({
      ...approval,
      state: verdict === 'approve' ? 'approved' : 'denied',
      decisions: [
        {
          by: { issuer: by.issuer, subject: by.subject, username: by.username },
          ...{ quorums: [0], verdict, reason, via, at, unread: false },
        },
      ],
    }),
    barred: () => undefined,
    glassBarred: () => new Refusal('approver-required'),
    reviewBarred: () => undefined,
    shown: async () => {},
    waitUntil: async () => approval,
    breakGlass: async (by, _, { reason, ticket }) => ({
      ...approval,
      state: 'approved',
      brokenGlass: {
        by: { issuer: by.issuer, subject: by.subject, username: by.username },
        ...{ reason, ticket, at, reviewBy: at + 86_400_000 },
      },
      notices: [{ what: 'break-glass', at, text: 'GLASS BROKEN' }],
    }),
    review: async () => ({ ...approval, state: 'approved' }),
    delegate: async (_, { to, rules, reason, milliseconds }) => ({
      ...delegation,
      ...{ to, rules, reason, until: at + milliseconds },
    }),
    endDelegation: async () => ({ ...delegation, until: at }),
    delegations: () => [delegation],
    cancel: async () => ({ ...approval, state: 'cancelled' }),
    grants: () => [grant],
    grantOf: ({ grant: id }) => (id === grant.id ? grant : undefined),
    revoke: async () => ({ ...grant, state: 'revoked' }),
  }
}
