import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { createWriteStream, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { after, before, describe, test } from 'node:test'
import fc from 'fast-check'
import { openWitness, type Witness } from '../../witness/witness.ts'
import { disk } from '../files/disk.ts'
import { type OpenAuditLog, openAuditLog } from '../open.ts'
import { body, frame, intent, recordCall, scratch } from '../testing/calls.ts'
import { memoryDisk } from '../testing/memory.ts'
import { verifyProof } from '../verify.ts'
import { openWitnessing } from '../witnesses/open-witnessing.ts'
import { exportArchive } from './export.ts'
import { entryProof } from './proof.ts'
import { type ArchiveFile, tarOf } from './tar.ts'

const clean: (() => unknown)[] = []
let directory = ''
let log: OpenAuditLog
let witness: Witness

before(async () => {
  directory = scratch({ after: undo => clean.push(undo) })
  log = await openAuditLog({ dataDir: directory, origin: 'log.example/export', segmentBytes: 100_000 })
  for (let number = 0; number < 300; number += 1)
    await recordCall(log, number, { response: body(`canary-${number} `.repeat(100)) })
  await log.publish()
  witness = await openWitness({
    directory: '/w',
    files: memoryDisk(),
    logs: [log.vkey],
    fallbackName: () => 'w.example/1',
  })
  const watching = await openWitnessing({
    log,
    links: () => [{ name: 'w', vkey: witness.vkey, addCheckpoint: sent => witness.addCheckpoint(sent) }],
    onEvent: () => {},
    interval: 3_600_000,
  })
  await watching.round()
  await watching.round()
  await watching.close()
})
after(async () => {
  await log.close()
  for (const undo of clean) undo()
})

async function unpacked(records: boolean, from = directory): Promise<string> {
  const target = scratch({ after: undo => clean.push(undo) })
  const file = join(target, 'log.tar.gz')
  const archive = exportArchive({ files: disk, directory: from, vkey: log.vkey, records }, Date.now())
  await pipeline(archive, createWriteStream(file))
  const tar = spawnSync('tar', ['-xzf', file, '-C', target])
  assert.equal(tar.status, 0, tar.stderr.toString())
  return target
}

function verifier(target: string, ...args: string[]) {
  const run = spawnSync(process.execPath, ['verify.mjs', 'log', ...args], { cwd: target, encoding: 'utf8' })
  return { status: run.status, output: run.stdout + run.stderr }
}

describe('an archive', () => {
  test('of a log that is being written is checked by the verifier in it, witness and records included', async () => {
    // A call under way, and records behind the checkpoint.
    await log.append(intent(9_000))
    await log.append(frame(9_000, body('late '.repeat(1_000))))
    const target = await unpacked(true)
    const good = verifier(target, '--vkey', log.vkey, '--witness', witness.vkey, '--live')
    assert.equal(good.status, 0, good.output)
    assert.match(good.output, /ok +witnesses/)
    assert.match(good.output, /ok +records/)
    const opened = verifier(target, '--vkey', log.vkey, '--live', '--keys', join(directory, 'secrets', 'kek'))
    assert.match(opened.output, /ok +contents/)
    assert.match(readFileSync(join(target, 'README.md'), 'utf8'), /node verify\.mjs log --vkey KEY --witness/)
  })

  test('holds no key, no lock, no index, and without records nothing of what was said', async () => {
    const target = await unpacked(false)
    assert.deepEqual(readdirSync(join(target, 'log')).sort(), [
      'checkpoint',
      'checkpoint.cosigned',
      'log.vkey',
      'tile',
      'witnesses',
    ])
    assert.equal(verifier(target, '--vkey', log.vkey, '--live').status, 0)
    const full = await unpacked(true)
    assert.equal(existsSync(join(full, 'log', 'secrets')), false)
    const grep = (what: string) => spawnSync('grep', ['-rlaF', what, full]).stdout.toString()
    for (const secret of [
      'canary-',
      'BEGIN PRIVATE',
      readFileSync(join(directory, 'secrets/kek'), 'utf8').trim(),
    ])
      assert.equal(grep(secret), '', secret)
    assert.notEqual(grep(log.vkey), '', 'the search itself works')
  })

  test('that was edited afterwards is red', async () => {
    const target = await unpacked(false)
    const bundle = join(target, 'log/tile/entries/000')
    const bytes = readFileSync(bundle)
    bytes[500]! ^= 1
    writeFileSync(bundle, bytes)
    assert.equal(verifier(target, '--vkey', log.vkey, '--live').status, 6)
  })

  test('of a damaged log is an error and no archive', async () => {
    const broken = scratch({ after: undo => clean.push(undo) })
    mkdirSync(join(broken, 'tile'))
    writeFileSync(join(broken, 'checkpoint'), readFileSync(join(directory, 'checkpoint')))
    await assert.rejects(unpacked(false, broken), /missing/)
  })
})

test('tar reads back what was written: names, sizes, contents', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.uniqueArray(
        fc.record({
          name: fc.stringMatching(/^[a-z0-9]{1,40}(\/[a-z0-9]{1,60}){0,3}$/),
          content: fc.uint8Array({ maxLength: 2_000 }),
        }),
        { selector: one => one.name.split('/')[0], minLength: 1, maxLength: 6 },
      ),
      async made => {
        async function* files(): AsyncGenerator<ArchiveFile> {
          for (const { name, content } of made) yield { name, bytes: content.length, content: [content] }
        }
        const chunks = []
        for await (const chunk of tarOf(files(), 1_700_000_000_000)) chunks.push(chunk)
        const target = scratch({ after: undo => clean.push(undo) })
        const tar = spawnSync('tar', ['-xf', '-', '-C', target], { input: Buffer.concat(chunks) })
        assert.equal(tar.status, 0, tar.stderr.toString())
        for (const { name, content } of made)
          assert.ok(readFileSync(join(target, name)).equals(Buffer.from(content)), name)
      },
    ),
    { numRuns: 12 },
  )
  const bad = async function* (file: ArchiveFile) {
    yield file
  }
  const drain = async (file: ArchiveFile) => {
    for await (const _ of tarOf(bad(file), 0));
  }
  await assert.rejects(
    drain({ name: 'a', bytes: 3, content: [Buffer.from('four')] }),
    /has 4 bytes and not 3/,
  )
  await assert.rejects(drain({ name: `${'a'.repeat(120)}`, bytes: 0, content: [] }), /too long/)
  await assert.rejects(drain({ name: 'a\nb', bytes: 0, content: [] }), /plain ASCII/)
})

describe('a proof of one entry', () => {
  const cosigned = () => readFileSync(join(directory, 'checkpoint.cosigned'), 'utf8')
  const proofOf = async (index: number) => {
    const note = cosigned()
    return entryProof(disk, directory, { size: Number(note.split('\n')[1]), note }, index)
  }

  test('any entry of the log is proven, with witness, and nothing else needed', async () => {
    for (const index of [0, 1, 255, 256, 300, 511, 512, 600]) {
      const { text } = await proofOf(index)
      const report = verifyProof({ proof: text, vkey: log.vkey, witnesses: [witness.vkey] })
      assert.equal(report.ok, true, JSON.stringify(report.checks))
      assert.ok(report.checks.every(one => one.status === 'ok'))
      assert.match(report.notes.join('\n'), new RegExp(`^entry ${index}: `, 'm'))
    }
  })

  test('without a witness it is green and says so; a log that signs what no witness saw is red with one', async () => {
    const { text } = await proofOf(5)
    const alone = verifyProof({ proof: text, vkey: log.vkey })
    assert.equal(alone.ok, true)
    assert.match(alone.notes.join('\n'), /^unwitnessed/m)
    const own =
      text.slice(0, text.indexOf('\n\n') + 2) + text.slice(text.indexOf('\n\n') + 2).split('\u2014 w.')[0]
    assert.equal(verifyProof({ proof: own, vkey: log.vkey }).ok, true)
    assert.equal(verifyProof({ proof: own, vkey: log.vkey, witnesses: [witness.vkey] }).ok, false)
  })

  test('of another entry, index, path, root or key it is red', async () => {
    const { text, leaf } = await proofOf(5)
    const failing = (changed: string, extra: { vkey?: string; leaf?: Buffer } = {}) =>
      verifyProof({ proof: changed, vkey: log.vkey, ...extra })
        .checks.filter(one => one.status === 'failed')
        .map(one => one.name)
    const other = (await proofOf(6)).leaf
    assert.deepEqual(failing(text, { leaf: other }), ['inclusion', 'form'])
    assert.deepEqual(failing(text.replace('index 5', 'index 6')), ['inclusion', 'form'])
    assert.deepEqual(failing(text.replace('index 5', 'index 99999')), ['inclusion', 'form'])
    const lines = text.split('\n')
    const without = (at: number) => lines.filter((_, line) => line !== at).join('\n')
    assert.deepEqual(failing(without(3)), ['inclusion'])
    const swapped = [...lines]
    ;[swapped[3], swapped[4]] = [swapped[4]!, swapped[3]!]
    assert.deepEqual(failing(swapped.join('\n')), ['inclusion'])
    const forged = Buffer.from(leaf.toString().replace('"effect":"allow"', '"effect":"denyy"'))
    assert.deepEqual(failing(text, { leaf: forged }), ['inclusion'])
    const size = lines.indexOf('log.example/export') + 1
    const edited = [...lines]
    edited[size] = String(Number(edited[size]) - 1)
    assert.ok(failing(edited.join('\n')).includes('signature'))
    const [name, id] = log.vkey.split('+')
    assert.throws(() => failing(text, { vkey: `${name}+${id}+AAAA` }), RangeError)
  })

  test('what is no proof is a usage error', async () => {
    const { text } = await proofOf(5)
    for (const wrong of [
      '',
      'c2sp.org/tlog-proof@v1\n',
      text.replace('@v1', '@v2'),
      text.replace('index 5', 'index 05'),
      text.replace('index 5\n', ''),
      text.replace('index 5\n', `index 5\n${'A'.repeat(43)}=\n`.repeat(70)),
      text.replace(/^extra .*\n/m, ''),
    ]) {
      assert.throws(() => verifyProof({ proof: wrong, vkey: log.vkey }), RangeError, wrong.slice(0, 60))
    }
  })

  test('an entry beyond the checkpoint is refused', async () => {
    await assert.rejects(proofOf(100_000), RangeError)
  })
})
