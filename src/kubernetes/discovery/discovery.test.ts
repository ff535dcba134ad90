import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { Refusal } from '../../errors/refusal.ts'
import { parseRequest } from '../request/parse.ts'
import { createDiscovery, type Discovery } from './discovery.ts'
import { type Entries, readAggregated, readResourceList } from './read-discovery.ts'
import { scopeFault } from './scope.ts'
import { storageNames } from './storage-identity.ts'

const resource = (name: string, kind: string, scope: string, more: object = {}): object => ({
  resource: name,
  responseKind: { group: '', version: '', kind },
  scope,
  singularResource: kind.toLowerCase(),
  verbs: ['get', 'list', 'create'],
  ...more,
})

const list = (...items: object[]): object => ({
  kind: 'APIGroupDiscoveryList',
  apiVersion: 'apidiscovery.k8s.io/v2',
  items,
})
const group = (name: string, version: string, ...resources: object[]): object => ({
  metadata: name === '' ? {} : { name },
  versions: [{ version, resources, freshness: 'Current' }],
})

const CORE = list(
  group(
    '',
    'v1',
    resource('pods', 'Pod', 'Namespaced', {
      subresources: [
        {
          subresource: 'eviction',
          responseKind: { group: 'policy', version: 'v1', kind: 'Eviction' },
          verbs: ['create'],
        },
        { subresource: 'log', verbs: ['get'] },
      ],
    }),
    resource('nodes', 'Node', 'Cluster'),
    resource('namespaces', 'Namespace', 'Cluster'),
    resource('events', 'Event', 'Namespaced'),
  ),
)
const APPS = group(
  'apps',
  'v1',
  resource('deployments', 'Deployment', 'Namespaced', {
    subresources: [
      {
        subresource: 'scale',
        responseKind: { group: 'autoscaling', version: 'v1', kind: 'Scale' },
        verbs: ['get'],
      },
    ],
  }),
)
const WIDGETS = group('example.com', 'v1', resource('widgets', 'Widget', 'Cluster'))

/** An upstream of fixed documents that counts what it was asked. */
function upstream(documents: Record<string, unknown>): {
  asked: string[]
  documents: Record<string, unknown>
  discovery: Discovery
} {
  const asked: string[] = []
  const state = { asked, documents }
  return {
    ...state,
    discovery: createDiscovery({
      minimumInterval: 20,
      fetch: async path => {
        asked.push(path)
        const document = state.documents[path]
        if (document instanceof Error) throw document
        return {
          status: document === undefined ? 404 : 200,
          body: Buffer.from(JSON.stringify(document ?? {})),
        }
      },
    }),
  }
}

describe('discovery', () => {
  it('reads the aggregated form: kind, scope, verbs, subresources, origin', async () => {
    const { discovery, asked } = upstream({ '/api': CORE, '/apis': list(APPS, WIDGETS) })
    const pods = await discovery.lookup('', 'v1', 'pods')
    assert.deepEqual(pods?.kind, { apiVersion: 'v1', kind: 'Pod' })
    assert.equal(pods?.namespaced, true)
    assert.equal(pods?.origin, 'built-in')
    assert.deepEqual(pods?.subresources.get('eviction')?.kind, { apiVersion: 'policy/v1', kind: 'Eviction' })
    assert.equal(pods?.subresources.get('log')?.kind, undefined)
    const widgets = await discovery.lookup('example.com', 'v1', 'widgets')
    assert.equal(widgets?.namespaced, false)
    assert.equal(widgets?.origin, 'extension')
    assert.deepEqual((await discovery.lookup('apps', 'v1', 'deployments'))?.kind, {
      apiVersion: 'apps/v1',
      kind: 'Deployment',
    })
    assert.deepEqual(asked, ['/api', '/apis'])
    assert.equal(discovery.known('', 'v1', 'nodes')?.namespaced, false)
  })

  it('falls back to the legacy form, and one group that is down does not hide the others', async () => {
    const { discovery } = upstream({
      '/api': { kind: 'APIVersions', versions: ['v1'] },
      '/apis': {
        kind: 'APIGroupList',
        groups: [
          { name: 'apps', versions: [{ groupVersion: 'apps/v1', version: 'v1' }] },
          { name: 'down.example', versions: [{ groupVersion: 'down.example/v1', version: 'v1' }] },
        ],
      },
      '/api/v1': {
        kind: 'APIResourceList',
        groupVersion: 'v1',
        resources: [
          { name: 'pods', namespaced: true, kind: 'Pod', verbs: ['get'] },
          {
            name: 'pods/eviction',
            namespaced: true,
            group: 'policy',
            version: 'v1',
            kind: 'Eviction',
            verbs: ['create'],
          },
        ],
      },
      '/apis/apps/v1': {
        kind: 'APIResourceList',
        groupVersion: 'apps/v1',
        resources: [{ name: 'deployments', namespaced: true, kind: 'Deployment', verbs: ['get'] }],
      },
      '/apis/down.example/v1': new Refusal('upstream-unreachable'),
    })
    const pods = await discovery.lookup('', 'v1', 'pods')
    assert.deepEqual(pods?.subresources.get('eviction')?.kind, { apiVersion: 'policy/v1', kind: 'Eviction' })
    assert.equal((await discovery.lookup('apps', 'v1', 'deployments'))?.kind.kind, 'Deployment')
    assert.equal(await discovery.lookup('down.example', 'v1', 'things'), undefined)
  })

  it('finds a resource that was made a moment ago, with one refresh for all who wait', async () => {
    const { discovery, asked, documents } = upstream({ '/api': CORE, '/apis': list(APPS) })
    await discovery.lookup('', 'v1', 'pods')
    documents['/apis'] = list(APPS, WIDGETS)
    const found = await Promise.all(
      Array.from({ length: 50 }, () => discovery.lookup('example.com', 'v1', 'widgets')),
    )
    assert.ok(found.every(entry => entry?.kind.kind === 'Widget'))
    assert.equal(asked.length, 4)
  })

  it('asks at a bounded rate however many unknown names come', async () => {
    const { discovery, asked } = upstream({ '/api': CORE, '/apis': list(APPS) })
    const started = performance.now()
    for (let i = 0; i < 5; i++) {
      assert.equal(await discovery.lookup('nowhere.example', 'v1', `things${i}`), undefined)
    }
    assert.equal(asked.length, 10)
    assert.ok(performance.now() - started >= 75)
  })

  it('fails closed while nothing is known, and is not stuck afterwards', async () => {
    const { discovery, documents } = upstream({
      '/api': new Refusal('upstream-unreachable'),
      '/apis': list(APPS),
    })
    await assert.rejects(discovery.lookup('', 'v1', 'pods'), { code: 'upstream-unreachable' })
    documents['/api'] = {}
    await assert.rejects(
      discovery.lookup('nowhere', 'v1', 'pods').then(entry => {
        if (entry === undefined) throw new Refusal('internal', { check: 'unknown' })
      }),
      { check: 'unknown' },
    )
    documents['/api'] = CORE
    assert.equal((await discovery.lookup('', 'v1', 'pods'))?.kind.kind, 'Pod')
    documents['/api'] = new Refusal('upstream-unreachable')
    assert.equal((await discovery.lookup('', 'v1', 'pods'))?.kind.kind, 'Pod')
    assert.equal(await discovery.lookup('example.com', 'v1', 'widgets'), undefined)
  })

  it('an upstream that never answers ends one refresh, not all', async () => {
    let answer = false
    const discovery = createDiscovery({
      minimumInterval: 1,
      deadline: 20,
      fetch: path =>
        answer
          ? Promise.resolve({
              status: 200,
              body: Buffer.from(JSON.stringify(path === '/api' ? CORE : list())),
            })
          : new Promise(() => {}),
    })
    await assert.rejects(discovery.lookup('', 'v1', 'pods'), { code: 'upstream-timeout' })
    answer = true
    assert.equal((await discovery.lookup('', 'v1', 'pods'))?.kind.kind, 'Pod')
  })

  it('learns in the background that a resource has changed', async () => {
    let time = 0
    let apis = list(WIDGETS)
    const discovery = createDiscovery({
      now: () => time,
      minimumInterval: 0,
      maximumAge: 1000,
      fetch: async path => ({
        status: 200,
        body: Buffer.from(JSON.stringify(path === '/api' ? CORE : apis)),
      }),
    })
    assert.equal((await discovery.lookup('example.com', 'v1', 'widgets'))?.namespaced, false)
    apis = list(group('example.com', 'v1', resource('widgets', 'Widget', 'Namespaced')))
    time = 2000
    assert.equal((await discovery.lookup('example.com', 'v1', 'widgets'))?.namespaced, false)
    for (let i = 0; i < 50 && discovery.known('example.com', 'v1', 'widgets')?.namespaced === false; i++)
      await new Promise(setImmediate)
    assert.equal(discovery.known('example.com', 'v1', 'widgets')?.namespaced, true)
  })

  it('property: any document is read or left out, never a crash, never an entry without kind and scope', () => {
    const value = fc.letrec(tie => ({
      node: fc.oneof(
        { maxDepth: 5 },
        fc.constantFrom<unknown>(
          'APIGroupDiscoveryList',
          'APIResourceList',
          'v1',
          'Namespaced',
          'Pod',
          '',
          1,
          null,
          true,
        ),
        fc.array(tie('node'), { maxLength: 4 }),
        fc.dictionary(
          fc.constantFrom(
            'kind',
            'items',
            'metadata',
            'name',
            'versions',
            'version',
            'resources',
            'resource',
            'responseKind',
            'scope',
            'subresources',
            'subresource',
            'verbs',
            '__proto__',
          ),
          tie('node'),
          { maxKeys: 6 },
        ),
      ),
    })).node
    fc.assert(
      fc.property(value, document => {
        const entries: Entries = new Map()
        readAggregated(document, entries)
        readResourceList('g', 'v1', document, entries)
        for (const entry of entries.values()) {
          assert.ok(entry.kind.kind.length > 0)
          assert.equal(typeof entry.namespaced, 'boolean')
        }
      }),
      { numRuns: 500 },
    )
  })
})

describe('scope', () => {
  async function fault(target: string, method = 'GET'): Promise<string | undefined> {
    const { discovery } = upstream({ '/api': CORE, '/apis': list(APPS, WIDGETS) })
    const parsed = parseRequest({ method, target, rawHeaders: ['Host', 'h'] })
    if (parsed.refused) assert.fail(parsed.check)
    const entry = await discovery.lookup(parsed.info.apiGroup, parsed.info.apiVersion, parsed.info.resource)
    assert.ok(entry)
    return scopeFault(parsed.info, entry)?.check
  }

  it('A15: a cluster-scoped resource under a namespace path is refused', async () => {
    assert.equal(await fault('/apis/example.com/v1/namespaces/a/widgets/w'), 'scope-cluster')
    assert.equal(await fault('/api/v1/namespaces/a/nodes'), 'scope-cluster')
    assert.equal(await fault('/apis/example.com/v1/widgets/w'), undefined)
    assert.equal(await fault('/api/v1/namespaces/a'), undefined)
    assert.equal(await fault('/api/v1/namespaces/a/status'), undefined)
    assert.equal(await fault('/api/v1/namespaces/a/pods'), undefined)
    assert.equal(await fault('/api/v1/pods'), undefined)
    assert.equal(await fault('/api/v1/pods?watch=1'), undefined)
  })

  it('A15: a namespaced object without its namespace is refused', async () => {
    assert.equal(await fault('/api/v1/pods/p'), 'scope-namespace')
    assert.equal(await fault('/apis/apps/v1/deployments', 'POST'), 'scope-namespace')
    assert.equal(await fault('/apis/apps/v1/deployments', 'DELETE'), 'scope-namespace')
  })
})

describe('storage identity', () => {
  it('A14: events have one storage under two groups', () => {
    assert.deepEqual(storageNames('events.k8s.io', 'events'), storageNames('', 'events'))
    assert.equal(storageNames('', 'events').length, 2)
    assert.deepEqual(storageNames('extensions', 'ingresses')[0], {
      group: 'networking.k8s.io',
      resource: 'ingresses',
    })
    assert.deepEqual(storageNames('apps', 'statefulsets'), [{ group: 'apps', resource: 'statefulsets' }])
    assert.deepEqual(storageNames('__proto__', 'constructor'), [
      { group: '__proto__', resource: 'constructor' },
    ])
  })
})
