import assert from 'node:assert/strict'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import type { CrosscheckReport } from '../../src/audit/crosscheck/report.ts'
import { AGENT_USER } from '../../testbed/start-cluster.ts'
import { expectStatus } from '../e2e/call.ts'
import { sallyport } from '../e2e/rig.ts'
import { type Client, http1Client, http2Client, type Identity, type Way } from './soak/client.ts'
import { createLedger, type Heard } from './soak/ledger.ts'
import { openRig, type SoakRig } from './soak/rig.ts'
import { median, quarter, sampleProcess } from './soak/samples.ts'
import { followLog, inform, readSlowly } from './soak/streams.ts'
import { createTally } from './soak/tally.ts'
import { vanish } from './soak/vanish.ts'
import { mixed, type Worker } from './soak/work.ts'

/**
 * Many at once for long: 20 users of both kinds of agent, informers, slow readers, followers of logs, and clients that
 * vanish, while a tenth of it is done directly. No error that direct does not have, memory and descriptors flat,
 * every change heard by every informer, every call in both logs. `SALLYPORT_SOAK_MINUTES` says how long (default 10).
 */
const minutes = Number(process.env.SALLYPORT_SOAK_MINUTES ?? '10')
const MINUTE = 60_000

let rig: SoakRig

before(
  async () => {
    rig = await openRig()
  },
  { timeout: 600_000 },
)
after(async () => rig?.close())

test(`${minutes} minutes of everything at once`, { timeout: (minutes + 30) * MINUTE }, async t => {
  const { ways, identities, up, agent } = rig
  const tally = createTally()
  const ledger = createLedger()
  const [writing, watching] = [new AbortController(), new AbortController()]
  const clients: Client[] = []
  const worker = (way: Way, identity: Identity, kind = http1Client, stopping = writing.signal): Worker => {
    const client = kind(way, identity)
    clients.push(client)
    return { way, identity, client, tally, ledger, stopping }
  }
  const samplers = [sampleProcess(up.processes.gateway, 5000), sampleProcess(agent.pid!, 5000)]
  await sleep(6000)
  const atRest = samplers.map(each => each.samples.at(-1)!)

  const informers: { readonly name: string; readonly heard: Heard }[] = []
  const watchers: Promise<void>[] = []
  for (const [way, identity, client] of [
    [ways.embedded, identities.alice, http1Client],
    [ways.embedded, identities.account, http2Client],
    [ways.remote, identities.bob, http2Client],
    [ways.remote, identities.remote, http1Client],
    [ways.direct, identities.direct, http2Client],
  ] as const) {
    const heard = ledger.informer()
    informers.push({ name: `${way.name} ${identity.name}`, heard })
    watchers.push(inform(worker(way, identity, client, watching.signal), heard))
  }
  // All of them watch before the first change is made.
  for (let left = 100; left > 0 && (tally.counts.get('gateway inform-list')?.ok ?? 0) < 4; left--)
    await sleep(100)
  await sleep(1000)

  const began = Date.now()
  const people: [Way, Identity][] = [
    [ways.embedded, identities.alice],
    [ways.embedded, identities.bob],
    [ways.embedded, identities.account],
    [ways.embedded, identities.embedded],
    [ways.embedded, identities.alice],
    [ways.embedded, identities.account],
    [ways.remote, identities.alice],
    [ways.remote, identities.bob],
    [ways.remote, identities.account],
    [ways.remote, identities.remote],
    [ways.remote, identities.account],
  ]
  const work = [
    ...people.map(([way, identity], i) =>
      mixed(worker(way, identity, i % 3 === 0 ? http2Client : http1Client), 200),
    ),
    readSlowly(worker(ways.embedded, identities.bob)),
    readSlowly(worker(ways.remote, identities.alice, http2Client)),
    followLog(worker(ways.remote, identities.bob)),
    vanish(worker(ways.embedded, identities.alice), 800),
    vanish(worker(ways.remote, identities.account), 800),
    // A tenth of it, directly.
    mixed(worker(ways.direct, identities.direct), 180),
    readSlowly(worker(ways.direct, identities.direct)),
    followLog(worker(ways.direct, identities.direct)),
    vanish(worker(ways.direct, identities.direct), 8000),
  ]
  const end = began + minutes * MINUTE
  let renewal = Date.now()
  let mostLag = 0
  let minute = 0
  while (Date.now() < end) {
    await sleep(Math.min(5000, end - Date.now()))
    assert.equal(agent.exitCode, null, `the agent has ended:\n${rig.agentSaid()}`)
    assert.equal(up.child.exitCode, null, `the gateway has ended:\n${up.stderr().slice(-4000)}`)
    if (Date.now() - renewal > 3 * MINUTE) {
      renewal = Date.now()
      await rig.renew()
    }
    const past = Math.floor((Date.now() - began) / MINUTE)
    if (past === minute) continue
    minute = past
    const { body } = await expectStatus(200, up, '/metrics', { token: rig.admin })
    const metric = (name: string): number => Number(new RegExp(`^${name} (\\S+)`, 'm').exec(body)?.[1])
    mostLag = Math.max(mostLag, metric('sallyport_audit_index_lag_entries'))
    const processes = samplers.map(({ samples }) => {
      const { rss, fds, cpu } = samples.at(-1)!
      return `${rss.toFixed(0)} MB ${fds} fds ${cpu.toFixed(0)} s CPU`
    })
    process.stderr.write(
      `minute ${minute}: gateway ${tally.total('gateway')}, direct ${tally.total('direct')} requests; ${processes.join(' | ')}; entries ${metric('sallyport_audit_entries')} lag ${metric('sallyport_audit_index_lag_entries')} sessions ${metric('sallyport_sessions_open')}\n`,
    )
  }
  const underLoad = samplers.map(each => [...each.samples])
  writing.abort()
  await Promise.all(work)
  for (let left = 300; left > 0 && informers.some(each => each.heard.missing().length > 0); left--)
    await sleep(100)
  watching.abort()
  await Promise.all(watchers)
  for (const client of clients) client.close()
  // Longer than agents keep connections that nobody uses.
  await sleep(45_000)
  const afterwards = samplers.map(each => each.samples.at(-1)!)
  for (const each of samplers) each.stop()

  const lines: string[] = []
  const names = new Set([...tally.counts.keys()].map(key => key.split(' ')[1]!))
  for (const name of [...names].sort()) {
    const cell = (of: string): string => {
      const counts = tally.counts.get(`${of} ${name}`)
      if (counts === undefined) return '-'
      const wrong = [...counts.wrong].map(([outcome, count]) => `${count}× ${outcome}`)
      return [String(counts.ok), ...wrong].join(', ')
    }
    lines.push(`${name.padEnd(24)} gateway ${cell('gateway').padEnd(30)} direct ${cell('direct')}`)
  }
  lines.push(`requests: gateway ${tally.total('gateway')}, direct ${tally.total('direct')}`)
  for (const [name, times] of tally.times) {
    const sorted = times.toSorted((a, b) => a - b)
    const at = (part: number): string => sorted[Math.floor(sorted.length * part)]?.toFixed(1) ?? '-'
    lines.push(`get ${name}: p50 ${at(0.5)} ms, p99 ${at(0.99)} ms, p99.9 ${at(0.999)} ms`)
  }
  for (const { name, heard } of informers)
    lines.push(
      `informer ${name}: heard ${heard.heard} changes, ${heard.missing().length} of ${ledger.written} missing, ${heard.twice} twice`,
    )
  const quarters = underLoad.map((samples, i) => {
    const of = (field: 'rss' | 'fds'): number[] =>
      [0, 1, 2, 3].map(which => median(quarter(samples, which).map(each => each[field])))
    const [rss, fds] = [of('rss'), of('fds')]
    const who = i === 0 ? 'gateway' : 'agent'
    const share = (samples.at(-1)!.cpu - samples[0]!.cpu) / ((samples.at(-1)!.at - samples[0]!.at) / 1000)
    lines.push(
      `${who}: RSS by quarter ${rss.map(each => each.toFixed(0)).join(' ')} MB, fds ${fds.join(' ')}; at rest before ${atRest[i]!.rss.toFixed(0)} MB ${atRest[i]!.fds} fds, after ${afterwards[i]!.rss.toFixed(0)} MB ${afterwards[i]!.fds} fds; ${(share * 100).toFixed(0)} % of a core`,
    )
    return { who, rss, fds }
  })
  lines.push(`index lag at most ${mostLag} entries`)

  assert.equal(await up.end(), 0, `up ended with an error:\n${up.stderr().slice(-4000)}`)
  assert.equal(await rig.stopAgent(), 0, `the agent ended with an error:\n${rig.agentSaid().slice(-4000)}`)
  const log = join(up.dataDir, 'log')
  const timeout = 15 * MINUTE
  const verifying = Date.now()
  const verified = await sallyport(['verify', log, '--vkey', join(log, 'log.vkey')], { timeout })
  lines.push(`verify: exit ${verified.code}, ${((Date.now() - verifying) / 1000).toFixed(0)} s`)
  const checking = Date.now()
  const ran = await sallyport(
    ['audit', 'crosscheck', rig.cluster.auditLog, '--log', log, '--agent-user', AGENT_USER, '-o', 'json'],
    { timeout },
  )
  const report = JSON.parse(ran.stdout) as CrosscheckReport
  const { total, findings } = report
  lines.push(
    `crosscheck: ${total.seen} of ${total.ours} seen (${total.own} own), ${total.recorded} of ${total.cluster} recorded, exit ${ran.code}, ${((Date.now() - checking) / 1000).toFixed(0)} s`,
  )
  for (const { what, count } of report.notJudged) lines.push(`not judged: ${count} ${what}`)
  for (const line of [...lines, ...tally.samples]) {
    t.diagnostic(line)
    process.stderr.write(`${line}\n`)
  }

  assert.equal(verified.code, 0, verified.stdout + verified.stderr)
  assert.ok(report.ok, JSON.stringify(findings, null, 1).slice(0, 6000))
  assert.deepEqual([total.seen, total.recorded], [total.ours, total.cluster])
  const directly = new Set(
    [...tally.counts]
      .filter(([key]) => key.startsWith('direct '))
      .flatMap(([, each]) => [...each.wrong.keys()]),
  )
  const ourErrors = [...tally.counts].flatMap(([key, { wrong }]) =>
    key.startsWith('direct ')
      ? []
      : [...wrong].filter(([outcome]) => !directly.has(outcome)).map(each => `${key}: ${each.join(' ')}`),
  )
  assert.deepEqual(ourErrors, [])
  for (const { name, heard } of informers) {
    assert.deepEqual(heard.missing().slice(0, 5), [], name)
    assert.equal(heard.twice, 0, name)
  }
  for (const { who, rss, fds } of quarters) {
    assert.ok(rss[3]! <= rss[1]! * 1.15, `memory of the ${who} grows: ${rss}`)
    assert.ok(fds[3]! <= fds[1]! + 10, `descriptors of the ${who} grow: ${fds}`)
  }
  for (const [i, { fds }] of afterwards.entries())
    assert.ok(fds <= atRest[i]!.fds + 10, `descriptors stay open: ${atRest[i]!.fds}, then ${fds}`)
})
