import assert from 'node:assert/strict'
import { createHmac } from 'node:crypto'
import { test } from 'node:test'
import fc from 'fast-check'
import { ask } from '../policy/testing/ask.ts'
import { pinnedPath, pinOf } from './pin.ts'
import { pinWrite } from './pin-write.ts'

const print = (text: string): string => createHmac('sha256', 'key').update(text).digest('hex')
const bytes = (value: unknown): Buffer => Buffer.from(JSON.stringify(value))
const object = {
  kind: 'ConfigMap',
  metadata: { name: 'a', uid: 'u-1', resourceVersion: '7', managedFields: [{}], labels: { app: 'x' } },
  data: { a: '1' },
  status: { replicas: 1 },
}

test('status and bookkeeping may change, everything else may not', () => {
  const pin = pinOf(bytes(object), print)
  const later = { ...object, metadata: { ...object.metadata, resourceVersion: '9' }, status: { replicas: 2 } }
  assert.deepEqual(pinOf(bytes(later), print), pin)
  for (const other of [
    { ...object, data: { a: '2' } },
    { ...object, metadata: { ...object.metadata, labels: {} } },
    { ...object, metadata: { ...object.metadata, uid: 'u-2' } },
    { ...object, metadata: { ...object.metadata, deletionTimestamp: '2026-01-01T00:00:00Z' } },
  ])
    assert.notDeepEqual(pinOf(bytes(other), print), pin)
})

test('what is no object has no pin', () => {
  for (const text of [
    '',
    'null',
    '[]',
    '1',
    '{"metadata":{}}',
    '{"metadata":null}',
    '{"metadata":{"uid":1}}',
    '{',
  ])
    assert.equal(pinOf(Buffer.from(text), print), null, text)
})

test('the object that is looked at, also for its subresources; none for reads and collections', () => {
  const rows: [string, string, string | null][] = [
    ['delete pods shop/a', '/api/v1/namespaces/shop/pods/a?x=1', '/api/v1/namespaces/shop/pods/a'],
    [
      'create pods/eviction shop/a',
      '/api/v1/namespaces/shop/pods/a/eviction',
      '/api/v1/namespaces/shop/pods/a',
    ],
    [
      'update apps/deployments/scale shop/a',
      '/apis/apps/v1/namespaces/shop/deployments/a/scale',
      '/apis/apps/v1/namespaces/shop/deployments/a',
    ],
    ['delete namespaces shop/shop', '/api/v1/namespaces/shop', '/api/v1/namespaces/shop'],
    ['update namespaces/finalize shop/shop', '/api/v1/namespaces/shop/finalize', '/api/v1/namespaces/shop'],
    ['patch nodes -/n', '/api/v1/nodes/n', '/api/v1/nodes/n'],
    ['create pods shop/-', '/api/v1/namespaces/shop/pods', null],
    ['deletecollection pods shop/-', '/api/v1/namespaces/shop/pods', null],
    ['get pods shop/a', '/api/v1/namespaces/shop/pods/a', null],
    ['post /version', '/version', null],
  ]
  for (const [action, target, path] of rows) assert.equal(pinnedPath(ask(action), target), path, action)
})

test('a deletion takes the object that was looked at, or none', () => {
  assert.deepEqual(JSON.parse(text(pinWrite('delete', 'object', null, 'u'))), {
    kind: 'DeleteOptions',
    apiVersion: 'v1',
    preconditions: { uid: 'u' },
  })
  const given = { propagationPolicy: 'Foreground', preconditions: { resourceVersion: '7' } }
  assert.deepEqual(JSON.parse(text(pinWrite('delete', 'object', bytes(given), 'u'))), {
    ...given,
    preconditions: { uid: 'u', resourceVersion: '7' },
  })
  assert.equal(pinWrite('delete', 'object', bytes({ preconditions: { uid: 'other' } }), 'u'), null)
  for (const bad of ['[]', 'null', '{"preconditions":null}', '{'])
    assert.equal(pinWrite('delete', '', Buffer.from(bad), 'u'), null)
})

test('a write is bound by one member, and keeps every other byte', () => {
  const value = fc.json()
  fc.assert(
    fc.property(value, fc.boolean(), (json, hasMetadata) => {
      const body = Buffer.from(`{"data": ${json}${hasMetadata ? ', "metadata" : { "name":"a"}' : ''} }`)
      const bound = pinWrite('patch', 'merge-patch', body, 'u-1')
      // Strict reading refuses what has two readings; that is refused before it comes here.
      if (bound === null) return
      assert.equal(JSON.parse(text(bound)).metadata.uid, 'u-1')
      const cut = text(bound).replace(hasMetadata ? '"uid":"u-1",' : '"metadata":{"uid":"u-1"},', '')
      assert.equal(cut, body.toString())
    }),
    { numRuns: 300 },
  )
})

test('a JSON patch tests the object first; a writer who names another object is refused', () => {
  const patch = [{ op: 'remove', path: '/data/a' }]
  assert.deepEqual(JSON.parse(text(pinWrite('patch', 'json-patch', bytes(patch), 'u'))), [
    { op: 'test', path: '/metadata/uid', value: 'u' },
    ...patch,
  ])
  assert.equal(pinWrite('update', 'object', bytes({ metadata: { uid: 'other' } }), 'u'), null)
  const own = bytes({ metadata: { uid: 'u' } })
  assert.equal(pinWrite('update', 'object', own, 'u'), own)
  assert.equal(pinWrite('update', 'object', bytes({ metadata: 1 }), 'u'), null)
  assert.equal(pinWrite('patch', 'merge-patch', null, 'u'), null)
})

function text(body: Uint8Array | null): string {
  return Buffer.from(body ?? []).toString()
}
