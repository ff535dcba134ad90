import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { test } from 'node:test'
import fc from 'fast-check'
import { openTree } from './tree.ts'

const sha = (...parts: Uint8Array[]) => createHash('sha256').update(Buffer.concat(parts)).digest()

/** RFC 6962 section 2.1, word for word. */
function mth(entries: readonly Buffer[]): Buffer {
  if (entries.length === 0) return sha()
  if (entries.length === 1) return sha(Buffer.from([0]), entries[0]!)
  let k = 1
  while (k * 2 < entries.length) k *= 2
  return sha(Buffer.from([1]), mth(entries.slice(0, k)), mth(entries.slice(k)))
}

test('roots are those of the definition, at every size', () => {
  const entries = Array.from({ length: 700 }, (_, number) => Buffer.from(`entry ${number}`))
  const tree = openTree({ size: 0, levels: [] }, () => {})
  for (const [at, entry] of entries.entries()) {
    if (at < 20 || at % 61 === 0 || (at > 508 && at < 516)) {
      assert.deepEqual(tree.root(), mth(entries.slice(0, at)), `size ${at}`)
    }
    tree.append(entry)
  }
  assert.deepEqual(tree.root(), mth(entries))
})

test('the known root of the eight test leaves of Certificate Transparency', () => {
  const leaves = [
    '',
    '00',
    '10',
    '2021',
    '3031',
    '40414243',
    '5051525354555657',
    '606162636465666768696a6b6c6d6e6f',
  ]
  const tree = openTree({ size: 0, levels: [] }, () => {})
  for (const leaf of leaves) tree.append(Buffer.from(leaf, 'hex'))
  assert.equal(
    tree.root().toString('hex'),
    '5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328',
  )
})

test('a tree continued from its edge is the tree that was never closed', () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 5 }), fc.integer({ min: 0, max: 600 }), (tiles, more) => {
      const entry = (number: number) => Buffer.from(`e${number}`)
      const whole = openTree({ size: 0, levels: [] }, () => {})
      for (let at = 0; at < tiles * 256; at += 1) whole.append(entry(at))
      const levels: Buffer[] = tiles === 0 ? [] : [Buffer.alloc(0)]
      for (const { level, hashes } of whole.partials()) levels[level] = hashes
      const continued = openTree({ size: tiles * 256, levels }, () => {})
      for (let at = tiles * 256; at < tiles * 256 + more; at += 1) {
        whole.append(entry(at))
        continued.append(entry(at))
      }
      assert.deepEqual(continued.root(), whole.root())
      assert.equal(continued.size, whole.size)
    }),
    { numRuns: 25 },
  )
})
