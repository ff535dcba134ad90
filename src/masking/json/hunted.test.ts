import assert from 'node:assert/strict'
import { test } from 'node:test'
import { maskRule, testEngine } from '../testing/rig.ts'
import { JsonMasker } from './json-masker.ts'

/** Places where the leak hunt on a cluster has seen secrets once. */

/** Of the last `mask`: they stand in the record. */
let pointers: readonly string[] = []

function mask(values: readonly unknown[], engine = testEngine()): string {
  const masker = new JsonMasker(engine, { group: '', kind: '', sequence: true })
  const parts = [...values.map(value => masker.push(Buffer.from(JSON.stringify(value)))), masker.end()]
  assert.equal(masker.fault, null)
  pointers = parts.flatMap(part => part.fields.map(field => field.pointer))
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

test('an element of a set is judged by the name of the set, also where managed fields repeat it', () => {
  const owned = (fields: object): object => ({
    metadata: { managedFields: [{ manager: 'a', fieldsV1: fields }] },
  })
  const set = { '.': {}, 'v:"hunter2"': {}, 'v:"hunt\\"er3"': {}, 'v:12345678': {} }
  const shown = mask([owned({ 'f:spec': { 'f:password': set, 'f:words': { 'v:"open"': {} } } })])
  assert.ok(!/hunt|12345678/.test(shown), shown)
  assert.ok(!/hunt|12345678/.test(pointers.join()), pointers.join())
  const names = Object.keys(JSON.parse(shown).metadata.managedFields[0].fieldsV1['f:spec']['f:password'])
  assert.equal(names.length, 4)
  assert.match(names[1]!, /^v:"sallyport\.masked\.[a-z0-9.-]+"$/)
  assert.ok(shown.includes('v:\\"open\\"'))
  const rule = maskRule('own')
  const own = testEngine({ '/Vault': [{ path: ['spec', 'words', '*'], encoding: 'text', rule }] })
  assert.ok(
    !mask([{ kind: 'Vault', ...owned({ 'f:spec': { 'f:words': { 'v:"hunter2"': {} } } }) }], own).includes(
      'hunter2',
    ),
  )
  // A member of somebody's own that is called so hides nothing from the rules.
  assert.ok(
    !mask([
      { fieldsV1: { password: 'hunter2', 'f:password': 'hunter2', x: { password: 'hunter2' } } },
    ]).includes('hunter2'),
  )
})

test('a pointer does not say a name that is a secret', () => {
  const shown = mask([{ data: { 'CANARY-12345678': { password: 'hunter2' } } }])
  assert.ok(!shown.includes('CANARY') && !shown.includes('hunter2'), shown)
  assert.deepEqual(pointers, ['/data/*', '/data/*/password'])
  mask([{ list: [{ name: 'CANARY-12345678', password: 'hunter2' }] }])
  assert.deepEqual(pointers, ['/list/0/name', '/list/0/password'])
})

test('values are learned from the first answer that shows them, not from one that shows the object without them', () => {
  const metadata = { uid: 'u', resourceVersion: '7', annotations: { a: '{"b":"c"}' } }
  const secret = { kind: 'Secret', metadata, data: { a: Buffer.from('hunter2-hunter2').toString('base64') } }
  const engine = testEngine()
  mask([{ kind: 'PartialObjectMetadata', metadata }], engine)
  const trial = new JsonMasker(engine, { group: '', kind: '', sequence: false, isTrial: true })
  trial.push(Buffer.from(JSON.stringify({ ...secret, data: { a: 'eA==' } })))
  mask([secret], engine)
  assert.ok(engine.learned.has('hunter2-hunter2'))
})

test('a dry run of a kind with rules does not tell which fields it would change', () => {
  const engine = testEngine()
  const managed = [{ manager: 'k', time: '2026-01-01T00:00:00Z', fieldsV1: { 'f:data': { 'f:a': {} } } }]
  const object = { kind: 'Secret', metadata: { uid: 'u', managedFields: managed }, data: { a: 'eA==' } }
  const run = (kind: string, isTrial: boolean) => {
    const masker = new JsonMasker(engine, { group: '', kind: '', sequence: false, isTrial })
    const { bytes } = masker.push(Buffer.from(JSON.stringify({ ...object, kind })))
    return JSON.parse(Buffer.concat(bytes.map(b => Buffer.from(b))).toString())
  }
  assert.deepEqual(run('Secret', true).metadata.managedFields, [])
  assert.deepEqual(run('Secret', false).metadata.managedFields, managed)
  assert.deepEqual(run('ConfigMap', true).metadata.managedFields, managed)
})

test('a name in which nothing was found is looked at anew when more values are known', () => {
  const engine = testEngine()
  let changes = 0
  const { learn } = engine.fingerprints
  Object.assign(engine.fingerprints, {
    learn(...facts: Parameters<typeof learn>) {
      learn(...facts)
      Object.assign(engine.fingerprints, { changes: ++changes })
    },
    changes,
  })
  const object = { data: { 'hunter2-in-a-name': 'x' }, inner: JSON.stringify({ 'hunter2-in-a-name': 'y' }) }
  const before = mask([object, object], engine)
  assert.equal(before, JSON.stringify(object).repeat(2))
  engine.fingerprints.learn('hunter2-in-a-name', engine.rules.fingerprint!)
  assert.ok(!mask([object, object], engine).includes('hunter2'))
})

test('a name that was harmless in one form is read again in another', () => {
  const engine = testEngine()
  Object.assign(engine.fingerprints, { changes: 0, mayHold: () => false })
  const owned = (name: string): string => `{"fieldsV1":{"f:data":{${name}:{}}}}`
  const harmless = Buffer.from(owned('"\\u0076:{\\"a\\":\\"CANARY-12345678\\"}"'))
  const masker = new JsonMasker(engine, { group: '', kind: '', sequence: true })
  const parts = [harmless, Buffer.from(owned('"v:{\\"a\\":\\"CANARY-12345678\\"}"')), harmless].map(one =>
    Buffer.concat([...masker.push(one).bytes]).toString(),
  )
  assert.equal(masker.fault, null)
  for (const part of parts) assert.ok(!part.includes('CANARY-12345678'), part)
})
