import assert from 'node:assert/strict'
import { request as httpRequest } from 'node:http'
import { connect } from 'node:net'
import { after, before, describe, test } from 'node:test'
import fc from 'fast-check'
import { formatCheckpoint } from '../audit/log/checkpoint.ts'
import { cosignatureAmong, cosignatureOn } from '../audit/log/cosignature.ts'
import { openNote, parseVerifierKey, splitNote } from '../audit/log/note.ts'
import { memoryDisk } from '../audit/testing/memory.ts'
import { powerDisk } from '../audit/testing/power.ts'
import { formatAddCheckpoint, parseAddCheckpoint } from './add-checkpoint.ts'
import { originHash } from './kept.ts'
import { serveWitness, type WitnessServer } from './serve.ts'
import { newSigner, smallLog } from './testing/small-log.ts'
import { openWitness, type Witness, type WitnessEvent } from './witness.ts'

const log = smallLog(600)
const open = (changes: Partial<Parameters<typeof openWitness>[0]> = {}) =>
  openWitness({
    directory: '/data/witness',
    files: memoryDisk(),
    fallbackName: () => 'witness.example/w1',
    logs: [log.signer.vkey],
    now: () => 1_700_000_000_000,
    ...changes,
  })
const raw = (text: string) => Buffer.from(text)
const by = (note: string) => raw(`old 0\n\n${note}`)

describe('statuses of C2SP tlog-witness', () => {
  let witness: Witness
  let server: WitnessServer
  before(async () => {
    witness = await open()
    server = await serveWitness({ witness, host: '127.0.0.1', port: 0 })
  })
  after(async () => {
    await server.stop()
    await witness.close()
  })
  const post = async (body: Buffer) => {
    const answer = await fetch(`${server.url}/add-checkpoint`, { method: 'POST', body: new Uint8Array(body) })
    return { status: answer.status, type: answer.headers.get('content-type'), body: await answer.text() }
  }

  test('200: a cosignature of the witness over the checkpoint, with its time', async () => {
    const answer = await post(await log.request(0, 10))
    assert.equal(answer.status, 200)
    const { time, line } = cosignatureAmong(answer.body, log.note(10), parseVerifierKey(witness.vkey))
    assert.equal(time, 1_700_000_000_000)
    assert.equal(answer.body, line)
  })

  test('409 with the size in text/x.tlog.size, then the proof from it is taken', async () => {
    const conflict = await post(await log.request(0, 300))
    assert.deepEqual(conflict, { status: 409, type: 'text/x.tlog.size', body: '10\n' })
    assert.equal((await post(await log.request(4, 300))).body, '10\n')
    assert.equal((await post(await log.request(10, 300))).status, 200)
    // A replayed old request changes nothing.
    assert.deepEqual(await post(await log.request(0, 10)), { ...conflict, body: '300\n' })
  })

  test('the same checkpoint again gets a fresh cosignature; another root of that size is 422', async () => {
    assert.equal((await post(await log.request(300, 300))).status, 200)
    const fork = smallLog(300, log.signer, 'other ')
    assert.equal((await post(await fork.request(300, 300))).status, 422)
    assert.equal((await post(await log.request(300, 301))).status, 200)
  })

  test('400: old size beyond the checkpoint, and what is malformed', async () => {
    const note = log.note(400)
    const hash = Buffer.alloc(32, 1).toString('base64')
    const malformed: Record<string, Buffer> = {
      'old size beyond': raw(`old 401\n\n${note}`),
      'leading zero': raw(`old 00\n\n${note}`),
      'no old': raw(`\n${note}`),
      'two spaces': raw(`old  0\n\n${note}`),
      negative: raw(`old -1\n\n${note}`),
      'no empty line': raw(`old 301\n${hash}\n`),
      'short hash': raw(`old 301\n${hash.slice(0, 40)}\n\n${note}`),
      'hash spelled otherwise': raw(`old 301\n${hash.slice(0, 42)}F=\n\n${note}`),
      'carriage return': raw(`old 301\r\n\r\n${note}`),
      '64 hashes': raw(`old 301\n${`${hash}\n`.repeat(64)}\n${note}`),
      'no signature line': raw(`old 301\n\n${note.split('\n\n')[0]}\n`),
      'not UTF-8': Buffer.concat([raw('old 301\n\n'), Buffer.from([0xff, 0xfe]), raw(note)]),
      'no checkpoint': by(log.signer.sign(`${log.signer.name}\nmany\n${hash}\n`)),
      'size with a leading zero': by(log.signer.sign(`${log.signer.name}\n0400\n${hash}\n`)),
      empty: raw(''),
    }
    for (const [what, body] of Object.entries(malformed)) assert.equal((await post(body)).status, 400, what)
    const longest = await post(raw(`old 301\n${`${hash}\n`.repeat(63)}\n${note}`))
    assert.equal(longest.status, 422, '63 hashes are read')
  })

  test('404 for an unknown origin, 403 without a good signature of a known key', async () => {
    assert.equal((await post(by(smallLog(3, newSigner('else.example/log')).note(3)))).status, 404)
    const imposter = smallLog(400, newSigner(log.signer.name))
    assert.equal((await post(by(imposter.note(400)))).status, 403)
    assert.equal((await post(by(log.note(400).replace('\n400\n', '\n401\n')))).status, 403)
    // A wrong signature of the trusted key beside a good one makes the note malformed.
    const [, wrong] = log.note(399).split('\n\n')
    assert.equal((await post(by(`${log.note(400)}${wrong}`))).status, 403)
    // Signatures of unknown keys are ignored.
    const [, foreign] = imposter.note(400).split('\n\n')
    const proof = await log.proof(301, 400)
    const request = formatAddCheckpoint({ oldSize: 301, proof, note: `${log.note(400)}${foreign}` })
    assert.equal((await post(raw(request))).status, 200)
  })

  test('422: a wrong proof, a proof from nothing, an empty tree with a root', async () => {
    const proof = await log.proof(400, 500)
    const wrong = (changed: Buffer[]) =>
      raw(formatAddCheckpoint({ oldSize: 400, proof: changed, note: log.note(500) }))
    assert.equal((await post(wrong([]))).status, 422)
    assert.equal((await post(wrong(proof.slice(1)))).status, 422)
    assert.equal((await post(wrong([...proof, proof[0]!]))).status, 422)
    assert.equal((await post(await smallLog(500, log.signer, 'other ').request(400, 500))).status, 422)

    const fresh = await open({ directory: '/data/fresh' })
    const unneeded = formatAddCheckpoint({ oldSize: 0, proof: [proof[0]!], note: log.note(500) })
    assert.equal((await fresh.addCheckpoint(raw(unneeded))).status, 422)
    const root = Buffer.alloc(32, 1)
    const full = log.signer.sign(formatCheckpoint({ origin: log.signer.name, size: 0, root }))
    assert.equal((await fresh.addCheckpoint(by(full))).status, 422)
    assert.equal((await fresh.addCheckpoint(by(log.note(0)))).status, 200)
    assert.equal((await fresh.addCheckpoint(await log.request(0, 5))).status, 200)
  })

  test('the monitor finds the note with both signatures under the hash of the origin', async () => {
    const found = await fetch(`${server.url}/${originHash(log.signer.name)}/checkpoint`)
    const note = await found.text()
    assert.match(openNote(note, log.signer.vkey), /\n400\n/)
    assert.notEqual(cosignatureOn(splitNote(note), parseVerifierKey(witness.vkey)), null)
    for (const path of [`/${originHash('nobody')}/checkpoint`, '/checkpoint', '/../key.pem', '/'])
      assert.equal((await fetch(`${server.url}${path}`)).status, 404, path)
    assert.equal((await fetch(`${server.url}/add-checkpoint`)).status, 405)
  })

  test('a body without end is cut off with 413; a client that says nothing is not waited for', async () => {
    const status = await new Promise<number>((resolve, reject) => {
      const request = httpRequest(`${server.url}/add-checkpoint`, { method: 'POST' }, response => {
        response.resume()
        resolve(response.statusCode!)
      })
      request.on('error', reject)
      request.end(Buffer.alloc(200_000, 'a'))
    })
    assert.equal(status, 413)
    const { port } = new URL(server.url)
    const silent = connect(Number(port), '127.0.0.1')
    silent.on('error', () => {})
    silent.write('POST /add-checkpoint HTTP/1.1\r\nhost: w\r\ncontent-length: 90\r\n\r\nold 0\n')
    assert.equal((await post(await log.request(400, 400))).status, 200)
    silent.destroy()
  })
})

describe('the state of a witness', () => {
  test('outlives a restart, and another process cannot open it meanwhile', async () => {
    const files = memoryDisk()
    const first = await open({ files })
    await assert.rejects(open({ files }), /in use by another process/)
    assert.equal((await first.addCheckpoint(await log.request(0, 40))).status, 200)
    await first.close()
    const second = await open({ files, name: 'witness.example/w1' })
    assert.equal(second.vkey, first.vkey)
    assert.equal((await second.addCheckpoint(await log.request(0, 50))).body, '40\n')
    assert.equal(
      (await second.addCheckpoint(await smallLog(50, log.signer, 'x').request(40, 50))).status,
      422,
    )
    await second.close()
    await assert.rejects(open({ files, name: 'other.example/w' }), /another name needs another directory/)
  })

  test('damaged or half lost, it is refused and not begun anew', async () => {
    const files = memoryDisk()
    const first = await open({ files })
    await first.addCheckpoint(await log.request(0, 40))
    await first.close()
    const state = [...files.content.keys()].find(path => path.includes('/logs/'))!
    const damaged = files.copy()
    damaged.content.set(state, Buffer.from('{"v":1}'))
    const events: WitnessEvent[] = []
    const second = await open({ files: damaged, onEvent: event => events.push(event) })
    assert.equal((await second.addCheckpoint(await log.request(0, 40))).status, 500)
    assert.match(events[0]!.detail, /cannot be used/)
    for (const lost of ['/data/witness/key.pem', '/data/witness/witness.vkey']) {
      const copy = files.copy()
      copy.content.delete(lost)
      await assert.rejects(open({ files: copy }), /missing/, lost)
    }
  })

  test('two requests at once from the same size: one is taken, the other is told the new size', async () => {
    const witness = await open()
    const answers = await Promise.all([
      witness.addCheckpoint(await log.request(0, 80)),
      witness.addCheckpoint(await log.request(0, 70)),
    ])
    assert.deepEqual(
      answers.map(one => one.status),
      [200, 409],
    )
    assert.equal(answers[1]!.body, '80\n')
  })

  test('a disk that refuses gives no cosignature; the old state stands', async () => {
    const files = memoryDisk()
    const witness = await open({ files })
    assert.equal((await witness.addCheckpoint(await log.request(0, 10))).status, 200)
    files.fault = operation => {
      if (operation === 'write') throw Object.assign(new Error('no space'), { code: 'ENOSPC' })
    }
    assert.equal((await witness.addCheckpoint(await log.request(10, 20))).status, 500)
    files.fault = null
    assert.equal((await witness.addCheckpoint(await log.request(10, 20))).status, 200)
  })

  test('two signed roots for one size are told to the operator', async () => {
    const events: WitnessEvent[] = []
    const witness = await open({ onEvent: event => events.push(event) })
    await witness.addCheckpoint(await log.request(0, 10))
    await witness.addCheckpoint(await smallLog(10, log.signer, 'x').request(10, 10))
    assert.deepEqual(
      events.map(one => one.type),
      ['contradiction'],
    )
  })

  test('after a power cut at any step it remembers every size that it has cosigned', async () => {
    const requests = [await log.request(0, 10), await log.request(10, 30), await log.request(30, 90)]
    let seed = 7
    const random = () => {
      seed = (seed * 1_103_515_245 + 12_345) % 2_147_483_648
      return seed / 2_147_483_648
    }
    let states = 0
    /** Sizes that a cut state has forgotten although their cosignature had left. */
    async function forgotten(skip: 'file' | 'directory' | null): Promise<number> {
      const files = powerDisk()
      if (skip !== null) files.skipSync = site => site.kind === skip
      const cuts: { cut: ReturnType<typeof files.cut>; promised: number }[] = []
      let promised = 0
      files.onStep = () => {
        for (const chance of [0, 0.5, 1]) cuts.push({ cut: files.cut(random, chance), promised })
      }
      const witness = await open({ files })
      for (const [at, body] of requests.entries()) {
        assert.equal((await witness.addCheckpoint(body)).status, 200)
        promised = [10, 30, 90][at]!
        files.onStep()
      }
      let count = 0
      for (const { cut, promised: size } of cuts) {
        states += 1
        const again = await open({ files: cut }).catch(() => null)
        if (again === null) count += size > 0 ? 1 : 0
        else {
          const { status, body } = await again.addCheckpoint(await log.request(0, 600))
          const remembered = status === 409 ? Number(body) : 0
          if (status === 500 || remembered < size) count += 1
        }
      }
      return count
    }
    assert.equal(await forgotten(null), 0)
    assert.ok(states > 60, String(states))
    assert.ok((await forgotten('file')) > 0, 'the sync of the file is needed')
    assert.ok((await forgotten('directory')) > 0, 'the sync of the directory is needed')
  })
})

describe('the first key of a log', () => {
  const firstUse = (files = memoryDisk()) => open({ files, logs: [], firstUse: 2 })

  test('is believed once and held to, also after a restart', async () => {
    const files = memoryDisk()
    const witness = await firstUse(files)
    assert.equal((await witness.addCheckpoint(await log.request(0, 10))).status, 404, 'no key offered')
    assert.equal((await witness.addCheckpoint(await log.request(0, 10), log.signer.vkey)).status, 200)
    await witness.close()
    const again = await firstUse(files)
    const thief = smallLog(20, newSigner(log.signer.name))
    assert.equal((await again.addCheckpoint(await thief.request(10, 20), thief.signer.vkey)).status, 403)
    assert.equal((await again.addCheckpoint(await log.request(10, 20))).status, 200)
  })

  test('must fit the origin, and the number of logs is bounded', async () => {
    const witness = await firstUse()
    assert.equal(
      (await witness.addCheckpoint(await log.request(0, 10), newSigner('a.example/x').vkey)).status,
      404,
    )
    for (const [name, status] of [
      ['a', 200],
      ['b', 200],
      ['c', 404],
    ] as const) {
      const one = smallLog(3, newSigner(`${name}.example/log`))
      assert.equal((await witness.addCheckpoint(await one.request(0, 3), one.signer.vkey)).status, status)
    }
  })
})

test('a request is read as it was written; any other bytes are an error and never a crash', () => {
  const note = log.note(12)
  fc.assert(
    fc.property(
      fc.nat({ max: 1e12 }),
      fc.array(fc.uint8Array({ minLength: 32, maxLength: 32 }), { maxLength: 63 }),
      (oldSize, hashes) => {
        const proof = hashes.map(one => Buffer.from(one))
        assert.deepEqual(parseAddCheckpoint(raw(formatAddCheckpoint({ oldSize, proof, note }))), {
          oldSize,
          proof,
          note,
        })
      },
    ),
  )
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 400 }), bytes => {
      try {
        parseAddCheckpoint(bytes)
      } catch (error) {
        assert.ok(error instanceof Error && !(error instanceof TypeError))
      }
    }),
  )
})
