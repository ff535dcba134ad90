import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { maskRequest } from '../request/mask-request.ts'
import { testEngine } from '../testing/rig.ts'
import { mayUncover, uncoveredAfter } from './after-patch.ts'
import { needsAtlas } from './restore-body.ts'

const engine = testEngine()
const metadata = { name: 'a', uid: 'u', resourceVersion: '7' }
const live = {
  metadata,
  spec: {
    auth: { name: 'PASSWORD', value: 'hunter1', other: 1 },
    keyed: { key: 'password', value: 'hunter2' },
    both: { name: 'title', key: 'password', value: 'hunter3' },
    pin: { name: 'password', value: 1234 },
    plain: { name: 'COLOUR', value: 'red' },
    deep: { list: [{ id: 1, auth: { name: 'PASSWORD', value: 'hunter4' } }] },
    env: [
      { name: 'LANG', value: 'de' },
      { name: 'PASSWORD', value: 'hunter5' },
      { id: 7, name: 'PASSWORD', value: 'hunter6' },
    ],
    args: ['serve', '--password', 'hunter7'],
    password: 'hunter8',
  },
}

const view = (object: Buffer): Buffer =>
  Buffer.concat(maskRequest(engine, object, { group: '', kind: '' }, 'object')!.bytes)
const bytes = (value: unknown): Buffer => Buffer.from(JSON.stringify(value))

/** Where a patch is refused; null when it goes on. */
function refusedAt(patch: unknown, form: string, group = 'shop.example'): string | null {
  const written = bytes(patch)
  if (!needsAtlas(written, form) && !mayUncover(written, form, group)) return null
  return uncoveredAfter(bytes(live), view(bytes(live)), written, written, form, 'm', view)
}

const MAPS = ['merge-patch', 'apply-patch', 'strategic-merge-patch']

test('a patch cannot rename a masked value, alone in an object, by any kind of patch', () => {
  for (const form of MAPS) {
    for (const spec of [
      { auth: { name: 'COLOUR' } },
      { auth: { name: 'COLOUR', other: 2 } },
      { auth: { name: null } },
      { auth: { name: 5 } },
      { auth: { name: {} } },
      { keyed: { key: 'colour' } },
      { keyed: { key: null } },
      { both: { key: 'colour' } },
      { pin: { name: 'colour' } },
      { plain: { name: 'x' }, auth: { name: 'COLOUR' } },
    ])
      assert.notEqual(refusedAt({ spec }, form), null, `${form} ${JSON.stringify(spec)}`)
  }
})

test('what hides no value may be renamed, and what stays hidden', () => {
  for (const form of MAPS) {
    for (const spec of [
      { plain: { name: 'LANG' } },
      { auth: { name: 'DB_PASSWORD' } },
      { auth: { name: 'COLOUR', value: 'red' } },
      { both: { name: 'COLOUR' } },
      // A second label that tells nothing takes nothing away from the first.
      { keyed: { name: 'colour' } },
      { auth: null },
      { fresh: { name: 'COLOUR' } },
      { env: [{ name: 'TZ', valueFrom: 'x' }] },
    ])
      assert.equal(refusedAt({ spec }, form), null, `${form} ${JSON.stringify(spec)}`)
  }
  assert.equal(refusedAt({ metadata: { name: 'a', labels: { name: 'x' } } }, 'apply-patch'), null)
})

test('an element of a list that is merged by another member than its name', () => {
  assert.notEqual(refusedAt({ spec: { env: [{ id: 7, name: 'COLOUR' }] } }, 'apply-patch'), null)
  const deep = { spec: { deep: { list: [{ other: 0 }, { id: 1, auth: { name: 'COLOUR' } }] } } }
  assert.notEqual(refusedAt(deep, 'apply-patch'), null)
  // A merge patch replaces the list, and the value with it.
  assert.equal(refusedAt(deep, 'merge-patch'), null)
})

test('operations of a JSON patch are judged by all that they do together', () => {
  for (const patch of [
    [
      { op: 'remove', path: '/spec/env/0' },
      { op: 'replace', path: '/spec/env/0/name', value: 'COLOUR' },
    ],
    [
      { op: 'remove', path: '/spec/args/0' },
      { op: 'replace', path: '/spec/args/0', value: '--colour' },
    ],
    [
      { op: 'move', from: '/spec/auth', path: '/spec/moved' },
      { op: 'replace', path: '/spec/moved/name', value: 'COLOUR' },
    ],
    [{ op: 'copy', from: '/spec/password', path: '/spec/colour' }],
    [{ op: 'copy', from: '/spec/env/1/value', path: '/metadata/labels' }],
  ])
    assert.notEqual(refusedAt(patch, 'json-patch'), null, JSON.stringify(patch))
  for (const patch of [
    [{ op: 'remove', path: '/spec/args/0' }],
    [{ op: 'move', from: '/spec/plain', path: '/spec/moved' }],
    [{ op: 'add', path: '/spec/args/-', value: '--more' }],
    [{ op: 'replace', path: '/spec/auth', value: { name: 'COLOUR' } }],
  ])
    assert.equal(refusedAt(patch, 'json-patch'), null, JSON.stringify(patch))
})

test('elements that are counted from the end, or with a sign or zeros, are not followed', () => {
  for (const patch of [
    [{ op: 'replace', path: '/spec/args/-2', value: '--colour' }],
    [{ op: 'replace', path: '/spec/args/+1', value: '--colour' }],
    [{ op: 'replace', path: '/spec/args/01', value: '--colour' }],
    [{ op: 'replace', path: '/spec/env/-1/name', value: 'COLOUR' }],
    [{ op: 'remove', path: '/spec/env/-1/name' }],
    [{ op: 'copy', from: '/spec/env/-1/value', path: '/spec/colour' }],
    [{ op: 'move', from: '/spec/env/-1/value', path: '/spec/colour' }],
  ])
    assert.equal(refusedAt(patch, 'json-patch'), '', JSON.stringify(patch))
})

test('a placeholder that was restored is followed, and the version that the write is pinned to is no value', () => {
  const seen = JSON.parse(view(bytes(live)).toString()) as typeof live
  const pinned = { resourceVersion: '7' }
  const judged = (written: object, restored: object, form = 'merge-patch') =>
    uncoveredAfter(bytes(live), view(bytes(live)), bytes(written), bytes(restored), form, 'm', view)
  const { password } = seen.spec
  const real = { metadata: pinned, spec: { password: 'hunter8' } }
  assert.equal(judged({ spec: { password } }, real), null)
  assert.equal(judged({ metadata: {}, spec: { password } }, real, 'apply-patch'), null)
  assert.equal(judged({ spec: { colour: password } }, { spec: { colour: 'hunter8' } }), '/spec/colour')
  const operation = { op: 'replace', path: '/spec/password' }
  const pin = { op: 'replace', path: '/metadata/resourceVersion', value: '7' }
  assert.equal(
    judged([{ ...operation, value: password }], [{ ...operation, value: 'hunter8' }, pin], 'json-patch'),
    null,
  )
})

test('a server-side apply that leaves out a name which its manager alone has applied', () => {
  const applied = (manager: string, spec: object) => ({
    manager,
    operation: 'Apply',
    fieldsType: 'FieldsV1',
    fieldsV1: { 'f:spec': spec },
  })
  const name = { 'f:auth': { 'f:name': {} } }
  const element = { 'f:env': { 'k:{"id":7}': { '.': {}, 'f:id': {}, 'f:name': {} } } }
  const whole = { 'f:auth': { '.': {}, 'f:name': {}, 'f:value': {} } }
  const judged = (managed: object[], spec: object, manager = 'm') => {
    const object = { ...live, metadata: { ...metadata, managedFields: managed } }
    const written = bytes({ spec })
    return uncoveredAfter(bytes(object), view(bytes(object)), written, written, 'apply-patch', manager, view)
  }
  assert.notEqual(judged([applied('m', name)], {}), null)
  assert.notEqual(judged([applied('m', name)], { auth: { other: 2 } }), null)
  assert.notEqual(judged([applied('m', element)], { env: [{ id: 7 }] }), null)
  // Named again; owned by somebody else as well; another manager; the value goes with the name.
  assert.equal(judged([applied('m', name)], { auth: { name: 'PASSWORD' } }), null)
  assert.equal(judged([applied('m', name), applied('n', name)], {}), null)
  assert.equal(judged([applied('m', name)], {}, 'n'), null)
  assert.equal(judged([applied('m', whole)], {}), null)
})

test('a label is found behind any number of other members', () => {
  const many = Object.fromEntries(Array.from({ length: 40 }, (_, i) => [`a${i}`, i]))
  const object = bytes({ metadata, spec: { auth: { ...many, name: 'PASSWORD', value: 'hunter9' } } })
  assert.ok(!view(object).includes('hunter9'))
})

test('whatever the patch, no value that was hidden is seen after it', () => {
  const word = fc.constantFrom('name', 'key', 'value', 'PASSWORD', 'COLOUR', 'auth', 'keyed', 'spec', 'other')
  const { tree } = fc.letrec(tie => ({
    tree: fc.oneof(
      { depthSize: 'medium' },
      word,
      fc.constant(null),
      fc.constant(1),
      fc.dictionary(word, tie('tree'), { maxKeys: 4 }),
    ),
  }))
  const merge = (target: unknown, patch: unknown): unknown => {
    if (typeof patch !== 'object' || patch === null || Array.isArray(patch)) return patch
    const result: Record<string, unknown> =
      typeof target === 'object' && target !== null && !Array.isArray(target) ? { ...target } : {}
    for (const [name, value] of Object.entries(patch)) {
      if (value === null) delete result[name]
      else result[name] = merge(result[name], value)
    }
    return result
  }
  fc.assert(
    fc.property(fc.dictionary(word, tree, { maxKeys: 4 }), spec => {
      if (refusedAt({ spec }, 'merge-patch') !== null) return
      const after = view(bytes(merge(live, { spec })))
      assert.ok(!after.includes('hunter') && !after.includes('1234'), after.toString())
    }),
    { numRuns: 2_000 },
  )
})
