import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { canonicalJson, digestDocuments } from './canonical.ts'
import { diffDocuments, diffText } from './diff.ts'
import { parseDuration } from './duration.ts'
import { documentJsonSchemas } from './json-schema.ts'
import { nearest } from './suggest.ts'

test('a diff reads like diff -u', () => {
  assert.equal(
    diffDocuments({ a: 1, b: [1, 2] }, { a: 1, b: [1, 3], c: 2 }, 'Policy/p'),
    `--- Policy/p
+++ Policy/p
@@ -1,4 +1,5 @@
 a: 1
 b:
   - 1
-  - 2
+  - 3
+c: 2
`,
  )
  assert.equal(diffDocuments({ a: 1 }, { a: 1 }), '')
  assert.equal(diffDocuments(null, { a: 1 }, 'x'), '--- /dev/null\n+++ x\n@@ -0,0 +1,1 @@\n+a: 1\n')
  assert.equal(diffDocuments({ a: 1 }, null, 'x'), '--- x\n+++ /dev/null\n@@ -1,1 +0,0 @@\n-a: 1\n')
})

/** What `patch` does: the referee of the diff. */
function patched(before: string[], diff: string): string[] {
  const result: string[] = []
  let at = 0
  for (const line of diff.split('\n').slice(2)) {
    const start = /^@@ -(\d+),(\d+)/.exec(line)
    if (start !== null) {
      const to = Number(start[1]) - (start[2] === '0' ? 0 : 1)
      while (at < to) result.push(before[at++]!)
    } else if (line.startsWith(' ') || line.startsWith('-')) {
      assert.equal(before[at], line.slice(1))
      if (line.startsWith(' ')) result.push(line.slice(1))
      at++
    } else if (line.startsWith('+')) result.push(line.slice(1))
  }
  return [...result, ...before.slice(at)]
}

test('a diff applied to the old text gives the new one', () => {
  const text = fc.array(fc.constantFrom('a', 'b', 'c', 'd'), { minLength: 1, maxLength: 30 })
  fc.assert(
    fc.property(text, text, (a, b) => {
      const diff = diffText(`${a.join('\n')}\n`, `${b.join('\n')}\n`, 'x')
      assert.deepEqual(patched(a, diff), b)
    }),
  )
})

test('a digest depends on what documents say, not on how or in which order they are written', () => {
  const a = { kind: 'Policy', metadata: { name: 'a' }, spec: { x: 1, y: [1] } }
  const b = { spec: { y: [1], x: 1 }, metadata: { name: 'b' }, kind: 'Policy' }
  assert.equal(digestDocuments([a, b]), digestDocuments([b, { ...a, ...{ spec: { y: [1], x: 1 } } }]))
  assert.notEqual(digestDocuments([a]), digestDocuments([{ ...a, ...{ spec: { x: 1, y: [2] } } }]))
  assert.equal(canonicalJson({ b: [{ d: 1, c: null }], a: 'x' }), '{"a":"x","b":[{"c":null,"d":1}]}')
})

test('durations', () => {
  assert.deepEqual(
    ['1h30m', '15s', '250ms', '2d', '', '1', '-1s', '1.5h', '1H', '1h 2m'].map(parseDuration),
    [5_400_000, 15_000, 250, 172_800_000, undefined, undefined, undefined, undefined, undefined, undefined],
  )
})

test('nearest word', () => {
  const verbs = ['get', 'list', 'watch', 'deletecollection']
  assert.equal(nearest('lsit', verbs), 'list')
  assert.equal(nearest('deletecolection', verbs), 'deletecollection')
  assert.equal(nearest('frobnicate', verbs), undefined)
})

test('every kind has a JSON Schema that forbids unknown keys', () => {
  const schemas = documentJsonSchemas() as Record<string, { additionalProperties: boolean }>
  assert.deepEqual(Object.keys(schemas), [
    'Channel',
    'Connection',
    'IdentityProvider',
    'MaskingRules',
    'Person',
    'Policy',
  ])
  for (const schema of Object.values(schemas)) assert.equal(schema.additionalProperties, false)
})
