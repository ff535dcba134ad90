import assert from 'node:assert/strict'
import { after, describe, test } from 'node:test'
import type { Refusal } from '../../errors/refusal.ts'
import { openWitness, type Witness } from '../../witness/witness.ts'
import type { NewEntry } from '../entry.ts'
import { cosignatureOn } from '../log/cosignature.ts'
import { openNote, parseVerifierKey, splitNote } from '../log/note.ts'
import { type OpenAuditLog, openAuditLog } from '../open.ts'
import { intent, outcome, recordCall } from '../testing/calls.ts'
import { memoryDisk } from '../testing/memory.ts'
import type { Witnessing, WitnessLink } from './contract.ts'
import { refuseUnwitnessed } from './guard.ts'
import { openWitnessing, type WitnessingEvent, type WitnessingOptions } from './open-witnessing.ts'
import { parseWitness } from './url-witness.ts'

const clean: (() => Promise<unknown>)[] = []
after(async () => {
  for (const undo of clean.reverse()) await undo()
})

interface Rig {
  readonly log: OpenAuditLog
  readonly events: WitnessingEvent[]
  readonly entries: NewEntry[]
  readonly files: ReturnType<typeof memoryDisk>
}

async function rig(files = memoryDisk()): Promise<Rig> {
  const log = await openAuditLog({ dataDir: '/log', origin: 'log.example/w', files, checkpointInterval: 5 })
  const entries: NewEntry[] = []
  log.onDurable(batch => entries.push(...batch.entries.map(one => one.entry)))
  clean.push(() => log.close())
  return { log, events: [], entries, files }
}

async function newWitness(log: OpenAuditLog, name = 'w.example/1'): Promise<Witness> {
  return openWitness({ directory: '/w', fallbackName: () => name, files: memoryDisk(), logs: [log.vkey] })
}

/** A link to a witness in this process; `cut` makes it unreachable. */
function linkTo(witness: Witness): WitnessLink & { cut: boolean; asked: number } {
  return {
    name: witness.name,
    vkey: witness.vkey,
    cut: false,
    asked: 0,
    async addCheckpoint(body) {
      this.asked += 1
      if (this.cut) throw new Error('connection refused')
      return witness.addCheckpoint(body)
    },
  }
}

async function watch(
  { log, events }: Rig,
  links: readonly WitnessLink[],
  policy: Partial<WitnessingOptions> = {},
): Promise<Witnessing> {
  const made = await openWitnessing({
    log,
    links: () => links,
    onEvent: event => events.push(event),
    interval: 3_600_000,
    unwitnessedAfter: 3_600_000,
    ...policy,
  })
  clean.push(() => made.close())
  return made
}

const kinds = (entries: readonly NewEntry[]) =>
  entries.map(one => one.kind).filter(kind => kind.includes('witness'))

async function until(condition: () => boolean): Promise<void> {
  const end = Date.now() + 20_000
  while (!condition()) {
    if (Date.now() > end) throw new Error('it did not happen in time')
    await new Promise(resolve => setTimeout(resolve, 5))
  }
}

describe('cosignatures beside the log', () => {
  test('each round proves from where the witness stands; the file carries both signatures', async () => {
    const one = await rig()
    const [first, second] = [await newWitness(one.log), await newWitness(one.log, 'w.example/2')]
    const watching = await watch(one, [linkTo(first), linkTo(second)], { required: 2 })
    await watching.round()
    for (let number = 0; number < 300; number += 1) await recordCall(one.log, number)
    const { size } = await one.log.publish()
    await watching.round()
    assert.equal(watching.cosigned!.size, size)
    const note = one.files.content.get('/log/checkpoint.cosigned')!.toString()
    assert.equal(note, watching.cosigned!.note)
    assert.match(openNote(note, one.log.vkey), new RegExp(`\n${size}\n`))
    for (const { vkey } of [first, second]) assert.ok(cosignatureOn(splitNote(note), parseVerifierKey(vkey)))
    assert.equal(one.files.content.get('/log/checkpoint')!.toString(), one.log.checkpoint.note)
    assert.deepEqual(
      watching.status().witnesses.map(({ state, size: seen }) => [state, seen]),
      [
        ['cosigned', size],
        ['cosigned', size],
      ],
    )
    assert.equal(watching.status().unwitnessedSince, null)
  })

  test('a gateway that has forgotten where the witness stands learns it by 409', async () => {
    const one = await rig()
    const witness = await newWitness(one.log)
    const link = linkTo(witness)
    await (await watch(one, [link])).round()
    for (let number = 0; number < 20; number += 1) await recordCall(one.log, number)
    await one.log.publish()
    const again = await watch(one, [link])
    link.asked = 0
    await again.round()
    assert.equal(again.cosigned!.size, one.log.checkpoint.size)
    assert.equal(link.asked, 2)
  })

  test('with too few cosignatures the file stays, what single witnesses signed is kept, and it says since when', async () => {
    const one = await rig()
    const [here, gone] = [linkTo(await newWitness(one.log)), linkTo(await newWitness(one.log, 'w.example/2'))]
    const watching = await watch(one, [here, gone], { required: 2 })
    await watching.round()
    const before = watching.cosigned!
    gone.cut = true
    await recordCall(one.log, 1)
    await one.log.publish()
    await watching.round()
    assert.deepEqual(watching.cosigned, before)
    assert.notEqual(watching.status().unwitnessedSince, null)
    const single = [...one.files.content.keys()].filter(path => path.startsWith('/log/witnesses/'))
    assert.equal(single.length, 2)
    assert.ok(single.some(path => one.files.content.get(path)!.includes(`\n${one.log.checkpoint.size}\n`)))
    assert.deepEqual(watching.status().witnesses[1]!.state, 'unreachable')
  })

  test('checkpoints are shown by themselves, and one that comes back is caught up', async () => {
    const one = await rig()
    const link = linkTo(await newWitness(one.log))
    const watching = await watch(one, [link], { interval: 5, unwitnessedAfter: 60_000 })
    link.cut = true
    await recordCall(one.log, 1)
    await until(() => watching.status().witnesses[0]?.state === 'unreachable')
    link.cut = false
    await until(() => watching.status().unwitnessedSince === null)
    assert.equal(watching.cosigned!.size, one.log.checkpoint.size)
  })
})

describe('a witness that is away', () => {
  test('delays no append, is told once when it lasts, and once when it is over', async () => {
    const one = await rig()
    const link = linkTo(await newWitness(one.log))
    const hanging: WitnessLink = {
      ...link,
      addCheckpoint: (body, signal) =>
        link.cut
          ? new Promise((_, reject) => signal.addEventListener('abort', () => reject(new Error('no answer'))))
          : link.addCheckpoint(body, signal),
    }
    const watching = await watch(one, [hanging], { interval: 5, unwitnessedAfter: 60, deadline: 20 })
    await until(() => watching.status().unwitnessedSince === null)
    link.cut = true
    const slowest = await slowestAppend(one.log, 100)
    assert.ok(slowest < 2_000, `${slowest} ms`)
    await until(() => kinds(one.entries).length === 1)
    assert.equal(watching.status().overdue, true)
    assert.equal(watching.status().blocked, false)
    link.cut = false
    await until(() => kinds(one.entries).length === 2)
    await until(() => watching.status().unwitnessedSince === null)
    const facts = one.entries
      .filter(entry => entry.kind === 'log.unwitnessed')
      .map(entry => entry.head.facts!)
    assert.deepEqual(
      facts.map(fact => fact.state),
      ['begin', 'end'],
    )
    assert.deepEqual((facts[0]!.witnesses as { state: string }[])[0]!.state, 'unreachable')
    assert.deepEqual(
      one.events.map(event => event.type),
      ['unwitnessed', 'witnessed'],
    )
  })

  test('with the policy seal no new call begins, what is under way ends, and it opens by itself', async () => {
    const one = await rig()
    const link = linkTo(await newWitness(one.log))
    const watching = await watch(one, [link], { interval: 5, unwitnessedAfter: 40, action: 'seal' })
    const guarded = refuseUnwitnessed(one.log, () => watching.status().blocked)
    await until(() => watching.status().unwitnessedSince === null)
    await guarded.append(intent(1))
    link.cut = true
    await one.log.publish()
    await until(() => watching.status().blocked)
    assert.equal(guarded.sealed, true)
    await assert.rejects(
      guarded.append(intent(2)),
      (error: Refusal) => error.code === 'audit-unavailable' && error.check === 'unwitnessed',
    )
    await guarded.append(outcome(1))
    link.cut = false
    await until(() => !watching.status().blocked)
    await guarded.append(intent(2))
    assert.equal(guarded.sealed, false)
  })
})

describe('a witness that contradicts the log', () => {
  async function conflictOf(reply: { status: number; mediaType?: string; body?: string }) {
    const one = await rig()
    const witness = await newWitness(one.log)
    let asked = 0
    const link: WitnessLink = {
      name: witness.name,
      vkey: witness.vkey,
      async addCheckpoint() {
        asked += 1
        return { mediaType: 'text/plain', body: '', ...reply }
      },
    }
    const watching = await watch(one, [link])
    await watching.round()
    await watching.round()
    await one.log.publish()
    return { ...one, status: watching.status().witnesses[0]!, asked }
  }

  test('422 is an entry with the checkpoint, and an alarm, once', async () => {
    const { status, entries, events, log } = await conflictOf({ status: 422 })
    assert.equal(status.state, 'conflict')
    assert.deepEqual(kinds(entries), ['log.witness-conflict'])
    assert.deepEqual(
      events.map(event => event.type),
      ['conflict'],
    )
    const { facts } = entries.find(entry => entry.kind === 'log.witness-conflict')!.head
    openNote(facts!.checkpoint as string, log.vkey)
  })

  test('409 that names more entries than we have is a rollback', async () => {
    const { status } = await conflictOf({ status: 409, mediaType: 'text/x.tlog.size', body: '99999\n' })
    assert.deepEqual([status.state, /has seen 99999/.test(status.detail!)], ['conflict', true])
  })

  test('403, 404, nonsense and an endless 409 are refusals, and no alarm', async () => {
    for (const reply of [
      { status: 403 },
      { status: 404 },
      { status: 200, body: '<html>' },
      { status: 200, body: '' },
      { status: 302 },
      { status: 409, body: '3\n' },
      { status: 409, mediaType: 'text/x.tlog.size', body: '0\n' },
      { status: 409, mediaType: 'text/x.tlog.size', body: '03\n' },
    ]) {
      const { status, entries, asked } = await conflictOf(reply)
      assert.equal(status.state, 'refused', JSON.stringify(reply))
      assert.deepEqual(kinds(entries), [])
      assert.ok(asked <= 6)
    }
  })

  test('a log restored from a backup is a conflict at the witness that saw more, and one rewritten as well', async () => {
    const one = await rig()
    const link = linkTo(await newWitness(one.log))
    await recordCall(one.log, 1)
    await one.log.close()
    const backup = one.files.copy()
    const later = await rig(one.files)
    for (let number = 2; number < 30; number += 1) await recordCall(later.log, number)
    await later.log.publish()
    const watching = await watch(later, [link])
    await watching.round()
    assert.equal(watching.status().witnesses[0]!.state, 'cosigned')
    const rolledBack = await rig(backup)
    const first = await watch(rolledBack, [link])
    await first.round()
    assert.match(first.status().witnesses[0]!.detail!, /it has seen \d+ entries, and we have only/)
    for (let number = 100; number < 140; number += 1) await recordCall(rolledBack.log, number)
    await rolledBack.log.publish()
    const second = await watch(rolledBack, [link])
    await second.round()
    assert.match(second.status().witnesses[0]!.detail!, /does not accept/)
    assert.ok(kinds(rolledBack.entries).includes('log.witness-conflict'))
  })
})

test('a witness by URL: key, equals sign, URL; nothing secret in it', async () => {
  const one = await rig()
  const { vkey } = await newWitness(one.log)
  assert.equal(parseWitness(`${vkey}=https://w.example/prefix/`).name, 'https://w.example/prefix')
  for (const text of [
    vkey,
    `${one.log.vkey}=https://w.example`,
    `${vkey}=ftp://w.example`,
    `${vkey}=https://user:pass@w.example`,
    `${vkey}=https://w.example/?token=x`,
    `${vkey.replace('+', '+0')}=https://w.example`,
    '',
  ]) {
    assert.throws(() => parseWitness(text), Error, text)
  }
})

async function slowestAppend(log: OpenAuditLog, count: number): Promise<number> {
  let slowest = 0
  for (let number = 0; number < count; number += 1) {
    const start = performance.now()
    await log.append(intent(5_000 + number))
    await log.append(outcome(5_000 + number))
    slowest = Math.max(slowest, performance.now() - start)
  }
  return slowest
}
