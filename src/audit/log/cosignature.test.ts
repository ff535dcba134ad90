import assert from 'node:assert/strict'
import { generateKeyPairSync } from 'node:crypto'
import { test } from 'node:test'
import { cosignatureAmong, cosignatureOn, cosigner } from './cosignature.ts'
import { noteSigner, openNote, parseVerifierKey, splitNote } from './note.ts'

const newPem = () =>
  generateKeyPairSync('ed25519').privateKey.export({ type: 'pkcs8', format: 'pem' }) as string
const TEXT = `log.example/a\n7\n${Buffer.alloc(32, 7).toString('base64')}\n`

test('a cosignature says when, fits its key only, and leaves the log’s own signature good', () => {
  const log = noteSigner('log.example/a', newPem())
  const witness = cosigner('witness.example/w', newPem())
  const time = Date.UTC(2026, 10, 21, 12, 0, 1)
  const note = log.sign(TEXT) + witness.cosign(TEXT, time + 999)
  assert.equal(cosignatureOn(splitNote(note), parseVerifierKey(witness.vkey))!.time, time)
  assert.equal(openNote(note, log.vkey), TEXT)
  assert.equal(
    cosignatureOn(splitNote(note), parseVerifierKey(cosigner('witness.example/w', newPem()).vkey)),
    null,
  )
  assert.match(witness.vkey, /^witness\.example\/w\+[0-9a-f]{8}\+B[A-P]/)
})

test('an edited text, time or signature is an error, not an absence', () => {
  const log = noteSigner('log.example/a', newPem())
  const witness = cosigner('witness.example/w', newPem())
  const key = parseVerifierKey(witness.vkey)
  const line = witness.cosign(TEXT, Date.now())
  const raw = Buffer.from(line.trim().split(' ')[2]!, 'base64')
  for (const at of [4, 11, 12, 75]) {
    const changed = Buffer.from(raw)
    changed[at]! ^= 1
    const note = `${log.sign(TEXT)}\u2014 ${witness.name} ${changed.toString('base64')}\n`
    assert.throws(() => cosignatureOn(splitNote(note), key), /is wrong/, `byte ${at}`)
  }
  const other = log.sign(TEXT.replace('\n7\n', '\n8\n')) + line
  assert.throws(() => cosignatureOn(splitNote(other), key), /is wrong/)
})

test('a plain signature of the same key is no cosignature, and the other way round', () => {
  const pem = newPem()
  const plain = noteSigner('both.example/k', pem)
  const witness = cosigner('both.example/k', pem)
  const note = plain.sign(TEXT)
  assert.equal(cosignatureOn(splitNote(note), parseVerifierKey(witness.vkey)), null)
  assert.throws(() => openNote(`${TEXT}\n${witness.cosign(TEXT, 0)}`, plain.vkey), /no signature/)
  assert.throws(() => openNote(note, witness.vkey), /of a witness/)
})

test('an answer of a witness: unknown keys are ignored, none of the known key is an error', () => {
  const note = noteSigner('log.example/a', newPem()).sign(TEXT)
  const [one, two] = [cosigner('w.example/1', newPem()), cosigner('w.example/2', newPem())]
  const key = parseVerifierKey(one.vkey)
  const line = one.cosign(TEXT, 5000)
  assert.deepEqual(cosignatureAmong(two.cosign(TEXT, 9000) + line, note, key), { time: 5000, line })
  assert.throws(() => cosignatureAmong(two.cosign(TEXT, 9000), note, key), /no cosignature/)
  assert.throws(() => cosignatureAmong('', note, key), /no cosignature/)
  assert.throws(() => cosignatureAmong('<html>', note, key), /malformed/)
})
