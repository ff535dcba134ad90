import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { describe, type TestContext, test } from 'node:test'
import { gzipSync } from 'node:zlib'
import type { NewEntry } from '../entry.ts'
import { disk } from '../files/disk.ts'
import { openAuditLog } from '../open.ts'
import { callId, scratch } from '../testing/calls.ts'
import { type CrosscheckOptions, crosscheck } from './crosscheck.ts'
import { linesOf } from './lines.ts'
import { TooManyCalls } from './our-calls.ts'
import { type CrosscheckReport, formatCrosscheck, percent } from './report.ts'

/** 2026-01-02; the log and the cluster share this clock. */
const START = Date.UTC(2026, 0, 2)
const AGENT = 'agent-of-prod'

interface Call {
  readonly verb?: string
  readonly name?: string
  readonly session?: string
  readonly user?: string
  readonly code?: number
  readonly error?: string
  readonly status?: number
  /** Refused before it was sent. */
  readonly unsent?: boolean
  readonly connection?: string
}

/** A log of its own clock, one second per call. */
function scene(t: TestContext) {
  const dir = scratch(t)
  const directory = join(dir, 'log')
  let now = START
  const entries: NewEntry[] = []
  const lines: string[] = []

  function call(number: number, facts: Call = {}, events = true): void {
    const { verb = 'get', name = 'web', session = 's-one', user = 'sallyport:alice', code = 200 } = facts
    const common = {
      call: callId(number),
      kind: 'k8s.request',
      session,
      effect: 'allow',
      policyDigest: null,
    } as const
    entries.push({
      ...common,
      phase: 'intent',
      head: {
        connection: facts.connection ?? 'prod',
        action: { verb, resource: 'pods', apiVersion: 'v1', namespace: 'shop', name },
      },
    })
    const upstream = {
      mode: 'principal',
      user,
      groups: ['sallyport:dev'],
      ...(facts.status === undefined ? {} : { status: facts.status }),
    }
    entries.push({
      ...common,
      phase: 'outcome',
      head: {
        result: {
          code,
          bytesIn: 0,
          bytesOut: 1,
          milliseconds: 1,
          ended: facts.error === undefined ? 'complete' : 'refused',
        },
        ...(facts.unsent === true ? {} : { upstream }),
        ...(facts.error === undefined ? {} : { error: { code: facts.error } }),
      },
    })
    if (events) lines.push(event(number, { verb, name, session, user, code: facts.status ?? code }))
  }

  return {
    dir,
    directory,
    lines,
    entries,
    call,
    /** Writes both sides and compares them. `stop`: the log ends with `log.stop`, else as one that still runs. */
    async check(options: Partial<CrosscheckOptions> = {}, stop = true): Promise<CrosscheckReport> {
      const log = await openAuditLog({
        dataDir: directory,
        origin: 'test/crosscheck',
        clock: () => now,
        checkpointInterval: 5,
      })
      for (const entry of entries) {
        if (entry.phase !== 'outcome') now += 1000
        now += 10
        await log.append(entry)
      }
      if (stop) await log.close()
      else await log.publish()
      const file = join(dir, 'audit.log')
      writeFileSync(file, lines.map(line => `${line}\n`).join(''))
      try {
        return await crosscheck({
          files: [file],
          stdin: Readable.from([]),
          disk,
          logs: [{ directory, keyEncryption: log.keyEncryption }],
          connections: [],
          agentUsers: [],
          ignore: [],
          skew: 0,
          mostCalls: 1000,
          ...options,
        })
      } finally {
        await log.close()
      }
    },
  }
}

interface EventFacts extends Call {
  readonly id?: string
  readonly by?: string
  readonly groups?: readonly string[]
  readonly stage?: string
  readonly namespace?: string
  readonly resource?: string
  readonly impersonated?: boolean
  readonly extra?: Readonly<Record<string, readonly string[]>>
  /** Milliseconds after START. */
  readonly at?: number
}

/** An audit.k8s.io/v1 Event as kube-apiserver writes it at level Metadata. */
function event(number: number, facts: EventFacts = {}): string {
  const { verb = 'get', name = 'web', session = 's-one', user = 'sallyport:alice', code = 200 } = facts
  const at = START + (facts.at ?? number * 1010 + 5)
  const stamp = new Date(at).toISOString().replace('Z', '000Z')
  const impersonatedUser = {
    username: user,
    groups: facts.groups ?? ['sallyport:dev', 'system:authenticated'],
    extra: facts.extra ?? { 'sallyport.dev/session': [session] },
  }
  return JSON.stringify({
    kind: 'Event',
    apiVersion: 'audit.k8s.io/v1',
    level: 'Metadata',
    auditID: facts.id ?? callId(number),
    stage: facts.stage ?? 'ResponseComplete',
    requestURI: `/api/v1/namespaces/shop/pods/${name}`,
    verb,
    user: { username: facts.by ?? AGENT, groups: ['system:authenticated'] },
    ...(facts.impersonated === false ? {} : { impersonatedUser }),
    sourceIPs: ['10.0.0.9'],
    userAgent: 'kubectl/v1.36.3',
    objectRef: {
      resource: facts.resource ?? 'pods',
      namespace: facts.namespace ?? 'shop',
      name,
      apiVersion: 'v1',
    },
    responseStatus: { metadata: {}, code },
    requestReceivedTimestamp: stamp,
    stageTimestamp: stamp,
  })
}

const counts = (report: CrosscheckReport): Record<string, number> =>
  Object.fromEntries(Object.entries(report.findings).map(([name, { count }]) => [name, count]))
const none = { unrecorded: 0, unseen: 0, different: 0, repeated: 0, unreadable: 0 }

describe('both sides agree', () => {
  test('complete both ways; the user of the agent is learned', async t => {
    const s = scene(t)
    for (let i = 1; i <= 5; i++) s.call(i)
    s.call(6, { verb: 'delete' })
    const report = await s.check()
    assert.equal(report.ok, true)
    assert.deepEqual(counts(report), none)
    assert.deepEqual(report.agentUsers, [AGENT])
    assert.deepEqual(report.verbs, [
      { verb: 'delete', ours: 1, own: 0, seen: 1, cluster: 1, recorded: 1 },
      { verb: 'get', ours: 5, own: 0, seen: 5, cluster: 5, recorded: 5 },
    ])
    assert.match(formatCrosscheck(report), /complete both ways$/)
  })

  test('rotated, gzipped and repeated files, lists of events and early stages count once', async t => {
    const s = scene(t)
    for (let i = 1; i <= 4; i++) s.call(i)
    const [one, two, three, four] = s.lines as [string, string, string, string]
    s.lines.splice(0, 4, event(4, { stage: 'RequestReceived' }), event(4, { stage: 'ResponseStarted' }), four)
    const [rotated, packed] = [join(s.dir, 'audit-1.log'), join(s.dir, 'audit-0.log.gz')]
    writeFileSync(rotated, `{"kind":"EventList","apiVersion":"audit.k8s.io/v1","items":[${two},${three}]}\n`)
    writeFileSync(packed, Buffer.concat([gzipSync(`${one}\n`), gzipSync(`${two}\n`)]))
    const report = await s.check({ files: [packed, rotated, join(s.dir, 'audit.log'), packed] })
    assert.deepEqual(counts(report), none)
    assert.equal(report.total.seen, 4)
    assert.equal(report.notJudged.find(each => each.what.includes('twice'))?.count, 3)
  })

  test('standard input', async t => {
    const s = scene(t)
    s.call(1)
    const stdin = Readable.from([Buffer.from(event(1)), Buffer.from('\n')])
    assert.equal((await s.check({ files: ['-'], stdin })).total.seen, 1)
  })

  test('calls of our own: one by one, several in an entry, and changes', async t => {
    const s = scene(t)
    const own = { kind: 'agent.call', session: null, effect: null, policyDigest: null } as const
    const action = { verb: 'get', path: '/apis' }
    const result = { code: 200, bytesIn: 0, bytesOut: 0, milliseconds: 1, ended: 'complete' } as const
    s.entries.push(
      { ...own, call: callId(1), phase: 'state', head: { connection: 'prod', action, result } },
      {
        ...own,
        call: callId(2),
        phase: 'state',
        head: {
          facts: {
            calls: [2, 3].map(n => ({
              id: callId(n),
              connection: 'prod',
              action,
              at: START + n * 1010,
              code: 200,
              ended: 'complete',
              milliseconds: 1,
            })),
          },
        },
      },
      {
        ...own,
        call: callId(4),
        phase: 'intent',
        head: {
          connection: 'prod',
          action: { verb: 'create', resource: 'pods', apiVersion: 'v1', namespace: 'shop' },
        },
      },
      { ...own, call: callId(4), phase: 'outcome', head: { result: { ...result, code: 201 } } },
    )
    const read = (n: number): string =>
      JSON.stringify({
        ...JSON.parse(event(n, { impersonated: false })),
        objectRef: undefined,
        requestURI: '/apis?timeout=5s',
      })
    s.lines.push(read(1), read(2), read(3), event(4, { impersonated: false, verb: 'create', code: 201 }))
    const report = await s.check()
    assert.deepEqual(counts(report), none)
    assert.deepEqual([report.total.own, report.total.seen, report.total.recorded], [4, 4, 4])
  })
})

describe('around the gateway', () => {
  test("a call under the agent's own user is found, also one that came before the user was known", async t => {
    const s = scene(t)
    s.lines.push(event(90, { at: 1100, by: AGENT, impersonated: false, verb: 'list' }))
    s.call(1)
    s.call(2)
    s.lines.push(event(91, { at: 2100, by: AGENT, user: 'carol', groups: [], extra: {} }))
    const report = await s.check()
    assert.deepEqual(counts(report), { ...none, unrecorded: 2 })
    assert.deepEqual(
      report.findings.unrecorded.items.map(each => [each.why, each.impersonated]),
      [
        ['agent user', 'carol'],
        ['agent user', undefined],
      ],
    )
    assert.deepEqual([report.total.cluster, report.total.recorded], [4, 2])
    assert.match(formatCrosscheck(report), /list +0 +0 +0 +- +1 +0 +0\.00 %/)
  })

  test('so is one of another user who takes a name or an extra of ours; others are not our affair', async t => {
    const s = scene(t)
    s.call(1)
    s.call(2)
    s.lines.push(
      event(91, { at: 1500, by: 'eve', user: 'sallyport:alice', extra: {} }),
      event(92, { at: 1500, by: 'eve', user: 'root', extra: { 'sallyport.dev/session': ['s-one'] } }),
      event(93, { at: 1500, by: 'sallyport:alice', impersonated: false }),
      event(94, { at: 1500, by: 'eve', user: 'root', extra: { 'example.com/x': ['y'] } }),
    )
    const report = await s.check()
    assert.deepEqual(counts(report), { ...none, unrecorded: 3 })
    assert.deepEqual(
      report.findings.unrecorded.items.map(each => each.why),
      ['our user name', 'our extra', 'our user name'],
    )
  })

  test('a copied Audit-ID does not hide it: repeated, different, or refused by us and served', async t => {
    const s = scene(t)
    s.call(1)
    s.call(2, { code: 403, error: 'denied-by-policy', unsent: true }, false)
    s.call(3)
    s.lines.push(
      // The same request once more, under the id of one that was served.
      event(1, { at: 1800 }),
      // The id of a call that we refused: its caller has read it in the answer.
      event(2, { by: AGENT }),
    )
    const report = await s.check()
    assert.deepEqual(counts(report), { ...none, repeated: 1, different: 1 })
    const [different] = report.findings.different.items
    assert.deepEqual([different?.field, different?.ours], ['sent', 'never (denied-by-policy)'])
  })

  test('each fact in which the cluster served something else is named', async t => {
    const changes: Record<string, EventFacts> = {
      verb: { verb: 'delete' },
      name: { name: 'other' },
      namespace: { namespace: 'kube-system' },
      resource: { resource: 'secrets' },
      user: { user: 'sallyport:bob' },
      groups: { groups: ['sallyport:dev', 'sallyport:admins', 'system:authenticated'] },
      session: { extra: { 'sallyport.dev/session': ['s-two'] } },
      code: { code: 404 },
    }
    const s = scene(t)
    const fields = Object.keys(changes)
    for (const [at, field] of fields.entries()) {
      s.call(at + 1, {}, false)
      s.lines.push(event(at + 1, changes[field]))
    }
    const report = await s.check()
    assert.deepEqual(
      report.findings.different.items.map(each => each.field),
      fields,
    )
    // What differs teaches no name: anybody can send an id of ours.
    assert.deepEqual(report.agentUsers, [])
    assert.match(report.notes.join(), /--agent-user/)
  })

  test('a call of ours that was sent as the agent itself, without the user in whose name it was asked', async t => {
    const s = scene(t)
    s.call(1, {}, false)
    s.lines.push(event(1, { impersonated: false }))
    const report = await s.check()
    assert.equal(report.findings.different.items[0]?.field, 'user')
    assert.equal(report.findings.different.items[0]?.cluster, `${AGENT} itself`)
  })

  test('after an orderly stop nothing may come; of a log that still runs only what it can know is judged', async t => {
    const stopped = scene(t)
    stopped.call(1)
    stopped.lines.push(event(90, { at: 9_000_000, impersonated: false }))
    assert.deepEqual(counts(await stopped.check()), { ...none, unrecorded: 1 })

    const running = scene(t)
    running.call(1)
    running.lines.push(event(90, { at: 9_000_000, impersonated: false }))
    const report = await running.check({}, false)
    assert.deepEqual(counts(report), none)
    assert.equal(report.notJudged.find(each => each.what.includes('outside of the time'))?.count, 1)
    const until = START + 10_000_000
    assert.deepEqual(counts(await running.check({ until }, false)).unrecorded, 1)
  })
})

describe('what the cluster did not see', () => {
  test('where nothing could be compared nothing is called complete', async t => {
    const s = scene(t)
    s.lines.push(event(90, { user: 'somebody', impersonated: false }))
    const report = await s.check()
    assert.equal(report.ok, false)
    assert.deepEqual(counts(report), none)
    assert.match(report.notes.join(), /nothing was compared/)
    assert.match(formatCrosscheck(report), /NOTHING COMPARED$/)
  })

  test('a missing line is a finding, with a hint where a whole kind is missing', async t => {
    const s = scene(t)
    for (let i = 1; i <= 6; i++) s.call(i, i === 3 ? { verb: 'patch' } : {})
    s.lines.splice(2, 1)
    const report = await s.check()
    assert.deepEqual(counts(report), { ...none, unseen: 1 })
    assert.equal(report.findings.unseen.items[0]?.auditID, callId(3))
    assert.match(report.notes.join(), /--ignore patch:pods; it cannot be told apart from loss/)
    const ignored = await s.check({ ignore: ['patch:*'] })
    assert.deepEqual(counts(ignored), none)
    assert.equal(ignored.notJudged.find(each => each.what.includes('--ignore'))?.count, 1)
  })

  test('what was refused, did not arrive for certain, or lies at the edge is no finding', async t => {
    const s = scene(t)
    s.call(1, {}, false)
    s.call(2)
    s.call(3, { code: 502, error: 'upstream-unreachable' }, false)
    s.call(4, { code: 403, error: 'denied-by-agent' }, false)
    s.call(5, { code: 403, error: 'denied-by-policy', unsent: true }, false)
    s.call(6)
    s.call(7, {}, false)
    const report = await s.check()
    assert.deepEqual(counts(report), none)
    assert.equal(report.notJudged.find(each => each.what.includes('edges'))?.count, 2)
    assert.equal(report.notJudged.find(each => each.what.includes('may or may not'))?.count, 1)
  })

  test('an answer that we refused to pass on was still given: its status is compared', async t => {
    const s = scene(t)
    s.call(1)
    s.call(2, { code: 502, error: 'upstream-answer-refused', status: 200 })
    s.call(3)
    assert.deepEqual(counts(await s.check()), none)
  })

  test('only the connections of this cluster are expected', async t => {
    const s = scene(t)
    s.call(1)
    s.call(2, { connection: 'elsewhere' }, false)
    s.call(3)
    assert.equal((await s.check()).findings.unseen.count, 1)
    assert.equal((await s.check({ connections: ['prod'] })).findings.unseen.count, 0)
  })
})

describe('hostile and broken input', () => {
  test('lines that are no events are findings; the unfinished last line of a file is none', async t => {
    const s = scene(t)
    s.call(1)
    s.lines.push(
      'not json',
      '[]',
      'null',
      '{"kind":"Event"}',
      '{"kind":"Pod","auditID":"x","stage":"x"}',
      '{"kind":"EventList","items":[7]}',
    )
    const report = await s.check()
    assert.deepEqual(counts(report), { ...none, unreadable: 6 })
    assert.equal(report.findings.unreadable.items[0]?.line, 2)
    const cut = join(s.dir, 'cut.log')
    writeFileSync(cut, `${event(1)}\n${event(2).slice(0, 50)}`)
    assert.deepEqual(counts(await s.check({ files: [cut] })), none)
  })

  test('fields of wrong types break nothing', async t => {
    const s = scene(t)
    s.call(1)
    const good = JSON.parse(event(1))
    for (const field of [
      'verb',
      'requestURI',
      'user',
      'impersonatedUser',
      'objectRef',
      'responseStatus',
      'sourceIPs',
    ]) {
      for (const value of [7, 'x', null, [], {}, [[]], true]) {
        s.lines.push(JSON.stringify({ ...good, auditID: `x-${field}`, [field]: value }))
      }
    }
    assert.equal((await s.check()).findings.unreadable.count, 0)
  })

  test('more calls than may be held is an error, not a silence', async t => {
    const s = scene(t)
    for (let i = 1; i <= 5; i++) s.call(i)
    await assert.rejects(s.check({ mostCalls: 4 }), TooManyCalls)
    assert.equal((await s.check({ mostCalls: 5 })).ok, true)
  })

  test('malformed --ignore is refused', async t => {
    const s = scene(t)
    await assert.rejects(s.check({ ignore: ['pods'] }), RangeError)
  })

  test('a damaged gzip file is an error', async t => {
    const file = join(scratch(t), 'x.gz')
    const packed = gzipSync(`${event(1)}\n`.repeat(1000))
    writeFileSync(file, packed.subarray(0, packed.length / 2))
    await assert.rejects(async () => {
      for await (const _ of linesOf(file, Readable.from([])));
    })
  })

  test('a line without end is not held', async () => {
    async function* endless(): AsyncGenerator<Buffer> {
      for (let i = 0; i < 40; i++) yield Buffer.alloc(1024 * 1024, 97)
      yield Buffer.from('\n{}\n')
    }
    const found: (string | null)[] = []
    for await (const line of linesOf('-', Readable.from(endless()))) found.push(line.text)
    assert.deepEqual(found, [null, '{}'])
  })
})

test('a share is never rounded up to all', () => {
  assert.equal(percent(99_999_999, 100_000_000), '99.99 %')
  assert.equal(percent(3, 3), '100 %')
  assert.equal(percent(0, 0), '-')
})
