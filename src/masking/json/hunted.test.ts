import assert from 'node:assert/strict'
import { test } from 'node:test'
import { testEngine } from '../testing/rig.ts'
import { JsonMasker } from './json-masker.ts'

/** Places where the leak hunt on a cluster has seen secrets once. */

function mask(values: readonly unknown[], engine = testEngine()): string {
  const masker = new JsonMasker(engine, { group: '', kind: '', sequence: true })
  const parts = [...values.map(value => masker.push(Buffer.from(JSON.stringify(value)))), masker.end()]
  assert.equal(masker.fault, null)
  return Buffer.concat(parts.flatMap(part => part.bytes)).toString()
}

test('a known value whose letters happen to be base64 of something readable is found', () => {
  const engine = testEngine()
  for (const value of ['xZhsXFA32FE2DBmyo0Sh0YXv', '1NZzCcRlYuzua3qAyVzyWDwO', 'aHR0cHM6Ly9hYmNkZWZn']) {
    engine.fingerprints.learn(value, engine.rules.fingerprint!)
    assert.ok(!mask([{ motd: value }], engine).includes(value), value)
    const twice = Buffer.from(value).toString('base64')
    assert.ok(!mask([{ motd: twice }], engine).includes(twice), `base64 of ${value}`)
  }
})

test('the cells of later events of a watch stand in the columns of the first', () => {
  const event = (columns: object[] | null, cell: string): object => ({
    type: 'ADDED',
    object: { kind: 'Table', columnDefinitions: columns, rows: [{ cells: ['a', cell] }] },
  })
  const columns = [{ name: 'Name' }, { name: 'Password' }]
  const shown = mask([event(columns, 'hunter2'), event(null, 'hunter3'), event(null, 'hunter4')])
  assert.ok(!/hunter\d/.test(shown), shown)
  assert.ok(!/hunter\d/.test(mask([event(columns, 'hunter2'), event([], 'x'), event(columns, 'hunter3')])))
})

test('names that strangers fill the table with do not change what an answer that is half read means', () => {
  const engine = testEngine()
  const begun = new JsonMasker(engine, { group: '', kind: '', sequence: false })
  const first = begun.push(Buffer.from('{"a":1,"password":'))
  for (let i = 0; i < 3; i++) {
    const many = Object.fromEntries(Array.from({ length: 5_000 }, (_, n) => [`name ${i} ${n}`, n]))
    mask([many], engine)
  }
  const parts = [first, begun.push(Buffer.from('"hunter2","b":"c"}')), begun.end()]
  const shown = JSON.parse(Buffer.concat(parts.flatMap(part => part.bytes)).toString())
  assert.match(shown.password, /^sallyport\.masked\./)
  assert.equal(shown.b, 'c')
})
