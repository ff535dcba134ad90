import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { test } from 'node:test'
import fc from 'fast-check'
import { memoryDisk } from '../testing/memory.ts'
import { consistencyProof, emptyRoot, isConsistent } from './consistency.ts'
import { bundlePath, encodeBundle, tilePath } from './tiles.ts'
import { openTree } from './tree.ts'

/** A published tree and its root at every size. */
async function growTree(size: number) {
  const files = memoryDisk()
  const put = (path: string, bytes: Buffer) => files.content.set(`/log/${path}`, Buffer.from(bytes))
  const roots = [emptyRoot()]
  const tree = openTree({ size: 0, levels: [] }, (level, index, hashes) =>
    put(tilePath(level, index), hashes),
  )
  for (let at = 0; at < size; at += 1) {
    tree.append(Buffer.from(`entry ${at}`))
    roots.push(tree.root())
    for (const { level, index, hashes } of tree.partials())
      put(tilePath(level, index, hashes.length / 32), hashes)
  }
  put(bundlePath(0, 1), encodeBundle([Buffer.from('entry 0')]))
  return { files, roots }
}

test('between any two sizes the proof holds, and holds for nothing else', async () => {
  const size = 1100
  const { files, roots } = await growTree(size)
  await fc.assert(
    fc.asyncProperty(fc.integer({ min: 0, max: size }), fc.integer({ min: 0, max: size }), async (a, b) => {
      const [from, to] = a < b ? [a, b] : [b, a]
      const proof = await consistencyProof(files, '/log', from, to)
      const good = (changes: { old?: Buffer; root?: Buffer; proof?: Buffer[] } = {}) =>
        isConsistent(
          from,
          changes.old ?? roots[from]!,
          to,
          changes.root ?? roots[to]!,
          changes.proof ?? proof,
        )
      assert.equal(good(), true, `${from} to ${to}`)
      assert.equal(good({ old: randomBytes(32) }), false)
      if (from > 0) assert.equal(good({ root: randomBytes(32) }), false)
      assert.equal(good({ proof: [...proof, roots[to]!] }), false)
      if (proof.length === 0) return
      assert.equal(good({ proof: proof.slice(1) }), false)
      for (const at of proof.keys()) {
        const changed = proof.map(one => Buffer.from(one))
        changed[at]![at % 32]! ^= 1
        assert.equal(good({ proof: changed }), false)
      }
    }),
    { numRuns: 300 },
  )
  for (const edge of [1, 2, 255, 256, 257, 512, 1024, 1025]) {
    const proof = await consistencyProof(files, '/log', edge, size)
    assert.equal(isConsistent(edge, roots[edge]!, size, roots[size]!, proof), true, String(edge))
  }
})

test('a larger tree is never consistent with a smaller one, and a proof longer than any is refused', async () => {
  const { files, roots } = await growTree(9)
  await assert.rejects(consistencyProof(files, '/log', 9, 8), RangeError)
  assert.equal(isConsistent(9, roots[9]!, 8, roots[8]!, []), false)
  const endless = Array.from({ length: 64 }, () => roots[1]!)
  assert.equal(isConsistent(3, roots[3]!, 9, roots[9]!, endless), false)
  assert.equal(isConsistent(0, emptyRoot(), 0, roots[1]!, []), false)
})
