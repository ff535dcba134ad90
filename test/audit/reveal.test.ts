import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import {
  cpSync,
  createWriteStream,
  existsSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { after, before, describe, test } from 'node:test'
import { setTimeout } from 'node:timers/promises'
import type { RevealDocument, Revelation } from '../../src/api/schema/reveals.ts'
import { assertPrinted } from '../../src/api/testing/printed.ts'
import type { CapturedBody, EntryKind } from '../../src/audit/entry.ts'
import { exportArchive } from '../../src/audit/export/export.ts'
import { disk } from '../../src/audit/files/disk.ts'
import { epochKeys } from '../../src/audit/keys/epochs.ts'
import { digestOf, unlock } from '../../src/audit/reveal/unlock.ts'
import { dataKeyring } from '../../src/audit/segments/open-records.ts'
import { scanSegment } from '../../src/audit/segments/scan.ts'
import { body, callId, maskedBody, scratch } from '../../src/audit/testing/calls.ts'
import { type Report, verifyLog } from '../../src/audit/verify.ts'
import { putLocalUser } from '../../src/identity/local/users.ts'
import { fileKeyEncryption } from '../../src/keys/file-key.ts'
import { newAgeIdentity } from '../../src/keys/testing/age-identity.ts'
import { call, kube, openRig, type Rig, type RigOptions } from '../attacks/harness.ts'
import { answerWith } from '../attacks/upstream.ts'

const DAY = 86_400_000
const REASON = 'was this the password that leaked in the report'

/** A gateway, people with all rights, and a clock that a test turns. */
interface Office {
  readonly rig: Rig
  /** Milliseconds added to the clock. */
  ahead: number
  ask(who: string, method: string, path: string, value?: object): Promise<Answer>
  /** A call of the owner, with a body that the gateway masked. */
  record(number: number, response: CapturedBody, who?: string): Promise<string>
  /** Until the log writes under the keys of the next day: they are made beside the writes. */
  nextDay(): Promise<void>
  verify(directory?: string): Promise<Report>
  readonly log: string
}

interface Answer {
  readonly status: number
  // biome-ignore lint/suspicious/noExplicitAny: whatever the API answers.
  readonly json: any
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
}

const PEOPLE = ['ann', 'ben', 'owner']
const clean: (() => unknown)[] = []

async function openOffice(options: RigOptions = {}): Promise<Office> {
  const office: { ahead: number } = { ahead: 0 }
  const rig = await openRig({ ...options, now: () => Date.now() + office.ahead })
  clean.push(() => rig.close())
  for (const name of PEOPLE) await putLocalUser(rig.gateway.store, { name, groups: ['admins'] })
  const tokens = new Map<string, { token: string; at: number }>()
  const tokenOf = async (who: string): Promise<string> => {
    const known = tokens.get(who)
    if (known !== undefined && known.at === office.ahead) return known.token
    const { token } = await rig.signIn(who)
    tokens.set(who, { token, at: office.ahead })
    return token
  }
  const log = join(rig.dataDir, 'log')
  return Object.assign(office, {
    rig,
    log,
    async ask(who: string, method: string, path: string, value?: object): Promise<Answer> {
      const text = value === undefined ? undefined : JSON.stringify(value)
      const answer = await call(rig, method, path, {
        headers: [
          ...['authorization', `Bearer ${await tokenOf(who)}`],
          ...(text === undefined
            ? ['content-length', '0']
            : ['content-type', 'application/json', 'content-length', String(Buffer.byteLength(text))]),
        ],
        ...(text === undefined ? {} : { body: text }),
      })
      return { status: answer.status, json: JSON.parse(answer.body.toString()), headers: answer.headers }
    },
    async record(number: number, response: CapturedBody, who = 'owner'): Promise<string> {
      const id = callId(number)
      const { principal } = (await this.ask(who, 'GET', '/v1/whoami')).json
      const common = {
        call: id,
        kind: 'k8s.request' as EntryKind,
        session: `s-${who}`,
        effect: 'allow' as const,
        policyDigest: null,
      }
      const { issuer, subject, username, groups, kind } = principal
      await rig.gateway.log.append({
        ...common,
        phase: 'intent',
        head: { principal: { issuer, subject, username, groups, kind, method: 'local' }, connection: 'dev' },
      })
      const result = { code: 200, bytesIn: 0, bytesOut: 1, milliseconds: 1, ended: 'complete' as const }
      await rig.gateway.log.append({ ...common, phase: 'outcome', head: { result }, response })
      // A question about one call waits for the index, a search does not.
      await this.ask('admin', 'GET', `/v1/audit/entries/${id}`)
      return id
    },
    async nextDay(): Promise<void> {
      office.ahead += DAY
      const day = new Date(Date.now() + office.ahead).toISOString().slice(0, 10)
      while (rig.gateway.log.keyDay < day) {
        await this.ask('admin', 'GET', '/v1/whoami')
        await setTimeout(2)
      }
    },
    async verify(directory = log): Promise<Report> {
      await rig.gateway.log.publish()
      const copy = scratch({ after: undo => clean.push(undo) })
      cpSync(directory, copy, { recursive: true })
      return verifyLog({
        directory: copy,
        vkey: rig.gateway.log.vkey,
        live: true,
        keyFile: join(log, 'secrets', 'kek'),
      })
    },
  })
}

function green(report: Report): void {
  assert.deepEqual(
    report.checks.filter(one => one.status === 'failed').map(one => [one.name, one.places]),
    [],
  )
}

const secretOf = (number: number) => ['hunter', 'two', number, 'x9Zq'].join('-')
const answerOf = (number: number) => `{"kind":"Secret","data":{"password":"${secretOf(number)}"}}`
const masked = (number: number, extra = {}) => maskedBody(answerOf(number), [secretOf(number)], extra)

let office: Office
before(async () => {
  office = await openOffice()
})
after(async () => {
  for (const undo of clean.reverse()) await undo()
})

const requested = async (scope: object, who = 'ann', from = office): Promise<string> => {
  const answer = await from.ask(who, 'POST', '/v1/reveals', { scope, reason: REASON, ticket: 'INC-7' })
  assert.equal(answer.status, 201, JSON.stringify(answer.json))
  return (answer.json as RevealDocument).reveal.id
}
const approve = (id: string, who = 'ben', from = office, minutes = 5) =>
  from.ask(who, 'POST', `/v1/reveals/${id}/approve`, { minutes })
const open = (id: string, who = 'ann', from = office) => from.ask(who, 'POST', `/v1/reveals/${id}/open`)
const code = (answer: Answer) => [answer.status, answer.json.code, answer.json.check]

describe('a reveal', () => {
  test('is asked for by one person, approved by another, opened once; the original is proven, and all of it is in the log', async () => {
    const { rig } = office
    const id = await office.record(1, masked(1))
    assert.deepEqual(code(await open(await requested({ call: id }))), [409, 'reveal-closed', 'requested'])
    const reveal = await requested({ call: id })
    const approved = await approve(reveal)
    assert.equal(approved.status, 200)
    assert.equal(approved.json.reveal.state, 'approved')
    const before = rig.entries.length
    const answer = await open(reveal)
    assert.equal(answer.status, 200, JSON.stringify(answer.json))
    assert.equal(answer.headers['cache-control'], 'no-store')
    const revelation = answer.json as Revelation
    assert.match(revelation.watermark, new RegExp(`opened by local:ann at .* under reveal ${reveal}`))
    assert.deepEqual(
      revelation.revealed.values.map(one => [one.pointer, one.rule, one.state, one.text]),
      [['/data/0', 'test', 'open', secretOf(1)]],
    )
    const [whole] = revelation.revealed.bodies
    assert.deepEqual([whole!.restored, whole!.text], [true, answerOf(1)])
    assert.equal(digestOf(revelation.revealed), revelation.digest)
    const entry = rig.entries.slice(before).find(one => one.kind === 'reveal.open')!
    assert.equal(entry.call, reveal)
    assert.equal(entry.head.facts!.digest, revelation.digest)
    assert.equal(entry.head.principal!.username, 'local:ann')
    assert.deepEqual(code(await open(reveal)), [409, 'reveal-closed', 'opened'])
    assert.match(rig.logged(), /sealed originals were opened/)
    const report = await office.verify()
    green(report)
    assert.ok(report.checks.find(one => one.name === 'reveals')!.checked >= 1)
    assert.ok(report.checks.find(one => one.name === 'originals')!.checked >= 1)
  })

  test('of one value opens that one; of a session all of it, and of no other', async () => {
    const two = [secretOf(20), secretOf(21)]
    const id = await office.record(2, maskedBody(`["${two[0]}","${two[1]}"]`, two), 'nobody')
    await office.record(3, body('what could not be scanned', 'sealed'), 'nobody')
    const one = await requested({ call: id, pointer: '/data/1' })
    await approve(one)
    const value = (await open(one)).json as Revelation
    assert.deepEqual(
      value.revealed.values.map(v => v.text),
      [two[1]],
    )
    assert.deepEqual(value.revealed.bodies, [])
    const session = await requested({ session: 's-nobody' })
    await approve(session)
    const all = (await open(session)).json as Revelation
    assert.deepEqual(all.revealed.values.map(v => v.text).sort(), two.toSorted())
    assert.deepEqual(
      all.revealed.bodies.map(b => [b.restored, b.text]).sort(),
      [
        [false, 'what could not be scanned'],
        [true, `["${two[0]}","${two[1]}"]`],
      ].sort(),
    )
    assert.ok(!JSON.stringify(all).includes(secretOf(1)))
  })

  test('gives back, byte by byte, what the cluster answered, where the gateway itself masked it; also a list in frames', async () => {
    const own = await openOffice()
    const { rig } = own
    const secret = (number: number) => ({
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: { name: `s-${number}`, namespace: 'shop', uid: `u-${number}` },
      data: { password: Buffer.from(secretOf(number)).toString('base64'), empty: '' },
      type: 'Opaque',
    })
    const one = JSON.stringify(secret(1), null, 2)
    const items = Array.from({ length: 3000 }, (_, number) => secret(number))
    const list = JSON.stringify({ kind: 'SecretList', apiVersion: 'v1', metadata: {}, items })
    assert.ok(list.length > 500_000)
    rig.upstream.answer = request => answerWith(request, 200, request.target.endsWith('/s-1') ? one : list)
    const { token, id: session } = await rig.session('owner')
    const path = '/k/dev/api/v1/namespaces/shop/secrets'
    for (const [target, original] of [
      [`${path}/s-1`, one],
      [path, list],
    ] as const) {
      const answer = await kube(rig, token, 'GET', target)
      assert.equal(answer.status, 200, answer.body.toString())
      assert.ok(!answer.body.includes(Buffer.from(secretOf(1)).toString('base64')))
      const id = String(answer.headers['x-request-id'] ?? answer.headers['audit-id'])
      const reveal = await requested({ call: id }, 'ann', own)
      assert.deepEqual(code(await approve(reveal, 'owner', own)), [
        403,
        'second-person-required',
        'session-owner',
      ])
      await approve(reveal, 'ben', own)
      const opened = await open(reveal, 'ann', own)
      assert.equal(opened.status, 200, JSON.stringify(opened.json))
      const { revealed } = opened.json as Revelation
      assert.equal(revealed.bodies[0]!.restored, true)
      assert.ok(revealed.bodies[0]!.text === original, 'the restored body is the one that the cluster gave')
      const value = revealed.values.find(v => v.pointer.endsWith('/data/password'))!
      assert.equal(Buffer.from(value.text!, 'base64').toString(), secretOf(original === one ? 1 : 0))
    }
    assert.ok(session.length > 0)
    green(await own.verify())
  })

  test('no single person opens anything, not even one with every right', async () => {
    const id = await office.record(4, masked(4))
    for (const who of ['admin', 'ann']) {
      const reveal = await requested({ call: id }, who)
      assert.deepEqual(code(await approve(reveal, who)), [403, 'second-person-required', 'requester'])
      assert.deepEqual(code(await open(reveal, who)), [409, 'reveal-closed', 'requested'])
    }
    // Whose values they are cannot approve either, nor can another person use an approval.
    const reveal = await requested({ call: id })
    assert.deepEqual(code(await approve(reveal, 'owner')), [403, 'second-person-required', 'session-owner'])
    await approve(reveal)
    assert.deepEqual(code(await open(reveal, 'ben')), [403, 'denied-by-policy', 'requester'])
    assert.deepEqual(code(await open(reveal, 'admin')), [403, 'denied-by-policy', 'requester'])
    // What show and search give is masked; so is everything on the disk but what needs keys.
    const shown = await office.ask('admin', 'GET', `/v1/audit/entries/${id}`)
    assert.ok(!JSON.stringify(shown.json).includes(secretOf(4)))
    assert.equal(shown.json.bodies[0].maskedValues, 1)
    assert.ok(!office.rig.logged().includes(secretOf(4)))
    for (const file of readdirSync(office.rig.dataDir, { recursive: true, withFileTypes: true })) {
      if (!file.isFile()) continue
      const bytes = readFileSync(join(file.parentPath, file.name))
      assert.ok(!bytes.includes(secretOf(4)), file.name)
    }
  })

  test('without the rights nobody asks, approves, opens or even lists', async () => {
    for (const who of ['dev', 'nobody']) {
      const scope = { call: callId(1) }
      for (const [method, path, value] of [
        ['POST', '/v1/reveals', { scope, reason: REASON, ticket: 'x' }],
        ['POST', '/v1/reveals/r/approve', {}],
        ['POST', '/v1/reveals/r/open', undefined],
        ['GET', '/v1/reveals', undefined],
        ['POST', '/v1/shreds', { class: 'sealed', day: '2026-01-01', reason: REASON }],
        ['POST', '/v1/shreds/r/approve', undefined],
        ['POST', '/v1/holds', { scope: { day: '2026-01-01' }, reason: REASON }],
      ] as const) {
        const answer = await office.ask(who, method, path, value)
        assert.deepEqual([answer.status, answer.json.code], [403, 'denied-by-policy'], `${who} ${path}`)
      }
    }
  })

  test('needs a reason, a ticket, and exactly one scope that exists', async () => {
    const good = { scope: { call: callId(1) }, reason: REASON, ticket: 'INC-7' }
    for (const bad of [
      { ...good, reason: 'too short' },
      { ...good, reason: `short${' '.repeat(40)}` },
      { ...good, ticket: ' ' },
      { ...good, scope: {} },
      { ...good, scope: { call: callId(1), session: 's-owner' } },
      { ...good, scope: { pointer: '/x' } },
      { ...good, scope: { call: callId(1), more: 1 } },
    ]) {
      const answer = await office.ask('ann', 'POST', '/v1/reveals', bad)
      assert.deepEqual([answer.status, answer.json.code], [400, 'input-invalid'], JSON.stringify(bad))
    }
    for (const scope of [{ call: callId(999) }, { session: 's-none' }]) {
      assert.equal((await office.ask('ann', 'POST', '/v1/reveals', { ...good, scope })).status, 404)
    }
    for (const minutes of [0, 61, 1.5]) {
      assert.equal((await office.ask('ben', 'POST', '/v1/reveals/r/approve', { minutes })).status, 400)
    }
  })

  test('denied, or too late, opens nothing, also after an approval', async () => {
    const id = await office.record(5, masked(5))
    const denied = await requested({ call: id })
    await approve(denied)
    assert.equal((await office.ask('admin', 'POST', `/v1/reveals/${denied}/deny`, {})).status, 200)
    assert.deepEqual(code(await open(denied)), [409, 'reveal-closed', 'denied'])
    assert.deepEqual(code(await approve(denied)), [409, 'reveal-closed', 'denied'])
    const late = await requested({ call: id })
    await approve(late, 'ben', office, 1)
    office.ahead += 61_000
    assert.deepEqual(code(await open(late)), [409, 'reveal-closed', 'expired'])
    assert.deepEqual(code(await approve(late)), [409, 'reveal-closed', 'expired'])
    assert.ok(office.rig.entries.some(one => one.kind === 'reveal.expire' && one.call === late))
    green(await office.verify())
  })

  test('is used once, however many try at the same moment', async () => {
    const id = await office.record(6, masked(6))
    const reveal = await requested({ call: id })
    await approve(reveal)
    const answers = await Promise.all(Array.from({ length: 8 }, () => open(reveal)))
    assert.equal(answers.filter(one => one.status === 200).length, 1)
    for (const one of answers) if (one.status !== 200) assert.equal(one.json.code, 'reveal-closed')
    const opened = office.rig.entries.filter(one => one.kind === 'reveal.open' && one.call === reveal)
    assert.equal(opened.length, 1)
    green(await office.verify())
  })

  test('where else a value was seen is answered by fingerprint, and opens nothing', async () => {
    await office.record(7, masked(7, { fingerprint: 'fp-seven' }))
    await office.record(8, masked(7, { fingerprint: 'fp-seven' }))
    await office.record(9, masked(9, { fingerprint: 'fp-nine' }))
    const { json } = await office.ask('ann', 'GET', '/v1/audit/entries?fingerprint=fp-seven')
    assert.deepEqual(
      json.items.map((one: { call: string }) => one.call),
      [callId(8), callId(7)],
    )
    assert.ok(!JSON.stringify(json).includes('hunter'))
  })
})

describe('the verifier', () => {
  test('is red on a log that opened without request, without approval, by one person, twice or after a denial', async () => {
    const own = await openOffice()
    const { ask, rig } = own
    const id = await own.record(1, masked(1))
    const people: Record<string, { principal: object }> = {}
    for (const who of PEOPLE) people[who] = (await ask(who, 'GET', '/v1/whoami')).json
    const forge = async (call: string, kind: EntryKind, who: string, change: object) => {
      const { issuer, subject, username } = people[who]!.principal as Record<string, string>
      const principal = { issuer, subject, username, groups: [], kind: 'person', method: 'local' } as never
      const facts = {
        scope: { call: id },
        of: [people.owner!.principal],
        until: new Date(Date.now() + 60_000).toISOString(),
        digest: `sha256:${'0'.repeat(64)}`,
        ...change,
      }
      const head = { principal, facts }
      const none = { session: null, effect: null, policyDigest: null }
      await rig.gateway.log.append({ call, kind, phase: 'state', ...none, head })
    }
    type Step = readonly [kind: EntryKind, who: string, change?: object]
    const begun: Step[] = [
      ['reveal.request', 'ann'],
      ['reveal.approve', 'ben'],
    ]
    const open: Step = ['reveal.open', 'ann']
    const cases: readonly (readonly [RegExp | null, readonly Step[]])[] = [
      [null, [...begun, open]],
      [/without a request/, [open]],
      [/without an approval/, [begun[0]!, open]],
      [/person who asked for it/, [begun[0]!, ['reveal.approve', 'ann'], open]],
      [/whose values they are/, [begun[0]!, ['reveal.approve', 'owner'], open]],
      [/another person than asked/, [...begun, ['reveal.open', 'ben']]],
      [/reveal.open after reveal.open/, [...begun, open, open]],
      [/reveal.open after reveal.deny/, [...begun, ['reveal.deny', 'ben'], open]],
      [/reveal.open after reveal.expire/, [...begun, ['reveal.expire', 'ben'], open]],
      [
        /after its approval had ended/,
        [begun[0]!, ['reveal.approve', 'ben', { until: '2026-01-01T00:00:00Z' }], open],
      ],
      [/another scope/, [...begun, ['reveal.open', 'ann', { scope: { session: 's-owner' } }]]],
      [/does not say what was shown/, [...begun, ['reveal.open', 'ann', { digest: 'something' }]]],
      [/twice, and not alike/, [begun[0]!, ['reveal.request', 'ben'], begun[1]!, open]],
    ]
    for (const [number, [, steps]] of cases.entries()) {
      for (const [kind, who, change = {}] of steps) await forge(callId(700 + number), kind, who, change)
    }
    const { places } = (await own.verify()).checks.find(one => one.name === 'reveals')!
    for (const [number, [expected]] of cases.entries()) {
      const found = places.find(one => one.call === callId(700 + number))?.problem
      if (expected === null) assert.equal(found, undefined)
      else assert.match(found ?? 'nothing', expected)
    }
  })
})

describe('shredding', () => {
  const dayOf = (at: number) => new Date(at).toISOString().slice(0, 10)
  const shred = (from: Office, keyClass: string, day: string, who = 'ann') =>
    from.ask(who, 'POST', '/v1/shreds', { class: keyClass, day, reason: REASON })

  test('takes two persons; then no copy of the records opens, the trail stays, and verify is green', async () => {
    const own = await openOffice()
    const day = dayOf(Date.now())
    const id = await own.record(1, masked(1))
    assert.deepEqual(code(await shred(own, 'sealed', day)), [409, 'conflict', 'key-in-use'])
    await own.rig.gateway.log.flush()
    const backup = scratch({ after: undo => clean.push(undo) })
    cpSync(own.log, backup, { recursive: true })
    await own.nextDay()
    await own.record(2, masked(2))
    await own.nextDay()
    await own.record(3, masked(3))
    const asked = await shred(own, 'sealed', day)
    assert.equal(asked.status, 201, JSON.stringify(asked.json))
    const path = `/v1/shreds/${asked.json.shred.id}/approve`
    assert.deepEqual(code(await own.ask('ann', 'POST', path)), [403, 'second-person-required', 'requester'])
    assert.ok(existsSync(join(own.log, 'keys', `sealed-${day}.json`)))
    assert.equal((await own.ask('ben', 'POST', path)).status, 200)
    assert.deepEqual(
      readdirSync(join(own.log, 'keys')).filter(name => name.includes(`sealed-${day}`)),
      [],
    )
    assert.deepEqual(code(await own.ask('ben', 'POST', path)), [409, 'conflict', 'shred'])
    const entry = own.rig.entries.find(one => one.kind === 'key.shred')!
    assert.equal(entry.epoch, `sealed-${day}`)

    const reveal = await requested({ call: id }, 'ann', own)
    await approve(reveal, 'ben', own)
    assert.deepEqual(code(await open(reveal, 'ann', own)), [404, 'resource-unknown', 'nothing-kept'])
    const shown = await own.ask('ann', 'GET', `/v1/audit/entries/${id}`)
    assert.match(shown.json.bodies[0].text, /sallyport\.masked\.test/)
    const report = await own.verify()
    green(report)
    assert.match(report.notes.join('\n'), /closed for good: entry \d+ destroyed the key sealed-/)

    // A backup from before that holds wrapped keys and key file opens still, and must not be made like that. Without
    // the keys of that day nothing opens it any more.
    assert.equal((await sealedKeysThatOpen(backup, own)).length, 1)
    rmSync(join(backup, 'keys', `sealed-${day}.json`))
    assert.deepEqual(await sealedKeysThatOpen(backup, own), [])
  })

  test('of the shown class takes heads and bodies out of the search index as well', async () => {
    const own = await openOffice()
    const day = dayOf(Date.now())
    await own.record(1, body('{"word":"xylophone"}'))
    await own.nextDay()
    await own.record(2, body('{"word":"zither"}'))
    const found = async (word: string) =>
      (await own.ask('ann', 'GET', `/v1/audit/entries?kind=k8s.request&text=${word}`)).json.items.length
    assert.equal(await found('xylophone'), 1)
    const asked = await shred(own, 'shown', day)
    assert.equal((await own.ask('ben', 'POST', `/v1/shreds/${asked.json.shred.id}/approve`)).status, 200)
    assert.equal(await found('xylophone'), 0)
    assert.equal(await found('zither'), 1)
    green(await own.verify())
  })

  test('is blocked by a hold on the day, a session or a person, until it is released', async () => {
    const own = await openOffice()
    const day = dayOf(Date.now())
    await own.record(1, masked(1))
    const { principal } = (await own.ask('owner', 'GET', '/v1/whoami')).json
    await own.nextDay()
    await own.record(2, masked(2), 'nobody')
    const scopes = [{ day }, { session: 's-owner' }, { issuer: principal.issuer, subject: principal.subject }]
    const before = await shred(own, 'sealed', day)
    for (const scope of scopes) {
      const hold = await own.ask('ann', 'POST', '/v1/holds', { scope, reason: REASON })
      assert.equal(hold.status, 201, JSON.stringify(hold.json))
      assert.deepEqual(code(await shred(own, 'sealed', day)), [409, 'legal-hold', 'hold'])
      const approved = await own.ask('ben', 'POST', `/v1/shreds/${before.json.shred.id}/approve`)
      assert.deepEqual(code(approved), [409, 'legal-hold', 'hold'])
      assert.ok(existsSync(join(own.log, 'keys', `sealed-${day}.json`)))
      const release = `/v1/holds/${hold.json.hold.id}/release`
      assert.equal((await own.ask('ann', 'POST', release, { reason: REASON })).status, 200)
    }
    const other = await own.ask('ann', 'POST', '/v1/holds', {
      scope: { session: 's-nobody' },
      reason: REASON,
    })
    assert.equal(other.status, 201)
    assert.equal((await own.ask('ben', 'POST', `/v1/shreds/${before.json.shred.id}/approve`)).status, 200)
    assert.ok(!existsSync(join(own.log, 'keys', `sealed-${day}.json`)))
    green(await own.verify())
  })
})

describe('recipients', () => {
  test('alone can open what was sealed: the gateway hands out what it cannot read', async () => {
    const { secret, identity, recipient } = await newAgeIdentity()
    const { identity: stranger } = await newAgeIdentity()
    const own = await openOffice({ audit: { recipients: [recipient] } })
    const change = own.rig.entries.find(one => one.kind === 'key.recipients')
    const stored = await own.rig.gateway.store.get<{ recipients: string[] }>(
      'recipients',
      own.rig.gateway.log.origin,
    )
    assert.deepEqual(stored!.value.recipients, [recipient.text])
    assert.equal(change, undefined, 'it was written before this test could listen; the trail has it')
    const id = await own.record(1, masked(1))
    await own.record(2, body('whole and sealed', 'sealed'))
    const reveal = await requested({ session: 's-owner' }, 'ann', own)
    await approve(reveal, 'ben', own)
    const answer = (await open(reveal, 'ann', own)).json as Revelation
    assert.ok(!JSON.stringify(answer).includes(secretOf(1)))
    assert.deepEqual(
      [...answer.revealed.values, ...answer.revealed.bodies].map(one => one.state),
      ['recipients', 'recipients'],
    )
    assert.equal(digestOf(answer.revealed), answer.digest)
    const here = await unlock(answer.revealed, [identity])
    assert.equal(here.values[0]!.text, secretOf(1))
    assert.equal(here.bodies[0]!.text, 'whole and sealed')
    assert.deepEqual(await unlock(answer.revealed, [stranger]), answer.revealed)
    const trail = await own.ask('ann', 'GET', '/v1/audit/entries?kind=key.recipients')
    assert.deepEqual(trail.json.items[0].head.facts.recipients, [recipient.text])
    const report = await own.verify()
    green(report)
    assert.match(report.notes.join('\n'), /can be opened by the recipients only/)
    // On the machine of a recipient: an export, its key file and the identity.
    const place = scratch({ after: undo => clean.push(undo) })
    const archive = exportArchive(
      { files: disk, directory: own.log, vkey: own.rig.gateway.log.vkey, records: true },
      Date.now(),
    )
    await pipeline(archive, createWriteStream(join(place, 'log.tar.gz')))
    assert.equal(spawnSync('tar', ['-xzf', join(place, 'log.tar.gz'), '-C', place]).status, 0)
    writeFileSync(join(place, 'identity'), `# of the security team\n${secret}\n`, { mode: 0o600 })
    const run = (...args: string[]) => {
      const words = [
        'reveal',
        'offline',
        join(place, 'log'),
        ...args,
        '--keys',
        join(own.log, 'secrets', 'kek'),
      ]
      return spawnSync(process.execPath, ['src/cli/main.ts', ...words], { encoding: 'utf8' })
    }
    const alone = run(id, '--identity', join(place, 'identity'), '-o', 'json')
    assert.equal(alone.status, 0, alone.stderr)
    assertPrinted(['-o', 'json'], alone.stdout)
    const [value] = JSON.parse(alone.stdout).revealed.values
    assert.deepEqual([value.pointer, value.text], ['/data/0', secretOf(1)])
    assert.match(run(id, '/data/0').stdout, /\/data\/0 \(test\): only a recipient can open it/)
    assert.equal(run(callId(99)).status, 1)
    writeFileSync(join(place, 'other'), 'no identity')
    const wrong = run(id, '--identity', join(place, 'other'))
    assert.equal(wrong.status, 2)
    assert.doesNotMatch(wrong.stderr, /no identity/)
  })
})

/** Ids of sealed data keys that somebody with the log's directory and the key file can open. */
async function sealedKeysThatOpen(directory: string, own: Office): Promise<string[]> {
  const kek = await fileKeyEncryption(disk, join(directory, 'secrets', 'kek'), false)
  const { origin } = own.rig.gateway.log
  const keyring = dataKeyring(origin, epochKeys(disk, directory, origin, kek).find, 'all')
  const found: string[] = []
  for (const name of readdirSync(join(directory, 'segments'))) {
    const file = await disk.open(join(directory, 'segments', name), 'read')
    const scan = await scanSegment(file, origin)
    for (let record = await scan.next(); record !== null; record = await scan.next()) {
      if (record[0] !== 1 || (record[1]! & 2) === 0) continue
      const copy = Buffer.from(record)
      await keyring.learn(copy)
      if (keyring.has(copy.toString('hex', 16, 32))) found.push(copy.toString('hex', 16, 32))
    }
    await file.close()
  }
  return found
}
