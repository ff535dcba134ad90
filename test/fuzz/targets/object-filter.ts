import assert from 'node:assert/strict'
import type { FilterOptions } from '../../../src/kubernetes/filter/contract.ts'
import { ObjectFilter } from '../../../src/kubernetes/filter/object-filter.ts'
import { seeded } from '../../parity/random.ts'
import { mutate, pieces } from '../mutate.ts'
import { eachByItself, type FuzzTarget } from '../target.ts'

/** Objects of namespace `a` may be seen, and no others. */
const SEEN = 'a'

const object = (namespace: string, name: string, more: object = {}): object => ({
  kind: 'Pod',
  apiVersion: 'v1',
  metadata: { name, namespace, uid: `${namespace}-${name}`, labels: { of: namespace }, ...more },
  spec: { items: [{ metadata: { name: 'x', namespace: SEEN } }] },
})
const row = (namespace: string, name: string): object => ({ cells: [name], object: object(namespace, name) })
const table = (...rows: object[]): object => ({
  kind: 'Table',
  apiVersion: 'meta.k8s.io/v1',
  metadata: { resourceVersion: '7' },
  columnDefinitions: [{ name: 'Name' }],
  rows,
})
const list = (...items: object[]): object => ({
  kind: 'PodList',
  apiVersion: 'v1',
  metadata: { resourceVersion: '7', remainingItemCount: 3 },
  items,
})
const event = (type: string, of: object): string => `${JSON.stringify({ type, object: of })}\n`
const bookmark = { kind: 'Pod', apiVersion: 'v1', metadata: { resourceVersion: '9' } }

const LISTS = [
  list(object('b', 'one'), object('a', 'two'), object('b', 'three'), object('a', 'four')),
  list(object('b', 'one')),
  table(row('a', 'one'), row('b', 'two')),
].map(value => JSON.stringify(value))
const EVENTS = [
  event('ADDED', object('a', 'one')),
  event('ADDED', object('b', 'two')),
  event('MODIFIED', object('a', 'two', { uid: 'b-two' })),
  event('MODIFIED', object('b', 'one', { uid: 'a-one' })),
  event('DELETED', object('a', 'one')),
  event('DELETED', object('b', 'two')),
  event('BOOKMARK', bookmark),
  event('ERROR', { kind: 'Status', code: 410 }),
  event('ADDED', table(row('b', 'three'))),
  event('MODIFIED', table(row('a', 'three'))),
]
const PARTS = [
  ...LISTS,
  ...EVENTS,
  '"metadata":{"name":"x","namespace":"a"}',
  '"namespace":"a",',
  '"n\\u0061me":"y",',
  '"\\u0069tems":[',
  '"rows":[',
  '"object":null,',
  '"type":"ADDED",',
  ...['null', '{', '}', '[', ']', ',', '\\', '"', '\n'],
]

function run(form: FilterOptions['form'], chunks: readonly Buffer[]) {
  const filter = new ObjectFilter({
    form,
    shows: ({ namespace }) => namespace === SEEN,
    bareRows: false,
    fromStart: true,
  })
  const out = [...chunks.map(chunk => filter.push(Uint8Array.from(chunk))), filter.end()].flat()
  return { fault: filter.fault, bytes: Buffer.concat(out) }
}

// biome-ignore lint/suspicious/noExplicitAny: made-up JSON may be anything
type Json = any

const isNamed = (value: Json): boolean =>
  typeof value?.metadata?.name === 'string' &&
  value.metadata.name !== '' &&
  value.metadata.namespace === SEEN &&
  !Array.isArray(value) &&
  !Array.isArray(value.metadata)

/** What parsing and filtering gives. */
function wantedList(text: string): Json {
  const value = JSON.parse(text)
  if (Array.isArray(value.items)) value.items = value.items.filter(isNamed)
  if (Array.isArray(value.rows)) value.rows = value.rows.filter((one: Json) => isNamed(one.object))
  if (typeof value.metadata?.remainingItemCount === 'number') value.metadata.remainingItemCount = null
  return value
}

/** An event ends with a line, and may have more of them. */
function eventsOf(text: string): string[] {
  const found: string[] = []
  let from = ''
  for (const line of text.split('\n')) {
    from += `${line}\n`
    if (!isJson(from)) continue
    found.push(from)
    from = ''
  }
  assert.equal(from.trim(), '', 'an event leaves in part')
  return found
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text)
    return true
  } catch {
    return false
  }
}

/** An event that leaves is of an object that may be seen, or says that one has gone and no more. */
function lookAtEvent(line: string): void {
  const { type, object: of } = JSON.parse(line)
  if (type === 'BOOKMARK' || type === 'ERROR') return
  const isTable = of.kind === 'Table' && `${of.apiVersion}`.startsWith('meta.k8s.io/')
  const what = isTable ? of.rows[0].object : of
  if (isNamed(what)) return
  assert.equal(type, 'DELETED', `a hidden object left: ${line}`)
  assert.deepEqual(Object.keys(what).sort(), ['apiVersion', 'kind', 'metadata'], line)
  const told = new Set(['name', 'namespace', 'uid', 'resourceVersion'])
  assert.deepEqual(
    Object.keys(what.metadata).filter(key => !told.has(key)),
    [],
    line,
  )
}

function look(input: Buffer): string {
  const random = seeded(input.length + (input[0] ?? 0))
  const form = input.subarray(0, 40).includes('"type"') ? 'watch' : 'list'
  const whole = run(form, [input])
  const cut = run(form, pieces(input, random))
  assert.equal(cut.fault, whole.fault, 'cut into pieces it is another fault')
  if (whole.fault === null) assert.ok(cut.bytes.equals(whole.bytes), 'cut into pieces another part leaves')
  const text = whole.bytes.toString()
  if (form === 'watch') {
    for (const one of eventsOf(text)) lookAtEvent(one)
    return whole.fault ?? 'watch'
  }
  if (whole.fault !== null) return whole.fault
  assert.deepEqual(JSON.parse(text), wantedList(input.toString()), 'another part than parsing gives')
  return 'list'
}

export const target: FuzzTarget = {
  name: 'object-filter',
  batch: 100,
  generate(random, corpus) {
    const base =
      corpus.length > 0 && random.chance(0.1)
        ? random.pick(corpus)
        : Buffer.from(
            random.chance(0.5)
              ? random.pick(LISTS)
              : Array.from({ length: 1 + random.below(6) }, () => random.pick(EVENTS)).join(''),
          )
    return random.chance(0.3) ? base : mutate(base, random, PARTS)
  },
  open: async () => eachByItself(look),
}
