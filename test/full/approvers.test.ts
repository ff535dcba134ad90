import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { type People, startPeople } from '../approvals/rig.ts'
import { expectStatus } from '../e2e/call.ts'

let people: People

const held = (name: string, resource: string, more: object): object => ({
  name,
  effect: 'hold',
  match: {
    principals: { groups: ['corp:dev'] },
    verbs: ['delete'],
    apiGroups: [''],
    resources: [resource],
  },
  approval: { approvers: [{ groups: ['corp:oncall'] }], ...more },
})

before(
  async () => {
    people = await startPeople([
      held('burst', 'configmaps', { burst: 'kubectl-command' }),
      held('glass', 'limitranges', { breakGlass: { users: ['corp:user-alice'] } }),
    ])
  },
  { timeout: 600_000 },
)
after(() => people?.stop())

test('kubectl delete of three objects asks once, and the next command asks again', async () => {
  for (const name of ['a', 'b', 'c', 'd']) await people.directly('create', 'configmap', name)
  const running = people.kubectl('alice', ['delete', 'configmap', 'a', 'b', 'c'])
  const waits = await people.pending(/delete configmap a/)
  assert.equal((await people.command('bob', ['approval', 'approve', waits.id])).code, 0)
  const done = await running
  assert.equal(done.code, 0, done.stderr)
  assert.deepEqual(done.stdout.match(/"[abc]" deleted/g)?.length, 3, done.stdout)
  const again = people.kubectl('alice', ['delete', 'configmap', 'd'])
  const other = await people.pending(/delete configmap d/)
  assert.equal((await people.command('bob', ['approval', 'deny', other.id])).code, 0)
  assert.equal((await again).code, 1)
})

test('broken glass lets kubectl go on with a warning, is in the trail, and is reviewed by another person', async () => {
  const body = { apiVersion: 'v1', kind: 'LimitRange', metadata: { name: 'tight' }, spec: { limits: [] } }
  const path = '/api/v1/namespaces/default/limitranges'
  const made = await people.request('alice', path, { method: 'POST', body })
  assert.equal(made.status, 201, JSON.stringify(made.json))
  const running = people.kubectl('alice', ['delete', 'limitrange', 'tight'])
  const waits = await people.pending(/delete limitrange tight/)
  const why = ['--ticket', 'INC-7', '--reason', 'nobody answers at night']
  const broken = await people.command('alice', ['approval', 'break-glass', waits.id, ...why])
  assert.equal(broken.code, 0, broken.stderr)
  const done = await running
  assert.equal(done.code, 0, done.stderr)
  assert.match(done.stderr, /GLASS BROKEN/)
  const token = await people.token('bob')
  const entry = await expectStatus(200, people.up, `/v1/audit/entries/${waits.calls[0]}`, { token })
  const { decision } = entry.json.entry.head
  assert.deepEqual([decision.brokenGlass, decision.approved], [true, undefined])
  const reviews = await people.command('bob', ['approval', 'reviews'])
  assert.match(reviews.stdout, /INC-7/)
  const judge = (user: string) =>
    people.command(user, ['approval', 'review', waits.id, 'justified', '--note', 'it was night'])
  assert.notEqual((await judge('alice')).code, 0)
  const judged = await judge('bob')
  assert.equal(judged.code, 0, judged.stderr)
})
