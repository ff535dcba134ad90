import assert from 'node:assert/strict'
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { createUser, type User } from '../api/testing/run-cli.ts'
import { type ServedApi, serveApi } from '../api/testing/serve-api.ts'
import { openAuditLog } from '../audit/open.ts'
import { recordCall } from '../audit/testing/calls.ts'

let api: ServedApi
let auditor: User
let directory = ''

before(async () => {
  api = await serveApi()
  // An auditor's machine: no gateway, no sign-in.
  auditor = createUser(api, 'auditor', { SALLYPORT_GATEWAY: '', SALLYPORT_CA_FILE: '' })
  directory = join(api.dir, 'log')
  const log = await openAuditLog({ dataDir: directory, origin: 'sallyport.example/log' })
  for (let number = 0; number < 20; number += 1) await recordCall(log, number)
  await log.close()
})
after(() => api.close())

test('verify needs no gateway, lists each check with its result, and is a versioned document', async () => {
  const table = await auditor.run(['verify', directory])
  assert.equal(table.code, 0, table.stdout + table.stderr)
  const report = JSON.parse((await auditor.run(['verify', directory, '-o', 'json'])).stdout)
  assert.deepEqual([report.apiVersion, report.kind, report.ok], ['sallyport.dev/v1', 'VerifyReport', true])
  assert.ok(report.checks.length >= 5)
  for (const { name } of report.checks) assert.ok(table.stdout.includes(name), name)
})

test('a changed bit: exit code 6, and the check that found it is named', async () => {
  const tiles = join(directory, 'tile', '0')
  // Of every tile of hashes: older partial ones are no longer looked at.
  for (const file of readdirSync(tiles, { recursive: true, withFileTypes: true })) {
    if (!file.isFile()) continue
    const path = join(file.parentPath, file.name)
    const bytes = readFileSync(path)
    bytes[0]! ^= 1
    writeFileSync(path, bytes)
  }
  const ran = await auditor.run(['verify', directory, '-o', 'json'])
  assert.equal(ran.code, 6, ran.stdout)
  const report = JSON.parse(ran.stdout)
  assert.equal(report.ok, false)
  assert.ok(report.checks.some((c: { status: string }) => c.status === 'failed'))
  assert.equal((await auditor.run(['verify', join(api.dir, 'absent')])).code, 2)
})
