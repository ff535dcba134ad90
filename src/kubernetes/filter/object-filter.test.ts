import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { FilterOptions, ObjectFacts } from './contract.ts'
import { ObjectFilter } from './object-filter.ts'

const ofA = ({ namespace }: ObjectFacts): boolean => namespace === 'a'

function filterOf(form: FilterOptions['form'], more: Partial<FilterOptions> = {}): ObjectFilter {
  return new ObjectFilter({ form, shows: ofA, bareRows: false, fromStart: true, ...more })
}

/** What passes, fed in chunks that end at `cuts`. */
function run(filter: ObjectFilter, text: string, cuts: readonly number[] = []): string {
  const bytes = Buffer.from(text)
  const out: Uint8Array[] = []
  let from = 0
  for (const cut of [...cuts, bytes.length]) {
    out.push(...filter.push(bytes.subarray(from, cut)))
    from = Math.max(from, cut)
  }
  out.push(...filter.end())
  return Buffer.concat(out).toString()
}

const everyCut = (text: string): number[] => Array.from({ length: Buffer.byteLength(text) }, (_, i) => i + 1)

const word = fc.constantFrom('a', 'b', 'c', 'x"y', '\\', 'ä', '{', '],', ',')
const extra = fc.jsonValue({ maxDepth: 3 })
const object = fc.record({
  kind: fc.constant('Pod'),
  metadata: fc.record(
    {
      name: word,
      namespace: fc.constantFrom('a', 'b', ''),
      uid: word,
      labels: fc.dictionary(word, word, { maxKeys: 2 }),
      managedFields: extra,
      ownerReferences: fc.array(fc.record({ name: word, namespace: fc.constant('a') }), { maxLength: 1 }),
    },
    { requiredKeys: ['name', 'namespace', 'uid'] },
  ),
  spec: extra,
  items: extra,
  rows: extra,
})
const list = fc
  .record({
    kind: fc.constant('PodList'),
    apiVersion: fc.constant('v1'),
    metadata: fc.record({ resourceVersion: fc.constant('7'), continue: fc.constant('') }),
    items: fc.array(object, { maxLength: 5 }),
  })
  .chain(value => fc.shuffledSubarray(Object.entries(value), { minLength: 4 }).map(Object.fromEntries))
const spaces = fc.constantFrom(undefined, 1, '\t')

test('property: a list is what parsing, filtering and writing it gives, however it is cut', () => {
  fc.assert(
    fc.property(list, spaces, fc.array(fc.nat(400), { maxLength: 6 }), (value, space, cuts) => {
      const text = JSON.stringify(value, null, space)
      const wanted = {
        ...value,
        items: value.items.filter((o: typeof value) => o.metadata.namespace === 'a'),
      }
      const sorted = cuts.filter(cut => cut < Buffer.byteLength(text)).sort((a, b) => a - b)
      const got = run(filterOf('list'), text, sorted)
      assert.deepEqual(JSON.parse(got), JSON.parse(JSON.stringify(wanted)))
      assert.equal(run(filterOf('list', { shows: () => true }), text, sorted), text)
    }),
    { numRuns: 300 },
  )
})

test('property: a list cut at every byte passes the same', () => {
  fc.assert(
    fc.property(list, value => {
      const text = JSON.stringify(value)
      assert.equal(run(filterOf('list'), text, everyCut(text)), run(filterOf('list'), text))
    }),
    { numRuns: 40 },
  )
})

const row = fc.record({ cells: fc.array(extra, { maxLength: 3 }), object })

test('property: rows of a Table, with and without the metadata that was asked for on top', () => {
  fc.assert(
    fc.property(fc.array(row, { maxLength: 4 }), fc.boolean(), (rows, bareRows) => {
      const table = {
        kind: 'Table',
        apiVersion: 'meta.k8s.io/v1',
        metadata: {},
        columnDefinitions: [{ name: 'n' }],
      }
      const text = JSON.stringify({ ...table, rows })
      const kept = rows.filter(r => r.object.metadata.namespace === 'a')
      const wanted = { ...table, rows: bareRows ? kept.map(r => ({ ...r, object: null })) : kept }
      const got = run(filterOf('list', { bareRows }), text, everyCut(text))
      assert.deepEqual(JSON.parse(got), JSON.parse(JSON.stringify(wanted)))
    }),
    { numRuns: 60 },
  )
})

const event = fc.record({ type: fc.constantFrom('ADDED', 'MODIFIED', 'DELETED'), object })

test('property: a watch shows its objects only, each added before it is deleted and deleted once', () => {
  fc.assert(
    fc.property(
      fc.array(event, { maxLength: 12 }),
      fc.array(fc.nat(900), { maxLength: 8 }),
      (events, cuts) => {
        const text = events.map(e => `${JSON.stringify(e)}\n`).join('')
        const sorted = cuts.filter(cut => cut < Buffer.byteLength(text)).sort((a, b) => a - b)
        // The rule is on a label here, so that objects come and go.
        const shows = (o: ObjectFacts): boolean => o.labels.has('a')
        const got = run(filterOf('watch', { shows }), text, sorted)
        const there = new Set<string>()
        for (const line of got.split('\n').slice(0, -1)) {
          const { type, object } = JSON.parse(line)
          const { uid, labels } = object.metadata
          if (type === 'DELETED') assert.ok(there.delete(uid) || labels !== undefined, line)
          else {
            assert.ok(labels !== undefined && Object.hasOwn(labels, 'a'), line)
            if (type === 'MODIFIED') assert.ok(there.has(uid), line)
            there.add(uid)
          }
        }
        const last = new Map<string, boolean>()
        for (const { type, object: o } of events)
          last.set(o.metadata.uid, type !== 'DELETED' && Object.hasOwn(o.metadata.labels ?? {}, 'a'))
        assert.deepEqual(there, new Set([...last].filter(([, is]) => is).map(([uid]) => uid)))
      },
    ),
    { numRuns: 300 },
  )
})

function pod(namespace: string, uid: string, labels?: Record<string, string>): object {
  return {
    kind: 'Pod',
    apiVersion: 'v1',
    metadata: { name: `n-${uid}`, namespace, uid, labels, resourceVersion: '5' },
  }
}

function watched(filter: ObjectFilter, ...events: [string, object][]): unknown[] {
  const text = events.map(([type, object]) => `${JSON.stringify({ type, object })}\n`).join('')
  const lines = run(filter, text, everyCut(text)).split('\n').slice(0, -1)
  return lines.map(line => JSON.parse(line))
}

test('an object that may not be seen any more is gone, once, and nothing of what it became is told', () => {
  let shown = true
  const secret = { ...pod('a', '1', { now: 'secret' }), spec: { secret: 'x' } }
  const bytes = Buffer.from(`${JSON.stringify({ type: 'MODIFIED', object: secret })}\n`.repeat(3))
  const again = filterOf('watch', { shows: () => shown })
  again.push(Buffer.from(`${JSON.stringify({ type: 'ADDED', object: pod('a', '1') })}\n`))
  shown = false
  const lines = Buffer.concat(again.push(bytes)).toString().split('\n').slice(0, -1)
  assert.deepEqual(
    lines.map(line => JSON.parse(line)),
    [
      {
        type: 'DELETED',
        object: {
          kind: 'Pod',
          apiVersion: 'v1',
          metadata: { name: 'n-1', namespace: 'a', uid: '1', resourceVersion: '5' },
        },
      },
    ],
  )
  shown = true
  const back = Buffer.concat(again.push(bytes.subarray(0, bytes.length / 3))).toString()
  assert.equal(JSON.parse(back).type, 'ADDED')
})

test('bookmarks and errors pass; what was never shown is not deleted', () => {
  const bookmark = {
    kind: 'Pod',
    apiVersion: 'v1',
    metadata: { resourceVersion: '9', annotations: { 'k8s.io/initial-events-end': 'true' } },
  }
  const gone = { kind: 'Status', apiVersion: 'v1', metadata: {}, code: 410, reason: 'Expired' }
  const seen = watched(
    filterOf('watch'),
    ['ADDED', pod('b', '1')],
    ['BOOKMARK', bookmark],
    ['DELETED', pod('b', '1')],
    ['MODIFIED', pod('a', '2')],
    ['ERROR', gone],
  ) as { type: string }[]
  assert.deepEqual(seen, [
    { type: 'BOOKMARK', object: bookmark },
    { type: 'ADDED', object: JSON.parse(JSON.stringify(pod('a', '2'))) },
    { type: 'ERROR', object: gone },
  ])
})

test('a watch that goes on from a list leaves the type of a change as it is', () => {
  const seen = watched(filterOf('watch', { fromStart: false }), ['MODIFIED', pod('a', '2')]) as {
    type: string
  }[]
  assert.deepEqual(
    seen.map(e => e.type),
    ['MODIFIED'],
  )
})

test('the columns of a Table come with the first event that is shown', () => {
  const columns = [{ name: 'Name' }]
  const table = (object: object, columnDefinitions: object[] | null): object => ({
    kind: 'Table',
    apiVersion: 'meta.k8s.io/v1',
    metadata: {},
    columnDefinitions,
    rows: [{ cells: ['x'], object }],
  })
  const seen = watched(
    filterOf('watch', { bareRows: true }),
    ['ADDED', table(pod('b', '1'), columns)],
    ['ADDED', table(pod('a', '2'), null)],
    ['ADDED', table(pod('a', '3'), null)],
  ) as { object: { columnDefinitions: unknown; rows: unknown } }[]
  assert.deepEqual(
    seen.map(e => e.object.columnDefinitions),
    [columns, null],
  )
  assert.deepEqual(seen[0]!.object.rows, [{ cells: ['x'], object: null }])
})

test('how many more there are is not told', () => {
  const text =
    '{"kind":"PodList","metadata":{"continue":"c","remainingItemCount":3,"resourceVersion":"1"},"items":[]}'
  assert.equal(run(filterOf('list'), text), text.replace(':3', ':null'))
})

for (const [why, form, text] of [
  ['an unknown member of a list', 'list', '{"kind":"PodList","more":[1],"items":[]}'],
  ['an element that is no object', 'list', '{"kind":"PodList","items":["secret"]}'],
  [
    'an array within items',
    'list',
    '{"kind":"PodList","items":[[{"metadata":{"namespace":"a","name":"n"}}]]}',
  ],
  ['items that are no array', 'list', '{"kind":"PodList","items":{"a":1}}'],
  ['no object at all', 'list', '[{"metadata":{"namespace":"a","name":"n"}}]'],
  ['a text', 'list', '"secret"'],
  ['two namespaces', 'list', '{"items":[{"metadata":{"name":"n","namespace":"a","namespace":"b"}}]}'],
  [
    'two kinds of metadata',
    'list',
    '{"items":[{"metadata":{"name":"n","namespace":"a"},"metadata":{"namespace":"b"}}]}',
  ],
  ['an event of an unknown type', 'watch', `{"type":"SECRET","object":${JSON.stringify(pod('a', '1'))}}`],
  ['a type with escapes', 'watch', `{"type":"ADD\\u0045D","object":${JSON.stringify(pod('a', '1'))}}`],
  ['a bookmark of an object', 'watch', `{"type":"BOOKMARK","object":${JSON.stringify(pod('b', '1'))}}`],
  ['an error that is an object', 'watch', `{"type":"ERROR","object":${JSON.stringify(pod('b', '1'))}}`],
  [
    'an event with more in it',
    'watch',
    `{"type":"ADDED","object":${JSON.stringify(pod('a', '1'))},"old":{}}`,
  ],
  ['two objects', 'watch', `{"type":"ADDED","object":${JSON.stringify(pod('a', '1'))},"object":{}}`],
  [
    'a Table of several objects in one event',
    'watch',
    `{"type":"ADDED","object":{"kind":"Table","apiVersion":"meta.k8s.io/v1","rows":[{"object":${JSON.stringify(pod('a', '1'))}},{"object":${JSON.stringify(pod('b', '1'))}}]}}`,
  ],
  ['one object that may not be seen', 'single', JSON.stringify(pod('b', '1'))],
  ['one without a name', 'single', '{"kind":"Pod","metadata":{"namespace":"a"}}'],
  [
    'its Table',
    'single',
    `{"kind":"Table","apiVersion":"meta.k8s.io/v1","rows":[{"cells":["secret"],"object":${JSON.stringify(pod('b', '1'))}}]}`,
  ],
  [
    'a Table of nothing',
    'single',
    '{"kind":"Table","apiVersion":"meta.k8s.io/v1","metadata":{"name":"n","namespace":"a"}}',
  ],
] as const) {
  test(`nothing of it passes: ${why}`, () => {
    for (const cuts of [[], everyCut(text)]) {
      const filter = filterOf(form)
      const passed = run(filter, `${text}\n`, cuts)
      assert.notEqual(filter.fault, null)
      assert.doesNotMatch(passed, /secret|SECRET|n-1|"n"/)
    }
  })
}

test('a row without an object is not shown, and an object without a name neither', () => {
  const everything = { shows: () => true }
  const table = '{"kind":"Table","rows":[{"cells":["x"],"object":null},{"cells":["y"]}]}'
  assert.equal(run(filterOf('list', everything), table), '{"kind":"Table","rows":[]}')
  assert.equal(run(filterOf('list', everything), '{"items":[{"spec":{}},{"metadata":null}]}'), '{"items":[]}')
})

test('an object of a list may have rows, items and columns of its own', () => {
  const own = {
    metadata: { name: 'n', namespace: 'a' },
    rows: [1, [2]],
    items: ['x'],
    columnDefinitions: [3],
  }
  const text = JSON.stringify({ items: [own] })
  assert.equal(run(filterOf('list'), text), text)
  const one = `${JSON.stringify({ type: 'ADDED', object: { kind: 'Board', ...own } })}\n`
  assert.equal(run(filterOf('watch'), one), one)
})

test('memory is bounded: by the largest object, and by the objects that a watch remembers', () => {
  const long = filterOf('list', { largestObject: 1000 })
  long.push(Buffer.from('{"items":[{"metadata":{"name":"n'))
  for (let i = 0; i < 20 && long.fault === null; i++) long.push(Buffer.alloc(100, 0x61))
  assert.equal(long.fault, 'json-object-too-large')
  const many = filterOf('watch', { most: 2 })
  const hidden = Array.from({ length: 50 }, (_, i): [string, object] => ['ADDED', pod('b', `b${i}`)])
  const shown = ['1', '2', '3', '4'].map((uid): [string, object] => ['ADDED', pod('a', uid)])
  assert.equal(watched(many, ...hidden, ...shown).length, 2)
  assert.equal(many.fault, 'watch-too-large')
})
