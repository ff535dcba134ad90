import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import type { ParsedRequest } from '../../kubernetes/request/contract.ts'
import { parseRequest } from '../../kubernetes/request/parse.ts'
import { compileCeiling, lowestCeiling } from './ceiling.ts'
import { type CeilingSpec, ceilingSchema } from './schema.ts'

const namespaces = ['shop', 'ci', 'kube-system']
const resources = ['pods', 'secrets', 'nodes', 'services', 'deployments', 'selfsubjectaccessreviews']
const subresources = [
  '',
  'log',
  'exec',
  'attach',
  'portforward',
  'proxy',
  'status',
  'ephemeralcontainers',
  'token',
]
const groups = ['', 'apps', 'authorization.k8s.io', 'batch']

/** Requests of every shape that an API server routes; what has no single reading never comes this far. */
const requests: fc.Arbitrary<ParsedRequest> = fc
  .record({
    method: fc.constantFrom('GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE'),
    group: fc.constantFrom(...groups),
    watch: fc.constantFrom('', 'watch/'),
    namespace: fc.option(fc.constantFrom(...namespaces), { nil: undefined }),
    resource: fc.constantFrom(...resources),
    name: fc.option(fc.constantFrom('x', 'exec', 'shop'), { nil: undefined }),
    subresource: fc.constantFrom(...subresources),
    query: fc.constantFrom('', '?watch=true', '?watch=1', '?fieldSelector=metadata.name%3Dx', '?watch=false'),
    path: fc.option(
      fc.constantFrom('/version', '/metrics', '/apis', '/logs/', '/debug/pprof', '/healthz/etcd'),
    ),
  })
  .map(r => {
    const root = r.group === '' ? '/api/v1' : `/apis/${r.group}/v1`
    const place = r.namespace === undefined ? '' : `namespaces/${r.namespace}/`
    const rest = [r.resource, r.name, r.name === undefined ? '' : r.subresource].filter(Boolean).join('/')
    const target = r.path ?? `${root}/${r.watch}${place}${rest}${r.query}`
    return parseRequest({ method: r.method, target, rawHeaders: [] })
  })
  .filter(parsed => !parsed.refused)

const names = <T>(of: readonly T[]) =>
  fc.option(fc.uniqueArray(fc.constantFrom(...of), { minLength: 1 }), { nil: undefined })
const patterns = [
  'pods',
  'pods/log',
  'pods/*',
  'deployments.apps',
  '*.apps',
  '*',
  '*/exec',
  'nodes',
  'secrets',
] as const
const flag = fc.option(fc.boolean(), { nil: undefined })
const specs: fc.Arbitrary<CeilingSpec> = fc
  .record({
    readOnly: flag,
    noExec: flag,
    clusterScoped: flag,
    namespaces: names(namespaces),
    verbs: names([
      'get',
      'list',
      'watch',
      'create',
      'update',
      'patch',
      'delete',
      'deletecollection',
    ] as const),
    resources: names(patterns),
    deniedResources: names(patterns),
    nonResourcePaths: names(['/metrics', '/debug/*']),
  })
  .map(spec => ceilingSchema.parse(JSON.parse(JSON.stringify(spec))))

const allows = (spec: CeilingSpec, parsed: ParsedRequest): boolean =>
  compileCeiling(spec).refuses(parsed) === undefined

const isSelfReview = ({ info }: ParsedRequest): boolean =>
  info.apiGroup === 'authorization.k8s.io' &&
  info.resource.startsWith('selfsubject') &&
  info.subresource === ''

const property = (check: (spec: CeilingSpec, parsed: ParsedRequest) => void): void =>
  fc.assert(fc.property(specs, requests, check), { numRuns: 2_000 })

describe('whatever the ceiling and whatever the request', () => {
  test('one more limit never allows more', () => {
    const more: fc.Arbitrary<CeilingSpec> = fc.constantFrom(
      { readOnly: true },
      { noExec: true },
      { deniedResources: ['secrets'] },
      { deniedResources: ['*'] },
    )
    fc.assert(
      fc.property(specs, more, requests, (spec, limit, parsed) => {
        const denied = [...(spec.deniedResources ?? []), ...(limit.deniedResources ?? [])]
        const lower = { ...spec, ...limit, deniedResources: denied }
        if (allows(lower, parsed)) assert.ok(allows(spec, parsed))
      }),
      { numRuns: 2_000 },
    )
  })

  test('a field that is added to an empty ceiling allows no resource more', () => {
    property((spec, parsed) => {
      if (parsed.info.isResource && allows(spec, parsed)) assert.ok(allows({}, parsed))
    })
  })

  test('two ceilings allow what both allow', () => {
    fc.assert(
      fc.property(specs, specs, requests, (one, other, parsed) => {
        const both = lowestCeiling([compileCeiling(one), compileCeiling(other)]).refuses(parsed) === undefined
        assert.equal(both, allows(one, parsed) && allows(other, parsed))
      }),
      { numRuns: 2_000 },
    )
  })

  test('readOnly: nothing but get, list, watch of what is no stream, and self reviews', () => {
    property((spec, parsed) => {
      if (!allows({ ...spec, readOnly: true }, parsed) || isSelfReview(parsed)) return
      assert.ok(parsed.method === 'GET' || parsed.method === 'HEAD', parsed.method)
      assert.ok(!['exec', 'attach', 'portforward', 'proxy'].includes(parsed.info.subresource))
    })
  })

  test('namespaces: every resource that is reached lies in one of them, or is cluster-wide by leave', () => {
    property((spec, parsed) => {
      const { info } = parsed
      if (!allows({ ...spec, namespaces: ['shop'] }, parsed) || !info.isResource || isSelfReview(parsed))
        return
      assert.ok(info.namespace === 'shop' || (info.namespace === '' && spec.clusterScoped === true))
    })
  })

  test('noExec: no stream and no debug container, by any method and any verb', () => {
    property((spec, parsed) => {
      if (!allows({ ...spec, noExec: true }, parsed)) return
      assert.ok(
        !['exec', 'attach', 'portforward', 'proxy', 'ephemeralcontainers'].includes(parsed.info.subresource),
      )
    })
  })

  test('denied resources: not they and nothing below them', () => {
    property((spec, parsed) => {
      const denied = { ...spec, deniedResources: ['nodes', 'secrets', 'pods/exec'] }
      if (!allows(denied, parsed) || parsed.info.apiGroup !== '') return
      assert.ok(parsed.info.resource !== 'nodes' && parsed.info.resource !== 'secrets')
      assert.ok(parsed.info.resource !== 'pods' || parsed.info.subresource !== 'exec')
    })
  })
})
