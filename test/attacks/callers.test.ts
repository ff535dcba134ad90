/** A caller that disappears: at every stage the process lives on, nothing stays held, and the log says who left. */
import assert from 'node:assert/strict'
import { after, afterEach, before, beforeEach, test } from 'node:test'
import type { TLSSocket } from 'node:tls'
import { disk } from '../../src/audit/files/disk.ts'
import type { Files } from '../../src/audit/files/files.ts'
import { CONNECTION, kube, openRig, type Rig, until } from './harness.ts'
import { openSocket } from './raw.ts'
import { callsOf } from './record.ts'
import { answerAsCluster, beginStream, chunk } from './upstream.ts'

const CONFIGMAPS = '/api/v1/namespaces/d/configmaps'
/** More callers leave at each stage than one principal may have requests in flight: a leaked count would show. */
const LEAVE = 5
const AT_ONCE = 3

let rig: Rig
let token: string
/** The log's syncs wait for this. */
let logHeld: Promise<void> = Promise.resolve()

const slowDisk: Files = {
  ...disk,
  async open(path, mode, permissions) {
    const file = await disk.open(path, mode, permissions)
    return {
      ...file,
      async datasync() {
        await logHeld
        await file.datasync()
      },
      async writeSynced(buffers, position) {
        await logHeld
        await file.writeSynced(buffers, position)
      },
    }
  },
}

before(async () => {
  rig = await openRig({
    limits: { requestsPerPrincipal: AT_ONCE },
    audit: { files: slowDisk, deadline: 10_000 },
  })
  token = (await rig.session('dev')).token
  await kube(rig, token, 'GET', CONFIGMAPS)
})
beforeEach(() => {
  rig.upstream.requests.length = 0
  rig.upstream.answer = answerAsCluster
})
afterEach(async () => {
  await until(() => rig.agent.inFlight === 0, 'no call is in flight upstream')
  const answers = await Promise.all(
    Array.from({ length: AT_ONCE }, () => kube(rig, token, 'GET', CONFIGMAPS)),
  )
  assert.deepEqual(
    answers.map(answer => answer.status),
    Array(AT_ONCE).fill(200),
  )
  assert.ok(rig.upstream.sockets.size <= AT_ONCE + 2, `${rig.upstream.sockets.size} connections upstream`)
  assert.doesNotMatch(rig.logged(), /an exchange broke/)
})
after(() => rig.close())

async function start(line: string, headers: readonly string[] = [], body = ''): Promise<TLSSocket> {
  const socket = await openSocket(rig)
  const head = [`${line} HTTP/1.1`, 'Host: 127.0.0.1', `Authorization: Bearer ${token}`, ...headers]
  socket.write(`${head.join('\r\n')}\r\n\r\n${body}`)
  return socket
}

/** Runs a stage `LEAVE` times, one caller after the other, and looks how each is recorded. */
async function leaving(stage: () => Promise<void>, path: string): Promise<void> {
  const known = new Set(callsOf(rig.entries).keys())
  const news = () =>
    [...callsOf(rig.entries)].filter(([id, x]) => !known.has(id) && x.intent.head.request?.uri.includes(path))
  for (let i = 1; i <= LEAVE; i++) {
    await stage()
    await until(() => news().length === i && news().every(([, x]) => x.outcome !== undefined), 'an outcome')
  }
  for (const [, { outcome }] of news()) assert.equal(outcome!.head.result?.ended, 'aborted-by-caller')
}

test('before the end of its body', async () => {
  await leaving(async () => {
    const headers = ['Content-Type: application/json', 'Content-Length: 1000']
    const socket = await start(`POST /k/${CONNECTION}${CONFIGMAPS}?a=body`, headers, '{"kind":')
    await new Promise(resolve => setImmediate(resolve))
    socket.destroy()
  }, 'a=body')
  assert.equal(rig.upstream.requests.length, 0)
})

test('while the gateway asks the cluster what a resource is', async () => {
  let letGo = (): void => {}
  const path = '/apis/example.dev/v1/namespaces/d/unheard'
  await leaving(async () => {
    rig.upstream.discoveryHeld = new Promise(resolve => {
      letGo = resolve
    })
    const socket = await start(`GET /k/${CONNECTION}${path}`)
    await until(() => rig.agent.inFlight > 0, 'discovery is asked for')
    socket.destroy()
    await new Promise(resolve => setTimeout(resolve, 20))
    letGo()
  }, path)
  rig.upstream.discoveryHeld = Promise.resolve()
})

test('while the log is slow: what has not begun does not begin', async () => {
  let letGo = (): void => {}
  await leaving(async () => {
    logHeld = new Promise(resolve => {
      letGo = resolve
    })
    const body = '{"kind":"ConfigMap","apiVersion":"v1","metadata":{"name":"c"}}'
    const headers = ['Content-Type: application/json', `Content-Length: ${body.length}`]
    const socket = await start(`POST /k/${CONNECTION}${CONFIGMAPS}?a=log`, headers, body)
    await new Promise(resolve => setTimeout(resolve, 50))
    socket.destroy()
    await new Promise(resolve => setTimeout(resolve, 50))
    letGo()
  }, 'a=log')
  logHeld = Promise.resolve()
  assert.equal(rig.upstream.requests.length, 0)
})

test('while the upstream thinks', async () => {
  rig.upstream.answer = () => {}
  await leaving(async () => {
    const before = rig.upstream.requests.length
    const socket = await start(`GET /k/${CONNECTION}${CONFIGMAPS}?a=thinks`)
    await until(() => rig.upstream.requests.length > before, 'the upstream has it')
    socket.destroy()
    await until(() => rig.agent.inFlight === 0, 'the call upstream ends')
  }, 'a=thinks')
  rig.upstream.answer = answerAsCluster
})

test('in the middle of a watch', async () => {
  await leaving(async () => {
    const socket = await start(`GET /k/${CONNECTION}${CONFIGMAPS}?watch=true`)
    await new Promise(resolve => socket.once('data', resolve))
    socket.destroy()
  }, 'watch=true')
})

test('while it reads nothing and the upstream has ever more', async () => {
  let sent = 0
  rig.upstream.answer = request => {
    beginStream(request)
    const more = (): void => {
      do sent += 65_536
      while (chunk(request, Buffer.alloc(64 * 1024, 0x0a)) && !request.socket.destroyed)
    }
    request.socket.on('drain', more)
    more()
  }
  await leaving(async () => {
    sent = 0
    const socket = await start(`GET /k/${CONNECTION}${CONFIGMAPS}?watch=1`)
    socket.pause()
    let before = -1
    while (sent === 0 || sent !== before) {
      before = sent
      await new Promise(resolve => setTimeout(resolve, 100))
      assert.ok(sent < 64 * 1024 * 1024, `${sent} bytes were taken in for nobody`)
    }
    socket.destroy()
  }, 'watch=1')
  const outcome = rig.entries.findLast(e => e.phase === 'outcome')!
  assert.equal(outcome.head.result?.code, 200)
  assert.ok(outcome.head.result!.bytesOut > 0)
  rig.upstream.answer = answerAsCluster
})
