import { API_VERSION } from '../../brand.ts'
import type { Principal } from '../../identity/principal.ts'
import type { AuditRow } from '../services.ts'

export const alice = person('alice')
export const bob = person('bob')

export function person(name: string): Principal {
  return {
    issuer: 'https://issuer.test',
    subject: `id-of-${name}`,
    kind: 'person',
    username: `corp:${name}`,
    groups: ['corp:engineers'],
    authentication: {
      method: 'oidc',
      provider: 'corp',
      validUntil: Date.now() + 3_600_000,
      credentialDigest: 'digest-that-must-not-leave',
    },
  }
}

export function rowOf(call: string, name: string, more: Partial<AuditRow> = {}): AuditRow {
  return {
    call,
    kind: 'k8s.request',
    time: Date.UTC(2026, 0, 2, 3, 4, 5),
    session: null,
    effect: 'allow',
    complete: true,
    index: 4,
    head: {
      principal: {
        issuer: alice.issuer,
        subject: alice.subject,
        username: alice.username,
        groups: alice.groups,
        kind: 'person',
        method: 'oidc',
      },
      connection: 'prod',
      action: { verb: 'delete', resource: 'pods', namespace: 'shop', name },
      decision: { effect: 'allow', rules: ['base/all'], reason: 'allowed' },
      result: { code: 200, bytesIn: 0, bytesOut: 10, milliseconds: 3, ended: 'complete' },
    },
    ...more,
  }
}

export function policyDocument(name: string, more: object = {}): object {
  return { apiVersion: API_VERSION, kind: 'Policy', metadata: { name }, spec: { rules: [], ...more } }
}
