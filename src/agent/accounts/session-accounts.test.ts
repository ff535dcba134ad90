import assert from 'node:assert/strict'
import { after, before, beforeEach, test } from 'node:test'
import { type Agent, createAgent } from '../agent.ts'
import { fixedCredential } from '../credentials/credential.ts'
import { alice, callOf, own, refusalOf, send } from '../testing/calls.ts'
import {
  answerJson,
  type Behaviour,
  type StubApiServer,
  startStub,
  valuesOf,
} from '../testing/stub-api-server.ts'
import { ACCOUNTS_PATH, createSessionAccounts } from './session-accounts.ts'

const AGENT = 'Bearer token-of-the-agent'
const configMaps = '/api/v1/namespaces/default/configmaps'
let stub: StubApiServer
let agent: Agent

/** Accounts and tokens as an API server gives them: `token-of-<session>-<count>`. */
let tokens = 0
const normal: Behaviour = (request, response) => {
  const url = request.url ?? ''
  if (!url.startsWith(ACCOUNTS_PATH)) return answerJson(response, 200, { kind: 'List' })
  if (request.method === 'DELETE') return answerJson(response, 200, {})
  if (!url.endsWith('/token')) return answerJson(response, 201, {})
  const expirationTimestamp = new Date(Date.now() + 900_000).toISOString()
  const token = `token-of-${url.split('/')[6]}-${++tokens}`
  answerJson(response, 201, { status: { token, expirationTimestamp } })
}

before(async () => {
  stub = await startStub(normal)
})
beforeEach(() => {
  agent?.destroy()
  stub.behaviour = normal
  stub.seen.length = 0
  tokens = 0
  const session = fixedCredential(stub.target, 'test', { authorization: AGENT })
  const connection = {
    name: 'prod',
    upstreamIdentity: 'serviceaccount',
    serviceAccounts: false,
    session,
  } as const
  agent = createAgent({ name: 'embedded', connections: [connection] })
})
after(async () => {
  agent.destroy()
  await stub.stop()
})

const idOf = (letter: string): string => `s-${letter.repeat(26)}`
const callBy = (letter: string) => {
  const sessionId = idOf(letter)
  const user = `sallyport:s:${sessionId}`
  const identity = { ...alice, sessionId, mode: 'serviceaccount' as const, user, groups: [] }
  return callOf({ target: configMaps, identity })
}
const shownFor = (target: string): string[] =>
  stub.seen.filter(each => each.target === target).flatMap(each => valuesOf(each.rawHeaders, 'authorization'))

test('each session shows its own token, never another one and never that of the agent', async () => {
  for (const letter of ['a', 'b', 'a', 'b']) await send(agent, callBy(letter))
  assert.deepEqual(shownFor(configMaps), [
    `Bearer token-of-${idOf('a')}-1`,
    `Bearer token-of-${idOf('b')}-2`,
    `Bearer token-of-${idOf('a')}-1`,
    `Bearer token-of-${idOf('b')}-2`,
  ])
  for (const each of stub.seen) {
    const impersonation = each.rawHeaders.filter(name => /^impersonate/i.test(name))
    assert.deepEqual(impersonation, [])
    const isAgent = valuesOf(each.rawHeaders, 'authorization')[0] === AGENT
    assert.equal(isAgent, each.target.startsWith(ACCOUNTS_PATH))
  }
})

test('calls at the same time share one account and one token', async () => {
  await Promise.all(Array.from({ length: 8 }, () => send(agent, callBy('a'))))
  assert.equal(tokens, 1)
  assert.equal(stub.seen.filter(each => each.target === ACCOUNTS_PATH).length, 1)
})

test('a token that the API server refuses is replaced; a call is never repeated by itself', async () => {
  await send(agent, callBy('a'))
  stub.behaviour = (request, response, body) =>
    request.headers.authorization?.endsWith('-1')
      ? answerJson(response, 401, {})
      : normal(request, response, body)
  await refusalOf(send(agent, callBy('a')))
  assert.equal((await send(agent, callBy('a'))).status, 200)
  assert.equal(shownFor(configMaps).length, 3)
})

test('when the account cannot be made the call is refused, and nothing is sent under the agent', async () => {
  stub.behaviour = (request, response, body) =>
    request.url === ACCOUNTS_PATH
      ? answerJson(response, 403, { message: 'no' })
      : normal(request, response, body)
  const refusal = await refusalOf(send(agent, callBy('a')))
  assert.equal(`${refusal.code} ${refusal.check}`, 'upstream-unreachable agent-session-account')
  assert.deepEqual(shownFor(configMaps), [])
})

test('an account of that name that is not ours is not taken over', async () => {
  stub.behaviour = (request, response, body) => {
    if (request.url === ACCOUNTS_PATH) return answerJson(response, 409, {})
    if (request.method === 'GET')
      return answerJson(response, 200, { metadata: { name: idOf('a'), uid: 'u' } })
    normal(request, response, body)
  }
  assert.equal((await refusalOf(send(agent, callBy('a')))).code, 'upstream-unreachable')
  assert.deepEqual(shownFor(configMaps), [])
  assert.ok(!stub.seen.some(each => each.method === 'PATCH'))
})

test('after the end of a session its token is not shown again', async () => {
  await send(agent, callBy('a'))
  const target = `${ACCOUNTS_PATH}/${idOf('a')}`
  const identity = { ...own, purpose: 'session-end' as const }
  await send(agent, callOf({ method: 'DELETE', target, headers: [], identity }))
  assert.deepEqual(shownFor(target), [AGENT])
  await send(agent, callBy('a'))
  assert.deepEqual(shownFor(configMaps).at(-1), `Bearer token-of-${idOf('a')}-2`)
})

test('a gateway that invents sessions fills no cluster', () => {
  const session = fixedCredential(stub.target, 'test', { authorization: AGENT })
  const accounts = createSessionAccounts(session, { sweepEvery: 0 })
  for (let i = 0; i < 2_000; i++) accounts.credentialOf(`s-${i}`)
  assert.throws(() => accounts.credentialOf('s-one-more'), { code: 'too-many-requests' })
  assert.ok(accounts.credentialOf('s-0') !== undefined, 'those that are there go on')
})
