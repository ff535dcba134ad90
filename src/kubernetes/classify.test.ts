import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { KubernetesAction } from './action.ts'
import { readBody } from './body/read-body.ts'
import { entryOf, request } from './body/testing.ts'
import { buildAction } from './classify.ts'

function action(
  method: string,
  target: string,
  body = '',
  type: string | undefined = body === '' ? undefined : 'application/json',
): KubernetesAction {
  const parsed = request(method, target, type)
  const entry = entryOf(parsed)
  const judged = readBody(parsed, Buffer.from(body), entry)
  if (judged.refused) assert.fail(judged.check)
  return buildAction(parsed, judged.facts, entry, facts =>
    facts.resource === 'secrets' ? ['secret-read', 'other'] : [],
  )
}

describe('action', () => {
  it('says what the request is, in RBAC’s words', () => {
    const a = action('GET', '/api/v1/namespaces/a/secrets?labelSelector=x%3Dy')
    assert.deepEqual(
      [a.verb, a.apiGroup, a.resource, a.namespace, a.path],
      ['list', '', 'secrets', 'a', '/api/v1/namespaces/a/secrets'],
    )
    assert.deepEqual(
      [a.risk, a.risks, a.namespaced, a.query.labelSelector],
      ['secret-read', ['secret-read', 'other'], true, 'x=y'],
    )
    assert.equal(action('GET', '/version').risk, 'none')
  })

  it('B21, B22: exec, attach and port-forward are a create, whatever the method', () => {
    for (const sub of ['exec', 'attach', 'portforward']) {
      for (const method of ['GET', 'POST']) {
        const a = action(method, `/api/v1/namespaces/a/pods/p/${sub}`)
        assert.deepEqual([a.verb, a.subresource, a.hasSideEffect], ['create', sub, true])
      }
    }
    assert.equal(action('GET', '/apis/example.com/v1/namespaces/a/widgets/w/exec').verb, 'get')
  })

  it('reads may run before their intent is durable, nothing else may', () => {
    for (const target of [
      '/api/v1/namespaces/a/pods',
      '/api/v1/namespaces/a/pods/p',
      '/api/v1/pods?watch=1',
      '/api/v1/namespaces/a/pods/p/log',
      '/apis',
      '/openapi/v3',
      '/version',
      '/livez',
      '/api/v1',
    ]) {
      assert.equal(action('GET', target).hasSideEffect, false, target)
    }
    assert.equal(
      action('POST', '/apis/authorization.k8s.io/v1/selfsubjectaccessreviews', '{}').hasSideEffect,
      false,
    )
    assert.equal(action('POST', '/apis/authentication.k8s.io/v1/tokenreviews', '{}').hasSideEffect, true)
    for (const [method, target] of [
      ['DELETE', '/api/v1/namespaces/a/pods/p'],
      ['POST', '/api/v1/namespaces/a/pods?dryRun=All'],
      ['POST', '/apis'],
      ['DELETE', '/api/v1/namespaces/a/pods'],
    ] as const) {
      assert.equal(action(method, target).hasSideEffect, true, target)
    }
  })

  it('B19, B20: behind a proxy even a GET has effects', () => {
    assert.equal(action('GET', '/api/v1/nodes/n/proxy/run/ns/p/c').hasSideEffect, true)
    assert.equal(action('GET', '/api/v1/namespaces/a/services/s/proxy/delete-all').hasSideEffect, true)
  })

  it('B31, B32: a dry run is one only where upstream takes it for one', () => {
    const secrets = '/api/v1/namespaces/a/secrets'
    assert.equal(action('POST', `${secrets}?dryRun=All`, '{}').query.dryRun, true)
    assert.equal(action('DELETE', `${secrets}?dryRun=All`).query.dryRun, true)
    // With a body the query of a delete counts for nothing.
    assert.equal(action('DELETE', `${secrets}?dryRun=All`, '{}').query.dryRun, false)
    assert.equal(action('DELETE', `${secrets}/s`, '{"dryRun":["All"]}').query.dryRun, true)
    assert.equal(action('DELETE', `${secrets}/s`, '{"dryRun":[]}').query.dryRun, false)
    assert.equal(action('DELETE', `${secrets}/s`, '{"dryRun":["None"]}').query.dryRun, false)
    assert.equal(action('POST', secrets, '{"metadata":{"generateName":"x-"}}').body?.name, 'x-*')
  })

  it('B33: an apply patch is told from other patches', () => {
    const target = '/apis/apps/v1/namespaces/a/deployments/d'
    assert.equal(action('PATCH', target, '{}', 'application/apply-patch+yaml').body?.form, 'apply-patch')
    assert.equal(action('PATCH', target, '{}', 'application/merge-patch+json').body?.form, 'merge-patch')
  })

  it('A14: events carry both of their names', () => {
    const both = [
      { apiGroup: 'events.k8s.io', resource: 'events' },
      { apiGroup: '', resource: 'events' },
    ]
    for (const target of ['/api/v1/namespaces/a/events', '/apis/events.k8s.io/v1/namespaces/a/events']) {
      assert.deepEqual(
        [...(action('GET', target).sameStorage ?? [])].sort((a, b) => b.apiGroup.length - a.apiGroup.length),
        both,
      )
    }
    assert.equal(action('GET', '/api/v1/namespaces/a/pods').sameStorage, undefined)
  })
})
