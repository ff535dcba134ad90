import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { AuditLog, NewEntry } from '../audit/entry.ts'
import type { Connection } from '../connections/connection.ts'
import type { Session } from '../connections/session.ts'
import { Refusal } from '../errors/refusal.ts'
import type { Principal } from '../identity/principal.ts'
import { compileMasking } from '../masking/rules/compile.ts'
import { shippedDetectors } from '../masking/rules/detectors.ts'
import { testEngine } from '../masking/testing/rig.ts'
import type { Decision, Limit } from '../policy/decision.ts'
import { createRateLimits } from '../policy/rate-limits.ts'
import type { AgentLink, AnswerHandler, UpstreamCall } from '../tunnel/contract.ts'
import { type Caller, CallerLeft } from './caller.ts'
import type { Classified, InSession, Received } from './exchange.ts'
import { defaultLimits, type FinishedExchange, type Gateway } from './gateway.ts'
import { createLiveCalls } from './live-calls.ts'
import { maskRulesAt } from './mask-rules.ts'
import { handle } from './pipeline.ts'

/** A gateway whose log, agent and caller are puppets, so that every order of events can be played. */
function stage(options: { sideEffect?: boolean; longRunning?: boolean; decision?: Partial<Decision> } = {}) {
  const events: string[] = []
  const commits: { entry: NewEntry; durable(): void; fail(error: Error): void }[] = []
  const calls: { call: UpstreamCall; answer: AnswerHandler; aborted: boolean }[] = []
  const finished: FinishedExchange[] = []
  const principal: Principal = {
    issuer: 'https://issuer.example',
    subject: 'alice',
    kind: 'person',
    username: 'corp:alice',
    groups: ['corp:dev'],
    authentication: { method: 'oidc', provider: 'corp', validUntil: Infinity, credentialDigest: 'd' },
  }
  const connection: Connection = {
    name: 'dev',
    kind: 'kubernetes',
    hosts: [],
    agents: ['embedded'],
    upstreamIdentity: 'principal',
    groupMappings: [{ group: 'corp:dev', upstream: ['sallyport:dev'] }],
    serviceAccounts: { enabled: false, alsoFrom: [], audiences: [] },
    capture: 'full',
    session: { idle: 3_600_000, maximum: 43_200_000 },
  }
  const session: Session = {
    id: 's-abc',
    principal,
    connection: 'dev',
    opened: 'implicitly',
    openedAt: 0,
    expiresAt: Infinity,
  }
  const log: AuditLog = {
    origin: 'test',
    sealed: false,
    append(entry) {
      events.push(`append ${entry.phase}`)
      return new Promise((resolve, reject) => {
        commits.push({
          entry,
          durable: () => {
            events.push(`durable ${entry.phase}`)
            resolve({ index: commits.length, time: 0 })
          },
          fail: reject,
        })
      })
    },
    close: async () => {},
  }
  const link: AgentLink = {
    name: 'embedded',
    connected: true,
    dispatch(call, answer) {
      events.push('dispatch')
      const entry = { call, answer, aborted: false }
      calls.push(entry)
      return () => {
        entry.aborted = true
      }
    },
    close: async () => {},
  }
  const gateway: Gateway = {
    log,
    recordFailure: async entry => void (await log.append(entry)),
    limits: { ...defaultLimits, wholeAnswer: 100 },
    now: () => 1000,
    approvals: {
      use: async () => undefined,
      giveBack: async () => {},
      grantOf: () => undefined,
      ask: async () => assert.fail('nothing is held here'),
      wait: async () => assert.fail('nothing is held here'),
    },
    connection: name => (name === 'dev' ? connection : undefined),
    connectionOfHost: () => undefined,
    authenticate: async token => {
      if (token !== 'good') throw new Refusal('credential-invalid')
      return principal
    },
    openSession: async () => session,
    haveRights: () => undefined,
    onSessionEnd: () => () => {},
    onRecordingEnds: () => () => {},
    onDrain: () => () => {},
    classify: async (x: InSession) =>
      Object.assign(x, {
        parsed: {
          refused: false,
          method: options.sideEffect ? 'POST' : 'GET',
          info: {
            isResource: true,
            verb: options.sideEffect ? 'create' : 'get',
            apiPrefix: 'api',
            apiGroup: '',
            apiVersion: 'v1',
            namespace: 'default',
            resource: 'configmaps',
            subresource: '',
            name: 'c',
            path: '/api/v1/namespaces/default/configmaps/c',
            fieldSelector: '',
            labelSelector: '',
          },
          segments: ['api', 'v1', 'namespaces', 'default', 'configmaps', 'c'],
          query: [],
          target: '/api/v1/namespaces/default/configmaps/c',
          headers: new Map(),
          upgrade: null,
          impersonate: null,
          longRunning: options.longRunning ?? false,
        },
        action: {
          protocol: 'k8s',
          verb: options.sideEffect ? 'create' : options.longRunning ? 'watch' : 'get',
          isResource: true,
          apiGroup: '',
          apiVersion: 'v1',
          resource: 'configmaps',
          subresource: '',
          namespace: 'default',
          name: 'c',
          path: '/api/v1/namespaces/default/configmaps/c',
          query: {
            fieldSelector: '',
            labelSelector: '',
            dryRun: false,
            follow: false,
            container: '',
            command: [],
          },
          body: null,
          impersonate: null,
          risk: 'none',
          hasSideEffect: options.sideEffect ?? false,
          longRunning: options.longRunning ?? false,
        },
        body: { bytes: null, mediaType: '' },
        accept: 'application/json',
        answerKind: { group: '', kind: 'ConfigMap' },
      }) as Classified,
    isLocal: async () => false,
    policies: () => ({
      digest: 'sha256:0',
      wantsResult: () => null,
      pace: () => null,
      decide: () => ({
        effect: 'allow',
        rules: ['p/r'],
        reason: 'ok',
        policyDigest: 'sha256:0',
        ...options.decision,
      }),
      rules: [],
      shows: () => false,
    }),
    live: createLiveCalls({
      maskRules: (x, at) => maskRulesAt(gateway.masking(), x, 'response', at),
      policies: () => gateway.policies(),
      connection: () => connection,
      grant: () => undefined,
      onSessionEnd: () => () => {},
      now: () => 1000,
      onError: error => {
        throw error
      },
    }),
    rates: createRateLimits(),
    masking: () => compileMasking([], shippedDetectors),
    maskEngine: () => testEngine(),
    trailEngine: () => testEngine(),
    fingerprintOf: () => 'f',
    guesses: { check() {}, ended() {} },
    readLive: async () => ({ status: 404, headers: [], body: Buffer.alloc(0) }),
    dryRun: async () => assert.fail('nothing is held here'),
    sendAgain: async () => assert.fail('nothing is sent again here'),
    agentFor: () => link,
    draining: () => false,
    observe: {
      finished: f => void finished.push(f),
      broke: error => {
        throw error
      },
    },
  }
  const written: Buffer[] = []
  let leave: (() => void) | undefined
  const caller = {
    method: 'GET',
    target: '/k/dev/api',
    rawHeaders: ['Host', 'localhost', 'Authorization', 'Bearer good'],
    httpVersion: '1.1' as const,
    host: 'localhost',
    address: '127.0.0.1',
    port: 1,
    userAgent: 'test',
    gone: false,
    headSent: false,
    status: 0,
    ended: false,
    wasCut: false,
    onGone(listener: () => void) {
      leave = listener
    },
    readBody: async () => null,
    answer(status: number, _headers: readonly string[], body: readonly Uint8Array[]) {
      events.push(`answer ${status}`)
      this.status = status
      this.headSent = true
      written.push(...body.map(b => Buffer.from(b)))
      this.ended = true
    },
    begin(status: number) {
      events.push(`begin ${status}`)
      this.status = status
      this.headSent = true
    },
    async write(chunks: readonly Uint8Array[]) {
      if (this.gone) throw new CallerLeft()
      events.push('write')
      written.push(...chunks.map(b => Buffer.from(b)))
    },
    end() {
      events.push('end')
      this.ended = true
    },
    cut() {
      events.push('cut')
      this.wasCut = true
    },
  }
  const received: Received = {
    callId: '01900000-0000-7000-8000-000000000000',
    receivedAt: 0,
    caller: caller as Caller,
    connectionName: 'dev',
    target: '/api/v1/namespaces/default/configmaps/c',
    progress: {},
  }
  return {
    events,
    commits,
    calls,
    finished,
    written,
    caller,
    gateway,
    received,
    leave: () => {
      caller.gone = true
      leave?.()
    },
    /** Lets everything that can go on without a puppet go on. */
    settle: async () => {
      for (let i = 0; i < 20; i++) await Promise.resolve()
      await new Promise(resolve => setImmediate(resolve))
    },
    durableAll: async function () {
      for (;;) {
        await this.settle()
        const open = commits.splice(0)
        if (open.length === 0) return
        for (const commit of open) commit.durable()
      }
    },
  }
}

const controller = { pause() {}, resume() {} }
const headers = ['content-type', 'application/json']

test('a request with a side effect reaches the agent only after its intent is durable', async () => {
  const s = stage({ sideEffect: true })
  const done = handle(s.gateway, s.received)
  await s.settle()
  assert.deepEqual(s.events, ['append intent'])
  s.commits.shift()!.durable()
  await s.settle()
  assert.deepEqual(s.events, ['append intent', 'durable intent', 'dispatch'])
  s.calls[0]!.answer.onHead(201, headers, controller)
  s.calls[0]!.answer.onData(Buffer.from('{}'))
  s.calls[0]!.answer.onEnd()
  await s.durableAll()
  await done
  assert.equal(s.events.at(-1), 'answer 201')
})

test('a read may run while its intent is committed, but its answer waits for intent and outcome', async () => {
  const s = stage()
  const done = handle(s.gateway, s.received)
  await s.settle()
  assert.deepEqual(s.events, ['append intent', 'dispatch'])
  const intent = s.commits.shift()!
  s.calls[0]!.answer.onHead(200, headers, controller)
  s.calls[0]!.answer.onData(Buffer.from('{"a":1}'))
  s.calls[0]!.answer.onEnd()
  await s.settle()
  assert.equal(s.caller.headSent, false)
  intent.durable()
  await s.settle()
  assert.equal(s.caller.headSent, false, 'the outcome is not durable yet')
  assert.deepEqual(s.events.slice(2), ['durable intent', 'append outcome'])
  s.commits.shift()!.durable()
  await done
  assert.equal(Buffer.concat(s.written).toString(), '{"a":1}')
  assert.equal(s.finished[0]!.status, 200)
})

test('nothing is dispatched when the intent of a mutation cannot be written', async () => {
  const s = stage({ sideEffect: true })
  const done = handle(s.gateway, s.received)
  await s.settle()
  s.commits.shift()!.fail(new Refusal('audit-unavailable'))
  await s.settle()
  for (const commit of s.commits.splice(0)) commit.fail(new Refusal('audit-unavailable'))
  await done
  assert.equal(s.calls.length, 0)
  assert.equal(s.caller.status, 503)
  assert.match(Buffer.concat(s.written).toString(), /audit-unavailable/)
})

test('a read whose intent fails shows the caller nothing of the answer', async () => {
  const s = stage()
  const done = handle(s.gateway, s.received)
  await s.settle()
  s.calls[0]!.answer.onHead(200, headers, controller)
  s.calls[0]!.answer.onData(Buffer.from('{"password":"x"}'))
  s.calls[0]!.answer.onEnd()
  await s.settle()
  for (const commit of s.commits.splice(0)) commit.fail(new Refusal('audit-unavailable'))
  await s.settle()
  for (const commit of s.commits.splice(0)) commit.fail(new Refusal('audit-unavailable'))
  await done
  assert.equal(s.caller.status, 503)
  assert.doesNotMatch(Buffer.concat(s.written).toString(), /password/)
})

const once: Limit = { rule: 'p/once', reason: undefined, count: 1, per: 60_000, of: 'principal' }

test('what a limit of policy stops is refused with the rule and the time, and reaches no agent', async () => {
  const first = stage({ decision: { limits: [once] } })
  first.gateway.rates.take([once], { principal: '["https://issuer.example","alice"]', session: '' }, 500)
  const done = handle(first.gateway, first.received)
  await first.durableAll()
  await done
  assert.equal(first.caller.status, 429)
  assert.equal(first.calls.length, 0)
  const status = JSON.parse(Buffer.concat(first.written).toString())
  assert.match(status.message, /1 in 60 s of each person or program \[p\/once\]/)
  assert.equal(status.details.retryAfterSeconds, 60)
})

test('without a reason nothing happens where a rule wants one; with one it stands in the trail', async () => {
  const s = stage({ decision: { requireReason: true } })
  const refused = handle(s.gateway, s.received)
  await s.durableAll()
  await refused
  assert.equal(s.caller.status, 403)
  assert.equal(s.calls.length, 0)
  assert.match(Buffer.concat(s.written).toString(), /sallyport session reason/)

  const said = stage({ decision: { requireReason: true } })
  const { classify } = said.gateway
  const gateway: Gateway = {
    ...said.gateway,
    async classify(x) {
      const classified = await classify(x)
      ;(classified.parsed.headers as Map<string, string>).set('sallyport-reason', 'INC-42')
      return classified
    },
  }
  const done = handle(gateway, said.received)
  await said.settle()
  assert.equal(said.commits[0]!.entry.head.statedReason, 'INC-42')
  assert.equal(said.calls.length, 1)
  assert.ok(!said.calls[0]!.call.headers.includes('sallyport-reason'))
  said.calls[0]!.answer.onHead(200, headers, controller)
  said.calls[0]!.answer.onData(Buffer.from('{}'))
  said.calls[0]!.answer.onEnd()
  await said.durableAll()
  await done
  assert.equal(said.caller.status, 200)
})

test('a reason of nothing but spaces is none', async () => {
  const s = stage({ decision: { requireReason: true } })
  const { classify } = s.gateway
  const gateway: Gateway = {
    ...s.gateway,
    async classify(x) {
      const classified = await classify(x)
      ;(classified.parsed.headers as Map<string, string>).set('sallyport-reason', '  ')
      return classified
    },
  }
  const done = handle(gateway, s.received)
  await s.durableAll()
  await done
  assert.equal(s.caller.status, 403)
})

test('a long answer leaves frame by frame, each after its commit, and ends after the outcome', async () => {
  const s = stage({ longRunning: true })
  const done = handle(s.gateway, s.received)
  await s.settle()
  const { answer } = s.calls[0]!
  answer.onHead(200, headers, controller)
  await s.durableAll()
  assert.equal(s.events.at(-1), 'begin 200', 'a watch without events still gets its head')
  answer.onData(Buffer.from('{"n":1}\n'))
  await s.settle()
  assert.equal(s.written.length, 0)
  await s.durableAll()
  assert.equal(Buffer.concat(s.written).toString(), '{"n":1}\n')
  answer.onData(Buffer.from('{"n":2}\n'))
  answer.onEnd()
  await s.settle()
  s.commits.shift()!.durable()
  await s.settle()
  assert.equal(Buffer.concat(s.written).toString(), '{"n":1}\n{"n":2}\n')
  assert.equal(s.caller.ended, false, 'the end waits for the outcome')
  s.commits.shift()!.durable()
  await done
  assert.equal(s.caller.ended, true)
})

test('when the log fails in the middle of a stream the answer is cut, never completed', async () => {
  const s = stage({ longRunning: true })
  const done = handle(s.gateway, s.received)
  await s.settle()
  const { answer } = s.calls[0]!
  answer.onHead(200, headers, controller)
  await s.durableAll()
  answer.onData(Buffer.from('{"n":1}\n'))
  await s.settle()
  for (const commit of s.commits.splice(0)) commit.fail(new Refusal('audit-unavailable'))
  await s.settle()
  for (const commit of s.commits.splice(0)) commit.fail(new Refusal('audit-unavailable'))
  await done
  assert.equal(s.caller.wasCut, true)
  assert.equal(s.caller.ended, false)
  assert.equal(s.calls[0]!.aborted, true)
  assert.equal(s.written.length, 0)
})

test('a denied request has an intent and an outcome and never reaches the agent', async () => {
  const s = stage({ decision: { effect: 'deny', rules: ['team/no-reads'], reason: 'not yours' } })
  const entries: NewEntry[] = []
  const append = s.gateway.log.append.bind(s.gateway.log)
  s.gateway.log.append = entry => {
    entries.push(entry)
    return append(entry)
  }
  const done = handle(s.gateway, s.received)
  await s.durableAll()
  await done
  assert.equal(s.calls.length, 0)
  assert.deepEqual(
    entries.map(e => [e.phase, e.effect]),
    [
      ['intent', 'deny'],
      ['outcome', 'deny'],
    ],
  )
  const status = JSON.parse(Buffer.concat(s.written).toString())
  assert.equal(status.code, 403)
  assert.match(status.message, /team\/no-reads/)
  assert.match(status.message, /01900000-0000-7000-8000-000000000000/)
})

test('nothing is sent before the session has its rights, and refused requests give nobody any', async () => {
  const asked: string[] = []
  const gate = Promise.withResolvers<void>()
  const haveRights = (session: { readonly id: string }): Promise<void> => {
    asked.push(session.id)
    return gate.promise
  }
  const denied = stage({ decision: { effect: 'deny' } })
  Object.assign(denied.gateway, { haveRights })
  const refused = handle(denied.gateway, denied.received)
  await denied.durableAll()
  await refused
  assert.deepEqual(asked, [])

  const s = stage()
  Object.assign(s.gateway, { haveRights })
  const done = handle(s.gateway, s.received)
  await s.settle()
  assert.deepEqual([asked, s.calls.length], [['s-abc'], 0])
  gate.resolve()
  await s.settle()
  assert.equal(s.calls.length, 1)
  s.calls[0]!.answer.onHead(200, headers, controller)
  s.calls[0]!.answer.onEnd()
  await s.durableAll()
  await done
})

test('a session that does not get its rights: 503, recorded, and nothing was sent', async () => {
  const s = stage({ sideEffect: true })
  const why = new Refusal('binding-failed', { check: 'agent/binding', detail: 'the role is not there' })
  Object.assign(s.gateway, { haveRights: () => Promise.reject(why) })
  const done = handle(s.gateway, s.received)
  await s.durableAll()
  await done
  assert.deepEqual([s.calls.length, s.caller.status], [0, 503])
  assert.match(Buffer.concat(s.written).toString(), /the role is not there \[agent\/binding\]/)
  assert.equal(s.events.filter(event => event === 'append outcome').length, 1)
})

test('a caller that does not wait for its rights has nothing done', async () => {
  const s = stage({ sideEffect: true })
  const gate = Promise.withResolvers<void>()
  Object.assign(s.gateway, { haveRights: () => gate.promise })
  const done = handle(s.gateway, s.received)
  await s.settle()
  s.commits.shift()!.durable()
  await s.settle()
  Object.assign(s.caller, { gone: true })
  gate.resolve()
  await s.durableAll()
  await done
  assert.equal(s.calls.length, 0)
})

test('a stranger is answered 401 before anything is known of connections', async () => {
  for (const rawHeaders of [[], ['Authorization', 'Bearer bad'], ['Authorization', 'Basic eDp5']]) {
    const s = stage()
    Object.assign(s.caller, { rawHeaders: ['Host', 'h', ...rawHeaders] })
    const done = handle(s.gateway, Object.assign(s.received, { connectionName: 'no-such' }))
    await s.durableAll()
    await done
    assert.equal(s.caller.status, 401)
    assert.equal(s.calls.length, 0)
  }
})

test('a caller that leaves while the agent works aborts the upstream call and is recorded as gone', async () => {
  const s = stage()
  const done = handle(s.gateway, s.received)
  await s.settle()
  const entries: NewEntry[] = []
  const append = s.gateway.log.append.bind(s.gateway.log)
  s.gateway.log.append = entry => {
    entries.push(entry)
    return append(entry)
  }
  s.leave()
  await s.durableAll()
  await done
  assert.equal(s.calls[0]!.aborted, true)
  assert.equal(entries.at(-1)!.head.result!.ended, 'aborted-by-caller')
})

test('an agent that breaks off in the middle of a short answer gives 502, not half an answer', async () => {
  const s = stage()
  const done = handle(s.gateway, s.received)
  await s.settle()
  const { answer } = s.calls[0]!
  answer.onHead(200, headers, controller)
  answer.onData(Buffer.from('{"half":'))
  answer.onError(new Refusal('upstream-unreachable'))
  await s.durableAll()
  await done
  assert.equal(s.caller.status, 502)
  assert.doesNotMatch(Buffer.concat(s.written).toString(), /half/)
})

test('one principal cannot hold more of the gateway than its share', async () => {
  const open: ReturnType<typeof stage>[] = []
  const limit = 3
  for (let i = 0; i < limit + 1; i++) {
    const s = stage()
    Object.assign(s.gateway.limits, { requestsPerPrincipal: limit })
    open.push(s)
    void handle(s.gateway, s.received)
    await s.settle()
  }
  const last = open.at(-1)!
  await last.durableAll()
  assert.equal(last.caller.status, 429)
  for (const s of open.slice(0, limit)) {
    s.leave()
    await s.durableAll()
  }
  const again = stage()
  Object.assign(again.gateway.limits, { requestsPerPrincipal: limit })
  const done = handle(again.gateway, again.received)
  await again.settle()
  assert.equal(again.calls.length, 1, 'places are given back')
  again.leave()
  await again.durableAll()
  await done
})
