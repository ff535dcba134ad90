import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { existsSync } from 'node:fs'
import { test } from 'node:test'
import fc from 'fast-check'
import { formsOf, found, scanMemory } from './scan.ts'

const secrets = fc.string({ minLength: 24, maxLength: 80, unit: fc.constantFrom(...'abcXYZ019+/=-_.~ %') })
const around = fc.uint8Array({ maxLength: 20 })

test('a secret is found in the middle of anything, however it is encoded', () => {
  const encodings: readonly ((bytes: Buffer) => string | Buffer)[] = [
    bytes => bytes,
    bytes => bytes.toString('base64'),
    bytes => bytes.toString('base64url'),
    bytes => bytes.toString('hex'),
    bytes => bytes.toString('hex').toUpperCase(),
    bytes => Buffer.from(bytes.toString('latin1'), 'utf16le'),
    bytes => encodeURIComponent(bytes.toString('latin1')),
  ]
  fc.assert(
    fc.property(secrets, around, around, fc.constantFrom(...encodings), (secret, before, after, encode) => {
      const bytes = Buffer.concat([before, Buffer.from(secret), after])
      assert.notDeepEqual(found(Buffer.from(encode(bytes)), formsOf(secret)), [])
    }),
  )
})

test('and not where it is not', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 4_000 }), bytes => {
      assert.deepEqual(found(Buffer.from(bytes), formsOf(randomBytes(24).toString('hex'))), [])
    }),
  )
})

test('the memory of this process holds what it holds', t => {
  // Only Linux shows a process its memory.
  if (!existsSync('/proc/self/mem')) return t.diagnostic('no /proc here')
  const held = randomBytes(32).toString('hex')
  const wide = Buffer.from(randomBytes(32).toString('hex'), 'utf16le')
  const forms = [...formsOf(held, 'held'), ...formsOf(wide.toString('utf16le'), 'wide')]
  const { found: hits } = scanMemory(process.pid, forms)
  assert.ok(hits.includes('held clear'))
  assert.ok(hits.includes('wide UTF-16 little-endian'))
})
