import type { Approval } from '../../approvals/contract.ts'

/** One that waits, of somebody on a cluster; times in milliseconds. */
export function approvalAt(id: string, at: number, more: Partial<Approval> = {}): Approval {
  return {
    ...{ id, state: 'pending', connection: 'prod', session: 's-1', check: '47', callCount: 1, pin: null },
    requester: { issuer: 'https://issuer.test', subject: 'a', username: 'corp:alice', kind: 'person' },
    rules: ['guard/namespaces'],
    rule: 'guard/namespaces',
    requirement: {
      quorums: [{ groups: ['corp:oncall'], count: 1, rule: 0 }],
      ...{ deadline: 3_600_000, grantFor: null, reason: false },
    },
    ...{ intent: `intent-${id}`, target: 'target', scope: null, policyDigest: 'sha256:0' },
    sentence: 'corp:alice · delete namespace shop · prod',
    action: { verb: 'delete', resource: 'namespaces', name: 'shop', risk: 'collection-delete' },
    reason: null,
    foresight: null,
    calls: ['call-1'],
    askedAt: at,
    deadline: at + 3_600_000,
    decisions: [],
    ...more,
  }
}
