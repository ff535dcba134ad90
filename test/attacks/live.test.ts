/** Calls that go on obey what changes: policy, sessions, sign-ins, people, connections. */
import assert from 'node:assert/strict'
import { after, afterEach, before, test } from 'node:test'
import type { TLSSocket } from 'node:tls'
import { API_VERSION } from '../../src/brand.ts'
import { CONNECTION, call, kube, openRig, type Rig, until } from './harness.ts'
import { openSocket } from './raw.ts'
import { answerAsCluster, beginStream, chunk, type UpstreamRequest } from './upstream.ts'

let rig: Rig
/** Milliseconds by which the gateway's clock is ahead. */
let ahead = 0
const open: Live[] = []
before(async () => {
  rig = await openRig({ limits: { requestsPerPrincipal: 1_000 }, now: () => Date.now() + ahead })
})
after(() => rig.close())
afterEach(async () => {
  for (const live of open.splice(0)) live.socket.destroy()
  rig.upstream.answer = answerAsCluster
  await rig.gateway.documents.apply({
    sources: [],
    remove: rig.gateway.documents
      .current()
      .records.filter(r => r.name.startsWith('test-'))
      .map(({ kind, name }) => ({ kind, name })),
    dryRun: false,
  })
  await until(() => rig.agent.inFlight === 0, 'nothing is left upstream')
})

interface Live {
  readonly socket: TLSSocket
  text(): string
  closed(): boolean
  /** The request that came out on the other side. */
  readonly upstream: UpstreamRequest
}

const EVENT = (name: string) =>
  `${JSON.stringify({ type: 'ADDED', object: { kind: 'ConfigMap', apiVersion: 'v1', metadata: { name } } })}\n`

/** A call whose answer stays open, after its first bytes have come. */
async function begin(token: string, target: string, first = EVENT('first'), accept = ''): Promise<Live> {
  let upstream: UpstreamRequest | undefined
  rig.upstream.answer = request => {
    upstream = request
    beginStream(request, target.includes('/log') ? 'text/plain' : 'application/json')
    chunk(request, first)
  }
  const socket = await openSocket(rig)
  let text = ''
  let closed = false
  socket.on('data', data => {
    text += data
  })
  socket.on('error', () => {})
  socket.on('close', () => {
    closed = true
  })
  const more = accept === '' ? '' : `Accept: ${accept}\r\n`
  socket.write(
    `GET /k/${CONNECTION}${target} HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer ${token}\r\n${more}\r\n`,
  )
  await until(
    () => text.includes(first.slice(0, 6)) || closed || / [45]\d\d /.test(text.slice(0, 14)),
    `the first bytes of ${target}`,
  )
  assert.ok(text.startsWith('HTTP/1.1 200'), text)
  const live = { socket, text: () => text, closed: () => closed, upstream: upstream! }
  open.push(live)
  return live
}

function policy(name: string, ...rules: object[]) {
  const document = {
    apiVersion: API_VERSION,
    kind: 'Policy',
    metadata: { name: `test-${name}` },
    spec: { rules },
  }
  return { file: `${name}.json`, text: JSON.stringify(document) }
}
const apply = (...sources: ReturnType<typeof policy>[]) =>
  rig.gateway.documents.apply({ sources, dryRun: false })

/** The Status of the last event of a watch. */
function lastStatus(live: Live) {
  const line = live
    .text()
    .split(/\r?\n/)
    .findLast(l => l.startsWith('{"type":"ERROR"'))
  assert.ok(line !== undefined, live.text())
  return JSON.parse(line).object as { kind: string; code: number; reason: string; message: string }
}

function lastOutcome(target: string) {
  const intent = rig.entries.findLast(e => e.phase === 'intent' && e.head.request?.uri === target)
  return rig.entries.findLast(e => e.call === intent?.call && e.phase === 'outcome')
}

async function endsWithin(live: Live, began: number, limit = 1_000): Promise<void> {
  await until(() => live.text().endsWith('0\r\n\r\n') || live.closed(), 'it ends')
  const took = performance.now() - began
  assert.ok(took < limit, `it took ${took} ms`)
}

const freeze = {
  name: 'freeze',
  effect: 'deny',
  reason: 'frozen for the audit',
  match: { namespaces: ['frozen'] },
}
const WATCH = '/api/v1/namespaces/frozen/configmaps?watch=true'

test('a watch that a new policy denies ends with a Status that says why, and others lose no byte', async () => {
  const { token } = await rig.session('dev')
  const other = await begin(token, '/api/v1/namespaces/other/configmaps?watch=true')
  const table = await begin(
    token,
    WATCH,
    EVENT('first'),
    'application/json;as=Table;v=v1;g=meta.k8s.io,application/json',
  )
  const watch = await begin(token, `${WATCH}&x=1`)
  const began = performance.now()
  await apply(policy('freeze', freeze))
  for (const live of [watch, table]) {
    await endsWithin(live, began)
    const status = lastStatus(live)
    assert.equal(status.kind, 'Status')
    assert.equal(status.code, 403)
    assert.equal(status.reason, 'Forbidden')
    assert.match(
      status.message,
      /frozen for the audit \(policy sha256:[0-9a-f]{12}\) \[test-freeze\/freeze\]/,
    )
  }
  const outcome = lastOutcome(`${WATCH}&x=1`)!
  assert.equal(outcome.head.result?.ended, 'cut')
  assert.equal(outcome.head.error?.code, 'access-ended')
  assert.equal(outcome.head.error?.check, 'test-freeze/freeze')
  for (let i = 0; i < 50; i++) chunk(other.upstream, EVENT(`later-${i}`))
  await until(() => other.text().includes('later-49'), 'the other watch goes on')
  for (let i = 0; i < 50; i++) assert.ok(other.text().includes(`"later-${i}"`))
})

test('what came before a change and was not yet told is not told any more', async () => {
  const { token } = await rig.session('dev')
  const watch = await begin(token, WATCH)
  const applied = apply(policy('freeze', freeze))
  await until(() => rig.gateway.policies().rules.some(r => r.name === 'test-freeze/freeze'), 'in force')
  chunk(watch.upstream, EVENT('too-late'))
  await applied
  await endsWithin(watch, performance.now())
  assert.ok(!watch.text().includes('too-late'))
  lastStatus(watch)
})

test('an event that has left in part is not followed by another one: the answer breaks off', async () => {
  const { token } = await rig.session('dev')
  const proxied = '/api/v1/namespaces/frozen/pods/p/log?follow=true'
  const log = await begin(token, proxied, 'a line\nand half of')
  const began = performance.now()
  await apply(policy('freeze', freeze))
  await until(() => log.closed(), 'the log ends')
  assert.ok(performance.now() - began < 1_000)
  assert.ok(!log.text().endsWith('0\r\n\r\n'), 'it must not look complete')
  assert.ok(!log.text().includes('ERROR'))
  const outcome = lastOutcome(proxied)!
  assert.equal(outcome.head.result?.ended, 'cut')
  assert.deepEqual(
    [outcome.head.error?.code, outcome.head.error?.check],
    ['access-ended', 'test-freeze/freeze'],
  )
})

test('taking away the rule that allowed it ends it, and so does a rule that wants an approval', async () => {
  const { token } = await rig.session('nobody')
  const allow = {
    name: 'look',
    effect: 'allow',
    match: {
      principals: { users: ['local:nobody'] },
      verbs: ['watch'],
      apiGroups: [''],
      resources: ['configmaps'],
    },
  }
  await apply(policy('look', allow))
  const first = await begin(token, WATCH)
  let began = performance.now()
  await rig.gateway.documents.apply({
    sources: [],
    remove: [{ kind: 'Policy', name: 'test-look' }],
    dryRun: false,
  })
  await endsWithin(first, began)
  assert.match(lastStatus(first).message, /\[default-deny\]|nothing allows|no rule/)

  await apply(policy('look', allow))
  const second = await begin(token, WATCH)
  began = performance.now()
  const hold = {
    name: 'ask',
    effect: 'hold',
    match: { principals: { users: ['*'] }, namespaces: ['frozen'] },
    approval: { approvers: [{ groups: ['local:admins'] }] },
  }
  await apply(policy('ask', hold))
  await endsWithin(second, began)
  assert.match(lastStatus(second).message, /needs an approval now .*\[test-ask\/ask\]/)

  const reasoned = { ...allow, requireReason: true }
  await rig.gateway.documents.apply({
    sources: [policy('look', allow)],
    remove: [{ kind: 'Policy', name: 'test-ask' }],
    dryRun: false,
  })
  const third = await begin(token, WATCH)
  began = performance.now()
  await apply(policy('look', reasoned))
  await endsWithin(third, began)
  assert.match(lastStatus(third).message, /wants a reason/)
})

test('a time window that closes ends what it allowed at its moment, with nothing else happening', async () => {
  const BEFORE = 1_500
  ahead += 120_000 - BEFORE - ((Date.now() + ahead) % 60_000)
  const closes = Date.now() + ahead + BEFORE
  const clock = (at: number) => new Date(at).toISOString().slice(11, 16)
  const hours = `${clock(closes - 6 * 3_600_000)}-${clock(closes)}`
  const { token } = await rig.session('nobody')
  const match = { principals: { users: ['local:nobody'] }, verbs: ['watch'], resources: ['configmaps'] }
  const shift = {
    name: 'shift',
    effect: 'allow',
    match: { ...match, apiGroups: [''], time: { within: [{ hours }] } },
  }
  const night = {
    name: 'night',
    effect: 'deny',
    reason: 'closed for the night',
    match: { namespaces: ['night'] },
  }
  const when = `now >= timestamp("${new Date(closes - 500).toISOString()}")`
  const other = await rig.session('dev')
  await apply(policy('shift', shift), policy('night', { ...night, when }))
  const allowed = await begin(token, WATCH)
  const conditional = await begin(other.token, WATCH.replace('frozen', 'night'))
  const stays = await begin(other.token, WATCH.replace('frozen', 'other'))
  assert.ok(Date.now() + ahead < closes - 500, 'they began before')
  await until(() => conditional.text().includes('ERROR'), 'the condition is asked again')
  assert.match(lastStatus(conditional).message, /closed for the night/)
  assert.ok(Date.now() + ahead < closes + 600)
  await until(() => allowed.text().includes('ERROR'), 'the window closes')
  assert.ok(Date.now() + ahead >= closes, 'not before')
  assert.ok(Date.now() + ahead < closes + 1_000, 'and not much later')
  assert.equal(lastStatus(allowed).code, 403)
  chunk(stays.upstream, EVENT('later'))
  await until(() => stays.text().includes('"later"'), 'what no rule on time is about goes on')
})

test('a field that is masked from now on does not go on in clear, and what nobody masks otherwise goes on', async () => {
  const { token } = await rig.session('dev')
  const watch = await begin(token, WATCH)
  const other = await begin(token, WATCH.replace('frozen', 'other'))
  const told = (colour: string) =>
    `${JSON.stringify({ type: 'MODIFIED', object: { kind: 'ConfigMap', apiVersion: 'v1', metadata: { name: 'm' }, data: { colour } } })}\n`
  for (const live of [watch, other]) {
    chunk(live.upstream, told('blue-as-before'))
    await until(() => live.text().includes('blue-as-before'), 'it is shown')
  }
  const rules = {
    apiVersion: API_VERSION,
    kind: 'MaskingRules',
    metadata: { name: 'test-colours' },
    spec: {
      rules: [
        {
          name: 'colours',
          scope: { namespaces: ['frozen'] },
          fields: [{ apiGroups: [''], kinds: ['ConfigMap'], paths: ['data.colour'] }],
        },
      ],
    },
  }
  const began = performance.now()
  const applied = apply({ file: 'colours.json', text: JSON.stringify(rules) })
  await until(() => rig.gateway.masking().rules.some(rule => rule.mask.name === 'colours'), 'in force')
  chunk(watch.upstream, told('green-of-later'))
  await applied
  await endsWithin(watch, began)
  assert.ok(!watch.text().includes('green-of-later'))
  const status = lastStatus(watch)
  assert.deepEqual([status.code, status.reason], [410, 'Expired'])
  assert.match(status.message, /what is masked has changed; ask anew: rules sha256:[0-9a-f]{12} \[masking\]/)
  assert.equal(lastOutcome(WATCH)?.head.error?.code, 'masking-changed')
  chunk(other.upstream, told('green-of-others'))
  await until(() => other.text().includes('green-of-others'), 'that of another namespace goes on')

  const anew = await begin(token, WATCH, told('green-anew'))
  assert.ok(!anew.text().includes('green-anew'))
  // Policy alone does not touch what is masked.
  await apply(policy('else', { ...freeze, match: { namespaces: ['elsewhere'] } }))
  chunk(anew.upstream, EVENT('goes-on'))
  await until(() => anew.text().includes('goes-on'), 'it goes on')
})

test('who reads nothing is not told, and does not stay', async () => {
  const { token } = await rig.session('dev')
  const target = `${WATCH}&slow=1`
  const watch = await begin(token, target)
  watch.socket.pause()
  const fill = (): void => {
    do {
      if (watch.upstream.socket.destroyed) return
    } while (chunk(watch.upstream, EVENT('x'.repeat(60_000))))
  }
  watch.upstream.socket.on('drain', fill)
  fill()
  let before = -1
  await until(() => {
    const now = rig.entries.length
    const rests = now === before
    before = now
    return rests
  }, 'nothing moves any more')
  const began = performance.now()
  await apply(policy('freeze', freeze))
  await until(() => lastOutcome(target) !== undefined, 'its outcome')
  assert.ok(performance.now() - began < 1_500)
  assert.equal(lastOutcome(target)?.head.error?.code, 'access-ended')
  await until(() => rig.agent.inFlight === 0, 'nothing is left upstream')
})

test('a sign-in that ends takes the watches of its sessions along, and no others', async () => {
  const session = await rig.session('dev')
  const elsewhere = await rig.session('dev')
  const watch = await begin(session.token, WATCH)
  const stays = await begin(elsewhere.token, WATCH)
  const began = performance.now()
  const signedOut = await call(rig, 'POST', '/v1/signout', {
    headers: [
      ...['authorization', `Bearer ${session.signIn}`, 'content-type', 'application/json'],
      ...['content-length', '2'],
    ],
    body: '{}',
  })
  assert.ok(signedOut.status < 300, `${signedOut.status} ${signedOut.body}`)
  await endsWithin(watch, began)
  assert.equal(lastStatus(watch).code, 401)
  assert.match(lastStatus(watch).message, /\[signed-out\]/)
  chunk(stays.upstream, EVENT('second'))
  await until(() => stays.text().includes('"second"'), 'that of the other sign-in goes on')
})

test('a revoked person and an ended session end what runs, with the reason that was given', async () => {
  const admin = await rig.signIn('admin')
  const session = await rig.session('dev')
  const watch = await begin(session.token, WATCH)
  const body = JSON.stringify({ target: { kind: 'session', id: session.id }, reason: 'laptop stolen' })
  const began = performance.now()
  const revoked = await call(rig, 'POST', '/v1/revocations', {
    headers: [
      ...['authorization', `Bearer ${admin.token}`, 'content-type', 'application/json'],
      ...['content-length', String(body.length)],
    ],
    body,
  })
  assert.ok(revoked.status < 300, `${revoked.status} ${revoked.body}`)
  await endsWithin(watch, began)
  assert.match(lastStatus(watch).message, /laptop stolen \[revoked\]/)
  const outcome = lastOutcome(WATCH)!
  assert.equal(outcome.head.error?.code, 'session-ended')
  assert.equal(outcome.head.error?.detail, 'laptop stolen')
})

test('a change while the head of the answer is awaited: the caller is refused, and nothing stays upstream', async () => {
  const { token } = await rig.session('dev')
  let arrived = false
  rig.upstream.answer = () => {
    arrived = true
  }
  const asked = kube(rig, token, 'GET', WATCH)
  await until(() => arrived, 'the request upstream')
  await apply(policy('freeze', freeze))
  const answer = await asked
  assert.equal(answer.status, 403)
  assert.match(answer.body.toString(), /access-ended/)
})

test('two hundred watches are judged within a second, half of them ended', async t => {
  const { token } = await rig.session('dev')
  const many = (namespace: string) =>
    Promise.all(
      Array.from({ length: 100 }, (_, i) =>
        begin(token, `/api/v1/namespaces/${namespace}/configmaps?watch=true&n=${i}`),
      ),
    )
  const ends = await many('frozen')
  const stays = await many('other')
  const began = performance.now()
  await apply(policy('freeze', freeze))
  await until(() => ends.every(live => live.text().endsWith('0\r\n\r\n')), 'all have ended')
  const took = performance.now() - began
  t.diagnostic(`from the change to the last byte of the last of 100: ${Math.round(took)} ms`)
  assert.ok(took < 1_000, `${took} ms`)
  for (const live of ends) assert.equal(lastStatus(live).code, 403)
  for (const request of rig.upstream.requests) {
    if (request.target.includes('/other/') && request.target.includes('&n=')) chunk(request, EVENT('after'))
  }
  await until(() => stays.every(live => live.text().includes('"after"')), 'the others go on')
})
