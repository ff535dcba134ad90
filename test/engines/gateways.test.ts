/** Gateways on PostgreSQL: two on one store, and one whose store goes away in mid-session. */
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, afterEach, before, test } from 'node:test'
import { parsePostgresUrl } from '../../src/postgres/settings.ts'
import { type PostgresServer, startPostgres } from '../../testbed/postgres/start-postgres.ts'
import { call, kube, openRig, type Rig, type RigOptions } from '../attacks/harness.ts'

const NAMESPACES = '/api/v1/namespaces'
let server: PostgresServer
let schemas = 0
const rigs: Rig[] = []
const directory = mkdtempSync(join(tmpdir(), 'sallyport-gateways-'))
const keyEncryption = { file: join(directory, 'kek') }
writeFileSync(keyEncryption.file, `${randomBytes(32).toString('hex')}\n`, { mode: 0o600 })
before(async () => {
  server = await startPostgres()
})
after(async () => {
  await server?.stop()
  rmSync(directory, { recursive: true })
})
afterEach(async () => {
  for (const rig of rigs.splice(0)) await rig.close()
})

function newSchema(): NonNullable<RigOptions['postgres']> {
  schemas += 1
  return parsePostgresUrl(`${server.url}?schema=gateways_${schemas}`, server.password)
}
async function open(options: RigOptions): Promise<Rig> {
  const rig = await openRig(options)
  rigs.push(rig)
  return rig
}
const bearer = (token: string) => ({ headers: ['authorization', `Bearer ${token}`] })

/** The first time at which an answer has this status, in milliseconds from now. */
async function timeUntil(status: number, ask: () => Promise<{ status: number }>): Promise<number> {
  const began = performance.now()
  while ((await ask()).status !== status) {
    if (performance.now() - began > 10_000) throw new Error(`no ${status} in 10 s`)
  }
  return performance.now() - began
}

test('sessions, their ends, revocations and documents of one gateway are those of the other in under a second', {
  timeout: 120_000,
}, async t => {
  const postgres = newSchema()
  const a = await open({ postgres, keyEncryption, origin: 'one.test/log' })
  const b = await open({ postgres, keyEncryption, origin: 'two.test/log' })
  const dev = await a.session('dev')
  assert.equal((await kube(b, dev.token, 'GET', NAMESPACES)).status, 200, 'a session opened at the other')

  const policy = {
    apiVersion: 'sallyport.dev/v1',
    kind: 'Policy',
    metadata: { name: 'freeze' },
    spec: {
      rules: [
        {
          name: 'nothing',
          effect: 'deny',
          reason: 'frozen',
          match: { principals: { groups: ['local:devs'] }, verbs: ['*'], apiGroups: ['*'], resources: ['*'] },
        },
      ],
    },
  }
  await a.gateway.documents.apply({
    sources: [{ file: 'freeze.json', text: JSON.stringify(policy) }],
    dryRun: false,
  })
  const frozen = await timeUntil(403, () => kube(b, dev.token, 'GET', NAMESPACES))
  await a.gateway.documents.apply({
    sources: [],
    remove: [{ kind: 'Policy', name: 'freeze' }],
    dryRun: false,
  })
  const thawed = await timeUntil(200, () => kube(b, dev.token, 'GET', NAMESPACES))

  // What goes on at the other gateway obeys too.
  const watch = async (token: string, change: () => Promise<unknown>) => {
    let begun = () => {}
    const first = new Promise<void>(resolve => {
      begun = resolve
    })
    const watched = kube(b, token, 'GET', `${NAMESPACES}?watch=true`, { began: () => begun() })
    await first
    const began = performance.now()
    await change()
    const lines = (await watched).body.toString().trim().split('\n')
    const took = performance.now() - began
    const last = JSON.parse(lines.at(-1)!)
    assert.equal(last.type, 'ERROR')
    return { took, message: last.object.message as string }
  }
  const source = { file: 'freeze.json', text: JSON.stringify(policy) }
  const frozenWatch = await watch(dev.token, () =>
    a.gateway.documents.apply({ sources: [source], dryRun: false }),
  )
  assert.match(frozenWatch.message, /frozen \(policy sha256:[0-9a-f]+\) \[freeze\/nothing\]/)
  await a.gateway.documents.apply({
    sources: [],
    remove: [{ kind: 'Policy', name: 'freeze' }],
    dryRun: false,
  })
  await timeUntil(200, () => kube(b, dev.token, 'GET', NAMESPACES))
  const watching = await a.session('dev')
  const endedWatch = await watch(watching.token, () =>
    call(a, 'DELETE', `/v1/sessions/${watching.id}`, bearer(watching.signIn)),
  )
  assert.match(endedWatch.message, /the session has ended/)

  const ended = await call(a, 'DELETE', `/v1/sessions/${dev.id}`, bearer(dev.signIn))
  assert.ok(ended.status < 300, `${ended.status} ${ended.body}`)
  const sessionEnd = await timeUntil(401, () => kube(b, dev.token, 'GET', NAMESPACES))

  const again = await b.session('dev')
  assert.equal((await kube(b, again.token, 'GET', NAMESPACES)).status, 200)
  const admin = await a.signIn('admin')
  const body = JSON.stringify({ target: { kind: 'session', id: again.id }, reason: 'test' })
  const revoked = await call(a, 'POST', '/v1/revocations', {
    headers: [
      ...bearer(admin.token).headers,
      ...['content-type', 'application/json', 'content-length', String(body.length)],
    ],
    body,
  })
  assert.ok(revoked.status < 300, `${revoked.status} ${revoked.body}`)
  const revocation = await timeUntil(401, () => kube(b, again.token, 'GET', NAMESPACES))
  const times = {
    ...{ frozen, thawed, sessionEnd, revocation },
    frozenWatch: frozenWatch.took,
    endedWatch: endedWatch.took,
  }
  for (const [what, time] of Object.entries(times)) {
    t.diagnostic(`${what}: ${Math.round(time)} ms`)
    assert.ok(time < 1_000, `${what} took ${time} ms`)
  }
})

test('both logs are searched through either gateway, and a call of the other is shown without what it alone holds', {
  timeout: 120_000,
}, async () => {
  const postgres = newSchema()
  const a = await open({ postgres, keyEncryption, origin: 'one.test/log' })
  const b = await open({ postgres, keyEncryption, origin: 'two.test/log' })
  const { token } = await a.session('dev')
  assert.equal((await kube(a, token, 'GET', `${NAMESPACES}/at-a/pods`)).status, 200)
  assert.equal((await kube(b, token, 'GET', `${NAMESPACES}/at-b/pods`)).status, 200)
  const admin = await b.signIn('admin')
  const entries = async (rig: Rig) => {
    const answer = await call(rig, 'GET', '/v1/audit/entries?kind=k8s.request', bearer(admin.token))
    return JSON.parse(answer.body.toString()).items as {
      call: string
      head: { action: { namespace: string } }
    }[]
  }
  for (const rig of [a, b]) {
    const deadline = Date.now() + 10_000
    let found = await entries(rig)
    while (found.length < 2 && Date.now() < deadline) found = await entries(rig)
    assert.deepEqual(
      found.map(item => item.head.action.namespace),
      ['at-b', 'at-a'],
    )
  }
  const [, atA] = await entries(b)
  const shown = await call(b, 'GET', `/v1/audit/entries/${atA!.call}`, bearer(admin.token))
  assert.equal(shown.status, 200, shown.body.toString())
  const detail = JSON.parse(shown.body.toString())
  assert.equal(detail.bodies[0].truncated, true)
  assert.equal(detail.bodies[0].text, undefined)
  for (const leaf of detail.leaves) assert.match(leaf.leafHash, /^[A-Za-z0-9+/]{43}=$/)
})

test('a fresh data directory under an origin that the store knows is refused', async () => {
  const postgres = newSchema()
  await open({ postgres, origin: 'one.test/log' })
  await assert.rejects(openRig({ postgres, origin: 'one.test/log' }), /another key/)
})

test('gateways of one store share one key-encryption key, also when they start at once; another one does not start', {
  timeout: 120_000,
}, async () => {
  const postgres = newSchema()
  await Promise.all(['one.test/log', 'two.test/log'].map(origin => open({ postgres, keyEncryption, origin })))
  await assert.rejects(openRig({ postgres, origin: 'three.test/log' }), (error: Error) => {
    assert.match(error.message, /wrapped by file:[0-9a-f]{16}, and this gateway's .* --key-encryption/)
    return true
  })
})

test('the store goes away in mid-session: calls are recorded or refused, never let through; then it goes on', {
  timeout: 120_000,
}, async () => {
  const postgres = newSchema()
  let ahead = 0
  const rig = await open({ postgres, now: () => Date.now() + ahead })
  const { token } = await rig.session('dev')
  assert.equal((await kube(rig, token, 'GET', NAMESPACES)).status, 200)
  const { code } = await rig.gateway.codes.issue('dev', 600_000)
  await server.halt('immediate')
  try {
    // What is known stays in force for a few seconds, as it does with SQLite.
    assert.equal((await kube(rig, token, 'GET', `${NAMESPACES}/during/pods`)).status, 200)
    const body = JSON.stringify({ code })
    const headers = ['content-type', 'application/json', 'content-length', String(body.length)]
    const signIn = await call(rig, 'POST', '/v1/signin/code', { headers, body })
    assert.equal(signIn.status, 503)
    assert.match(signIn.body.toString(), /state-unavailable/)
    ahead = 20_000
    const sent = rig.upstream.requests.length
    const late = await kube(rig, token, 'GET', NAMESPACES)
    assert.equal(late.status, 503)
    assert.match(late.body.toString(), /state store cannot be read/)
    assert.equal(rig.upstream.requests.length, sent, 'nothing is sent for a caller who cannot be checked')
  } finally {
    await server.start()
  }
  await timeUntil(200, () => kube(rig, token, 'GET', NAMESPACES))
  const calls = rig.entries.filter(entry => entry.kind === 'k8s.request')
  const outcomes = calls.filter(entry => entry.phase === 'outcome')
  const intents = calls.filter(entry => entry.phase === 'intent')
  assert.equal(intents.length, outcomes.length)
  assert.ok(intents.length >= rig.upstream.requests.length)
  // The index comes back by itself and catches up from the log.
  const admin = await rig.signIn('admin')
  const deadline = Date.now() + 30_000
  for (let found = 0; found !== 1; ) {
    const path = '/v1/audit/entries?kind=k8s.request&namespace=during'
    const answer = await call(rig, 'GET', path, bearer(admin.token))
    if (answer.status === 200) found = JSON.parse(answer.body.toString()).items.length
    assert.ok(Date.now() < deadline, 'the call is not found')
  }
  assert.equal(rig.logged().includes(server.password), false)
})
