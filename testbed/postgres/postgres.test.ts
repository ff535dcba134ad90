import assert from 'node:assert/strict'
import { connect } from 'node:net'
import { test } from 'node:test'
import { findPostgres } from './find-postgres.ts'
import { startPostgres } from './start-postgres.ts'

const answers = (port: number): Promise<boolean> =>
  new Promise(resolve => {
    const socket = connect(port, '127.0.0.1')
    socket.once('connect', () => resolve(true))
    socket.once('error', () => resolve(false))
    socket.once('connect', () => socket.destroy())
  })

test('a private server starts, crashes, comes back on its port, and leaves nothing', async () => {
  const server = await startPostgres()
  assert.equal(await answers(server.port), true)
  const { pid } = server
  const first = pid()
  await server.halt('immediate')
  assert.equal(await answers(server.port), false)
  await server.start()
  assert.notEqual(pid(), first)
  assert.equal(await answers(server.port), true)
  const last = pid()
  await server.stop()
  assert.throws(() => process.kill(last, 0), /ESRCH/)
  await server.stop()
})

test('a folder without a server is said to be none', async () => {
  await assert.rejects(findPostgres({ env: { SALLYPORT_TEST_POSTGRES: '/nonexistent' } }), /no postgres/)
})
