import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { expectStatus } from '../e2e/call.ts'
import { type Ran, sallyport } from '../e2e/rig.ts'
import { type People, startPeople } from './rig.ts'

let people: People

const approval = { approvers: [{ groups: ['corp:oncall'] }] }
const held = (name: string, match: object, more: object = {}): object => ({
  name,
  effect: 'hold',
  match: { principals: { groups: ['corp:dev'] }, ...match },
  approval: { ...approval, ...more },
})

before(
  async () => {
    people = await startPeople([
      held('namespaces', {
        verbs: ['delete'],
        apiGroups: [''],
        resources: ['namespaces'],
        riskClasses: ['*'],
      }),
      held('policies', { admin: { verbs: ['policy.write'] } }),
      held(
        'quotas',
        { verbs: ['create', 'update', 'patch', 'delete'], apiGroups: [''], resources: ['limitranges'] },
        { grant: '30m' },
      ),
      held(
        'watched',
        { verbs: ['watch'], apiGroups: ['apps'], resources: ['replicasets'] },
        { grant: '30m' },
      ),
      held('guarded', { verbs: ['update', 'patch', 'delete'], apiGroups: [''], resources: ['configmaps'] }),
    ])
  },
  { timeout: 600_000 },
)
after(() => people?.stop())

test('kubectl delete namespace waits, another person approves, and the same command completes', async () => {
  await people.directly('create', 'namespace', 'payments')
  const running = people.kubectl('alice', ['delete', 'namespace', 'payments', '--wait=false'])
  const waits = await people.pending(/delete namespace payments/)
  assert.equal(waits.requester.username, 'corp:user-alice')
  // Who deletes a namespace deletes what is guarded in it.
  assert.deepEqual(waits.rules, ['people/namespaces', 'people/quotas', 'people/guarded'])
  assert.match(
    await people.directly('get', 'namespace', 'payments', '-o', 'jsonpath={.status.phase}'),
    /Active/,
  )

  const approved = await people.command('bob', [
    'approval',
    'approve',
    waits.id,
    '--reason',
    'INC-42 says so',
  ])
  assert.equal(approved.code, 0, approved.stderr)
  const done = await running
  assert.equal(done.code, 0, done.stderr)
  assert.match(done.stdout, /namespace "payments" deleted/)

  const bob = await people.token('bob')
  const entries = await expectStatus(200, people.up, '/v1/audit/entries?limit=20', { token: bob })
  const rows = entries.json.items as { kind: string; sentence: string; head: Record<string, never> }[]
  const words = rows.map(row => `${row.kind}: ${row.sentence}`).join('\n')
  assert.match(words, /approval\.request: .*alice.* asked for an approval: .*delete namespace payments/)
  assert.match(words, /approval\.decide: .*bob.* approved: .*delete namespace payments/)
  const deletion = await expectStatus(200, people.up, `/v1/audit/entries/${waits.calls[0]}`, { token: bob })
  const { facts, decision } = deletion.json.entry.head
  assert.equal(decision.effect, 'allow')
  assert.match(decision.reason, /approved by corp:user-bob/)
  assert.deepEqual(facts.grant.approvers, ['corp:user-bob'])
  assert.equal(facts.grant.reason, 'INC-42 says so')
})

test('a denial reaches the terminal with the name of who denied it, and why', async () => {
  await people.directly('create', 'namespace', 'wages')
  const running = people.kubectl('alice', ['delete', 'namespace', 'wages', '--wait=false'])
  const waits = await people.pending(/delete namespace wages/)
  const denied = await people.command('dave', ['approval', 'deny', waits.id, '--reason', 'not on a Friday'])
  assert.equal(denied.code, 0, denied.stderr)
  const done = await running
  assert.equal(done.code, 1)
  assert.match(done.stderr, /corp:user-dave denied approval .*not on a Friday/)
  assert.match(await people.directly('get', 'namespace', 'wages', '-o', 'jsonpath={.status.phase}'), /Active/)
})

test('nobody approves for himself, and nobody whom the rule does not name', async () => {
  await people.directly('create', 'configmap', 'own')
  const running = people.kubectl('alice', ['delete', 'configmap', 'own'])
  const waits = await people.pending(/delete configmap own/)
  for (const [user, check] of [
    ['alice', /denied-by-policy|second-person/],
    ['carol', /denied-by-policy/],
    ['erin', /approver-required/],
  ] as const) {
    const token = await people.token(user)
    const answer = await people.request(user, '/version') // the person exists
    assert.ok(answer.status > 0)
    const decided = await expectStatus(403, people.up, `/v1/approvals/${waits.id}/decide`, {
      method: 'POST',
      token,
      body: { verdict: 'approve' },
    })
    assert.match(decided.json.code, check)
  }
  const token = await people.token('alice')
  const path = `/v1/approvals/${waits.id}/cancel`
  await expectStatus(200, people.up, path, { method: 'POST', token, body: { reason: 'changed my mind' } })
  const done = await running
  assert.equal(done.code, 1)
  assert.match(done.stderr, /changed my mind/)
})

test('a target that changed is held again: what was approved is what happens', async () => {
  await people.directly('create', 'configmap', 'moving', '--from-literal=a=1')
  const running = people.kubectl('alice', ['delete', 'configmap', 'moving'])
  const first = await people.pending(/delete configmap moving/)
  await people.directly('patch', 'configmap', 'moving', '-p', '{"data":{"a":"2"}}')
  assert.equal((await people.command('bob', ['approval', 'approve', first.id])).code, 0)
  const second = await people.pending(/delete configmap moving/)
  assert.notEqual(second.id, first.id)
  assert.equal(await people.directly('get', 'configmap', 'moving', '-o', 'jsonpath={.data.a}'), '2')
  assert.equal((await people.command('bob', ['approval', 'approve', second.id])).code, 0)
  const done = await running
  assert.equal(done.code, 0, done.stderr)
})

test('who cannot wait is asked to come back, finds the same approval, and one approval does one thing', async () => {
  await people.directly('create', 'configmap', 'once', '--from-literal=a=1')
  const path = '/api/v1/namespaces/default/configmaps/once'
  const ask = (): Promise<{ status: number; json: { message: string }; headers: object }> =>
    people.request('frank', `${path}?timeout=2s`, { method: 'DELETE' })
  const early = await ask()
  assert.equal(early.status, 429)
  assert.equal((early.headers as Record<string, string>)['retry-after'], '1')
  const waits = await people.pending(/delete configmap once/)
  assert.match(early.json.message, new RegExp(waits.id))
  const again = await ask()
  assert.equal(again.status, 429)
  assert.match(again.json.message, new RegExp(waits.id))
  assert.equal((await people.command('dave', ['approval', 'approve', waits.id])).code, 0)
  const both = await Promise.all([ask(), ask()])
  const statuses = both.map(one => one.status).sort()
  assert.equal(statuses[0], 200, JSON.stringify(both.map(one => one.json)))
  assert.notEqual(statuses[1], 200)
})

test('more than five approvals asked for in ten minutes pause who asks, and nobody else', async () => {
  for (let i = 0; i < 7; i++) await people.directly('create', 'configmap', `flood-${i}`)
  for (let i = 0; i < 5; i++) {
    const asked = await people.request(
      'grace',
      `/api/v1/namespaces/default/configmaps/flood-${i}?timeout=1s`,
      {
        method: 'DELETE',
      },
    )
    assert.equal(asked.json.details.causes[0].reason, 'approval-pending', asked.body)
  }
  const sixth = await people.request('grace', '/api/v1/namespaces/default/configmaps/flood-6?timeout=1s', {
    method: 'DELETE',
  })
  assert.equal(sixth.status, 429)
  assert.match(sixth.json.message, /5 approvals were asked for in ten minutes/)
  assert.ok(Number(sixth.headers['retry-after']) > 60)
})

test('what waits survives a kill of the gateway, is approved after it, and the repeated command uses it', async () => {
  await people.directly('create', 'configmap', 'survivor')
  const running = people.kubectl('heidi', ['delete', 'configmap', 'survivor'])
  const waits = await people.pending(/delete configmap survivor/)
  await people.restart(true)
  assert.notEqual((await running).code, 0)
  const still = await people.pending(/delete configmap survivor/)
  assert.equal(still.id, waits.id)
  assert.equal((await people.command('bob', ['approval', 'approve', waits.id])).code, 0)
  const again = await people.kubectl('heidi', ['delete', 'configmap', 'survivor'])
  assert.equal(again.code, 0, again.stderr)
  const grants = await people.command('bob', ['grant', 'list', '-o', 'json'])
  const used = JSON.parse(grants.stdout).items.find((one: { approval: string }) => one.approval === waits.id)
  assert.equal(used.state, 'used')
})

test('who asks ahead and is approved works without waiting, in that scope and for that time only', async () => {
  await people.directly('create', 'namespace', 'ahead')
  const limits = (namespace: string): string =>
    JSON.stringify({
      apiVersion: 'v1',
      kind: 'LimitRange',
      metadata: { name: 'l', namespace },
      spec: { limits: [] },
    })
  const wish = [
    'approval',
    'ask',
    'edit',
    '-c',
    'prod',
    '-n',
    'ahead',
    '--for',
    '2h',
    '--reason',
    'INC-42: wrong limits',
  ]
  const asked = await people.command('ivan', [...wish, '-o', 'json'])
  assert.equal(asked.code, 0, asked.stderr)
  const { approval } = JSON.parse(asked.stdout)
  assert.match(
    approval.sentence,
    /ivan · create, update, patch, delete all resources in ahead · prod · for 30 minutes/,
  )
  const waiting = people.command('ivan', ['approval', 'wait', approval.id])
  assert.equal((await people.command('bob', ['approval', 'approve', approval.id])).code, 0)
  assert.equal((await waiting).code, 0)
  const granted = JSON.parse((await people.command('ivan', ['grant', 'list', '--mine', '-o', 'json'])).stdout)
    .items[0]
  const until = new Date(granted.until).toISOString().slice(11, 16)
  const ends = `Warning: sallyport: grant ${granted.id} ends at ${until} UTC`
  for (const [i, args] of [
    ['create', '-f', '-'],
    ['apply', '--server-side', '--field-manager=test', '--force-conflicts', '-f', '-'],
    ['patch', 'limitrange', 'l', '-n', 'ahead', '-p', '{"metadata":{"labels":{"a":"b"}}}'],
    ['delete', 'limitrange', 'l', '-n', 'ahead'],
  ].entries()) {
    const done = await people.kubectl('ivan', args, args.includes('-f') ? limits('ahead') : undefined)
    assert.equal(done.code, 0, done.stderr)
    // Once a session: whoever works with it knows from then on.
    assert.equal(done.stderr.split('\n').includes(ends), i === 0, done.stderr)
  }
  const path = '/api/v1/namespaces/default/limitranges?timeout=1s'
  const body = JSON.parse(limits('default'))
  const elsewhere = await people.request('ivan', path, { method: 'POST', body })
  assert.equal(elsewhere.json.details.causes[0].reason, 'approval-pending', elsewhere.body)

  const [grant] = JSON.parse(
    (await people.command('ivan', ['grant', 'list', '--mine', '-o', 'json'])).stdout,
  ).items
  assert.equal((await people.command('bob', ['grant', 'revoke', grant.id])).code, 0)
  const revoked = await people.request('ivan', path.replace('default', 'ahead'), {
    method: 'POST',
    body: JSON.parse(limits('ahead')),
  })
  assert.equal(revoked.json.details.causes[0].reason, 'approval-pending', revoked.body)
})

test('who decides sees what would change, masked; what the cluster refuses takes nobody its time', async () => {
  const token = 'ghp_' + 'a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8'
  await people.directly(
    'create',
    'configmap',
    'settings',
    '--from-literal=colour=red',
    `--from-literal=token=${token}`,
  )
  const change = '{"data":{"colour":"blue"}}'
  const running = people.kubectl('kim', ['patch', 'configmap', 'settings', '-p', change])
  const waits = await people.pending(/patch configmap settings/)
  assert.deepEqual(
    waits.foresight?.lines.filter(line => /^[-+]/.test(line)),
    ['-  colour: red', '+  colour: blue'],
  )
  assert.equal(await people.directly('get', 'configmap', 'settings', '-o', 'jsonpath={.data.colour}'), 'red')
  const page = await people.command('bob', ['approval', 'show', waits.id])
  assert.match(page.stdout, /Would do:\n {2}@@/)
  assert.match(page.stdout, /In the last hour:/)
  assert.ok(!page.stdout.includes(token))
  assert.equal((await people.command('bob', ['approval', 'approve', waits.id])).code, 0)
  assert.equal((await running).code, 0)
  assert.equal(await people.directly('get', 'configmap', 'settings', '-o', 'jsonpath={.data.colour}'), 'blue')

  const before = (await people.approvals()).length
  for (const [args, words] of [
    [['delete', 'configmap', 'is-not-there'], /configmaps "is-not-there" not found/],
    [['patch', 'configmap', 'settings', '-p', '{"metadata":{"labels":{"a b":"c"}}}'], /Invalid value: "a b"/],
  ] as const) {
    const refused = await people.kubectl('kim', args)
    assert.equal(refused.code, 1)
    assert.match(refused.stderr, words)
  }
  assert.equal((await people.approvals()).length, before)
})

test('what is approved request by request cannot be asked for ahead, and neither what nothing holds', async () => {
  const wish = (...words: string[]): Promise<Ran> =>
    people.command('ivan', ['approval', 'ask', ...words, '-c', 'prod', '--reason', 'INC-42'])
  const once = await wish('delete', '-r', 'configmaps', '-n', 'default')
  assert.notEqual(once.code, 0)
  assert.match(once.stderr, /request by request/)
  const free = await wish('get', '-r', 'pods', '-n', 'default')
  assert.match(free.stderr, /nothing of it needs an approval/)
})

test('a watch that a grant opened ends when the grant is revoked, and kubectl prints why', async () => {
  const ask = ['approval', 'ask', 'watch', '-r', 'replicasets.apps', '-c', 'prod', '--for', '10m']
  const asked = await people.command('kim', [...ask, '--reason', 'looking'])
  assert.equal(asked.code, 0, asked.stderr)
  const waits = await people.pending(/watch replicasets.apps/)
  assert.equal((await people.command('bob', ['approval', 'approve', waits.id])).code, 0)
  await people.directly('create', 'deployment', 'seen', '--image=registry.example.com/a:1', '--replicas=0')
  const watching = people.kubectl('kim', ['get', 'replicasets', '-w'])
  const token = await people.token('bob')
  const rows = async () => {
    const query = '/v1/audit/entries?kind=k8s.request&limit=50'
    const answer = await expectStatus(200, people.up, query, { token })
    return answer.json.items as { call: string; head: { action?: { verb: string; resource: string } } }[]
  }
  const deadline = Date.now() + 20_000
  const begun = async () =>
    (await rows()).find(r => r.head.action?.verb === 'watch' && r.head.action.resource === 'replicasets')
  let row = await begun()
  while (row === undefined && Date.now() < deadline) row = await begun()
  assert.ok(row !== undefined, 'the watch is on its way')
  const mine = await people.command('kim', ['grant', 'list', '--mine', '-o', 'json'])
  const items = JSON.parse(mine.stdout).items as { id: string; approval: string }[]
  const { id } = items.find(one => one.approval === waits.id)!
  const began = performance.now()
  const revoked = await people.command('bob', ['grant', 'revoke', id, '--reason', 'enough'])
  assert.equal(revoked.code, 0, revoked.stderr)
  const done = await watching
  assert.ok(performance.now() - began < 5_000)
  assert.match(done.stdout + done.stderr, /grant .* was revoked/)
  const entry = await expectStatus(200, people.up, `/v1/audit/entries/${row.call}`, { token })
  assert.equal(entry.json.entry.head.error.code, 'access-ended')
  assert.match(entry.json.entry.head.error.detail, /was revoked/)
})

test('a change of policy that a rule holds shows its difference, and passes when it is repeated', async () => {
  const document = {
    apiVersion: 'sallyport.dev/v1',
    kind: 'Policy',
    metadata: { name: 'extra' },
    spec: { rules: [{ name: 'no-pods', effect: 'deny', match: { resources: ['pods'], verbs: ['create'] } }] },
  }
  const path = '/v1/documents/Policy/extra'
  const put = async (body: object, status: number) =>
    (await expectStatus(status, people.up, path, { method: 'PUT', token: await people.token('kim'), body }))
      .json
  const invalid = { ...document, spec: { rules: [] } }
  await put(invalid, 422)
  const pending = await put(document, 429)
  assert.equal(pending.code, 'approval-pending')
  const waits = await people.pending(/kim · policy\.write policies\/extra · sallyport/)
  assert.match(pending.detail, new RegExp(waits.id))
  assert.ok(waits.foresight?.lines.includes('+    - name: no-pods'), JSON.stringify(waits.foresight))
  assert.equal((await people.command('bob', ['approval', 'approve', waits.id])).code, 0)
  const other = { ...document, spec: { rules: [{ ...document.spec.rules[0], reason: 'other' }] } }
  assert.equal((await put(other, 429)).code, 'approval-pending')
  assert.equal((await put(document, 200)).kind, 'ApplyResult')
  assert.equal((await put({ ...document }, 429)).code, 'approval-pending')
})

test('a decision lets the request go within a tenth of a second', async t => {
  await people.directly('create', 'configmap', 'quick')
  const token = await people.token('dave')
  const started = people.request('judy', '/api/v1/namespaces/default/configmaps/quick', { method: 'DELETE' })
  const waits = await people.pending(/delete configmap quick/)
  const decided = performance.now()
  const path = `/v1/approvals/${waits.id}/decide`
  const answer = expectStatus(200, people.up, path, { method: 'POST', token, body: { verdict: 'approve' } })
  assert.equal((await started).status, 200)
  t.diagnostic(
    `from the approver's request to the requester's answer: ${Math.round(performance.now() - decided)} ms`,
  )
  await answer
})

test('the log with all this in it verifies, with its keys', async () => {
  const { dataDir } = people.up
  await people.up.end()
  const log = join(dataDir, 'log')
  const verified = await sallyport([
    'verify',
    log,
    '--keys',
    join(log, 'secrets', 'kek'),
    '--vkey',
    readFileSync(join(log, 'log.vkey'), 'utf8').trim(),
  ])
  assert.equal(verified.code, 0, verified.stdout + verified.stderr)
})
