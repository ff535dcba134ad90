import assert from 'node:assert/strict'
import { entryProof } from '../../../src/audit/export/proof.ts'
import { cosignatureAmong } from '../../../src/audit/log/cosignature.ts'
import { parseVerifierKey, splitNote } from '../../../src/audit/log/note.ts'
import { openAuditLog } from '../../../src/audit/open.ts'
import { recordCall } from '../../../src/audit/testing/calls.ts'
import { memoryDisk } from '../../../src/audit/testing/memory.ts'
import { type Report, verifyProof } from '../../../src/audit/verify.ts'
import { parseAddCheckpoint } from '../../../src/witness/add-checkpoint.ts'
import { smallLog } from '../../../src/witness/testing/small-log.ts'
import { openWitness } from '../../../src/witness/witness.ts'
import { damaged, damagesOf, randomDamage } from '../damage.ts'
import { type Checker, eachByItself, type FuzzTarget } from '../target.ts'

/** Bytes of one step: which log, old size, size, whether it is damaged, and the damage. */
const STEP = 12
const LARGEST = 20

/**
 * Keys are others in each run, so inputs are not the notes themselves but what is done to them. First byte even: a
 * witness is shown checkpoints of a log and of its fork. Odd: a proof of an entry is damaged and verified.
 */
async function open(): Promise<Checker> {
  const log = smallLog(LARGEST)
  const logs = [log, smallLog(LARGEST, log.signer, 'fork')]
  const texts = logs.map(each =>
    Array.from({ length: LARGEST + 1 }, (_, size) => splitNote(each.note(size)).text),
  )

  /** It cosigns only what one of the two logs has said, never both of them, never less than before. */
  async function shown(steps: Buffer): Promise<string> {
    const witness = await openWitness({
      directory: '/witness',
      fallbackName: () => 'witness.example/fuzz',
      logs: [log.signer.vkey],
      files: memoryDisk(),
    })
    let [last, side, cosigned] = [0, -1, 0]
    for (let at = 0; at + STEP <= steps.length; at += STEP) {
      const fork = steps[at]! % 2
      const size = steps[at + 2]! % (LARGEST + 1)
      const old = steps[at + 1]! >= 128 ? Math.min(last, size) : steps[at + 1]! % (size + 1)
      const whole = await logs[fork]!.request(old, size)
      const [damage] = steps[at + 3]! % 2 === 0 ? [] : damagesOf(steps.subarray(at + 4, at + STEP))
      const request = (damage === undefined ? whole : damaged(whole, damage)) ?? Buffer.alloc(0)
      const answer = await witness.addCheckpoint(request)
      assert.notEqual(answer.status, 500, answer.body)
      if (answer.status !== 200) {
        const honest = damage === undefined && old === last && (side < 0 || side === fork)
        assert.ok(!honest, `an honest request was refused: ${answer.status} ${answer.body}`)
        continue
      }
      const { note } = parseAddCheckpoint(request)
      cosignatureAmong(answer.body, note, parseVerifierKey(witness.vkey))
      const { text } = splitNote(note)
      const from = texts.findIndex(
        (each, i) => each.includes(text) && (each[0] !== text || i === Math.max(side, 0)),
      )
      const named = texts[from]?.indexOf(text) ?? -1
      assert.ok(named >= last, `${named} entries were cosigned after ${last}`)
      if (named > 0) {
        assert.ok(side < 0 || side === from, 'both sides of a fork were cosigned')
        side = from
      }
      last = named
      cosigned += 1
    }
    await witness.close()
    return `witness: ${cosigned} cosigned`
  }

  const files = memoryDisk()
  const audit = await openAuditLog({ dataDir: '/log', origin: 'fuzz/notes', files })
  for (let i = 0; i < 20; i++) await recordCall(audit, i)
  const checkpoint = await audit.publish()
  const { vkey } = audit
  const proofs: { text: string; report: Report }[] = []
  for (const index of [0, 13, checkpoint.size - 1]) {
    const { text } = await entryProof(files, '/log', checkpoint, index)
    proofs.push({ text, report: verifyProof({ proof: text, vkey }) })
  }
  await audit.close()

  /** Green says the same as it said before the damage. */
  function proven(input: Buffer): string {
    const { text, report } = proofs[(input[0] ?? 0) % proofs.length]!
    assert.ok(report.ok)
    let bytes: Buffer | undefined = Buffer.from(text)
    for (const damage of damagesOf(input.subarray(1))) bytes = damaged(bytes ?? Buffer.alloc(0), damage)
    let found: Report
    try {
      found = verifyProof({ proof: (bytes ?? Buffer.alloc(0)).toString(), vkey })
    } catch (error) {
      assert.ok(error instanceof RangeError, `${error}`)
      return 'proof: malformed'
    }
    if (!found.ok) return 'proof: red'
    assert.deepEqual([found.root, found.size, found.notes], [report.root, report.size, report.notes])
    return 'proof: green'
  }

  return eachByItself(input =>
    (input[0] ?? 0) % 2 === 0 ? shown(input.subarray(1)) : proven(input.subarray(1)),
  )
}

export const target: FuzzTarget = {
  name: 'notes',
  batch: 20,
  generate(random) {
    if (random.chance(0.5)) return Buffer.concat([Buffer.from([1, random.below(256)]), randomDamage(random)])
    const steps = Array.from({ length: 1 + random.below(5) }, () => {
      const sides = Buffer.from([
        random.chance(0.25) ? 1 : 0,
        random.chance(0.7) ? 128 : random.below(128),
        random.below(256),
        random.chance(0.4) ? 1 : 0,
      ])
      return Buffer.concat([sides, randomDamage(random).subarray(0, 8)])
    })
    return Buffer.concat([Buffer.from([0]), ...steps])
  },
  open,
}
