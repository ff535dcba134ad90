import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { NewEntry } from '../audit/entry.ts'
import { Refusal } from '../errors/refusal.ts'
import { createFailureBudget, type FailureBudgetOptions } from './failure-budget.ts'

function setUp(options: Partial<FailureBudgetOptions> = {}) {
  const entries: NewEntry[] = []
  let broken = false
  const log = {
    sealed: false,
    append: async (entry: NewEntry) => {
      if (broken) throw new Refusal('audit-unavailable')
      entries.push(entry)
      return { index: entries.length, time: 0 }
    },
  }
  let time = 1_000_000
  const budget = createFailureBudget({ log, now: () => time++, perAddress: 3, ...options })
  return {
    budget,
    entries,
    log,
    set broken(value: boolean) {
      broken = value
    },
  }
}

let number = 0
function failure(address: string, code = 'credential-invalid'): NewEntry {
  number++
  return {
    call: `00000000-0000-7000-8000-${String(number).padStart(12, '0')}`,
    kind: 'auth.fail',
    phase: 'state',
    session: null,
    effect: 'deny',
    policyDigest: null,
    head: {
      client: { address, port: 4000 + number, userAgent: 'curl' },
      connection: 'dev',
      error: { code },
    },
  }
}

const summaries = (entries: readonly NewEntry[]) => entries.filter(entry => entry.head.facts !== undefined)

test('the first failures of an address are entries, the others one entry with their number and codes', async () => {
  const { budget, entries } = setUp()
  for (let i = 0; i < 1000; i++)
    await budget.record(failure('192.0.2.1', i % 4 === 0 ? 'credential-expired' : 'credential-invalid'))
  assert.equal(entries.length, 3)
  await budget.close()
  assert.equal(entries.length, 4)
  const { head } = entries[3]!
  assert.equal(head.client?.address, '192.0.2.1')
  assert.equal(head.facts?.failures, 997)
  assert.deepEqual(head.facts?.codes, { 'credential-invalid': 748, 'credential-expired': 249 })
  assert.ok((head.facts?.since as number) < (head.facts?.until as number))
  await budget.close()
  assert.equal(entries.length, 4)
})

test('one address does not use up what another one has', async () => {
  const { budget, entries } = setUp()
  for (let i = 0; i < 10; i++) await budget.record(failure('192.0.2.1'))
  await budget.record(failure('192.0.2.2'))
  assert.deepEqual(
    entries.map(entry => entry.head.client?.address),
    ['192.0.2.1', '192.0.2.1', '192.0.2.1', '192.0.2.2'],
  )
  await budget.close()
  assert.equal(summaries(entries).length, 1)
})

test('many addresses are bounded too, and no failure is missing from the sum', async () => {
  const { budget, entries } = setUp({ addresses: 10, together: 15 })
  for (let i = 0; i < 5000; i++) await budget.record(failure(`192.0.2.${i % 250}`))
  await budget.close()
  assert.ok(entries.length <= 15 + 11, `${entries.length} entries`)
  const counted = summaries(entries).reduce((sum, { head }) => sum + (head.facts!.failures as number), 0)
  assert.equal(counted + entries.length - summaries(entries).length, 5000)
})

test('the addresses of one IPv6 network are one address; a mapped IPv4 address is itself', async () => {
  const { budget, entries } = setUp()
  for (let i = 0; i < 100; i++) await budget.record(failure(`2001:db8:0:1::${i.toString(16)}`))
  for (let i = 0; i < 2; i++) await budget.record(failure('::ffff:192.0.2.9'))
  await budget.record(failure('2001:DB8::1:0:0:0:5'))
  await budget.record(failure('2001:db8:0:2::1'))
  await budget.close()
  assert.deepEqual(
    summaries(entries).map(({ head }) => [head.client?.address, head.facts?.failures]),
    [['2001:db8:0:1::/64', 98]],
  )
})

test('a summary comes by itself at the end of the interval, and then a new budget begins', async () => {
  const { budget, entries } = setUp({ interval: 20 })
  for (let i = 0; i < 5; i++) await budget.record(failure('192.0.2.1'))
  const deadline = performance.now() + 5000
  while (summaries(entries).length === 0 && performance.now() < deadline)
    await new Promise(resolve => setTimeout(resolve, 5))
  assert.equal(summaries(entries)[0]?.head.facts?.failures, 2)
  await budget.record(failure('192.0.2.1'))
  assert.equal(entries.length, 5)
  await budget.close()
})

test('a summary that the log did not take is written later, with what came meanwhile', async () => {
  const errors: unknown[] = []
  const rig = setUp({ onError: error => errors.push(error) })
  for (let i = 0; i < 5; i++) await rig.budget.record(failure('192.0.2.1'))
  rig.broken = true
  await rig.budget.close()
  assert.equal(errors.length, 1)
  rig.broken = false
  for (let i = 0; i < 5; i++) await rig.budget.record(failure('192.0.2.1'))
  await rig.budget.close()
  assert.equal(
    summaries(rig.entries).reduce((sum, { head }) => sum + (head.facts!.failures as number), 0) +
      rig.entries.length -
      summaries(rig.entries).length,
    10,
  )
})

test('while the log is sealed nothing is merely counted', async () => {
  const rig = setUp()
  for (let i = 0; i < 5; i++) await rig.budget.record(failure('192.0.2.1'))
  rig.broken = true
  rig.log.sealed = true
  await assert.rejects(rig.budget.record(failure('192.0.2.1')), { code: 'audit-unavailable' })
})
