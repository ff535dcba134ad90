import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { createUser, type User } from '../api/testing/run-cli.ts'
import { type ServedApi, serveApi } from '../api/testing/serve-api.ts'
import { openAuditLog } from '../audit/open.ts'

let api: ServedApi
let operator: User
let dataDir = ''

before(async () => {
  api = await serveApi()
  operator = createUser(api, 'operator', { SALLYPORT_GATEWAY: '', SALLYPORT_CA_FILE: '' })
  dataDir = join(api.dir, 'data')
  await (await openAuditLog({ dataDir: join(dataDir, 'log'), origin: 'sallyport.example/log' })).close()
})
after(() => api.close())

test('keys rewrap needs no gateway, says what it did, and can be begun again', async () => {
  const file = join(api.dir, 'another-kek')
  writeFileSync(file, `${randomBytes(32).toString('hex')}\n`, { mode: 0o600 })
  const args = ['keys', 'rewrap', '--data-dir', dataDir, '--to', `file:${file}`]
  const first = await operator.run(args)
  assert.equal(first.code, 0, first.stderr)
  assert.match(first.stdout, /^\d keys wrapped anew with file:[0-9a-f]{16}, 0 were already/)
  assert.ok(first.stdout.includes(`--key-encryption 'file:${file}'`))
  const again = JSON.parse((await operator.run([...args, '-o', 'json'])).stdout)
  assert.deepEqual([again.kind, again.rewrapped], ['KeysRewrapped', 0])
  assert.ok(again.already >= 2)
})

test('keys rewrap says what is wrong, and what to do', async () => {
  const run = (...args: string[]) => operator.run(['keys', 'rewrap', ...args])
  assert.equal((await run()).code, 2)
  assert.equal((await run('--data-dir', dataDir)).code, 2)
  const absent = await run('--data-dir', dataDir, '--to', 'file:/none/kek')
  assert.equal(absent.code, 1)
  assert.match(absent.stderr, /does not exist; make a new one with/)
  const wrong = await run('--data-dir', dataDir, '--to', 'gcp-kms:x')
  assert.match(wrong.stderr, /is named as file:/)
})
