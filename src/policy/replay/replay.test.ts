import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { AuditRow } from '../../audit/search/contract.ts'
import { compilePolicies } from '../compile.ts'
import { policies } from '../testing/ask.ts'
import type { TrailReader } from './recorded-call.ts'
import { replay } from './replay.ts'

function row(call: string, decision: object, action: object = {}): AuditRow {
  return {
    call,
    kind: 'k8s.request',
    time: 1,
    session: 's-1',
    effect: 'allow',
    complete: true,
    index: 0,
    head: {
      principal: { issuer: 'i', subject: 's', username: 'a', groups: [], kind: 'person', method: 'oidc' },
      connection: 'prod',
      request: { method: 'POST', uri: '/api/v1/namespaces/a/pods' },
      action: {
        verb: 'create',
        resource: 'pods',
        namespace: 'a',
        body: { kind: 'Pod', form: 'object' },
        ...action,
      },
      decision: { effect: 'allow', rules: [], reason: '', at: 1, ...decision },
    },
  }
}

const ALLOW = 'all allow {principals: {users: ["*"]}, verbs: ["*"], apiGroups: ["*"], resources: ["*"]}'

async function replayed(rows: readonly AuditRow[], rules: readonly string[], body: string | null = null) {
  const trail: TrailReader = {
    requestBody: async () => body,
    session: async () => undefined,
    connection: () => undefined,
  }
  const candidate = compilePolicies(policies(...rules))
  const search = async ({ kind }: { kind?: string }) => ({ items: kind === 'k8s.request' ? rows : [] })
  return replay({ search, trail, candidate }, {})
}

test('what people approved was held by policy, and still is', async () => {
  const hold = 'h hold {principals: {users: ["*"]}, resources: [pods]}'
  const rows = [row('approved', { approved: true }), row('held', { effect: 'hold' }), row('free', {})]
  const { changes, judged } = await replayed(rows, [ALLOW, hold])
  assert.equal(judged, 3)
  assert.deepEqual(
    changes.map(c => [c.call, c.before.effect, c.after.effect]),
    [['free', 'allow', 'hold']],
  )
})

test('what cannot be judged again is said with its reason, and is no change', async () => {
  const old = row('old', { at: undefined })
  const rows = [old, row('known', {}, { images: ['quay.io/a:1'] })]
  const images = 'd deny {verbs: [create], images: {notFrom: ["docker.io/*"]}}'
  const byImage = await replayed(rows, [ALLOW, images])
  assert.deepEqual(
    byImage.notJudged.map(n => [n.count, n.calls]),
    [[1, ['old']]],
  )
  assert.deepEqual(
    byImage.changes.map(c => c.call),
    ['known'],
  )
  const condition = `${ALLOW} when action.body.object.spec.hostname == "x"`
  const withoutBody = await replayed(rows.slice(1), [condition])
  assert.match(withoutBody.notJudged[0]!.why, /looks at the body, which was not kept/)
  assert.equal(withoutBody.judged, 0)
  const withBody = await replayed(rows.slice(1), [condition], '{"spec":{"hostname":"x"}}')
  assert.deepEqual([withBody.judged, withBody.changed, withBody.notJudged], [1, 0, []])
  const session = 'd deny {resources: [pods]} when session.opened == "implicitly"'
  assert.match((await replayed(rows.slice(1), [ALLOW, session])).notJudged[0]!.why, /session is gone/)
  const connection = 'd deny {resources: [pods]} when connection.capture == "full"'
  assert.match(
    (await replayed(rows.slice(1), [ALLOW, connection])).notJudged[0]!.why,
    /connection prod is gone/,
  )
})
