/** Custom resources are judged by what comes of a write; what an aggregated API serves is never tried. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer, type Server } from 'node:https'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { openAuthority } from '../../src/pki/authority.ts'
import { ensureServerCertificate } from '../../src/pki/server-certificate.ts'
import { type People, startPeople } from '../approvals/rig.ts'
import { call } from '../e2e/call.ts'

let people: People
let server: Server
/** What the aggregated API was asked to do: it knows no dry run, and does all of it. */
const written: string[] = []
const scratch = mkdtempSync(join(tmpdir(), 'sallyport-aggregated-'))
const WRITES = ['create', 'update', 'patch']
const CRDS = 'custom.example'
const AGGREGATED = 'aggregated.example'

const deny = (name: string, group: string, resources: string[], when: string): object => ({
  name,
  effect: 'deny',
  reason: `${name} is not for widgets`,
  match: { namespaces: ['judged'], verbs: WRITES, apiGroups: [group], resources },
  when,
})

before(
  async () => {
    const rules = [
      deny(
        'red',
        CRDS,
        ['widgets'],
        'action.subresource == "" && has(action.body.object.spec.colour) && action.body.object.spec.colour == "red"',
      ),
      deny(
        'owner',
        CRDS,
        ['widgets'],
        'action.subresource == "" && has(action.before) && action.before.spec.owner != action.body.object.spec.owner',
      ),
      deny('four', CRDS, ['widgets/scale'], 'action.body.object.spec.replicas > 3'),
      deny('broken', CRDS, ['widgets/status'], 'action.body.object.status.phase == "broken"'),
      deny('unseen', AGGREGATED, ['widgets'], 'action.body.object.spec.colour == "red"'),
    ]
    people = await startPeople(rules)
    await people.directly('create', 'namespace', 'judged')
    await make(definition)
    await aggregate()
    for (const group of [CRDS, AGGREGATED]) await served(`/apis/${group}/v1`)
  },
  { timeout: 600_000 },
)
after(async () => {
  await people?.stop()
  server?.close()
  rmSync(scratch, { recursive: true, force: true })
})

async function make(document: object): Promise<void> {
  const made = await people.kubectl('alice', ['create', '-f', '-'], JSON.stringify(document))
  assert.equal(made.code, 0, made.stderr)
}

/** A new group is served a moment after it was made. */
async function served(path: string): Promise<void> {
  const deadline = Date.now() + 60_000
  for (;;) {
    const answer = await people.request('alice', path)
    if (answer.status === 200) return
    assert.ok(Date.now() < deadline, `${path}: ${answer.status} ${answer.body}`)
    await sleep(100)
  }
}

const anything = { type: 'object', 'x-kubernetes-preserve-unknown-fields': true }
const definition = {
  apiVersion: 'apiextensions.k8s.io/v1',
  kind: 'CustomResourceDefinition',
  metadata: { name: `widgets.${CRDS}` },
  spec: {
    group: CRDS,
    scope: 'Namespaced',
    names: { plural: 'widgets', singular: 'widget', kind: 'Widget' },
    versions: [
      {
        name: 'v1',
        served: true,
        storage: true,
        schema: { openAPIV3Schema: { type: 'object', properties: { spec: anything, status: anything } } },
        subresources: {
          status: {},
          scale: { specReplicasPath: '.spec.replicas', statusReplicasPath: '.status.replicas' },
        },
      },
    ],
  },
}

/** An API server of one group that does whatever it is asked to do, behind the aggregator of the real one. */
async function aggregate(): Promise<void> {
  const { key, chain } = ensureServerCertificate(openAuthority(scratch), scratch, ['localhost'])
  server = createServer({ key, cert: chain }, (request, response) => {
    const { method = '', url = '' } = request
    const isDiscovery = url.split('?')[0] === `/apis/${AGGREGATED}/v1`
    const widget = {
      apiVersion: `${AGGREGATED}/v1`,
      kind: 'Widget',
      metadata: { name: 'w', namespace: 'judged' },
    }
    const resource = {
      name: 'widgets',
      singularName: 'widget',
      namespaced: true,
      kind: 'Widget',
      verbs: ['get', 'patch'],
    }
    const resources = {
      kind: 'APIResourceList',
      apiVersion: 'v1',
      groupVersion: `${AGGREGATED}/v1`,
      resources: [resource],
    }
    if (method !== 'GET') written.push(`${method} ${url}`)
    const known = isDiscovery || url.includes('/widgets')
    response.writeHead(known ? 200 : 404, { 'content-type': 'application/json' })
    response.end(JSON.stringify(isDiscovery ? resources : widget))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  await make({
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: 'aggregated', namespace: 'default' },
    spec: { type: 'ExternalName', externalName: 'localhost' },
  })
  await make({
    apiVersion: 'apiregistration.k8s.io/v1',
    kind: 'APIService',
    metadata: { name: `v1.${AGGREGATED}` },
    spec: {
      group: AGGREGATED,
      version: 'v1',
      groupPriorityMinimum: 1000,
      versionPriority: 15,
      insecureSkipTLSVerify: true,
      service: { namespace: 'default', name: 'aggregated', port: (server.address() as AddressInfo).port },
    },
  })
}

const path = (name: string, sub = '', group = CRDS) =>
  `/apis/${group}/v1/namespaces/judged/widgets/${name}${sub}`
const widget = (name: string, spec: object) => ({
  apiVersion: `${CRDS}/v1`,
  kind: 'Widget',
  metadata: { name, namespace: 'judged' },
  spec,
})

async function send(method: string, target: string, type: string, body: unknown) {
  const token = await people.token('alice')
  const headers = { 'content-type': `application/${type}` }
  return call(people.up, `/k/prod${target}`, { method, token, headers, body, timeout: 30_000 })
}
const patch = (target: string, type: string, body: unknown) => send('PATCH', target, type, body)
const denied = (answer: { status: number; body: string }, words: RegExp): void => {
  assert.equal(answer.status, 403, answer.body)
  assert.match(answer.body, words)
}
const stored = async (name: string) =>
  JSON.parse(await people.directly('get', `widgets.${CRDS}`, name, '-n', 'judged', '-o', 'json'))

test('patches of all kinds of a custom resource', async () => {
  await make(widget('w', { colour: 'blue', owner: 'alice', spare: 'red' }))
  for (const [type, body] of [
    ['merge-patch+json', { spec: { colour: 'red' } }],
    ['json-patch+json', [{ op: 'copy', from: '/spec/spare', path: '/spec/colour' }]],
    ['json-patch+json', [{ op: 'move', from: '/spec/spare', path: '/spec/colour' }]],
    ['apply-patch+yaml', widget('w', { colour: 'red' })],
  ] as const) {
    const query = type.startsWith('apply') ? '?fieldManager=me&force=true' : ''
    denied(await patch(path('w', query), type, body), /red is not for widgets/)
  }
  denied(await patch(path('w'), 'merge-patch+json', { spec: { owner: 'bob' } }), /owner is not for widgets/)
  assert.equal((await patch(path('w'), 'merge-patch+json', { spec: { size: 1 } })).status, 200)
  const harmless = [{ op: 'copy', from: '/spec/colour', path: '/spec/other' }]
  assert.equal((await patch(path('w'), 'json-patch+json', harmless)).status, 200)
  assert.deepEqual((await stored('w')).spec, {
    ...{ colour: 'blue', owner: 'alice', spare: 'red' },
    ...{ size: 1, other: 'blue' },
  })
  // What the cluster does not do is refused in its words.
  const strategic = await patch(path('w'), 'strategic-merge-patch+json', { spec: { colour: 'red' } })
  assert.equal(strategic.status, 415, strategic.body)
})

test('apply that creates, and apply that changes', async () => {
  const target = path('applied', '?fieldManager=me')
  denied(
    await patch(target, 'apply-patch+yaml', widget('applied', { colour: 'red' })),
    /red is not for widgets/,
  )
  const made = await patch(target, 'apply-patch+yaml', widget('applied', { colour: 'blue', owner: 'alice' }))
  assert.equal(made.status, 201, made.body)
  const kubectl = await people.kubectl(
    'alice',
    ['apply', '--server-side', '--field-manager=me', '-f', '-'],
    JSON.stringify(widget('applied', { colour: 'green', owner: 'alice' })),
  )
  assert.equal(kubectl.code, 0, kubectl.stderr)
  assert.equal((await stored('applied')).spec.colour, 'green')
})

test('PUT, scale and status', async () => {
  await make(widget('s', { colour: 'blue', owner: 'alice', replicas: 1 }))
  const put = async (colour: string) => {
    const now = await stored('s')
    return send('PUT', path('s'), 'json', { ...now, spec: { ...now.spec, colour } })
  }
  denied(await put('red'), /red is not for widgets/)
  assert.equal((await put('green')).status, 200)
  const four = await people.kubectl('alice', ['scale', `widgets.${CRDS}/s`, '-n', 'judged', '--replicas=4'])
  assert.notEqual(four.code, 0)
  assert.match(four.stderr, /four is not for widgets/)
  const jump = [{ op: 'replace', path: '/spec/replicas', value: 9 }]
  denied(await patch(path('s', '/scale'), 'json-patch+json', jump), /four is not for widgets/)
  const three = await people.kubectl('alice', ['scale', `widgets.${CRDS}/s`, '-n', 'judged', '--replicas=3'])
  assert.equal(three.code, 0, three.stderr)
  assert.equal((await stored('s')).spec.replicas, 3)
  const status = (phase: string) => patch(path('s', '/status'), 'merge-patch+json', { status: { phase } })
  denied(await status('broken'), /broken is not for widgets/)
  assert.equal((await status('fine')).status, 200)
})

test('what an aggregated API serves is never tried, and cannot be seen', async () => {
  const target = path('w', '', AGGREGATED)
  denied(
    await patch(target, 'merge-patch+json', { metadata: { labels: { a: 'b' } } }),
    /unseen is not for widgets/,
  )
  assert.equal(written.length, 0, written.join())
  const free = target.replace('judged', 'default')
  const body = { metadata: { labels: { a: 'b' } } }
  assert.equal((await patch(free, 'merge-patch+json', body)).status, 200)
  assert.equal(written.length, 1, 'it was reached, and only by the request itself')
  assert.doesNotMatch(written.join(), /dryRun/)
})

test('a group that goes over to an aggregated API is not tried any more', async () => {
  await make(widget('gone', { colour: 'blue', owner: 'alice' }))
  assert.equal((await patch(path('gone'), 'merge-patch+json', { spec: { size: 1 } })).status, 200)
  await people.directly('delete', 'crd', `widgets.${CRDS}`)
  const target = path('w', '', CRDS)
  const deadline = Date.now() + 60_000
  while ((await people.directly('get', 'apiservice', '-o', 'name')).includes(`v1.${CRDS}`))
    assert.ok(Date.now() < deadline, 'its APIService is gone')
  // Nobody says any more that it is served here: what was believed ends within seconds.
  for (;;) {
    const answer = await patch(target, 'merge-patch+json', { spec: { size: 2 } })
    if (answer.status === 403) break
    assert.equal(answer.status, 404, answer.body)
    assert.ok(Date.now() < deadline, 'it is believed no more')
    await sleep(200)
  }
})
