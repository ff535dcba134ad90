import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { Head } from './entry.ts'
import { type SentenceFacts, sentence } from './sentence.ts'

const who = { issuer: 'i', subject: 's', username: 'alice', groups: [], kind: 'person', method: 'oidc' }
const fine = { code: 200, bytesIn: 0, bytesOut: 0, milliseconds: 1, ended: 'complete' } as const

function row(head: Head, more: Partial<SentenceFacts> = {}): string {
  return sentence({ kind: 'k8s.request', effect: 'allow', head: { principal: who, ...head }, ...more })
}

const cases: [string, string][] = [
  [
    row(
      {
        connection: 'prod',
        action: { verb: 'delete', resource: 'pods', namespace: 'shop', name: 'api-7f' },
        decision: { effect: 'deny', rules: ['no-prod-deletes'], reason: '' },
      },
      { effect: 'deny' },
    ),
    'alice · delete pod api-7f · shop/prod · denied by no-prod-deletes',
  ],
  [
    row({ connection: 'prod', action: { verb: 'list', resource: 'policies' }, result: fine }),
    'alice · list policies · prod · allowed',
  ],
  [
    row({
      action: { verb: 'get', resource: 'networkpolicies', name: 'x' },
      result: { ...fine, code: 404, reason: 'NotFound' },
    }),
    'alice · get networkpolicy x · failed with 404 NotFound',
  ],
  [
    row({
      action: {
        verb: 'create',
        resource: 'pods',
        subresource: 'exec',
        name: 'a',
        command: ['sh', '-c', 'id'],
      },
    }),
    'alice · exec pod a: sh -c id · allowed',
  ],
  [
    row({
      action: { verb: 'get', resource: 'pods', subresource: 'log', name: 'a', namespace: 'n' },
      connection: 'c',
    }),
    'alice · read the logs of pod a · n/c · allowed',
  ],
  [
    row({
      action: { verb: 'update', resource: 'deployments', subresource: 'scale', name: 'a', dryRun: true },
    }),
    'alice · update scale of deployment a (dry run) · allowed',
  ],
  [row({ action: { verb: 'get', path: '/version' } }), 'alice · get /version · allowed'],
  [
    row({
      request: { method: 'GET', uri: '/odd?token=x' },
      error: { code: 'request-ambiguous', check: 'empty-segment' },
    }),
    'alice · GET /odd · refused: request-ambiguous (empty-segment)',
  ],
  [
    row({ action: { verb: 'watch', resource: 'ingresses' } }, { complete: false }),
    'alice · watch ingresses · running',
  ],
  [
    row({ action: { verb: 'watch', resource: 'pods' }, result: { ...fine, ended: 'aborted-by-caller' } }),
    'alice · watch pods · aborted by caller',
  ],
  [
    row({
      connection: 'c',
      action: { verb: 'get', resource: 'namespaces', namespace: 'shop', name: 'shop' },
    }),
    'alice · get namespace shop · c · allowed',
  ],
  [row({}, { kind: 'auth.login' }), 'alice · signed in'],
  [
    row(
      { action: { protocol: 'admin', verb: 'policy.write', resource: 'policies', name: 'base' } },
      { kind: 'admin.request' },
    ),
    'alice · policy.write policies/base · allowed',
  ],
  [
    sentence({
      kind: 'auth.fail',
      effect: 'deny',
      head: {
        client: { address: '10.0.0.9', port: 1, userAgent: '' },
        connection: 'prod',
        error: { code: 'credential-expired' },
      },
    }),
    'somebody at 10.0.0.9 · could not be identified · prod · refused: credential-expired',
  ],
  [sentence({ kind: 'log.start', effect: null, head: {} }), 'sallyport · the log was opened'],
]

for (const [said, expected] of cases) test(expected, () => assert.equal(said, expected))

test('whatever callers put into names, a sentence is one line that moves no cursor', () => {
  const text = fc.string({ unit: 'binary' })
  fc.assert(
    fc.property(text, text, text, text, (username, name, resource, rule) => {
      const said = row({
        principal: { ...who, username },
        action: { verb: 'get', resource, name, command: [name] },
        decision: { effect: 'allow', rules: [rule], reason: '' },
      })
      assert.doesNotMatch(
        said,
        /[\u0000-\u001f\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069\u200b-\u200f\ufeff]/,
      )
    }),
  )
})

test('what people do to the log itself', () => {
  const principal = {
    issuer: 'i',
    subject: 's',
    username: 'corp:ann',
    groups: [],
    kind: 'person',
    method: 'oidc',
  }
  const said = (kind: string, facts: Record<string, unknown>) =>
    sentence({ kind, effect: null, head: { principal, facts } })
  assert.equal(said('reveal.request', { scope: { call: 'c-1' } }), 'corp:ann · asked to open call c-1')
  assert.equal(
    said('reveal.open', { scope: { call: 'c-1', pointer: '/data/p' } }),
    'corp:ann · opened /data/p of call c-1',
  )
  assert.equal(
    said('reveal.approve', { scope: { session: 's-1' } }),
    'corp:ann · approved to open session s-1',
  )
  assert.equal(said('reveal.deny', {}), 'corp:ann · denied a reveal')
  assert.equal(
    said('key.shred', { epoch: 'sealed-2026-01-02' }),
    'corp:ann · destroyed the key sealed-2026-01-02',
  )
  assert.equal(
    said('hold.add', { scope: { day: '2026-01-02' } }),
    'corp:ann · put a legal hold on day 2026-01-02',
  )
  assert.equal(
    said('hold.release', { scope: { issuer: 'i', subject: 'x' } }),
    'corp:ann · ended the legal hold on x',
  )
})
