import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import type { CrosscheckReport } from '../../src/audit/crosscheck/report.ts'
import { AGENT_USER, type Cluster } from '../../testbed/start-cluster.ts'
import { type Ran, sallyport, type Up } from './rig.ts'

/** Runs `sallyport audit crosscheck` on a cluster's audit log and the log of a gateway, stopped or running. */
export async function runCrosscheck(
  cluster: Pick<Cluster, 'auditLog'>,
  dataDirs: readonly string[],
  ...args: string[]
): Promise<{ readonly ran: Ran; readonly report: CrosscheckReport }> {
  const logs = dataDirs.flatMap(dataDir => ['--log', join(dataDir, 'log')])
  const ran = await sallyport([
    ...['audit', 'crosscheck', cluster.auditLog, ...logs, '--agent-user', AGENT_USER, '-o', 'json'],
    ...args,
  ])
  assert.ok(ran.code === 0 || ran.code === 6, ran.stderr)
  return { ran, report: JSON.parse(ran.stdout) as CrosscheckReport }
}

/**
 * The end of every test that has a cluster: stops the gateway and compares both logs. All that was served under the
 * agent's name has an entry, and all that we forwarded was served. What tests do directly has another name.
 */
export async function assertCrosschecked(
  t: TestContext,
  cluster: Pick<Cluster, 'auditLog'>,
  up: Pick<Up, 'end' | 'dataDir' | 'stderr'>,
  ...args: string[]
): Promise<CrosscheckReport> {
  assert.equal(await up.end(), 0, `up ended with an error:\n${up.stderr().slice(-4000)}`)
  const { report } = await runCrosscheck(cluster, [up.dataDir], ...args)
  const { total, findings } = report
  t.diagnostic(
    `crosscheck: ${total.seen} of ${total.ours} calls seen (${total.own} of our own), ${total.recorded} of ${total.cluster} recorded`,
  )
  for (const { what, count } of report.notJudged) t.diagnostic(`not judged: ${count} ${what}`)
  assert.ok(report.ok, JSON.stringify({ findings, notes: report.notes }, null, 1).slice(0, 6000))
  assert.deepEqual([total.seen, total.recorded], [total.ours, total.cluster])
  assert.ok(total.own > 0, 'calls of our own are among them')
  // `npm test` sums them up at its end.
  const summaries = process.env.SALLYPORT_TEST_CROSSCHECKS
  if (summaries !== undefined) writeFileSync(join(summaries, `${randomUUID()}.json`), JSON.stringify(report))
  return report
}
