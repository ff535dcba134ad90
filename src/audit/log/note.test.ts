import assert from 'node:assert/strict'
import { generateKeyPairSync } from 'node:crypto'
import { test } from 'node:test'
import { noteSigner, openNote } from './note.ts'

// C2SP signed-note v1.0.0, "Verifier keys", "Example".
const VKEY = 'example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k'
const SIGNATURE =
  '\u2014 example.com/foo Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=\n'
const TEXT = 'This is an example message.\n'

function newSigner(name: string) {
  return noteSigner(
    name,
    generateKeyPairSync('ed25519').privateKey.export({ type: 'pkcs8', format: 'pem' }) as string,
  )
}

test("the specification's example verifies", () => {
  assert.equal(openNote(`${TEXT}\n${SIGNATURE}`, VKEY), TEXT)
})

test('an edited text, an edited signature and a missing signature are refused', () => {
  assert.throws(() => openNote(`This is an example massage.\n\n${SIGNATURE}`, VKEY), /signature .* is wrong/)
  assert.throws(() => openNote(`${TEXT}\n${SIGNATURE.replace('Okn8', 'Okn9')}`, VKEY), /is wrong/)
  assert.throws(
    () => openNote(`${TEXT}\n${SIGNATURE.replace('example.com', 'example.org')}`, VKEY),
    /no signature/,
  )
  assert.throws(() => openNote(TEXT, VKEY), /not a signed note/)
  assert.throws(() => openNote(`${TEXT}\n${SIGNATURE}`, VKEY.replace('530d903a', '530d903b')), /key id/)
})

test('what a signer signs opens with its key only, beside signatures of others', () => {
  const signer = newSigner('log.example/a')
  const note = signer.sign('one\n\ntwo\n')
  assert.equal(openNote(note, signer.vkey), 'one\n\ntwo\n')
  assert.throws(() => openNote(note, newSigner('log.example/a').vkey), /no signature/)
  const [, line] = newSigner('witness.example/b').sign('one\n\ntwo\n').split('\n\n').slice(-2)
  assert.equal(openNote(`${note}${line}`, signer.vkey), 'one\n\ntwo\n')
})

test('names that would break a note are refused', () => {
  for (const name of ['', 'a b', 'a+b', 'a\nb']) assert.throws(() => newSigner(name), /origin/)
})
