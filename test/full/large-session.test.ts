/** A session of more than 2 GB goes through and into the record to its end, within bounded memory. */
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import type { IncomingMessage } from 'node:http'
import { request } from 'node:https'
import { join } from 'node:path'
import { before, test } from 'node:test'
import { disk } from '../../src/audit/files/disk.ts'
import { epochKeys } from '../../src/audit/keys/epochs.ts'
import { segmentCursor } from '../../src/audit/segments/cursor.ts'
import { fileKeyEncryption } from '../../src/keys/file-key.ts'
import { buildProgram } from '../../testbed/build-program.ts'
import { answerAsCluster, beginStream, chunk, type UpstreamRequest } from '../attacks/upstream.ts'
import { call } from '../e2e/call.ts'
import { faultsFound, leavesOf, openScene, type Scene, unrecorded } from '../faults/scene.ts'

const TOTAL = Number(process.env.SALLYPORT_TEST_SESSION_BYTES ?? 2 * 2 ** 30 + 12_345)
const PIECE = 64 * 1024
/** Resident memory of the gateway; what it needs at rest is about half. */
const MEMORY_LIMIT = 512 * 2 ** 20
const LIST = '/api/v1/namespaces/d/configmaps'
const WATCH = `${LIST}?watch=1`

before(() => buildProgram('faults').then(() => {}), { timeout: 300_000 })

/** Events, as fast as they are taken. */
async function pour(upstreamRequest: UpstreamRequest, bytes: number, midway: () => void): Promise<string> {
  const { socket } = upstreamRequest
  const sum = createHash('sha256')
  beginStream(upstreamRequest)
  let told = false
  for (let sent = 0; sent < bytes; ) {
    const piece = wholeEvents(Math.min(PIECE, bytes - sent), sent)
    sum.update(piece)
    if (!chunk(upstreamRequest, piece)) await once(socket, 'drain')
    sent += piece.length
    if (!told && sent > bytes / 2) {
      told = true
      midway()
    }
  }
  socket.write('0\r\n\r\n')
  return sum.digest('hex')
}

/** As many events as fit, and blanks to the length: what is cut off in the midst is no answer, and does not pass. */
function wholeEvents(length: number, at: number): Buffer {
  const metadata = { name: `at-${at}`, namespace: 'd', uid: `uid-${at}`, resourceVersion: `${at}` }
  const data = { 'page.html': '<p>nothing to see here</p>\n'.repeat(60) }
  const object = { kind: 'ConfigMap', apiVersion: 'v1', metadata, data }
  const event = `${JSON.stringify({ type: 'MODIFIED', object })}\n`
  const events = event.repeat(Math.floor((length - 1) / event.length))
  return Buffer.from(`${events.padEnd(length - 1)}\n`)
}

/** Takes the whole answer and keeps none of it. */
async function drink(s: Scene): Promise<{ auditId: string; bytes: number; sum: string }> {
  const { hostname, port } = new URL(s.up.url)
  const sent = request({
    host: hostname,
    port,
    ca: readFileSync(s.up.caFile),
    path: `/k/${s.up.connection}${WATCH}`,
    headers: { authorization: `Bearer ${s.session}` },
    agent: false,
  }).end()
  const [response] = (await once(sent, 'response')) as [IncomingMessage]
  assert.equal(response.statusCode, 200)
  const sum = createHash('sha256')
  let bytes = 0
  for await (const data of response) {
    bytes += data.length
    sum.update(data)
  }
  return { auditId: response.headers['audit-id'] as string, bytes, sum: sum.digest('hex') }
}

/** Decrypts what the log holds of a call's answer. */
async function recorded(
  log: string,
  auditId: string,
): Promise<{ bytes: number; sum: string; origin: string }> {
  const origin = readFileSync(join(log, 'checkpoint'), 'utf8').split('\n')[0]!
  const keys = epochKeys(disk, log, origin, await fileKeyEncryption(disk, join(log, 'secrets/kek'), false))
  const cursor = segmentCursor(disk, log, origin, keys.find)
  const sum = createHash('sha256')
  let bytes = 0
  for (const leaf of await leavesOf(log)) {
    if (leaf.call !== auditId || leaf.phase !== 'frame' || leaf.response === undefined) continue
    const { opened } = await cursor.read(leaf.seq)
    assert.ok(opened?.response, `frame ${leaf.frame} cannot be read`)
    sum.update(opened.response.bytes)
    bytes += opened.response.bytes.length
  }
  await cursor.close()
  return { bytes, sum: sum.digest('hex'), origin }
}

test('a session of 2 GB is recorded to its end, while the state store fails, and a late request after it', {
  timeout: 1_500_000,
}, async t => {
  const s = await openScene()
  t.after(() => s.close())
  let poured: Promise<string> | undefined
  let midway = () => {}
  const half = new Promise<void>(resolve => {
    midway = resolve
  })
  s.upstream.answer = one => {
    if (one.target.includes('watch=1')) poured = pour(one, TOTAL, midway)
    else answerAsCluster(one)
  }
  let resident = 0
  const watching = setInterval(() => {
    const status = readFileSync(`/proc/${s.up.processes.gateway}/status`, 'utf8')
    resident = Math.max(resident, Number(/VmRSS:\s+(\d+)/.exec(status)![1]) * 1024)
  }, 500)
  t.after(() => clearInterval(watching))
  const began = performance.now()
  const drunk = drink(s)

  // In the middle of it the state store cannot be written any more: nothing passes that is not recorded.
  await half
  await s.injector.plant([
    { op: 'write', path: '/state\\.sqlite', fault: 'EIO' },
    { op: 'sync', path: '/state\\.sqlite', fault: 'EIO' },
  ])
  assert.equal((await s.create('meanwhile')).status, 201)
  const refused = await call(s.up, '/v1/sessions', {
    method: 'POST',
    token: s.admin,
    body: { connection: s.up.connection },
  })
  assert.equal(refused.status, 503, refused.body)

  const got = await drunk
  const seconds = (performance.now() - began) / 1000
  clearInterval(watching)
  assert.equal(got.bytes, TOTAL)
  assert.equal(got.sum, await poured)
  const late = await call(s.up, `/k/${s.up.connection}${LIST}`, { token: s.session })
  assert.equal(late.status, 200, late.body)
  await s.injector.plant([])
  await s.up.stop()

  const log = join(s.dataDir, 'log')
  const leaves = await leavesOf(log)
  for (const id of [got.auditId, late.headers['audit-id']])
    assert.equal(leaves.filter(leaf => leaf.call === id && leaf.phase === 'outcome').length, 1)
  const kept = await recorded(log, got.auditId)
  assert.deepEqual({ bytes: kept.bytes, sum: kept.sum }, { bytes: got.bytes, sum: got.sum })
  assert.deepEqual(unrecorded(leaves, s.upstream, s.calls), {
    sentWithoutIntent: [],
    answeredWithoutOutcome: [],
  })
  assert.deepEqual(faultsFound(log), [])
  const mebibytes = (bytes: number) => Math.round(bytes / 2 ** 20)
  t.diagnostic(
    `${mebibytes(TOTAL)} MiB in ${seconds.toFixed(1)} s (${mebibytes(TOTAL / seconds)} MiB/s), at most ${mebibytes(resident)} MiB resident`,
  )
  assert.ok(resident < MEMORY_LIMIT, `${mebibytes(resident)} MiB resident`)
})
