import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { call, openRig, type Rig } from '../attacks/harness.ts'

let rig: Rig
let token: string
before(async () => {
  rig = await openRig()
  token = (await rig.signIn('admin')).token
})
after(() => rig.close())

async function get(path: string, agent = 'test'): Promise<string> {
  const headers = ['authorization', `Bearer ${token}`, 'user-agent', agent]
  const answer = await call(rig, 'GET', path, { headers, body: '' })
  assert.equal(answer.status, 200, answer.body.toString())
  return answer.body.toString()
}

test('the trail shows what was asked of the management API without the secrets in it', async () => {
  const secret = ['gh', 'p_', 'Zk3'.repeat(12)].join('')
  await get(`/v1/audit/entries?text=${secret}&limit=3`, `curl password=${secret}`)
  let trail = ''
  for (let left = 50; !trail.includes('limit=3'); left--) {
    assert.ok(left > 0, `no entry of the search in ${trail}`)
    await sleep(100)
    trail = await get('/v1/audit/entries?kind=admin.request&limit=100')
  }
  assert.ok(!trail.includes(secret.slice(4)), trail)
  const { items } = JSON.parse(trail) as { items: { call: string }[] }
  for (const item of items)
    assert.ok(!(await get(`/v1/audit/entries/${item.call}`)).includes(secret.slice(4)))
})
