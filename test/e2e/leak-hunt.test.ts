import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { goProgram } from '../clients/programs.ts'
import { provoke } from '../leaks/errors.ts'
import { type Hunt, openHunt } from '../leaks/hunt.ts'
import { dryRuns, fewReads } from '../leaks/kubectl-reads.ts'
import { fewRaw } from '../leaks/raw-reads.ts'
import { assertNoLeak, reportHunt } from '../leaks/report.ts'
import { searchTrail } from '../leaks/trail.ts'
import { ways } from '../leaks/ways.ts'

/** One canary in each way, read back in the ways that differ most; test/full/leak-hunt.test.ts is the whole hunt. */
let hunt: Hunt

before(
  async () => {
    hunt = await openHunt(ways.length)
    // What stands in a Secret is known from here on.
    assert.equal((await hunt.kubectl(['get', 'secret', 'known', '-o', 'yaml'])).code, 0)
  },
  { timeout: 600_000 },
)
after(() => hunt?.close())

test('no secret is in what kubectl prints', { timeout: 300_000 }, async () => {
  await hunt.kubectlAll([...fewReads, ...dryRuns])
  assertNoLeak(hunt)
})

test('none is in any form of an answer that can be asked for', { timeout: 120_000 }, async t => {
  const statuses = new Map<number, number>()
  for (const [path, options] of fewRaw) {
    const { status } = await hunt.raw(path, options)
    statuses.set(status, (statuses.get(status) ?? 0) + 1)
  }
  t.diagnostic([...statuses].map(([status, count]) => `${status}: ${count}`).join(', '))
  assert.ok(statuses.get(200)! > 80, 'most of them are answered')
  assertNoLeak(hunt)
})

test('none is in errors and warnings, and no guess is told from another', { timeout: 120_000 }, async t => {
  const statuses = await provoke(hunt)
  t.diagnostic([...statuses].map(([status, count]) => `${status}: ${count}`).join(', '))
  assertNoLeak(hunt)
})

test('a typed client-go program reads none', { timeout: 120_000 }, async () => {
  const { command } = await goProgram()
  await hunt.program('client-go', command, [
    '--kubeconfig',
    hunt.up.kubeconfig,
    '--namespace',
    'leaks',
    '--dump',
  ])
  assertNoLeak(hunt)
})

test('none is in the trail, its index, the logs of the gateway or its metrics', {
  timeout: 120_000,
}, async t => {
  await searchTrail(hunt, t, 40)
  assertNoLeak(hunt)
  reportHunt(hunt, t)
})
