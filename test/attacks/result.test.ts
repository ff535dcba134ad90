/** What comes of a patch is judged, and what was judged is what is sent: an upstream that changes, lies, or does not know. */
import assert from 'node:assert/strict'
import { after, afterEach, before, test } from 'node:test'
import { API_VERSION } from '../../src/brand.ts'
import { kube, openRig, type Rig } from './harness.ts'
import { answerAsCluster, answerWith, type UpstreamRequest } from './upstream.ts'

let rig: Rig
let token: string
before(async () => {
  rig = await openRig()
  token = (await rig.session('dev')).token
  const rule = (name: string, namespace: string, when: string) => ({
    name,
    effect: 'deny',
    reason: name,
    match: { namespaces: [namespace], verbs: ['update', 'patch'], resources: ['configmaps'] },
    when,
  })
  const document = {
    apiVersion: API_VERSION,
    kind: 'Policy',
    metadata: { name: 'result' },
    spec: {
      rules: [
        rule('red', 'judged', 'action.body.object.data.colour == "red"'),
        rule('kept', 'kept', 'has(action.before) && action.before.data.keep == "yes"'),
      ],
    },
  }
  await rig.gateway.documents.apply({
    sources: [{ file: 'result.json', text: JSON.stringify(document) }],
    dryRun: false,
  })
})
after(() => rig.close())
afterEach(() => {
  rig.upstream.answer = answerAsCluster
  rig.upstream.requests.length = 0
})

const map = (version: string | undefined, data: object, name = 'm') => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: {
    name,
    namespace: 'judged',
    uid: 'u',
    ...(version === undefined ? {} : { resourceVersion: version }),
  },
  data,
})
const conflict = {
  kind: 'Status',
  apiVersion: 'v1',
  status: 'Failure',
  reason: 'Conflict',
  code: 409,
  message: 'modified',
}

/** What the upstream does: an object with a version, changed by others as often as `changes` says. */
function upstream(options: {
  readonly tried?: (request: UpstreamRequest, version: number) => void
  readonly changes?: number
  readonly colours?: readonly string[]
  readonly get?: (request: UpstreamRequest) => void
}) {
  const seen = { trials: 0, writes: [] as string[] }
  let version = 7
  let changes = options.changes ?? 0
  const object = () => map(String(version), { colour: options.colours?.[version - 7] ?? 'blue' })
  rig.upstream.answer = request => {
    if (request.method === 'GET') {
      if (options.get !== undefined) options.get(request)
      else answerWith(request, 200, object())
    } else if (request.target.includes('dryRun=All')) {
      seen.trials += 1
      const given = JSON.parse(request.body.toString()).metadata?.resourceVersion
      // As the API server: a dry run with another version is a conflict too.
      if (given !== undefined && given !== '0' && given !== String(version))
        answerWith(request, 409, conflict)
      else if (options.tried === undefined) answerWith(request, 200, object())
      else options.tried(request, version)
    } else {
      const body = JSON.parse(request.body.toString())
      const given = Array.isArray(body) ? body.at(-1).value : body.metadata.resourceVersion
      seen.writes.push(given)
      if (changes > 0) {
        changes -= 1
        version += 1
      }
      if (given === String(version)) answerWith(request, 200, object())
      else answerWith(request, 409, conflict)
    }
  }
  return seen
}

const patch = (body: object = { data: { other: '1' } }, namespace = 'judged') =>
  kube(rig, token, 'PATCH', `/api/v1/namespaces/${namespace}/configmaps/m`, {
    headers: ['content-type', `application/${Array.isArray(body) ? 'json' : 'merge'}-patch+json`],
    body: JSON.stringify(body),
  })

test('a write is bound to the version that was judged', async () => {
  const seen = upstream({})
  assert.equal((await patch()).status, 200)
  assert.deepEqual(seen, { trials: 1, writes: ['7'] })
  assert.equal((await patch([{ op: 'remove', path: '/metadata/resourceVersion' }])).status, 200)
  assert.deepEqual(seen, { trials: 2, writes: ['7', '7'] })
  assert.equal((await patch({ metadata: { resourceVersion: '0' } })).status, 200)
  assert.deepEqual(seen.writes, ['7', '7', '7'])
})

test('an object that changed is judged again, sent again, and each sending stands in the log', async () => {
  const seen = upstream({ changes: 2 })
  const answer = await patch()
  assert.equal(answer.status, 200, answer.body.toString())
  assert.deepEqual(seen, { trials: 3, writes: ['7', '8', '9'] })
  const call = answer.headers['audit-id']
  const outcome = rig.entries.findLast(e => e.call === call && e.phase === 'outcome')!
  assert.equal(outcome.head.result?.code, 200)
  assert.equal(outcome.head.upstream?.status, 409)
  const ids = rig.entries
    .filter(e => e.phase === 'intent' && e.head.facts?.purpose === 'again' && e.head.facts.call === call)
    .map(e => e.call)
  assert.deepEqual(
    ids.map(id => rig.entries.find(e => e.call === id && e.phase === 'outcome')?.head.result?.code),
    [409, 200],
  )
})

test('an object that its controllers write several times in a row is patched when it has come to rest', async () => {
  const seen = upstream({ changes: 8 })
  assert.equal((await patch()).status, 200)
  assert.equal(seen.writes.length, 9)
})

test('what became forbidden meanwhile is not sent again', async () => {
  const seen = upstream({ changes: 1, colours: ['blue', 'red'] })
  const answer = await patch()
  assert.equal(answer.status, 403, answer.body.toString())
  assert.match(answer.body.toString(), /red.*result\/red/)
  assert.deepEqual(seen, { trials: 2, writes: ['7'] })
})

test('an object that changes all the time, and a conflict of another kind, are the writer’s', async () => {
  const seen = upstream({ changes: 100 })
  assert.equal((await patch()).status, 409)
  assert.equal(seen.writes.length, 10)
  const tries: string[] = []
  rig.upstream.answer = request => {
    if (request.target.includes('dryRun=All')) answerWith(request, 200, map('7', { colour: 'blue' }))
    else {
      tries.push(request.method)
      answerWith(request, 409, conflict)
    }
  }
  assert.equal((await patch()).status, 409)
  assert.equal(tries.length, 1)
})

test('what cannot be seen counts against the caller', async () => {
  for (const [what, tried] of [
    [
      'a webhook that knows no dry run',
      (r: UpstreamRequest) =>
        answerWith(r, 400, {
          kind: 'Status',
          apiVersion: 'v1',
          code: 400,
          reason: 'BadRequest',
          message: 'admission webhook "w" does not support dry run',
        }),
    ],
    [
      'a Status',
      (r: UpstreamRequest) =>
        answerWith(r, 200, { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Success' }),
    ],
    ['another object', (r: UpstreamRequest) => answerWith(r, 200, map('7', { colour: 'blue' }, 'other'))],
    ['no version', (r: UpstreamRequest) => answerWith(r, 200, map(undefined, { colour: 'blue' }))],
    ['no JSON', (r: UpstreamRequest) => answerWith(r, 200, '{"kind":')],
    [
      'a doubled key',
      (r: UpstreamRequest) =>
        answerWith(
          r,
          200,
          '{"metadata":{"name":"m","resourceVersion":"7"},"data":{"colour":"red"},"data":{"colour":"blue"}}',
        ),
    ],
  ] as const) {
    const seen = upstream({ tried })
    const answer = await patch()
    assert.equal(answer.status, 403, `${what}: ${answer.body}`)
    assert.match(answer.body.toString(), /result\/red/)
    assert.deepEqual(seen.writes, [], what)
  }
})

test('a refusal of the cluster is passed on, and nothing is sent for real', async () => {
  const invalid = {
    kind: 'Status',
    apiVersion: 'v1',
    metadata: {},
    status: 'Failure',
    reason: 'Invalid',
    code: 422,
    message: 'no good',
  }
  const seen = upstream({ tried: request => answerWith(request, 422, invalid) })
  const answer = await patch()
  assert.equal(answer.status, 422)
  assert.match(answer.body.toString(), /no good/)
  assert.deepEqual(seen.writes, [])
  const intent = rig.entries.findLast(e => e.call === answer.headers['audit-id'] && e.phase === 'intent')
  assert.match(intent?.head.decision?.reason ?? '', /the cluster would refuse it/)
})

test('who may not do it whatever came of it asks nothing of the cluster, and where no rule looks nothing is tried', async () => {
  const nobody = (await rig.session('nobody')).token
  const target = '/api/v1/namespaces/judged/configmaps/m'
  const options = { headers: ['content-type', 'application/merge-patch+json'], body: '{"data":{"a":"1"}}' }
  assert.equal((await kube(rig, nobody, 'PATCH', target, options)).status, 403)
  assert.equal(rig.upstream.requests.length, 0)
  await kube(rig, token, 'PATCH', target.replace('judged', 'free'), options)
  assert.deepEqual(
    rig.upstream.requests.map(r => r.target.includes('dryRun')),
    [false],
  )
  assert.equal(rig.upstream.requests[0]!.body.toString(), options.body)
})

test('the object before: what is there, what cannot be read, and what does not stand still', async () => {
  const keeps = (keep: string) => (r: UpstreamRequest) => answerWith(r, 200, map('7', { keep }))
  const forbidden = (r: UpstreamRequest) =>
    answerWith(r, 403, {
      kind: 'Status',
      apiVersion: 'v1',
      status: 'Failure',
      reason: 'Forbidden',
      code: 403,
    })
  let moving = 100
  for (const [what, get, expected] of [
    ['kept', keeps('yes'), 403],
    ['not kept', keeps('no'), 200],
    ['not readable', forbidden, 403],
    [
      'not the same twice',
      (r: UpstreamRequest) => answerWith(r, 200, map(String(moving++), { keep: 'no' })),
      403,
    ],
  ] as const) {
    const seen = upstream({ get })
    const answer = await patch({ data: { other: '1' } }, 'kept')
    assert.equal(answer.status, expected, `${what}: ${answer.body}`)
    assert.equal(seen.writes.length, expected === 200 ? 1 : 0, what)
  }
})
