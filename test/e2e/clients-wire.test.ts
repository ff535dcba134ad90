/** What clients build upon below their method calls: status, headers and bytes, direct and through the gateway. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { pluginToken } from '../clients/plugin-token.ts'
import { reportOf } from '../clients/report.ts'
import { openSides, type Sides } from '../clients/sides.ts'
import { type Answered, type CallOptions, call } from './call.ts'
import { normalise } from './normalise.ts'

const staticToken = 'direct-caller'
let sides: Sides
let sessionToken: string

before(
  async () => {
    sides = await openSides({
      staticTokens: [{ token: staticToken, user: 'direct', groups: ['system:masters'] }],
      // So that old revisions are gone after seconds instead of minutes.
      apiServerFlags: ['--etcd-compaction-interval=1s'],
    })
    sessionToken = await pluginToken(sides.gateway.kubeconfig)
    for (const name of ['one', 'two', 'three']) {
      const made = await sides.kubectl(sides.direct, ['create', 'configmap', name, '--from-literal=a=b'])
      assert.equal(made.code, 0, made.stderr)
    }
  },
  { timeout: 600_000 },
)
after(() => sides?.close())

/** Both look at the same objects: those of the namespace `tour-direct`. */
const configMaps = '/api/v1/namespaces/tour-direct/configmaps'
const compared = ['content-type', 'etag', 'warning', 'cache-control', 'retry-after', 'vary', 'allow'] as const
const list = 'application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1'
const table = 'application/json;as=Table;g=meta.k8s.io;v=v1'
const discovery = 'application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList'
const expired = { status: 410, reason: 'Expired' } as const

const late = `apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata:
  name: lates.wire.example.com
spec:
  group: wire.example.com
  scope: Namespaced
  names: {plural: lates, singular: late, kind: Late, listKind: LateList}
  versions:
  - name: v1
    served: true
    storage: true
    schema: {openAPIV3Schema: {type: object}}
`

async function both(
  path: string,
  options: CallOptions = {},
): Promise<{ direct: Answered; through: Answered }> {
  const { cluster, up } = sides
  const direct = await call({ url: cluster.url, caFile: cluster.caFile }, path, {
    ...options,
    token: staticToken,
  })
  const through = await call(up, `/k/${up.connection}${path}`, { ...options, token: sessionToken })
  return { direct, through }
}

function assertEqual({ direct, through }: { direct: Answered; through: Answered }): void {
  assert.equal(through.status, direct.status, through.body.slice(0, 1000))
  for (const name of compared) assert.equal(through.headers[name], direct.headers[name], name)
  const [ours, theirs] = [normalise(through.body), normalise(direct.body)]
  if (ours === theirs) return
  let at = 0
  while (ours[at] === theirs[at]) at++
  assert.equal(ours.slice(at - 200, at + 400), theirs.slice(at - 200, at + 400), `bodies differ at ${at}`)
}

async function same(status: number, path: string, headers: Record<string, string> = {}): Promise<Answered> {
  const pair = await both(path, { headers })
  assertEqual(pair)
  assert.equal(pair.direct.status, status, pair.direct.body.slice(0, 1000))
  return pair.through
}

test('objects, tables, metadata and watches are equal byte for byte', async () => {
  await same(200, configMaps)
  await same(200, `${configMaps}?limit=1`)
  await same(200, `${configMaps}/one`)
  const rows = await same(200, configMaps, { accept: `${table},application/json` })
  assert.equal(rows.json.kind, 'Table')
  assert.equal((await same(200, configMaps, { accept: list })).json.kind, 'PartialObjectMetadataList')
  const watched = await same(200, `${configMaps}?watch=1&timeoutSeconds=1`)
  assert.match(watched.body, /"type":"ADDED"/)
  const rowsWatched = await same(200, `${configMaps}?watch=1&timeoutSeconds=1`, { accept: table })
  assert.match(rowsWatched.body, /"kind":"Table"/)
  const initial = 'sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true'
  const streamed = await same(200, `${configMaps}?watch=1&timeoutSeconds=1&${initial}`)
  assert.match(streamed.body, /"type":"BOOKMARK".*"k8s\.io\/initial-events-end":"true"/)
})

test('refusals of the API server come through as they are', async () => {
  await same(404, `${configMaps}/missing`)
  await same(400, `${configMaps}?labelSelector=a%3Db%3Dc`)
  await same(400, `${configMaps}?fieldSelector=data%3Db`)
  await same(400, `${configMaps}?continue=nonsense`)
  const { direct, through } = await both('/api/v1/namespaces', {
    method: 'POST',
    body: { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'Not_A_Name' } },
  })
  assertEqual({ direct, through })
  assert.equal(through.status, 422)
})

test('a deprecated API warns', async () => {
  const answered = await same(200, '/api/v1/componentstatuses/etcd-0')
  assert.match(String(answered.headers.warning), /^299 - "v1 ComponentStatus is deprecated/)
})

test('discovery: aggregated and plain, with ETag and 304', async () => {
  for (const path of ['/api', '/apis']) {
    const first = await same(200, path, { accept: discovery })
    assert.equal(first.json.kind, 'APIGroupDiscoveryList')
    assert.match(String(first.headers.etag), /^"\w+"$/)
    const again = await same(304, path, { accept: discovery, 'if-none-match': String(first.headers.etag) })
    assert.equal(again.body, '')
  }
  assert.equal((await same(200, '/apis')).json.kind, 'APIGroupList')
  assert.equal((await same(200, '/apis/apps/v1')).json.kind, 'APIResourceList')
  await same(200, '/version')
  await same(404, '/apis/no.such.group/v1')
})

test('OpenAPI v2 in JSON and protobuf, v3 by its hash, each with ETag and 304', async () => {
  const json = await same(200, '/openapi/v2', { accept: 'application/json' })
  assert.equal(json.json.swagger, '2.0')
  await same(304, '/openapi/v2', { accept: 'application/json', 'if-none-match': String(json.headers.etag) })
  const packed = { accept: 'application/com.github.proto-openapi.spec.v2@v1.0+protobuf' }
  assert.match(String((await same(200, '/openapi/v2', packed)).headers['content-type']), /protobuf/)
  const index = await same(200, '/openapi/v3')
  const path = JSON.parse(index.body).paths['apis/apps/v1'].serverRelativeURL as string
  assert.match(path, /\?hash=/)
  const apps = await same(200, path, { accept: 'application/json' })
  assert.match(String(apps.headers['cache-control']), /immutable/)
  await same(304, path, { accept: 'application/json', 'if-none-match': String(apps.headers.etag) })
})

test('410 Gone in its three forms passes unchanged', { timeout: 60_000 }, async () => {
  const page = await same(200, `${configMaps}?limit=1`)
  const revision = page.json.metadata.resourceVersion as string
  const next = page.json.metadata.continue as string
  const exact = `${configMaps}?resourceVersion=${revision}&resourceVersionMatch=Exact`
  // Compaction spares the last interval, so the revision has to move on.
  for (let left = 50; (await both(exact)).direct.status !== 410; left--) {
    assert.ok(left > 0, 'the cluster did not compact in time')
    await sides.kubectl(sides.direct, ['annotate', 'configmap', 'two', `n=${left}`, '--overwrite'])
    await sleep(200)
  }
  const gone = await same(410, exact)
  assert.deepEqual({ status: gone.json.code, reason: gone.json.reason }, expired)
  const page2 = await same(410, `${configMaps}?limit=1&continue=${next}`)
  assert.deepEqual({ status: page2.json.code, reason: page2.json.reason }, expired)
  assert.equal(typeof page2.json.metadata.continue, 'string')
  const rest = await same(200, `${configMaps}?limit=5&continue=${page2.json.metadata.continue}`)
  assert.equal(rest.json.kind, 'ConfigMapList')
  // The watch cache of a kind that is new knows nothing of what was before it.
  const made = await sides.kubectl(sides.direct, ['apply', '-f', '-'], late)
  assert.equal(made.code, 0, made.stderr)
  const established = ['wait', 'crd/lates.wire.example.com', '--for=condition=Established', '--timeout=20s']
  assert.equal((await sides.kubectl(sides.direct, established)).code, 0)
  const old = '/apis/wire.example.com/v1/lates?watch=1&resourceVersion=1&timeoutSeconds=5'
  // Until that cache is filled the API server answers 429.
  for (let left = 50; (await both(old)).direct.status === 429; left--) {
    assert.ok(left > 0, 'the watch cache did not come up in time')
    await sleep(200)
  }
  const watched = await same(200, old)
  const event = JSON.parse(watched.body)
  assert.equal(event.type, 'ERROR')
  assert.deepEqual({ status: event.object.code, reason: event.object.reason }, expired)
})

test('each upstream request has an entry, and the log verifies', { timeout: 60_000 }, async t => {
  const finished = await sides.finish(t)
  for (const line of reportOf(finished)) t.diagnostic(line)
  assert.deepEqual(finished.missing, [])
  assert.ok(finished.upstream.length > 30, `${finished.upstream.length} requests came through`)
})
