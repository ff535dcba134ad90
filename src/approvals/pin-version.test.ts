import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { pinVersion } from './pin-version.ts'

const pinned = (form: string, body: string): string | null => {
  const bytes = pinVersion(form, Buffer.from(body), '77')
  return bytes === null ? null : Buffer.from(bytes).toString()
}

test('an object, a merge patch and an apply say the version in their metadata, whatever they said before', () => {
  for (const [given, bound] of [
    ['{}', '{"metadata":{"resourceVersion":"77"}}'],
    ['{"data":{"a":"1"}}', '{"metadata":{"resourceVersion":"77"},"data":{"a":"1"}}'],
    ['{"metadata":{}}', '{"metadata":{"resourceVersion":"77"}}'],
    ['{ "metadata": {"name":"n"} }', '{ "metadata": {"resourceVersion":"77","name":"n"} }'],
    ['{"metadata":{"resourceVersion":"77"}}', '{"metadata":{"resourceVersion":"77"}}'],
    // These mean "any version" to the API server.
    ['{"metadata":{"resourceVersion":"0","a":1}}', '{"metadata":{"resourceVersion":"77","a":1}}'],
    ['{"metadata":{"resourceVersion":""}}', '{"metadata":{"resourceVersion":"77"}}'],
    ['{"metadata":{"resourceVersion":null}}', '{"metadata":{"resourceVersion":"77"}}'],
    ['{"metadata":{"resourceVersion":12 }}', '{"metadata":{"resourceVersion":"77" }}'],
    ['{"metadata":{"resourceVersion":{"a":[1]}}}', '{"metadata":{"resourceVersion":"77"}}'],
    ['{"metadata":{"resourceVersion":"\\u0030"}}', '{"metadata":{"resourceVersion":"77"}}'],
  ] as const) {
    for (const form of ['object', 'merge-patch', 'strategic-merge-patch', 'apply-patch'])
      assert.equal(pinned(form, given), bound, `${form} ${given}`)
  }
})

test('a JSON patch sets it last, so that nothing of the writer comes after it', () => {
  const set = '{"op":"add","path":"/metadata/resourceVersion","value":"77"}'
  assert.equal(pinned('json-patch', '[]'), `[${set}]`)
  assert.equal(pinned('json-patch', ' [ ] '), ` [ ${set}] `)
  const remove = '{"op":"remove","path":"/metadata/resourceVersion"}'
  assert.equal(pinned('json-patch', `[${remove}]`), `[${remove},${set}]`)
})

test('what cannot be bound is not', () => {
  for (const [form, body] of [
    ['merge-patch', '[]'],
    ['merge-patch', '{"metadata":null}'],
    ['merge-patch', '{"metadata":[]}'],
    ['json-patch', '{}'],
    ['object', '{'],
  ] as const)
    assert.equal(pinned(form, body), null, body)
  assert.equal(pinVersion('object', null, '1'), null)
})

test('nothing else changes (property)', () => {
  fc.assert(
    fc.property(
      fc.dictionary(fc.string(), fc.jsonValue()),
      fc.dictionary(fc.string(), fc.jsonValue()),
      (object, metadata) => {
        const text = JSON.stringify({ ...object, metadata })
        const read = JSON.parse(pinned('object', text)!)
        assert.deepEqual(
          read,
          JSON.parse(JSON.stringify({ ...object, metadata: { ...metadata, resourceVersion: '77' } })),
        )
      },
    ),
    { numRuns: 200 },
  )
  fc.assert(
    fc.property(fc.array(fc.jsonValue()), list => {
      const read = JSON.parse(pinned('json-patch', JSON.stringify(list))!)
      assert.deepEqual(read.slice(0, -1), JSON.parse(JSON.stringify(list)))
    }),
    { numRuns: 200 },
  )
})
