import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { AuditRow } from '../../audit/search/contract.ts'
import { parseDocuments } from '../../documents/parse.ts'
import type { PolicyDocument } from '../../documents/schema/policy.ts'
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

function filtering(match: string): PolicyDocument[] {
  const text = `apiVersion: sallyport.dev/v1
kind: Policy
metadata: {name: p}
spec:
  rules:
    - name: part
      effect: allow
      filter: true
      match: {principals: {users: ["*"]}, verbs: [get, list], apiGroups: ["*"], resources: ["*"], ${match}}
`
  const parsed = parseDocuments([{ file: 'p.yaml', text }])
  assert.deepEqual(parsed.problems, [])
  return parsed.documents.map(d => d.document as PolicyDocument)
}

async function replayed(
  rows: readonly AuditRow[],
  rules: readonly string[] | PolicyDocument[],
  body: string | null = null,
  answer: string | null = null,
) {
  const trail: TrailReader = {
    requestBody: async () => body,
    answerBody: async () => answer,
    session: async () => undefined,
    connection: () => undefined,
  }
  const documents = rules.every(rule => typeof rule === 'string') ? policies(...rules) : rules
  const candidate = compilePolicies(documents as PolicyDocument[])
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

test('a list that shows another part, or all, or nothing, is a change', async () => {
  const read = { verb: 'list', namespace: undefined, body: undefined }
  const ofA = row('a', { part: [{ namespaces: ['a', 'b'] }] }, read)
  const whole = row('whole', {}, read)
  const changes = async (...rules: string[]) =>
    (await replayed([ofA, whole], rules.length === 1 ? filtering(rules[0]!) : [ALLOW])).changes.map(
      ({ call, before, after }) => `${call}: ${before.effect} -> ${after.effect}`,
    )
  assert.deepEqual(await changes('namespaces: [b, a]'), ['whole: allow -> allow in part'])
  assert.deepEqual(await changes('namespaces: [b]'), [
    'a: allow in part -> allow in part',
    'whole: allow -> allow in part',
  ])
  assert.deepEqual(await changes(), ['a: allow in part -> allow'])
})

test('an object that is shown by its labels is judged again where the labels are the same', async () => {
  const read = { verb: 'get', name: 'x', body: undefined }
  const rows = [row('blue', { part: [{ labels: 'team=blue' }] }, read), row('whole', {}, read)]
  const same = await replayed(rows, filtering('labels: {team: blue}'))
  assert.deepEqual([same.judged, same.changed, same.notJudged.map(n => n.calls)], [1, 0, [['whole']]])
  assert.match(same.notJudged[0]!.why, /labels of the one object/)
  const other = await replayed(rows, filtering('labels: {team: red}'))
  assert.deepEqual(
    other.notJudged.map(n => n.calls),
    [['blue', 'whole']],
  )
})

test('of a patch rules on the body look at what came of it, as the recorded answer says', async () => {
  const blue = `apiVersion: sallyport.dev/v1
kind: Policy
metadata: {name: p}
spec:
  rules:
    - name: all
      effect: allow
      match: {principals: {users: ["*"]}, verbs: ["*"], apiGroups: ["*"], resources: ["*"]}
    - name: blue
      effect: deny
      match: {resources: [configmaps]}
      when: action.body.object.data.color == "blue"
`
  const rules = parseDocuments([{ file: 'p.yaml', text: blue }]).documents.map(
    d => d.document as PolicyDocument,
  )
  const action = { verb: 'patch', resource: 'configmaps', name: 'x', apiVersion: 'v1' }
  const rows = [row('patched', {}, { ...action, body: { kind: '', form: 'merge-patch' } })]
  const object = (color: string, more: object = {}): string =>
    JSON.stringify({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'x' }, data: { color }, ...more })
  const patch = '{"data": {"size": "9"}}'
  const effects = async (answer: string | null) => {
    const { changes, notJudged } = await replayed(rows, rules, patch, answer)
    return [changes.map(one => one.after.effect), notJudged.map(one => one.count)]
  }
  assert.deepEqual(await effects(object('blue')), [['deny'], []])
  assert.deepEqual(await effects(object('red')), [[], []])
  for (const other of [
    null,
    'x',
    object('red', { kind: 'Status' }),
    object('red', { metadata: { name: 'y' } }),
  ])
    assert.deepEqual(await effects(other), [[], [1]], String(other))
})
