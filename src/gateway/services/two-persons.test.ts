import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { actingLog } from '../../audit/testing/acting.ts'
import { scratch } from '../../audit/testing/calls.ts'
import { parseRecipient } from '../../keys/age/age.ts'
import { newAgeIdentity } from '../../keys/testing/age-identity.ts'
import { openSqliteStore } from '../../store/open-sqlite-store.ts'
import { createLogger } from '../../telemetry/logger.ts'
import { openTwoPersons, readRecipients } from './two-persons.ts'

const [one, two] = await Promise.all([newAgeIdentity(), newAgeIdentity()])
const [first, second] = [one.recipient.text, two.recipient.text]

test('a file of recipients that cannot be used is named, and what stands in it is not repeated', async t => {
  const directory = scratch(t)
  const file = join(directory, 'recipients')
  const read = async (text: string) => {
    writeFileSync(file, text)
    return (await readRecipients(file)).map(one => one.text)
  }
  assert.deepEqual(await read(`# security\n${first}\n\n${second}\n`), [first, second])
  await assert.rejects(read('# nobody\n'), { message: `${file} names no recipient` })
  // Somebody put the identity there by mistake.
  for (const wrong of [one.secret, 'ssh-ed25519 AAAA', first.slice(0, -1)]) {
    await assert.rejects(
      read(`${first}\n${wrong}\n`),
      (error: Error) =>
        error.message.startsWith(`${file}, recipient 2: not an X25519`) && !error.message.includes(wrong),
    )
  }
})

test('each change of the recipients is an entry, no change is none', async t => {
  const store = await openSqliteStore(':memory:')
  t.after(() => store.close())
  const { log, index } = await actingLog(t, 'test/log', Date.now)
  const logger = createLogger('silent')
  const open = async (...names: string[]) => {
    const two = await openTwoPersons({
      store,
      log,
      index,
      logger,
      now: Date.now,
      policyDigest: () => `sha256:${'0'.repeat(64)}`,
      recipients: await Promise.all(names.map(parseRecipient)),
    })
    await two.close()
  }
  await open()
  await open(first)
  await open(first)
  await open(second, first)
  await open()
  await index.caughtUp(log.size)
  const { items } = await index.search({ limit: 10, kind: 'key.recipients' })
  const sorted = [first, second].sort()
  assert.deepEqual(
    items.toReversed().map(one => [one.head.facts!.before, one.head.facts!.recipients]),
    [
      [[], [first]],
      [[first], sorted],
      [sorted, []],
    ],
  )
})
