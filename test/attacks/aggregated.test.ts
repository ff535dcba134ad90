/** Groups that are not built in: what serves them may know no dry run, and then a look would be a write. */
import assert from 'node:assert/strict'
import { afterEach, test } from 'node:test'
import { API_VERSION } from '../../src/brand.ts'
import { kube, openRig, type Rig } from './harness.ts'
import { answerAsCluster, answerWith, type UpstreamRequest } from './upstream.ts'

const rigs: Rig[] = []
afterEach(async () => {
  for (const rig of rigs.splice(0)) await rig.close()
})

const WIDGET = '/apis/example.dev/v1/namespaces/judged/widgets/w'
const APISERVICE = '/apis/apiregistration.k8s.io/v1/apiservices/v1.example.dev'
const widget = (colour: string) => ({
  apiVersion: 'example.dev/v1',
  kind: 'Widget',
  metadata: { name: 'w', namespace: 'judged', uid: 'u', resourceVersion: '7' },
  spec: { colour },
})
const apiService = (spec: object = {}) => ({
  apiVersion: 'apiregistration.k8s.io/v1',
  kind: 'APIService',
  metadata: { name: 'v1.example.dev' },
  spec: { group: 'example.dev', version: 'v1', ...spec },
})

/** A gateway with rules on widgets, before a server that does what it is asked to, be it a dry run or not. */
async function start(who: (request: UpstreamRequest) => void) {
  const rig = await openRig()
  rigs.push(rig)
  const match = { namespaces: ['judged'], verbs: ['update', 'patch', 'delete'], resources: ['widgets'] }
  const rules = [
    {
      name: 'red',
      effect: 'deny',
      match: { ...match, verbs: ['update', 'patch'] },
      when: 'has(action.body.object.spec.colour) && action.body.object.spec.colour == "red"',
    },
    {
      name: 'gone',
      effect: 'hold',
      match: { ...match, principals: { users: ['*'] }, verbs: ['delete'] },
      approval: { approvers: [{ groups: ['local:admins'] }] },
    },
  ]
  const document = {
    apiVersion: API_VERSION,
    kind: 'Policy',
    metadata: { name: 'widgets' },
    spec: { rules },
  }
  await rig.gateway.documents.apply({
    sources: [{ file: 'widgets.json', text: JSON.stringify(document) }],
    dryRun: false,
  })
  const asked: string[] = []
  const written: string[] = []
  rig.upstream.answer = request => {
    if (request.target === APISERVICE) {
      asked.push(request.headers.find(([name]) => /^impersonate-user$/i.test(name))?.[1] ?? 'itself')
      return who(request)
    }
    if (!request.target.startsWith(WIDGET)) return answerAsCluster(request)
    if (request.method !== 'GET') written.push(`${request.method} ${request.target}`)
    answerWith(request, 200, widget('blue'))
  }
  const { token } = await rig.session('dev')
  const write = (method: string, body: object, target = WIDGET) =>
    kube(rig, token, method, target, {
      headers: ['content-type', `application/${method === 'PATCH' ? 'merge-patch+' : ''}json`],
      body: JSON.stringify(body),
    })
  return { asked, written, write }
}

for (const [what, who] of [
  [
    'another server',
    (r: UpstreamRequest) => answerWith(r, 200, apiService({ service: { namespace: 'a', name: 'b' } })),
  ],
  [
    'nobody says',
    (r: UpstreamRequest) =>
      answerWith(r, 403, { kind: 'Status', apiVersion: 'v1', code: 403, reason: 'Forbidden' }),
  ],
  ['an answer with two readings', (r: UpstreamRequest) => answerWith(r, 200, '{"kind":"APIService","spec":')],
] as const)
  test(`served by ${what}: nothing is written by a look, and what cannot be seen counts against the caller`, async () => {
    const { asked, written, write } = await start(who)
    const patched = await write('PATCH', { metadata: { labels: { a: 'b' } } })
    assert.equal(patched.status, 403, patched.body.toString())
    assert.match(patched.body.toString(), /widgets\/red/)
    const held = await write('DELETE', {}, `${WIDGET}?timeout=1s`)
    assert.ok([403, 429].includes(held.status), held.body.toString())
    assert.deepEqual(written, [])
    assert.deepEqual([...new Set(asked)], ['itself'])
    // A PUT says the whole object: it is judged by its words.
    assert.equal((await write('PUT', widget('red'))).status, 403)
    assert.equal((await write('PUT', widget('blue'))).status, 200)
    assert.deepEqual(written, [`PUT ${WIDGET}`])
  })

test('served by the API server itself: tried, and bound to the version that was judged', async () => {
  const { asked, written, write } = await start(r => answerWith(r, 200, apiService()))
  const patched = await write('PATCH', { metadata: { labels: { a: 'b' } } })
  assert.equal(patched.status, 200, patched.body.toString())
  assert.deepEqual(written, [`PATCH ${WIDGET}?dryRun=All`, `PATCH ${WIDGET}`])
  assert.equal((await write('PATCH', { metadata: { labels: { a: 'c' } } })).status, 200)
  assert.deepEqual(asked, ['itself'])
})

test('where no rule looks at the body, nobody is asked who serves the group', async () => {
  const { asked, written, write } = await start(r => answerWith(r, 200, apiService()))
  const target = WIDGET.replace('judged', 'free')
  await write('PATCH', { metadata: { labels: { a: 'b' } } }, target)
  assert.deepEqual([asked, written], [[], []])
})
