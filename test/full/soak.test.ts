import assert from 'node:assert/strict'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import type { CrosscheckReport } from '../../src/audit/crosscheck/report.ts'
import { AGENT_USER } from '../../testbed/start-cluster.ts'
import { call } from '../e2e/call.ts'
import { sallyport } from '../e2e/rig.ts'
import { type Crowd, startCrowd } from './soak/crowd.ts'
import { createLedger } from './soak/ledger.ts'
import { informerLine, ownErrors, processLines, quartersOf, requestLines } from './soak/report.ts'
import { openRig, type SoakRig } from './soak/rig.ts'
import { type Sample, type Sampler, sampleProcess } from './soak/samples.ts'
import { createTally, outcomeOf } from './soak/tally.ts'

/**
 * Many at once for long: 20 users of both kinds of agent, informers, slow readers, followers of logs, and clients that
 * vanish, while a tenth of it is done directly. No error that direct does not have, memory and descriptors flat,
 * every change heard by every informer, every call in both logs. `SALLYPORT_SOAK_MINUTES` says how long (default 5);
 * under load from elsewhere the rate falls, the judgements stay.
 */
const minutes = Number(process.env.SALLYPORT_SOAK_MINUTES ?? '5')
const MINUTE = 60_000
const RENEWAL = 3 * MINUTE
/** Longer than an agent keeps a connection that nobody uses (30 s). */
const REST = 45_000

let rig: SoakRig
const tally = createTally()
const ledger = createLedger()
let crowd: Crowd
let gateway: Sampler
let agent: Sampler
let atRest: readonly Sample[]
let underLoad: readonly (readonly Sample[])[]
let afterwards: readonly Sample[]

before(
  async () => {
    rig = await openRig()
    gateway = sampleProcess(rig.up.processes.gateway, 5000)
    agent = sampleProcess(rig.agent.pid!, 5000)
  },
  { timeout: 600_000 },
)
after(async () => {
  gateway?.stop()
  agent?.stop()
  await rig?.close()
})

function assertRunning(): void {
  assert.equal(rig.agent.exitCode, null, `the agent has ended:\n${rig.agentSaid()}`)
  assert.equal(rig.up.child.exitCode, null, `the gateway has ended:\n${rig.up.stderr().slice(-4000)}`)
}

/** What an operator would see of it, once a minute. */
async function progress(minute: number): Promise<string> {
  const { status, body } = await call(rig.up, '/metrics', { token: rig.admin, timeout: 30_000 })
  if (status !== 200) return `minute ${minute}: metrics ${status}`
  const metric = (name: string): string => new RegExp(`^sallyport_${name} (\\S+)`, 'm').exec(body)?.[1] ?? '-'
  const processes = [gateway, agent].map(each => {
    const { rss, fds } = each.now()
    return `${rss.toFixed(0)} MB ${fds} fds`
  })
  return [
    `minute ${minute}: gateway ${tally.total('gateway')}, direct ${tally.total('direct')} requests`,
    `gateway ${processes[0]}, agent ${processes[1]}`,
    `${metric('audit_entries')} entries, index behind by ${metric('audit_index_lag_entries')}`,
    `${metric('sessions_open')} sessions`,
  ].join('; ')
}

/** Until the time is over, or one of both processes. */
async function watchOver(say: (line: string) => unknown): Promise<void> {
  const began = Date.now()
  let [minute, renewed] = [0, began]
  while (Date.now() - began < minutes * MINUTE) {
    await sleep(1000)
    assertRunning()
    if (Date.now() - renewed > RENEWAL) {
      renewed = Date.now()
      await rig.renew().then(
        () => tally.ok('gateway', 'renew'),
        error => tally.wrong('gateway', 'renew', outcomeOf(error)),
      )
    }
    const past = Math.floor((Date.now() - began) / MINUTE)
    if (past === minute) continue
    minute = past
    say(await progress(minute))
  }
}

test(`${minutes} minutes of everything at once`, { timeout: (minutes + 10) * MINUTE }, async t => {
  atRest = [gateway.now(), agent.now()]
  crowd = await startCrowd(rig, tally, ledger)
  try {
    await watchOver(line => process.stderr.write(`${line}\n`))
  } finally {
    underLoad = [[...gateway.samples], [...agent.samples]]
    await crowd.stop()
  }
  await sleep(REST)
  assertRunning()
  afterwards = [gateway.now(), agent.now()]
  for (const line of [...requestLines(tally), ...crowd.informers.map(each => informerLine(each, ledger))])
    t.diagnostic(line)
  for (const [i, who] of ['gateway', 'agent'].entries())
    for (const line of processLines(who, underLoad[i]!, atRest[i]!, afterwards[i]!)) t.diagnostic(line)
  assert.ok(tally.total('gateway') > 500 * minutes, 'there was a load')
})

test('no error that direct does not have', () => {
  assert.deepEqual(ownErrors(tally), [], tally.samples.join('\n'))
})

test('neither process has anything to complain of', () => {
  const complaints = [rig.up.stderr(), rig.agentSaid()]
    .flatMap(said => said.split('\n'))
    .filter(line => /"level":"?(50|60|error|fatal)/.test(line))
  assert.deepEqual(complaints, [])
})

test('every informer has heard of every change, once', () => {
  assert.ok(ledger.written > 100 * minutes, 'there were changes')
  for (const { name, heard } of crowd.informers) {
    assert.deepEqual(heard.missing().slice(0, 5), [], name)
    assert.equal(heard.twice, 0, name)
  }
})

test('memory and descriptors stay flat', () => {
  for (const [i, who] of ['gateway', 'agent'].entries()) {
    const { rss, fds } = quartersOf(underLoad[i]!)
    assert.ok(rss[3]! <= rss[1]! * 1.15, `memory of the ${who} grows: ${rss} MB`)
    assert.ok(fds[3]! <= fds[1]! + 10, `descriptors of the ${who} grow: ${fds}`)
    const [first, last] = [atRest[i]!.fds, afterwards[i]!.fds]
    assert.ok(
      last <= first + 10,
      `the ${who} keeps descriptors of those who have gone: ${first}, then ${last}`,
    )
  }
})

test('it stops at once: nobody is left for whom something runs', { timeout: 2 * MINUTE }, async t => {
  const began = Date.now()
  assert.equal(await rig.up.end(), 0, `up ended with an error:\n${rig.up.stderr().slice(-4000)}`)
  t.diagnostic(`stopped after ${Date.now() - began} ms`)
  assert.ok(Date.now() - began < 10_000)
  assert.equal(await rig.stopAgent(), 0, `the agent ended with an error:\n${rig.agentSaid().slice(-4000)}`)
})

test('the log is verified, and every call is in both logs', { timeout: 30 * MINUTE }, async t => {
  const log = join(rig.up.dataDir, 'log')
  const timeout = 15 * MINUTE
  const verified = await sallyport(['verify', log, '--vkey', join(log, 'log.vkey')], { timeout })
  assert.equal(verified.code, 0, verified.stdout + verified.stderr)
  const crosscheck = ['audit', 'crosscheck', rig.cluster.auditLog, '--log', log, '--agent-user', AGENT_USER]
  const ran = await sallyport([...crosscheck, '-o', 'json'], { timeout })
  assert.ok(ran.code === 0 || ran.code === 6, ran.stderr)
  const { ok, total, findings, notJudged } = JSON.parse(ran.stdout) as CrosscheckReport
  t.diagnostic(`${total.seen} of ${total.ours} calls seen (${total.own} of our own)`)
  t.diagnostic(`${total.recorded} of ${total.cluster} recorded`)
  for (const { what, count } of notJudged) t.diagnostic(`not judged: ${count} ${what}`)
  assert.ok(ok, JSON.stringify(findings, null, 1).slice(0, 6000))
  assert.deepEqual([total.seen, total.recorded], [total.ours, total.cluster])
})
