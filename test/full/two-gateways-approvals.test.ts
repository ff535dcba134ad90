/** Approvals of two gateways on one PostgreSQL: whatever is asked, decided, used or ended at one holds at the other. */
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { json } from 'node:stream/consumers'
import { after, before, test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import type { ApprovalItem } from '../../src/api/schema/approvals.ts'
import { type PostgresServer, startPostgres } from '../../testbed/postgres/start-postgres.ts'
import { type AtGateway, type People, startPeople } from '../approvals/rig.ts'
import { expectStatus } from '../e2e/call.ts'
import type { Up } from '../e2e/rig.ts'

let server: PostgresServer
let people: People
let other: Up
let there: AtGateway
let hook: Server
const directory = mkdtempSync(join(tmpdir(), 'sallyport-two-'))

interface Notice {
  readonly id: string
  readonly event: string
  readonly approval: { readonly id: string; readonly notice?: string; readonly state: string }
}
const notices: Notice[] = []

const held = (name: string, resource: string, more: object = {}, verb = 'delete'): object => ({
  name,
  effect: 'hold',
  match: {
    ...{ principals: { groups: ['corp:dev'] }, apiGroups: ['', 'apps'], verbs: [verb] },
    resources: [resource],
    ...(resource === 'namespaces' ? { riskClasses: ['*'] } : {}),
  },
  approval: { approvers: [{ groups: ['corp:oncall'] }], ...more },
})

before(
  async () => {
    server = await startPostgres()
    hook = createServer(async (request, response) => {
      notices.push((await json(request)) as Notice)
      response.writeHead(204).end()
    })
    hook.listen(0, '127.0.0.1')
    await once(hook, 'listening')
    const kek = join(directory, 'kek')
    writeFileSync(kek, `${randomBytes(32).toString('hex')}\n`, { mode: 0o600 })
    const url = `http://127.0.0.1:${(hook.address() as AddressInfo).port}/`
    const channel = {
      ...{ apiVersion: 'sallyport.dev/v1', kind: 'Channel', metadata: { name: 'program' } },
      spec: { webhook: { url, secret: `\${HOOK_SECRET}` } },
    }
    const escalate = [{ after: '1m', groups: ['corp:security'] }]
    people = await startPeople(
      [
        held('namespaces', 'namespaces'),
        held('guarded', 'configmaps'),
        held('watched', 'replicasets', { grant: '30m' }, 'watch'),
        held('slow', 'limitranges', {
          ...{ deadline: '2m', remindAfter: '1m' },
          approvers: [{ groups: ['corp:oncall'], escalate }],
        }),
      ],
      { channel },
      {
        SALLYPORT_STORE: `${server.url}?schema=two`,
        SALLYPORT_STORE_PASSWORD: `\${STORE_PASSWORD}`,
        STORE_PASSWORD: server.password,
        SALLYPORT_KEY_ENCRYPTION: `file:${kek}`,
        HOOK_SECRET: randomBytes(24).toString('hex'),
      },
    )
    other = await people.beside()
    there = people.at(other)
  },
  { timeout: 600_000 },
)
after(async () => {
  await people?.stop()
  await server?.stop()
  hook?.close()
  rmSync(directory, { recursive: true, force: true })
})

const path = (name: string): string => `/api/v1/namespaces/default/configmaps/${name}`

async function decide(up: Up, user: string, id: string): Promise<void> {
  const token = await people.token(user)
  const to = `/v1/approvals/${id}/decide`
  await expectStatus(200, up, to, { method: 'POST', token, body: { verdict: 'approve' } })
}

async function until<T>(otherwise: string, look: () => Promise<T | undefined>, within = 30_000): Promise<T> {
  const deadline = Date.now() + within
  for (;;) {
    const found = await look()
    if (found !== undefined) return found
    assert.ok(Date.now() < deadline, otherwise)
    await pause(50)
  }
}

/** As this gateway knows it. */
async function at(up: Up, id: string): Promise<ApprovalItem> {
  const token = await people.token('bob')
  return (await expectStatus(200, up, `/v1/approvals/${id}`, { token })).json.approval
}

const told = (id: string): Notice[] => notices.filter(one => one.approval.id === id)

/** What either log says of it; the search index is shared. */
async function entriesOf(id: string): Promise<string[]> {
  const token = await people.token('bob')
  const { json } = await expectStatus(200, people.up, '/v1/audit/entries?limit=500', { token })
  const rows = json.items as { call: string; kind: string }[]
  return rows.filter(row => row.call === id && row.kind.startsWith('approval.')).map(row => row.kind)
}

test('asked at one, decided at the other: kubectl, which waits at the first, goes on within a second', async t => {
  await people.directly('create', 'namespace', 'payments')
  let doneAt = 0
  const running = people.kubectl('alice', ['delete', 'namespace', 'payments', '--wait=false']).then(done => {
    doneAt = performance.now()
    return done
  })
  const waits = await there.pending(/delete namespace payments/)
  const token = await people.token('bob')
  const body = { verdict: 'approve', reason: 'INC-42' }
  const to = `/v1/approvals/${waits.id}/decide`
  await expectStatus(200, other, to, { method: 'POST', token, body })
  const decidedAt = performance.now()
  const done = await running
  assert.equal(done.code, 0, done.stderr)
  const took = Math.round(doneAt - decidedAt)
  t.diagnostic(`from the answer to the approver to the end of kubectl: ${took} ms`)
  assert.ok(took < 3_000, `${took} ms`)
  const { json } = await expectStatus(200, people.up, `/v1/audit/entries/${waits.calls[0]}`, { token })
  assert.match(json.entry.head.decision.reason, /approved by corp:user-bob/)
  assert.deepEqual((await entriesOf(waits.id)).sort(), ['approval.decide', 'approval.request'])
})

test('the same request at both is one question, and exactly one of them is carried out', async () => {
  for (let round = 0; round < 3; round++) {
    const name = `raced-${round}`
    await people.directly('create', 'configmap', name)
    const here = people.request('frank', path(name), { method: 'DELETE' })
    const waits = await people.pending(new RegExp(`delete configmap ${name}`))
    const too = there.request('frank', path(name), { method: 'DELETE' })
    await until('the second does not join', async () =>
      (await at(other, waits.id)).callCount === 2 ? true : undefined,
    )
    await decide(round % 2 === 0 ? people.up : other, 'bob', waits.id)
    const both = await Promise.all([here, too])
    const statuses = both.map(one => one.status).sort()
    assert.equal(statuses[0], 200, JSON.stringify(both.map(one => one.json)))
    assert.notEqual(statuses[1], 200, JSON.stringify(both.map(one => one.json)))
    const token = await people.token('bob')
    const query = `connection=prod&verb=delete&name=${name}&code=200`
    const { json } = await expectStatus(200, people.up, `/v1/audit/entries?${query}`, { token })
    const rows = json.items as { head: { action?: { dryRun?: boolean } } }[]
    assert.equal(rows.filter(row => row.head.action?.dryRun !== true).length, 1)
    const grants = await there.command('bob', ['grant', 'list', '-o', 'json'])
    const made = JSON.parse(grants.stdout).items.filter((g: { approval: string }) => g.approval === waits.id)
    assert.deepEqual(
      made.map((g: { state: string }) => g.state),
      ['used'],
    )
  }
})

test('a watch at one that a grant opened ends when the grant is revoked at the other', async t => {
  const ask = ['approval', 'ask', 'watch', '-r', 'replicasets.apps', '-c', 'prod', '--for', '10m']
  const asked = await there.command('kim', [...ask, '--reason', 'looking'])
  assert.equal(asked.code, 0, asked.stderr)
  const waits = await people.pending(/watch replicasets.apps/)
  await decide(people.up, 'bob', waits.id)
  const token = await people.token('bob')
  const grant = await until('no grant', async () => {
    const { json } = await expectStatus(200, other, '/v1/grants', { token })
    return json.items.find((one: { approval: string }) => one.approval === waits.id)
  })
  await people.directly('create', 'deployment', 'seen', '--image=registry.example.com/a:1', '--replicas=0')
  const watching = people.kubectl('kim', ['get', 'replicasets', '-w'])
  await until('the watch does not begin', async () => {
    const query = '/v1/audit/entries?kind=k8s.request&limit=50'
    const { json } = await expectStatus(200, people.up, query, { token })
    const rows = json.items as { head: { action?: { verb: string; resource: string } } }[]
    return rows.find(({ head }) => head.action?.verb === 'watch' && head.action.resource === 'replicasets')
  })
  const body = { reason: 'enough' }
  await expectStatus(200, other, `/v1/grants/${grant.id}/revoke`, { method: 'POST', token, body })
  const revokedAt = performance.now()
  const done = await watching
  t.diagnostic(
    `from the answer to who revoked to the end of kubectl: ${Math.round(performance.now() - revokedAt)} ms`,
  )
  assert.ok(performance.now() - revokedAt < 5_000)
  assert.match(done.stdout + done.stderr, /grant .* was revoked/)
})

test('reminder, escalation and end by time are in the trail once, and told once', async () => {
  await people.directly('create', '-f', await limitRange('slow'))
  const running = people.kubectl('grace', ['delete', 'limitrange', 'slow'])
  const waits = await there.pending(/delete limitrange slow/)
  const done = await running
  assert.notEqual(done.code, 0)
  assert.match(done.stderr, /nobody decided in time/)
  for (const up of [people.up, other]) {
    await until('it does not know the end', async () =>
      (await at(up, waits.id)).state === 'expired' ? true : undefined,
    )
  }
  await until('its end is not told', async () => told(waits.id).find(one => one.event === 'closed'))
  assert.deepEqual((await entriesOf(waits.id)).sort(), [
    'approval.close',
    'approval.escalate',
    'approval.remind',
    'approval.request',
  ])
  const ids = told(waits.id).map(one => one.id)
  assert.deepEqual(ids, [...new Set(ids)], 'a step was told twice')
  assert.deepEqual(
    told(waits.id).map(one => one.event),
    ['created', 'updated', 'closed'],
  )
})

test('a gateway that is killed while kubectl waits at it: the repeated command at the other finds the same question', async () => {
  await people.directly('create', 'namespace', 'stock')
  const args = ['delete', 'namespace', 'stock', '--wait=false']
  const running = people.kubectl('heidi', args)
  const waits = await there.pending(/delete namespace stock/)
  await people.up.kill()
  assert.notEqual((await running).code, 0)
  const again = there.kubectl('heidi', args)
  await until('the retry does not join', async () =>
    (await at(other, waits.id)).callCount === 2 ? true : undefined,
  )
  await decide(other, 'dave', waits.id)
  const done = await again
  assert.equal(done.code, 0, done.stderr)
  assert.equal((await there.approvals()).filter(one => /namespace stock/.test(one.sentence)).length, 1)
  await until('its end is not told', async () => told(waits.id).find(one => one.event === 'closed'), 120_000)
  assert.deepEqual(
    told(waits.id).map(one => one.event),
    ['created', 'closed'],
  )
})

async function limitRange(name: string): Promise<string> {
  const file = join(directory, `${name}.json`)
  const metadata = { name, namespace: 'default' }
  writeFileSync(
    file,
    JSON.stringify({ apiVersion: 'v1', kind: 'LimitRange', metadata, spec: { limits: [] } }),
  )
  return file
}
