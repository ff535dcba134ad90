import assert from 'node:assert/strict'
import { after, before, beforeEach, test } from 'node:test'
import type { BindRole } from '../../tunnel/calls/session-bindings.ts'
import { fixedCredential } from '../credentials/credential.ts'
import { refusalOf } from '../testing/calls.ts'
import { answerJson, type StubApiServer, startStub, valuesOf } from '../testing/stub-api-server.ts'
import type { MadeRequest } from '../upstream/api-client.ts'
import type { BindingObject } from './binding.ts'
import { askAsUser } from './in-force.ts'
import { createSessionBindings, type SessionBindings } from './session-bindings.ts'

/** Against a stub that keeps bindings and reviews as it is told to; the real API server is in `test/agent`. */
let stub: StubApiServer
let bindings: SessionBindings
let present: Map<string, BindingObject>
/** How often a review says no before it says yes. */
let noes: number
let onReview: (() => void) | undefined
const session = `s-${'a'.repeat(26)}`
const edit: BindRole = { kind: 'ClusterRole', name: 'edit', namespace: 'a' }
const view: BindRole = { kind: 'ClusterRole', name: 'view', namespace: '' }
const rules = [{ verbs: ['get'], apiGroups: [''], resources: ['pods'] }]

before(async () => {
  stub = await startStub((request, response, body) => {
    const url = (request.url ?? '').split('?')[0]!
    if (url.endsWith('/selfsubjectaccessreviews')) {
      onReview?.()
      return answerJson(response, 201, { status: { allowed: noes-- <= 0 } })
    }
    if (url.includes('/clusterroles/')) {
      return url.endsWith('/gone') ? answerJson(response, 404, {}) : answerJson(response, 200, { rules })
    }
    if (request.method === 'GET') return answerJson(response, 200, { items: [...present.values()] })
    if (request.method === 'DELETE') {
      const { preconditions } = JSON.parse(body) as { preconditions: { uid?: string } }
      if (preconditions.uid !== present.get(url)?.metadata.uid && preconditions.uid !== undefined)
        return answerJson(response, 409, {})
      return answerJson(response, present.delete(url) ? 200 : 404, {})
    }
    const object = JSON.parse(body) as BindingObject
    const path = `${url}/${object.metadata.name}`
    if (present.has(path)) return answerJson(response, 409, {})
    present.set(path, { ...object, metadata: { ...object.metadata, uid: crypto.randomUUID() } })
    answerJson(response, 201, object)
  })
})
beforeEach(async () => {
  await bindings?.close(false)
  present = new Map()
  noes = 0
  onReview = undefined
  stub.seen.length = 0
  const credential = (name: string) =>
    fixedCredential(stub.target, 'test', { authorization: `Bearer ${name}` })
  bindings = createSessionBindings({
    binder: credential('binder'),
    mayBind: { clusterRoles: ['edit', 'view', 'gone'] },
    subject: 'User',
    asker: askAsUser(credential('session')),
    sweepEvery: 0,
    patience: 1_000,
  })
})
after(async () => {
  await bindings.close(false)
  await stub.stop()
})

const request = (roles: readonly BindRole[], replace = false) => ({ session, seconds: 60, roles, replace })
const names = (): string[] => [...present.values()].map(one => one.roleRef.name).sort()

test('it is done only when the API server says yes to the session itself', async () => {
  noes = 3
  const made: MadeRequest[] = []
  const bound = await bindings.bind(request([edit, view]), one => made.push(one))
  assert.deepEqual(bound.map(one => one.name).sort(), ['edit', 'view'])
  const reviews = stub.seen.filter(one => one.target.endsWith('/selfsubjectaccessreviews'))
  assert.ok(reviews.length >= 5, 'asked again and again')
  for (const { rawHeaders } of reviews) {
    assert.deepEqual(valuesOf(rawHeaders, 'impersonate-user'), [`sallyport:s:${session}`])
    assert.deepEqual(valuesOf(rawHeaders, 'authorization'), ['Bearer session'])
  }
  for (const { target, rawHeaders } of stub.seen) {
    if (!target.includes('rbac.authorization')) continue
    assert.deepEqual(valuesOf(rawHeaders, 'authorization'), ['Bearer binder'])
    assert.deepEqual(valuesOf(rawHeaders, 'impersonate-user'), [])
  }
  // Every request has an id of its own, and all of them are told.
  assert.equal(made.length, stub.seen.length)
  const ids = stub.seen.flatMap(one => valuesOf(one.rawHeaders, 'audit-id')).sort()
  assert.deepEqual(made.map(one => one.id).sort(), ids)
  assert.equal(new Set(ids).size, ids.length)
})

test('an API server that never says yes: refused, and what was made is gone', {
  timeout: 30_000,
}, async () => {
  noes = Number.POSITIVE_INFINITY
  const refusal = await refusalOf(bindings.bind(request([edit, view]), () => {}))
  assert.equal(`${refusal.code} ${refusal.check}`, 'binding-failed agent/binding-review')
  assert.deepEqual(names(), [])
})

test('one role that cannot be bound takes the others along', async () => {
  const gone: BindRole = { kind: 'ClusterRole', name: 'gone', namespace: '' }
  assert.equal((await refusalOf(bindings.bind(request([edit, gone]), () => {}))).code, 'binding-failed')
  assert.deepEqual(names(), [])
})

test('a session that ends while its bindings are being made gets none', async () => {
  noes = 2
  const ends: Promise<void>[] = []
  onReview = () => {
    if (ends.length === 0) ends.push(bindings.unbind(session, () => {}))
  }
  const refusal = await refusalOf(bindings.bind(request([edit]), () => {}))
  assert.equal(refusal.check, 'agent/binding-ended')
  await Promise.all(ends)
  assert.deepEqual(names(), [])
  const again = await refusalOf(bindings.bind(request([edit]), () => {}))
  assert.equal(again.check, 'agent/binding-ended')
})

test('new ones stand beside the old ones until these end; only a change of roles replaces them', async () => {
  await bindings.bind(request([edit]), () => {})
  await new Promise(resolve => setTimeout(resolve, 5))
  await bindings.bind(request([edit]), () => {})
  assert.deepEqual(names(), ['edit', 'edit'])
  await bindings.bind(request([view], true), () => {})
  assert.deepEqual(names(), ['view'])
  await bindings.bind(request([], true), () => {})
  assert.deepEqual(names(), [])
})

test('a connection that is dropped takes its bindings along; an agent that stops leaves them', async () => {
  await bindings.bind(request([edit]), () => {})
  await bindings.close(false)
  assert.deepEqual(names(), ['edit'])
  const credential = fixedCredential(stub.target, 'test', { authorization: 'Bearer x' })
  const parts = { binder: credential, asker: askAsUser(credential), subject: 'User', sweepEvery: 0 } as const
  const dropped = createSessionBindings({ ...parts, mayBind: { clusterRoles: ['edit'] } })
  await dropped.bind(request([edit]), () => {})
  await dropped.close(true)
  assert.deepEqual(names(), [])
})

test('a gateway that invents sessions fills no cluster', { timeout: 60_000 }, async () => {
  const letters = 'abcdefghijklmnopqrstuvwxyz'
  const many = createSessionBindings({
    binder: fixedCredential(stub.target, 'test', { authorization: 'Bearer binder' }),
    mayBind: { clusterRoles: ['edit'] },
    subject: 'User',
    asker: { may: async () => true, close: async () => {} },
    sweepEvery: 0,
    most: 3,
  })
  const bind = (i: number) =>
    many.bind({ ...request([edit]), session: `s-${letters.at(i)!.repeat(26)}` }, () => {})
  for (let i = 0; i < 3; i++) await bind(i)
  assert.equal((await refusalOf(bind(3))).code, 'too-many-requests')
  await bind(0)
  await many.unbind(`s-${letters.at(1)!.repeat(26)}`, () => {})
  await bind(3)
  await many.close(false)
})
