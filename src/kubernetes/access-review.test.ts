import assert from 'node:assert/strict'
import { test } from 'node:test'
import { actionAskedAbout } from './access-review.ts'

const ask = (resourceAttributes: object) => actionAskedAbout({ spec: { resourceAttributes } })

test('a question is about the action that the request would be: a Namespace is in itself', () => {
  const inShop = { verb: 'get', resource: 'namespaces', namespace: 'default', name: 'shop' }
  assert.equal(ask(inShop)?.namespace, 'shop')
  assert.equal(ask({ ...inShop, verb: 'list', name: '' })?.namespace, '')
  assert.equal(ask({ ...inShop, group: 'example.com' })?.namespace, 'default')
  assert.equal(ask({ ...inShop, resource: 'pods' })?.namespace, 'default')
})

test('what is no question is not answered here: the cluster says what is wrong', () => {
  for (const spec of [
    {},
    null,
    'x',
    { resourceAttributes: {}, nonResourceAttributes: {} },
    { resourceAttributes: null },
  ]) {
    assert.equal(actionAskedAbout({ spec }), undefined)
  }
  const odd = ask({ verb: ['get'], resource: { a: 1 }, __proto__: { name: 'x' } })
  assert.deepEqual([odd?.verb, odd?.resource, odd?.name], ['', '', ''])
})
