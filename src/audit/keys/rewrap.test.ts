import assert from 'node:assert/strict'
import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileKeyEncryption } from '../../keys/file-key.ts'
import { disk } from '../files/disk.ts'
import { openAuditLog } from '../open.ts'
import { recordCall, scratch } from '../testing/calls.ts'
import { verifyLog } from '../verify.ts'
import { rewrapEpochKeys } from './rewrap.ts'

const origin = 'log.example/rewrap'

test('the keys of all days go from one key-encryption key to another; contents and proofs stay', async t => {
  const dataDir = join(scratch(t), 'log')
  let now = Date.UTC(2026, 10, 20, 12)
  const open = (keyEncryption?: Awaited<ReturnType<typeof fileKeyEncryption>>) =>
    openAuditLog({ dataDir, origin, clock: () => now, ...(keyEncryption && { keyEncryption }) })
  const log = await open()
  await recordCall(log, 1)
  await assert.rejects(rewrapEpochKeys(dataDir, log.keyEncryption, log.keyEncryption), /stop the gateway/)
  await log.close()
  now += 86_400_000
  const second = await open()
  await recordCall(second, 2)
  await second.close()

  const from = second.keyEncryption
  const keyFile = join(scratch(t), 'kek')
  const to = await fileKeyEncryption(disk, keyFile, true)
  await assert.rejects(rewrapEpochKeys(dataDir, to, to), /was changed, or made with another key file/)
  assert.deepEqual(await rewrapEpochKeys(dataDir, from, to), { origin, rewrapped: 4, already: 0 })
  assert.deepEqual(await rewrapEpochKeys(dataDir, from, to), { origin, rewrapped: 0, already: 4 })
  for (const id of ['shown-2026-11-20', 'sealed-2026-11-21']) {
    assert.equal(JSON.parse(readFileSync(join(dataDir, 'keys', `${id}.json`), 'utf8')).kek, to.id)
  }
  rmSync(join(dataDir, 'secrets', 'kek'))
  await (await open(to)).close()
  const report = verifyLog({ directory: dataDir, vkey: log.vkey, keyFile })
  assert.equal(report.ok, true)
  assert.ok(report.checks.find(check => check.name === 'contents')!.checked > 0)
})

test('a key of a day that is damaged is named, and none is lost', async t => {
  const dataDir = join(scratch(t), 'log')
  // Not in the hour before midnight, in which the keys of the next day are made as well.
  const log = await openAuditLog({ dataDir, origin, clock: () => Date.UTC(2026, 10, 20, 12) })
  await log.close()
  const to = await fileKeyEncryption(disk, join(scratch(t), 'kek'), true)
  const names = (await disk.list(join(dataDir, 'keys'))).sort()
  const path = join(dataDir, 'keys', names.at(-1)!)
  const text = readFileSync(path, 'utf8')
  writeFileSync(path, text.slice(0, -20))
  await assert.rejects(rewrapEpochKeys(dataDir, log.keyEncryption, to), /is not the wrapped key of shown-/)
  writeFileSync(path, text)
  assert.deepEqual(await rewrapEpochKeys(dataDir, log.keyEncryption, to), {
    origin,
    rewrapped: names.length - 1,
    already: 1,
  })
})
