import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { parseAllDocuments } from 'yaml'
import { parseAgentConfig } from '../config.ts'
import { agentConfig } from './deployment.ts'
import { type ManifestInput, type ManifestSources, manifestInput } from './input.ts'
import { manifests, renderManifests } from './render.ts'

const plain: ManifestInput = {
  connection: 'prod',
  namespace: 'sallyport-system',
  minor: 36,
  upstreamIdentity: 'principal',
  groups: ['sallyport:admins', 'sallyport:devs'],
  users: undefined,
  serviceAccounts: false,
  ceiling: undefined,
  mayBind: undefined,
  deployment: undefined,
}

/** Golden files, each with the input that makes it. */
const golden: Readonly<Record<string, ManifestInput>> = {
  'constrained.yaml': {
    ...plain,
    users: ['sallyport:corp:alice'],
    serviceAccounts: ['ci/deployer', 'shop/*'],
    ceiling: { verbs: ['get', 'list', 'watch'], namespaces: ['shop', 'ci'], resources: ['pods', 'pods/log'] },
    mayBind: { clusterRoles: ['view', 'edit'], roles: [{ namespace: 'shop', name: 'reader' }] },
    deployment: { image: 'registry.example.com/sallyport:1.0.0', gateway: 'https://gw.example.com:8443' },
  },
  'unconstrained.yaml': {
    ...plain,
    minor: 29,
    groups: undefined,
    serviceAccounts: true,
    mayBind: { clusterRoles: ['view'] },
  },
  'session.yaml': {
    ...plain,
    upstreamIdentity: 'session',
    groups: [],
    mayBind: {
      grants: [
        { clusterRole: 'view' },
        { clusterRole: 'edit', namespaces: ['shop', 'ci'] },
        { role: 'reader', namespaces: ['shop'] },
      ],
    },
  },
  'serviceaccount.yaml': { ...plain, minor: 33, upstreamIdentity: 'serviceaccount', groups: [] },
}

describe('rendered manifests', () => {
  for (const [file, input] of Object.entries(golden)) {
    test(`are what ${file} says`, () => {
      const expected = readFileSync(join(import.meta.dirname, 'golden', file), 'utf8')
      assert.equal(renderManifests(input), expected)
    })
  }

  test('the rendered configuration of the agent is one that the agent reads', () => {
    const text = JSON.stringify(agentConfig(golden['constrained.yaml']!, 'https://gw.example.com:8443'))
    const [connection] = parseAgentConfig(text, 'agent.yaml').connections
    assert.deepEqual(connection!.groups, ['sallyport:admins', 'sallyport:devs'])
    assert.deepEqual(connection!.credential, { inCluster: {} })
    assert.deepEqual(connection!.mayBind!.clusterRoles, ['view', 'edit'])
  })

  test('whatever the input, no rule is wider than its purpose', () => {
    const name = fc.stringMatching(/^sallyport:[a-z]{1,8}$/)
    const role = fc.stringMatching(/^[a-z]{1,8}$/)
    const optional = <T>(of: fc.Arbitrary<T>) => fc.option(of, { nil: undefined })
    const inputs = fc.record({
      minor: fc.integer({ min: 20, max: 40 }),
      upstreamIdentity: fc.constantFrom('principal', 'session', 'serviceaccount'),
      groups: optional(fc.array(name, { maxLength: 4 })),
      users: optional(fc.array(name, { minLength: 1, maxLength: 4 })),
      serviceAccounts: fc.oneof(fc.boolean(), fc.constant(['ci/x', 'shop/*'])),
      mayBind: optional(
        fc.record({
          clusterRoles: fc.array(role, { minLength: 1 }),
          namespaces: optional(fc.constant(['ci'])),
        }),
      ),
    })
    fc.assert(
      fc.property(inputs, random => {
        const input = { ...plain, ...random } as ManifestInput
        for (const { object } of manifests(input)) {
          if (object.kind !== 'ClusterRole' && object.kind !== 'Role') continue
          for (const rule of object.rules as {
            verbs: string[]
            resources?: string[]
            resourceNames?: string[]
          }[]) {
            const { verbs, resources = [], resourceNames } = rule
            assert.ok(!verbs.includes('*') && !verbs.includes('escalate'))
            assert.ok(!resources.includes('secrets') && !resources.includes('pods'))
            if (resources.includes('*')) assert.ok(verbs.every(verb => verb.startsWith('impersonate-on:')))
            if (verbs.includes('bind')) assert.ok(resourceNames!.length > 0)
            if (resources.includes('groups') && random.groups !== undefined)
              assert.ok(
                resourceNames!.every(group => group.startsWith('sallyport:')) && resourceNames!.length > 0,
              )
          }
        }
      }),
      { numRuns: 300 },
    )
  })

  test('each is one YAML document, with a name', () => {
    for (const input of Object.values(golden)) {
      for (const document of parseAllDocuments(renderManifests(input))) {
        assert.deepEqual((document as { errors: unknown[] }).errors, [])
        const { kind, metadata } = (
          document as { toJS(): { kind: string; metadata: { name: string } } }
        ).toJS()
        assert.ok(kind !== '' && metadata.name !== '')
      }
    }
  })
})

describe('what decides them', () => {
  const sources: ManifestSources = {
    connection: 'prod',
    namespace: 'sallyport-system',
    minor: 36,
    document: undefined,
    configured: undefined,
    ceiling: undefined,
    mayBind: undefined,
    deployment: undefined,
  }
  const document = {
    name: 'prod',
    upstreamIdentity: 'principal',
    groupMappings: [
      { group: 'a', upstream: ['sallyport:b', 'sallyport:a'] },
      { group: 'c', upstream: ['sallyport:a'] },
    ],
    serviceAccounts: { enabled: false, alsoFrom: [], audiences: [] },
  } as unknown as NonNullable<ManifestSources['document']>
  const configured = (text: string) =>
    parseAgentConfig(
      `{apiVersion: sallyport.dev/v1, kind: AgentConfig, gateway: "https://a", dataDir: d, connections: [{name: prod, credential: {inCluster: {}}, ${text}}]}`,
      'a',
    ).connections[0]!

  test('groups: those of the mapping, less what the agent does not allow', () => {
    assert.deepEqual(manifestInput({ ...sources, document }).groups, ['sallyport:a', 'sallyport:b'])
    const both = { ...sources, document, configured: configured('groups: ["sallyport:b", "sallyport:z"]') }
    assert.deepEqual(manifestInput(both).groups, ['sallyport:b'])
    assert.equal(manifestInput(sources).groups, undefined)
  })

  test('a mapping without groups gives no right to impersonate any', () => {
    const rendered = renderManifests(
      manifestInput({ ...sources, document: { ...document, groupMappings: [] } }),
    )
    assert.ok(!rendered.includes('- groups'))
  })

  test('contradictions and foreign namespaces are refused', () => {
    const other = configured('upstreamIdentity: session')
    assert.throws(() => manifestInput({ ...sources, document, configured: other }), /upstreamIdentity/)
    for (const namespace of ['kube-system', 'default', 'sallyport:x', '', 'sallyportx']) {
      assert.throws(() => manifestInput({ ...sources, namespace }), /namespace/, namespace)
    }
    assert.throws(
      () =>
        renderManifests({ ...plain, mayBind: { roles: [{ namespace: 'a', name: 'r' }], namespaces: ['b'] } }),
      /not among its namespaces/,
    )
  })

  test('the configuration takes no cluster-admin, no binder without roles, no name without our prefix', () => {
    const inCluster = 'binder: {inCluster: {directory: /x}}'
    assert.throws(
      () => configured(`${inCluster}, mayBind: {clusterRoles: [cluster-admin]}`),
      /must not be bound/,
    )
    assert.throws(() => configured(inCluster), /belong together/)
    assert.throws(() => configured(`${inCluster}, mayBind: {}`), /must name a role/)
    assert.throws(
      () => configured(`${inCluster}, mayBind: {clusterRoles: ["x'] || true || ['"]}`),
      /not the name/,
    )
    assert.throws(() => configured('groups: ["system:masters"]'), /must begin with sallyport:/)
    assert.throws(() => configured('users: ["admin"]'), /must begin with sallyport:/)
    assert.throws(() => configured('serviceAccounts: ["*/*"]'), /namespace\/name/)
  })
})
