import assert from 'node:assert/strict'
import { test } from 'node:test'
import { readAtlas } from './atlas.ts'
import { restoreBody } from './restore-body.ts'

const object = (annotations: object, more: object = {}) => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name: 'm', uid: 'u', resourceVersion: '7', ...more, annotations },
})
const bytes = (value: object) => Buffer.from(JSON.stringify(value))

test('members that the view left out come back into an object that is empty in it, and beside others', () => {
  const live = object({ 'a.example/one': '1', 'a.example/two': '2', kept: 'k' })
  const hidden = object({ kept: 'k' })
  const atlas = readAtlas(bytes(live), bytes(hidden))!
  for (const annotations of [{}, { kept: 'k' }, { other: 'o', kept: 'k' }]) {
    const restored = restoreBody(bytes(object(annotations)), 'object', atlas)
    assert.ok(restored !== null && 'bytes' in restored)
    const after = JSON.parse(restored.bytes.toString())
    assert.deepEqual(after, object({ 'a.example/one': '1', 'a.example/two': '2', ...annotations }))
    assert.equal(restored.count, 2)
  }
})
