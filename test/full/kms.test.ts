/** AWS KMS as key-encryption key, asked through the SDK, at moto's KMS: an implementation that is not ours. */
import assert from 'node:assert/strict'
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { after, before, test } from 'node:test'
import { CreateAliasCommand, CreateKeyCommand, KMSClient } from '@aws-sdk/client-kms'
import { rebuildIndex } from '../../src/audit/index/rebuild.ts'
import { openAuditLog } from '../../src/audit/open.ts'
import { callId, maskedBody, recordCall } from '../../src/audit/testing/calls.ts'
import type { KeyEncryption } from '../../src/keys/key-encryption.ts'
import { openKeyEncryption } from '../../src/keys/open-key-encryption.ts'
import { parseKeyEncryption } from '../../src/keys/parse-key-encryption.ts'
import { withFormer } from '../../src/keys/with-former.ts'
import { openMaskingKeys } from '../../src/masking/keys/masking-keys.ts'
import { openSqliteStore } from '../../src/store/open-sqlite-store.ts'
import { freePorts } from '../../testbed/free-ports.ts'
import { pythonWith } from '../../testbed/python.ts'

const directory = mkdtempSync(join(tmpdir(), 'sallyport-kms-'))
let moto: ChildProcess | undefined
let url: string
let admin: KMSClient

before(
  async () => {
    process.env.AWS_ACCESS_KEY_ID = 'test'
    process.env.AWS_SECRET_ACCESS_KEY = 'test'
    process.env.AWS_EC2_METADATA_DISABLED = 'true'
    const python = await pythonWith('moto[server]==5.2.5')
    const [port] = await freePorts(1)
    url = `http://127.0.0.1:${port}`
    moto = spawn(join(dirname(python), 'moto_server'), ['-H', '127.0.0.1', '-p', String(port)], {
      stdio: 'ignore',
    })
    const deadline = Date.now() + 120_000
    while (
      !(await fetch(`${url}/moto-api/data.json`).then(
        answer => answer.ok,
        () => false,
      ))
    ) {
      if (Date.now() > deadline || moto.exitCode !== null) throw new Error('moto does not serve')
      await new Promise(resolve => setTimeout(resolve, 100))
    }
    admin = new KMSClient({ endpoint: url, region: 'eu-central-1' })
  },
  { timeout: 600_000 },
)
after(() => {
  moto?.kill('SIGKILL')
  rmSync(directory, { recursive: true })
})

async function newKey(alias?: string): Promise<string> {
  const { KeyMetadata } = await admin.send(new CreateKeyCommand({}))
  const TargetKeyId = KeyMetadata!.KeyId!
  if (alias !== undefined) await admin.send(new CreateAliasCommand({ AliasName: alias, TargetKeyId }))
  return KeyMetadata!.Arn!
}
const open = (key: string): Promise<KeyEncryption> =>
  openKeyEncryption(parseKeyEncryption(`aws-kms:${key}?region=eu-central-1&endpoint=${url}`))

test('wraps and unwraps, bound to the context, by ARN and by alias', { timeout: 60_000 }, async () => {
  const arn = await newKey('alias/sallyport')
  const [byArn, byAlias] = [await open(arn), await open('alias/sallyport')]
  assert.equal(byArn.id, `aws-kms:${arn}`)
  assert.equal(byAlias.id, byArn.id)
  const plain = randomBytes(32)
  const wrapped = await byAlias.wrap(plain, { origin: 'o', epoch: 'shown-2026-11-21' })
  assert.deepEqual(await byArn.unwrap(wrapped, { epoch: 'shown-2026-11-21', origin: 'o' }), plain)
  await assert.rejects(byArn.unwrap(wrapped, { origin: 'o', epoch: 'sealed-2026-11-21' }), /did not decrypt/)
  const other = await open(await newKey())
  await assert.rejects(other.unwrap(wrapped, { origin: 'o', epoch: 'shown-2026-11-21' }), /did not decrypt/)
})

test('log and masking keys live under it; the key file that they had before is not needed any more', {
  timeout: 120_000,
}, async () => {
  const dataDir = join(directory, 'log')
  const store = await openSqliteStore(':memory:')
  const options = { dataDir, origin: 'log.example/kms' }
  const first = await openAuditLog(options)
  const keys = await openMaskingKeys(store, first.keyEncryption)
  await first.close()
  const kms = await open(await newKey())
  const second = await openAuditLog({ ...options, keyEncryption: withFormer(kms, first.keyEncryption) })
  await recordCall(second, 1)
  assert.deepEqual((await openMaskingKeys(store, second.keyEncryption)).tags.export(), keys.tags.export())
  await second.close()
  assert.deepEqual((await openMaskingKeys(store, kms)).tags.export(), keys.tags.export())
  await assert.rejects(openMaskingKeys(store, first.keyEncryption), /were wrapped by aws-kms:arn:/)
  await store.close()
  const fresh = join(directory, 'fresh')
  const third = await openAuditLog({ dataDir: fresh, origin: 'log.example/fresh', keyEncryption: kms })
  await recordCall(third, 1)
  await third.close()
  assert.equal(existsSync(join(fresh, 'secrets', 'kek')), false)
  await (await openAuditLog({ dataDir: fresh, origin: 'log.example/fresh', keyEncryption: kms })).close()
})

test('a log under it is verified, compared, opened and indexed by its name alone', {
  timeout: 120_000,
}, async () => {
  await newKey('alias/readers')
  const name = `aws-kms:alias/readers?region=eu-central-1&endpoint=${url}`
  const dataDir = join(directory, 'read')
  const keyEncryption = await openKeyEncryption(parseKeyEncryption(name))
  const log = await openAuditLog({ dataDir, origin: 'log.example/read', keyEncryption })
  const secret = ['hunter', 'two', 'x9Zq'].join('-')
  for (let number = 0; number < 3; number += 1)
    await recordCall(log, number, { response: maskedBody(`{"word":"zither","p":"${secret}"}`, [secret]) })
  await log.close()
  assert.equal(await rebuildIndex(dataDir, { keyEncryption }), log.size)
  const sallyport = (...words: string[]) =>
    spawnSync(process.execPath, ['src/cli/main.ts', ...words, '--keys', name, '-o', 'json'], {
      encoding: 'utf8',
    })
  const verified = sallyport('verify', dataDir)
  assert.equal(verified.status, 0, verified.stderr + verified.stdout)
  const checks = JSON.parse(verified.stdout).checks as { name: string; status: string; checked: number }[]
  for (const name of ['contents', 'originals']) {
    const { status, checked } = checks.find(one => one.name === name)!
    assert.deepEqual([status, checked >= 3], ['ok', true])
  }
  const opened = sallyport('reveal', 'offline', dataDir, callId(1))
  assert.equal(opened.status, 0, opened.stderr)
  assert.equal(JSON.parse(opened.stdout).revealed.values[0].text, secret)
  const audit = join(directory, 'audit.log')
  writeFileSync(audit, '')
  const compared = sallyport('audit', 'crosscheck', audit, '--log', dataDir)
  assert.equal(JSON.parse(compared.stdout).logs[0].origin, 'log.example/read', compared.stderr)
  assert.doesNotMatch(compared.stdout, /gone with their keys/)
})

test('a key that there is not, and a service that is gone, is told', { timeout: 60_000 }, async () => {
  await assert.rejects(open('alias/nobody'), /AWS KMS did not encrypt .*NotFound/)
  const kms = await open(await newKey())
  const wrapped = await kms.wrap(randomBytes(32), { a: 'b' })
  moto!.kill('SIGKILL')
  await once(moto!, 'exit')
  await assert.rejects(kms.unwrap(wrapped, { a: 'b' }), /AWS KMS did not decrypt .*ECONNREFUSED/)
})
