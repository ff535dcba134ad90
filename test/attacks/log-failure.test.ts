/** A log that cannot be written: nothing is done that could not be recorded, and everybody is told why. */
import assert from 'node:assert/strict'
import { afterEach, test } from 'node:test'
import { disk } from '../../src/audit/files/disk.ts'
import type { Files } from '../../src/audit/files/files.ts'
import { CONNECTION, call, kube, openRig, type Rig, until } from './harness.ts'
import { openSocket } from './raw.ts'

const CONFIGMAPS = '/api/v1/namespaces/d/configmaps'
const BODY = '{"kind":"ConfigMap","apiVersion":"v1","metadata":{"name":"c"}}'

/** The real disk, until `fault` says otherwise. */
function faultyDisk(): { files: Files; fault: (() => Promise<void>) | null } {
  const self: { files: Files; fault: (() => Promise<void>) | null } = {
    fault: null,
    files: {
      ...disk,
      async open(path, mode, permissions) {
        const file = await disk.open(path, mode, permissions)
        return {
          ...file,
          async write(buffers, position) {
            await self.fault?.()
            await file.write(buffers, position)
          },
          async writeSynced(buffers, position) {
            await self.fault?.()
            await file.writeSynced(buffers, position)
          },
        }
      },
    },
  }
  return self
}

let rig: Rig | undefined
afterEach(() => rig?.close())

const faults: Readonly<Record<string, () => Promise<void>>> = {
  'a full disk': async () => {
    throw Object.assign(new Error('no space left on device'), { code: 'ENOSPC' })
  },
  'a directory that became read-only': async () => {
    throw Object.assign(new Error('read-only file system'), { code: 'EROFS' })
  },
  'a disk that hangs': () => new Promise(resolve => setTimeout(resolve, 3_000)),
}

for (const [name, fault] of Object.entries(faults)) {
  test(`${name}: 503 for everybody, nothing sent for a write, a live watch ends, alive but not ready`, async () => {
    const planted = faultyDisk()
    rig = await openRig({ audit: { files: planted.files, deadline: 400 } })
    const { token, signIn } = await rig.session('dev')
    const json = ['content-type', 'application/json']
    const create = () => kube(rig!, token, 'POST', CONFIGMAPS, { headers: json, body: BODY })
    assert.equal((await create()).status, 201)
    const watch = await openSocket(rig)
    let watched = ''
    let watchEnded = false
    watch.on('data', data => {
      watched += data
    })
    watch.on('close', () => {
      watchEnded = true
    })
    watch.write(
      `GET /k/${CONNECTION}${CONFIGMAPS}?watch=1 HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer ${token}\r\n\r\n`,
    )
    await until(() => watched.includes('BOOKMARK'), 'the watch begins')
    const before = rig.upstream.requests.length

    planted.fault = fault
    const refused = await create()
    assert.equal(refused.status, 503, refused.body.toString())
    const status = JSON.parse(refused.body.toString())
    assert.equal(status.kind, 'Status')
    assert.equal(status.details.causes[0].reason, 'audit-unavailable')
    // Once it is known, nothing is sent for reads either.
    for (let i = 0; i < 3; i++) {
      assert.equal((await create()).status, 503)
      assert.equal((await kube(rig, token, 'DELETE', `${CONFIGMAPS}/c`)).status, 503)
      assert.equal((await kube(rig, token, 'GET', CONFIGMAPS)).status, 503)
    }
    assert.deepEqual(
      rig.upstream.requests.slice(before).filter(({ method }) => method !== 'GET'),
      [],
    )
    assert.equal((await kube(rig, 'sps_nobody', 'GET', CONFIGMAPS)).status, 503)
    const whoami = await call(rig, 'GET', '/v1/whoami', { headers: ['authorization', `Bearer ${signIn}`] })
    assert.equal(whoami.status, 503, whoami.body.toString())
    assert.equal((await call(rig, 'GET', '/livez')).status, 200)
    const ready = await call(rig, 'GET', '/readyz?verbose')
    assert.equal(ready.status, 503)
    assert.match(ready.body.toString(), /\[-\]audit-log/)

    // What is open gets not one byte more that is not in the log.
    const length = watched.length
    for (const socket of rig.upstream.sockets) socket.write('5\r\nlate\n\r\n', () => {})
    await until(() => watchEnded && rig!.agent.inFlight === 0, 'the live watch ends')
    assert.equal(watched.length, length)
    watch.destroy()
    assert.match(rig.logged(), /audit log sealed/)
  })
}
