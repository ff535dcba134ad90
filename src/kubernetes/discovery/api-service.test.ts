import assert from 'node:assert/strict'
import { test } from 'node:test'
import { apiServiceName, isServedLocally } from './api-service.ts'

const NAME = 'v1.example.com'
const service = (spec: object = {}, more: object = {}): string =>
  JSON.stringify({
    apiVersion: 'apiregistration.k8s.io/v1',
    kind: 'APIService',
    metadata: { name: NAME },
    spec: { group: 'example.com', version: 'v1', ...spec },
    ...more,
  })
const isLocal = (text: string): boolean => isServedLocally(Buffer.from(text), 'example.com', 'v1')

test('only a whole APIService of this group without a service is local', () => {
  assert.equal(isLocal(service()), true)
  for (const other of [
    service({ service: { namespace: 'a', name: 'b' } }),
    service({ service: {} }),
    service({ service: null }),
    service({ group: 'other.com' }),
    service({ version: 'v2' }),
    service({}, { metadata: { name: 'v1.other.com' } }),
    service({}, { kind: 'Status' }),
    service({}, { spec: undefined }),
    service({}, { spec: [] }),
    service({}, { metadata: 'v1' }),
    service().replace('"spec":', '"spec":{"service":{}},"spec":'),
    service().replace('"version":', '"service":{},"service":null,"version":'),
    '{}',
    '[]',
    'null',
    '',
    service().slice(0, -1),
  ])
    assert.equal(isLocal(other), false, other)
})

test('no path leads to the APIService of another group, or to another object', () => {
  assert.equal(apiServiceName('example.com', 'v1beta2'), 'v1beta2.example.com')
  for (const [group, version] of [
    ['', 'v1'],
    ['example.com', ''],
    ['example.com', 'v1.a'],
    ['example.com/status', 'v1'],
    ['../secrets', 'v1'],
    ['a%2fb', 'v1'],
    ['example.com?x=1', 'v1'],
    ['Example.com', 'v1'],
    ['example.com', '__proto__'],
  ] as const)
    assert.equal(apiServiceName(group, version), null, `${group} ${version}`)
})
