/** Readers of a log whose key-encryption key is with a key service: `verify`, `audit crosscheck`, `reveal offline`, the index. */
import assert from 'node:assert/strict'
import { cpSync, existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { setTimeout } from 'node:timers/promises'
import { createUser, type User } from '../api/testing/run-cli.ts'
import { type ServedApi, serveApi } from '../api/testing/serve-api.ts'
import { openAuditIndex } from '../audit/index/open-index.ts'
import { rebuildIndex } from '../audit/index/rebuild.ts'
import { openAuditLog } from '../audit/open.ts'
import { callId, maskedBody, recordCall } from '../audit/testing/calls.ts'
import type { KeyEncryption } from '../keys/key-encryption.ts'
import { openKeyEncryption } from '../keys/open-key-encryption.ts'
import { parseKeyEncryption } from '../keys/parse-key-encryption.ts'
import { answerAsVault, reply, standIn } from '../keys/testing/stand-in.ts'

const TOKEN = ['hvs', 'reads-and-writes'].join('.')
const READS = ['hvs', 'reads-only'].join('.')
const SECRET = ['hunter', 'two', 'x9Zq'].join('-')

let vault: Awaited<ReturnType<typeof standIn>>
let api: ServedApi
let auditor: User
let kek: KeyEncryption
let directory = ''
/** As an auditor names it, with a token that may only decrypt. */
let keys = ''
let isAway = false

before(async () => {
  vault = await standIn((asked, response) => {
    const mayNot = asked.headers['x-vault-token'] === READS && asked.path.includes('/encrypt/')
    if (isAway || mayNot) reply(response, 403, { errors: ['permission denied'] })
    else
      answerAsVault(asked.headers['x-vault-token'] === READS ? READS : TOKEN, '/v1/transit', asked, response)
  })
  api = await serveApi()
  auditor = createUser(api, 'auditor', { SALLYPORT_GATEWAY: '', SALLYPORT_CA_FILE: '' })
  for (const [name, token] of Object.entries({ writes: TOKEN, reads: READS }))
    writeFileSync(join(api.dir, name), token, { mode: 0o600 })
  const named = (file: string) => `vault:${vault.url}/transit/sallyport?token=${join(api.dir, file)}`
  keys = named('reads')
  kek = await openKeyEncryption(parseKeyEncryption(named('writes')))
  directory = join(api.dir, 'log')
  const log = await openAuditLog({ dataDir: directory, origin: 'sallyport.example/log', keyEncryption: kek })
  for (let number = 0; number < 5; number += 1)
    await recordCall(log, number, {
      response: maskedBody(`{"word":"zither","password":"${SECRET}"}`, [SECRET]),
    })
  const index = openAuditIndex(log)
  await index.caughtUp(log.size)
  assert.equal((await index.search({ limit: 10, text: 'zither' })).items.length, 5)
  await index.close()
  await log.close()
  assert.ok(!existsSync(join(directory, 'secrets', 'kek')))
})
after(async () => {
  await api.close()
  await vault.stop()
})

const copyOf = (name: string): string => {
  const copy = join(api.dir, name)
  cpSync(directory, copy, { recursive: true })
  return copy
}

test('verify opens heads, bodies and originals with the right to decrypt alone; no key leaves the process', async () => {
  const ran = await auditor.run(['verify', directory, '--keys', keys, '-o', 'json'])
  assert.equal(ran.code, 0, ran.stdout + ran.stderr)
  const checks = new Map<string, { status: string; checked: number }>(
    JSON.parse(ran.stdout).checks.map((one: { name: string }) => [one.name, one]),
  )
  for (const name of ['contents', 'originals']) {
    assert.equal(checks.get(name)!.status, 'ok')
    assert.ok(checks.get(name)!.checked >= 5, name)
  }
  const epoch = readdirSync(join(directory, 'keys'))[0]!
  const { wrapped } = JSON.parse(readFileSync(join(directory, 'keys', epoch), 'utf8')) as { wrapped: string }
  const id = epoch.replace('.json', '')
  const key = await kek.unwrap(Buffer.from(wrapped, 'base64'), { origin: 'sallyport.example/log', epoch: id })
  for (const form of ['hex', 'base64', 'base64url'] as const)
    assert.ok(!(ran.stdout + ran.stderr).includes(key.toString(form)))
})

test('a changed record or wrapped key is found, a destroyed key told from one that was not opened', async () => {
  const changed = copyOf('changed')
  const segment = join(changed, 'segments', readdirSync(join(changed, 'segments'))[0]!)
  const bytes = readFileSync(segment)
  bytes[bytes.length - 5]! ^= 1
  writeFileSync(segment, bytes)
  assert.equal((await auditor.run(['verify', changed, '--keys', keys])).code, 6)

  const rewrapped = copyOf('rewrapped')
  const shown = join(
    rewrapped,
    'keys',
    readdirSync(join(rewrapped, 'keys')).find(one => one.startsWith('shown'))!,
  )
  const stored = JSON.parse(readFileSync(shown, 'utf8'))
  writeFileSync(
    shown,
    JSON.stringify({ ...stored, wrapped: Buffer.from('vault:v1:AAAA').toString('base64') }),
  )
  const told = await auditor.run(['verify', rewrapped, '--keys', keys])
  assert.equal(told.code, 6, told.stdout)
  assert.match(told.stderr, /some keys of days were not unwrapped/)
  assert.match(told.stdout, /the wrapped data key cannot be opened/)

  const gone = copyOf('gone')
  rmSync(join(gone, 'keys', readdirSync(join(gone, 'keys')).find(one => one.startsWith('shown'))!))
  const missing = await auditor.run(['verify', gone, '--keys', keys])
  assert.equal(missing.code, 6)
  assert.match(missing.stdout, /the epoch key shown-\S+ is not there/)
})

test('a key service that does not answer, or a word that names none, is an error and not a finding', async () => {
  isAway = true
  const away = await auditor.run(['verify', directory, '--keys', keys])
  isAway = false
  assert.equal(away.code, 1, away.stdout)
  assert.match(away.stderr, /permission denied/)
  assert.ok(!away.stderr.includes(READS))
  assert.equal((await auditor.run(['verify', directory, '--keys', 'vault:http://vault.example/x'])).code, 2)
  assert.equal((await auditor.run(['verify', directory, '--keys', join(api.dir, 'absent')])).code, 2)
})

test('audit crosscheck reads the log with it', async () => {
  const file = join(api.dir, 'audit.log')
  writeFileSync(file, '')
  const ran = await auditor.run([
    'audit',
    'crosscheck',
    file,
    '--log',
    directory,
    '--keys',
    keys,
    '-o',
    'json',
  ])
  const report = JSON.parse(ran.stdout)
  assert.deepEqual(
    report.logs.map((one: { origin: string }) => one.origin),
    ['sallyport.example/log'],
  )
  assert.doesNotMatch(JSON.stringify(report.notes), /gone with their keys/)
  const without = await auditor.run(['audit', 'crosscheck', file, '--log', directory])
  assert.equal(without.code, 2)
  assert.match(without.stderr, /needs the key-encryption key of the log/)
})

test('reveal offline opens an original with it, and with several keys the one that fits', async () => {
  const other = join(api.dir, 'other-kek')
  writeFileSync(other, `${'0'.repeat(64)}\n`, { mode: 0o600 })
  for (const given of [
    ['--keys', keys],
    ['--keys', other, '--keys', keys],
  ]) {
    const ran = await auditor.run(['reveal', 'offline', directory, callId(1), ...given, '-o', 'json'])
    assert.equal(ran.code, 0, ran.stderr)
    assert.equal(JSON.parse(ran.stdout).revealed.values[0].text, SECRET)
  }
  assert.equal((await auditor.run(['verify', directory, '--keys', other, '--keys', keys])).code, 0)
  assert.equal((await auditor.run(['verify', directory, '--keys', `file:${other}`])).code, 6)
})

test('the search index of a log under it is made anew from the disk', async () => {
  const size = await rebuildIndex(directory, { keyEncryption: kek })
  const log = await openAuditLog({ dataDir: directory, origin: 'sallyport.example/log', keyEncryption: kek })
  const index = openAuditIndex(log)
  await index.caughtUp(log.size)
  assert.ok(log.size > size)
  assert.equal((await index.search({ limit: 10, text: 'zither' })).items.length, 5)
  const detail = await index.show(callId(2))
  assert.match(detail!.bodies[0]!.text!, /zither/)
  assert.ok(!JSON.stringify(detail).includes(SECRET))
  await index.close()
  await log.close()
})

test('an index that must be made anew while the key service is away says so, and is made when it is back', async () => {
  const log = await openAuditLog({ dataDir: directory, origin: 'sallyport.example/log', keyEncryption: kek })
  for (const end of ['', '-wal', '-shm']) rmSync(join(directory, `index.sqlite${end}`), { force: true })
  isAway = true
  const index = openAuditIndex(log, { restartAfter: 20 })
  await assert.rejects(index.caughtUp(log.size), /permission denied/)
  const { state, error } = index.status()
  assert.deepEqual([state, /permission denied/.test(error ?? '')], ['failed', true])
  isAway = false
  for (const deadline = Date.now() + 30_000; index.status().state !== 'ready'; ) {
    assert.ok(Date.now() < deadline, 'it is not made anew')
    await setTimeout(10)
  }
  await index.caughtUp(log.size)
  assert.equal((await index.search({ limit: 10, text: 'zither' })).items.length, 5)
  await index.close()
  await log.close()
})
