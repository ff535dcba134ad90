import assert from 'node:assert/strict'
import { test } from 'node:test'
import { maskRequest } from '../request/mask-request.ts'
import { testEngine } from '../testing/rig.ts'
import { type Atlas, readAtlas } from './atlas.ts'
import { needsAtlas, restoreBody, type WriteForm } from './restore-body.ts'
import { uncovered } from './stays-hidden.ts'

const engine = testEngine()
const metadata = { name: 'a', uid: 'u', resourceVersion: '7' }
const live = {
  metadata,
  spec: {
    env: [
      { name: 'DB_PASSWORD', value: 'hunter2' },
      { name: 'LANG', value: 'de' },
    ],
    pairs: [{ key: 'password', value: 'hunter3' }],
    args: ['--user', 'admin', '--password', 'hunter4', '--verbose'],
  },
}

function seenOf(object: unknown): Buffer {
  const masked = maskRequest(engine, Buffer.from(JSON.stringify(object)), { group: '', kind: '' }, 'object')
  assert.ok(masked !== null)
  return Buffer.concat(masked.bytes)
}

const seen = JSON.parse(seenOf(live).toString()) as typeof live
const atlas = readAtlas(Buffer.from(JSON.stringify(live)), seenOf(live)) as Atlas

/** Where a write is refused; null when it goes on. */
function refusedAt(body: unknown, form: WriteForm = 'object'): string | null {
  const written = Buffer.from(JSON.stringify(body))
  if (!needsAtlas(written, form)) return null
  const restored = restoreBody(written, form, atlas)
  assert.ok(restored !== null)
  if ('misplaced' in restored) return restored.misplaced
  if (form === 'json-patch') return null
  return uncovered(written, restored.bytes, seenOf(JSON.parse(restored.bytes.toString())))
}

const edited = (edit: (object: typeof live) => unknown): typeof live => {
  const object = structuredClone(seen)
  edit(object)
  return object
}

test('what was read may be written back, and changed elsewhere', () => {
  assert.ok(!JSON.stringify(seen).includes('hunter'))
  assert.equal(refusedAt(seen), null)
  assert.equal(refusedAt(edited(o => o.spec.env.push({ name: 'TZ', value: 'UTC' }))), null)
  assert.equal(refusedAt(edited(o => o.spec.args.push('--password-file'))), null)
})

test('the name of a masked value cannot be changed while the value is kept', () => {
  for (const edit of [
    (o: typeof live) => Object.assign(o.spec.env[0]!, { name: 'MOTD' }),
    (o: typeof live) => Object.assign(o.spec.pairs[0]!, { key: 'motd' }),
    (o: typeof live) => o.spec.args.splice(2, 1, '--motd'),
    (o: typeof live) => o.spec.args.splice(2, 1),
    (o: typeof live) => o.spec.args.splice(3, 0, '--'),
  ]) {
    assert.notEqual(refusedAt(edited(edit)), null, edit.toString())
    const { spec } = edited(edit)
    assert.notEqual(refusedAt({ spec }, 'merge-patch'), null, edit.toString())
  }
})

test('an operation does not change it either', () => {
  for (const operation of [
    { op: 'replace', path: '/spec/env/0/name', value: 'MOTD' },
    { op: 'remove', path: '/spec/env/0/name' },
    { op: 'add', path: '/spec/env/0/name', value: 'MOTD' },
    { op: 'replace', path: '/spec/pairs/0/key', value: 'motd' },
    { op: 'copy', from: '/spec/env/1/name', path: '/spec/env/0/name' },
    { op: 'move', from: '/spec/pairs/0/key', path: '/metadata/labels' },
    { op: 'replace', path: '/spec/args/2', value: '--motd' },
    { op: 'remove', path: '/spec/args/2' },
    { op: 'add', path: '/spec/args/3', value: '--' },
    { op: 'move', from: '/spec/args/2', path: '/spec/args/0' },
  ])
    assert.notEqual(refusedAt([operation], 'json-patch'), null, JSON.stringify(operation))
})

test('operations on other names and elements go on', () => {
  for (const operation of [
    { op: 'replace', path: '/spec/env/1/name', value: 'LC_ALL' },
    { op: 'remove', path: '/spec/args/4' },
    { op: 'replace', path: '/spec/args/1', value: 'root' },
    { op: 'add', path: '/spec/args/-', value: '--more' },
    { op: 'remove', path: '/spec/env/0' },
  ])
    assert.equal(refusedAt([operation], 'json-patch'), null, JSON.stringify(operation))
})
