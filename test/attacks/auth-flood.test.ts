/** Thousands of refused credentials from one address: the log grows by a bounded number of entries and misses none. */
import assert from 'node:assert/strict'
import { connect as connectHttp2 } from 'node:http2'
import { afterEach, test } from 'node:test'
import type { NewEntry } from '../../src/audit/entry.ts'
import { CONNECTION, call, kube, openRig, type Rig } from './harness.ts'

const FLOOD = 3000
let rig: Rig | undefined
afterEach(() => rig?.close())

const failuresIn = (entries: readonly NewEntry[]): NewEntry[] => entries.filter(e => e.kind === 'auth.fail')

/** Requests with a wrong token over one HTTP/2 connection; how many were answered 401. */
async function flood(path: string, count: number): Promise<number> {
  const session = connectHttp2(`https://127.0.0.1:${rig!.port}`, { ca: rig!.ca })
  let refused = 0
  let left = count
  const worker = async (): Promise<void> => {
    while (left > 0) {
      left--
      await new Promise<void>((resolve, reject) => {
        const stream = session.request({ ':path': path, authorization: `Bearer sps_wrong-${left}` })
        stream.on('response', headers => {
          if (headers[':status'] === 401) refused++
        })
        stream.on('error', reject)
        stream.on('close', resolve)
        stream.resume()
      })
    }
  }
  await Promise.all(Array.from({ length: 32 }, worker))
  session.destroy()
  return refused
}

test(`${FLOOD} refused credentials, at a connection and at the API, are at most 40 entries`, async () => {
  rig = await openRig()
  const { token } = await rig.session('dev')
  const before = rig.gateway.log.size
  const target = `/k/${CONNECTION}/api/v1/namespaces/d/pods`
  const refused = (await flood(target, FLOOD / 2)) + (await flood('/v1/whoami', FLOOD / 2))
  assert.equal(refused, FLOOD)
  assert.ok(rig.gateway.log.size - before <= 40, `${rig.gateway.log.size - before} entries`)
  // Others are served, and recorded one by one, meanwhile.
  assert.equal((await kube(rig, token, 'GET', '/api/v1/namespaces/d/pods')).status, 200)

  const { entries } = rig
  await rig.close()
  rig = undefined
  const summaries = failuresIn(entries).filter(e => e.head.facts?.failures !== undefined)
  assert.equal(summaries.length, 1)
  const { head } = summaries[0]!
  assert.equal(head.client?.address, '127.0.0.1')
  assert.equal((head.facts!.failures as number) + failuresIn(entries).length - 1, FLOOD)
})

test('guesses of one-time codes are slowed down, and their entries are bounded as well', async () => {
  rig = await openRig()
  const before = rig.gateway.log.size
  const statuses = new Map<number, number>()
  for (let i = 0; i < 200; i++) {
    const body = JSON.stringify({ code: `AAAA-AAAA-${i}` })
    const headers = ['content-type', 'application/json', 'content-length', String(body.length)]
    const { status } = await call(rig, 'POST', '/v1/signin/code', { headers, body })
    statuses.set(status, (statuses.get(status) ?? 0) + 1)
  }
  assert.ok((statuses.get(401) ?? 0) <= 10, JSON.stringify([...statuses]))
  assert.ok((statuses.get(429) ?? 0) >= 190, JSON.stringify([...statuses]))
  assert.ok(rig.gateway.log.size - before <= 40)
})
