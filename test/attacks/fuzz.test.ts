import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { seeded } from '../parity/random.ts'
import { FORBIDDEN, fuzzBytes } from './fuzz-requests.ts'
import { CONNECTION, kube, openRig, type Rig, until } from './harness.ts'
import { exchangeRaw } from './raw.ts'
import { allEnded, assertRecordedAsSent } from './record.ts'
import { answerAsCluster, answerWith } from './upstream.ts'

const SEED = Number(process.env.SALLYPORT_FUZZ_SEED ?? 20261121)
const CONNECTIONS = Number(process.env.SALLYPORT_FUZZ_COUNT ?? 2000)
const AT_ONCE = 48

let rig: Rig
before(async () => {
  rig = await openRig({ limits: { requestBodyTime: 2_000 } })
})
after(() => rig.close())

test(`${CONNECTIONS} mangled connections, seed ${SEED}: each is answered or closed, and what passes is what is recorded`, async t => {
  const { token } = await rig.session('admin')
  // Streams end by themselves here: what is looked for is a connection that hangs.
  rig.upstream.answer = request =>
    /watch|follow/.test(request.target) ? answerWith(request, 200, {}) : answerAsCluster(request)
  const random = seeded(SEED)
  const statuses = new Map<number, number>()
  let left = CONNECTIONS
  const worker = async (): Promise<void> => {
    while (left > 0) {
      left--
      const bytes = fuzzBytes(random, { token, connection: CONNECTION })
      const answer = await exchangeRaw(rig, bytes, { limit: 6_000 })
      assert.ok(answer.closed, `seed ${SEED}: hangs after\n${bytes.toString('latin1')}`)
      for (const status of answer.statuses) statuses.set(status, (statuses.get(status) ?? 0) + 1)
    }
  }
  await Promise.all(Array.from({ length: AT_ONCE }, worker))
  await until(() => rig.agent.inFlight === 0 && allEnded(rig), 'no call is in flight upstream', 20_000)

  t.diagnostic(`answers ${JSON.stringify(Object.fromEntries([...statuses].sort(([a], [b]) => a - b)))}`)
  t.diagnostic(`${rig.upstream.requests.length} requests reached the upstream`)
  assert.deepEqual(rig.upstream.unreadable, [])
  // A test that refuses everything shows nothing.
  assert.ok(rig.upstream.requests.length > CONNECTIONS / 10)
  assert.equal(statuses.get(500), undefined, rig.logged().slice(0, 3000))
  for (const { raw } of rig.upstream.requests) {
    const text = raw.subarray(0, raw.indexOf('\r\n\r\n')).toString('latin1')
    assert.ok(!text.includes(token), text)
    assert.ok(!text.includes(FORBIDDEN), text)
  }
  assertRecordedAsSent(rig)
  assert.doesNotMatch(rig.logged(), /an exchange broke/)

  const after = await kube(rig, token, 'GET', '/api/v1/namespaces/d/pods')
  assert.equal(after.status, 200)
})
