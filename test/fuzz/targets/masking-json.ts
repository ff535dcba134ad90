import assert from 'node:assert/strict'
import { gzipSync } from 'node:zlib'
import { JsonMasker, type Masked } from '../../../src/masking/json/json-masker.ts'
import type { MaskEngine } from '../../../src/masking/json/mask-engine.ts'
import { maskRequest } from '../../../src/masking/request/mask-request.ts'
import { shippedEngine } from '../../../src/masking/testing/shipped.ts'
import { readAtlas } from '../../../src/masking/writeback/atlas.ts'
import { restoreBody } from '../../../src/masking/writeback/restore-body.ts'
import { seeded } from '../../parity/random.ts'
import { mutate, pieces } from '../mutate.ts'
import { eachByItself, type FuzzTarget } from '../target.ts'

const base64 = (text: string | Buffer): string => Buffer.from(text).toString('base64')
const object = (kind: string, more: object): string =>
  JSON.stringify({
    kind,
    apiVersion: 'v1',
    metadata: { name: 'n', uid: 'u-1', resourceVersion: '7' },
    ...more,
  })
const PARTS = [
  object('Secret', { data: { a: base64('hunter2-hunter2'), b: '' }, stringData: { c: 'x' } }),
  object('ConfigMap', {
    data: { 'a.ini': 'password = hunter2-hunter2\nport = 1\n', 'b.json': '{"token":"abcdefgh12345678"}' },
  }),
  object('Pod', {
    spec: {
      containers: [
        { name: 'c', env: [{ name: 'DB_PASSWORD', value: 'hunter2' }], args: ['--password', 'x1y2z3'] },
      ],
    },
  }),
  object('Secret', {
    data: {
      release: base64(
        base64(
          gzipSync('{"config":{"password":"hunter2"},"manifest":"kind: Secret\\ndata:\\n  a: eHg=\\n"}'),
        ),
      ),
    },
  }),
  '{"kind":"Table","columnDefinitions":[{"name":"Password"}],"rows":[{"cells":["x"],"object":{"kind":"Secret","data":{"a":"eA=="}}}]}',
  '{"type":"ADDED","object":{"kind":"Secret","apiVersion":"v1","metadata":{"managedFields":[{"fieldsV1":{"f:data":{}}}]},"data":{"a":"eA=="}}}\n',
  '{"kind":"SecretList","apiVersion":"v1","items":[{"data":{"a":"eA=="}},1,{"data":{"b":"eQ=="}}],"metadata":{}}',
  '{"kind":"Status","message":"Invalid value: \\"hunter2\\": no","details":{"causes":[{"message":"x"}]}}',
  '"items":[',
  '"rows":',
  '\\u0064ata',
  '"managedFields":',
  '{',
  '}',
  '[',
  ']',
  ',',
  '\\',
  '"',
  '\n',
]

/** Fresh for each input: what was learned from one must not change another. */
function run(engine: MaskEngine, chunks: readonly Buffer[], kind: string, sequence: boolean) {
  const masker = new JsonMasker(engine, { group: '', kind, sequence })
  const parts: Masked[] = [...chunks.map(chunk => masker.push(Uint8Array.from(chunk))), masker.end()]
  return {
    fault: masker.fault,
    bytes: Buffer.concat(parts.flatMap(part => part.bytes.map(b => Buffer.from(b)))),
    fields: parts.flatMap(part => part.fields),
  }
}

function restored({ bytes, fields }: ReturnType<typeof run>): Buffer {
  const parts: Uint8Array[] = []
  let from = 0
  for (const { at, length, source, start, end } of fields) {
    assert.ok(at >= from, 'fields overlap or are out of order')
    parts.push(bytes.subarray(from, at), source.subarray(start, end))
    from = at + length
  }
  return Buffer.concat([...parts, bytes.subarray(from)])
}

function look(input: Buffer): string {
  const random = seeded(input.length + (input[0] ?? 0))
  const kind = random.pick(['', 'Secret', 'ConfigMap'])
  const sequence = random.chance(0.3)
  const engine = shippedEngine()
  const whole = run(engine, [input], kind, sequence)
  const cut = run(engine, pieces(input, random), kind, sequence)
  assert.equal(cut.fault, whole.fault, 'cut into pieces it is another fault')
  if (whole.fault !== null) {
    assert.ok(input.subarray(0, restored(whole).length).equals(restored(whole)), 'what left is not what came')
    return whole.fault
  }
  assert.ok(restored(whole).equals(input), 'the fields do not give the bytes back')
  assert.ok(restored(cut).equals(input), 'in pieces the fields do not give the bytes back')
  const isOne = isJson(input)
  if (isOne) assert.ok(isJson(whole.bytes), 'masked it is no JSON any more')
  if (isOne && !sequence) writeBack(engine, input, kind)
  return whole.fields.length > 0 ? 'masked' : 'nothing masked'
}

/** What was read and is written back unchanged is what was there. */
function writeBack(engine: MaskEngine, live: Buffer, kind: string): void {
  const masked = maskRequest(engine, live, { group: '', kind }, 'object')
  if (masked === null) return
  const view = Buffer.concat(masked.bytes)
  const atlas = readAtlas(live, view)
  if (atlas === null) return
  const back = restoreBody(view, 'object', atlas)
  if (back === null || 'misplaced' in back) return
  const text = back.bytes.toString()
  assert.ok(
    !text.includes('sallyport.masked.') || live.includes('sallyport.masked.'),
    'a placeholder would be stored',
  )
}

function isJson(bytes: Buffer): boolean {
  try {
    JSON.parse(bytes.toString('utf8'))
    return true
  } catch {
    return false
  }
}

export const target: FuzzTarget = {
  name: 'masking-json',
  batch: 30,
  generate(random, corpus) {
    const base =
      corpus.length > 0 && random.chance(0.1)
        ? random.pick(corpus)
        : Buffer.from(
            Array.from({ length: random.chance(0.6) ? 1 : 1 + random.below(4) }, () =>
              random.pick(PARTS),
            ).join(''),
          )
    return random.chance(0.3) ? base : mutate(base, random, PARTS)
  },
  open: async () => eachByItself(look),
}
