/** Recipient mode: what is sealed is written under keys that are encrypted for the recipients already, however many begin at once. */
import assert from 'node:assert/strict'
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import type { Recipient } from '../../keys/age/age.ts'
import { newAgeIdentity } from '../../keys/testing/age-identity.ts'
import { disk } from '../files/disk.ts'
import type { OpenAuditLog } from '../log/contract.ts'
import { openAuditLog } from '../open.ts'
import { readOffline } from '../reveal/read-offline.ts'
import { HEADER_BYTES, RecordType, readHeader } from '../segments/record.ts'
import { scanSegment } from '../segments/scan.ts'
import { body, callId, intent, maskedBody, outcome, scratch } from '../testing/calls.ts'
import { verifyLog } from '../verify.ts'

const ORIGIN = 'log.example/recipients'
const SESSIONS = 150
const textOf = (number: number) => `{"password":"hunter-${number}-x9Zq"}`
const answer = (number: number) =>
  number % 2 === 0 ? body(textOf(number), 'sealed') : maskedBody(textOf(number), [`hunter-${number}-x9Zq`])

function green(log: OpenAuditLog, directory: string): void {
  const keyFile = join(directory, 'secrets', 'kek')
  const report = verifyLog({ directory, vkey: log.vkey, keyFile })
  assert.deepEqual(
    report.checks.filter(one => one.status === 'failed').map(one => [one.name, one.places]),
    [],
  )
}

/** Bytes that each key of the sealed class takes under its epoch key. */
async function wrappedLengths(directory: string): Promise<number[]> {
  const found: number[] = []
  for (const name of readdirSync(join(directory, 'segments'))) {
    const file = await disk.open(join(directory, 'segments', name), 'read')
    const scan = await scanSegment(file, ORIGIN)
    for (let one = await scan.next(); one !== null; one = await scan.next()) {
      if (one[0] !== RecordType.key || !readHeader(one).sealed) continue
      const names = one.readUInt16BE(HEADER_BYTES)
      const session = one.readUInt16BE(HEADER_BYTES + 2 + names)
      found.push(one.length - HEADER_BYTES - 4 - names - session - 16)
    }
    await file.close()
  }
  return found
}

test('more sessions at once than keys are ready: all is written in order, nothing under a key that is not wrapped', async t => {
  const directory = scratch(t)
  const { identity, recipient } = await newAgeIdentity()
  const log = await openAuditLog({ dataDir: directory, origin: ORIGIN, recipients: [recipient] })
  const appended: Promise<{ readonly index: number }>[] = []
  for (let number = 0; number < SESSIONS; number += 1) {
    const session = `s-${number}`
    appended.push(log.append(intent(number, { session })))
    appended.push(log.append(outcome(number, { session, response: answer(number) })))
  }
  const late = log.flush()
  const closed = log.close() // what waits is written, and no call is left open
  const indexes = (await Promise.all(appended)).map(({ index }) => index)
  assert.deepEqual(
    indexes,
    indexes.toSorted((a, b) => a - b),
  )
  await Promise.all([late, closed])
  green(log, directory)
  const lengths = await wrappedLengths(directory)
  assert.equal(lengths.length, SESSIONS)
  assert.ok(
    lengths.every(length => length > 200),
    'each is a file of age, none the key itself',
  )
  const options = { files: disk, directory, keyEncryption: log.keyEncryption }
  for (const number of [0, 1, SESSIONS - 2, SESSIONS - 1]) {
    const call = callId(number)
    const closedOne = (await readOffline({ ...options, identities: [], call }))!
    assert.ok(!JSON.stringify(closedOne).includes(`hunter-${number}-`))
    const opened = (await readOffline({ ...options, identities: [identity], call }))!
    assert.equal(opened.bodies[0]!.text, textOf(number))
  }
})

test('where no key can be wrapped nothing is sealed under another: those appends fail, the others go on', async t => {
  const directory = scratch(t)
  const { recipient } = await newAgeIdentity()
  const recipients: Recipient[] = [recipient]
  const log = await openAuditLog({ dataDir: directory, origin: ORIGIN, recipients })
  let number = 0
  const seal = async () => {
    number += 1
    const session = `s-${number}`
    await log.append(intent(number, { session }))
    await log.append(outcome(number, { session, response: body('sealed', 'sealed') }))
  }
  await seal()
  recipients.push({ text: 'age1nobody' })
  let failed: { code?: string; check?: string } = {}
  while (failed.code === undefined && number < 200)
    await seal().catch(error => {
      failed = error
    })
  assert.deepEqual([failed.code, failed.check], ['audit-unavailable', 'recipients'])
  assert.equal(log.sealed, false)
  await log.append(intent(900, { session: 's-900' }))
  await log.append(outcome(900, { session: 's-900', response: body('shown') }))
  recipients.pop()
  await seal()
  const written = number
  await log.close()
  green(log, directory)
  assert.equal((await wrappedLengths(directory)).length, written - 1)
})

test('a recipient that cannot be wrapped for is found before the first entry', async t => {
  const recipients = [{ text: 'age1nobody' }]
  await assert.rejects(openAuditLog({ dataDir: scratch(t), origin: ORIGIN, recipients }))
})
