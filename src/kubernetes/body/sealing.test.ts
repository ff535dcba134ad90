import assert from 'node:assert/strict'
import { it } from 'node:test'
import { sealing } from './sealing.ts'
import { entryOf, request } from './testing.ts'

function sealed(target: string, method = 'GET'): boolean {
  const parsed = request(method, target)
  const { request: sent, response } = sealing(parsed, entryOf(parsed))
  assert.equal(sent, response)
  return response === 'sealed'
}

it('B26, B27: bodies that hold credentials are sealed, in every form of request', () => {
  for (const [target, method] of [
    ['/api/v1/namespaces/a/secrets', 'GET'],
    ['/api/v1/secrets?watch=1', 'GET'],
    ['/api/v1/namespaces/a/secrets', 'POST'],
    ['/api/v1/namespaces/a/secrets', 'DELETE'],
    ['/api/v1/namespaces/a/secrets/s', 'PATCH'],
    ['/api/v1/namespaces/a/serviceaccounts/s/token', 'POST'],
    ['/apis/authentication.k8s.io/v1/tokenreviews', 'POST'],
    ['/apis/certificates.k8s.io/v1/certificatesigningrequests', 'POST'],
    ['/apis/certificates.k8s.io/v1/certificatesigningrequests/c/approval', 'PUT'],
  ] as const) {
    assert.equal(sealed(target, method), true, target)
  }
})

it('what discovery does not know as built in is sealed', () => {
  assert.equal(sealed('/apis/example.com/v1/namespaces/a/widgets'), true)
  assert.equal(sealed('/apis/new.example/v1/things'), true)
  assert.equal(sealed('/apis/metrics.k8s.io/v9/namespaces/a/pods'), true)
  assert.equal(sealing(request('GET', '/api/v1/namespaces/a/pods'), undefined).response, 'sealed')
})

it('free text is sealed: logs, proxies, terminals, pages that nobody listed', () => {
  for (const target of [
    '/api/v1/namespaces/a/pods/p/log',
    '/api/v1/namespaces/a/services/s/proxy/x',
    '/api/v1/nodes/n/proxy/logs',
    '/logs/kube-apiserver.log',
    '/debug/pprof/heap',
    '/configz',
  ]) {
    assert.equal(sealed(target), true, target)
  }
})

it('ordinary kinds and discovery are shown', () => {
  for (const target of [
    '/api/v1/namespaces/a/pods',
    '/api/v1/namespaces/a/configmaps/c',
    '/apis/apps/v1/namespaces/a/deployments/d/scale',
    '/api/v1/nodes',
    '/apis/events.k8s.io/v1/events',
    '/apis',
    '/openapi/v2',
    '/version',
    '/livez',
  ]) {
    assert.equal(sealed(target), false, target)
  }
})
