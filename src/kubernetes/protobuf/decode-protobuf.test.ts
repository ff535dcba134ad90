import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { readJson } from '../json/read-json.ts'
import { decodeProtobuf, type ExpectedType } from './decode-protobuf.ts'
import { tableSource } from './field-table.ts'

/** A varint of a non-negative number. */
function varint(value: number | bigint): number[] {
  const out: number[] = []
  let rest = BigInt(value)
  for (; rest > 127n; rest >>= 7n) out.push(Number(rest & 127n) | 128)
  return [...out, Number(rest)]
}

function bytesField(number: number, content: string | readonly number[]): number[] {
  const bytes = typeof content === 'string' ? [...Buffer.from(content)] : content
  return [...varint(number * 8 + 2), ...varint(bytes.length), ...bytes]
}

function numberField(number: number, value: number | bigint): number[] {
  return [...varint(number * 8), ...varint(value)]
}

function body(apiVersion: string, kind: string, raw: readonly number[]): Uint8Array {
  const type = [
    ...(apiVersion === '' ? [] : bytesField(1, apiVersion)),
    ...(kind === '' ? [] : bytesField(2, kind)),
  ]
  return Uint8Array.from([0x6b, 0x38, 0x73, 0, ...bytesField(1, type), ...bytesField(2, raw)])
}

const metadata = (name: string): number[] => bytesField(1, bytesField(1, name))
const SECRET = body('v1', 'Secret', [
  ...metadata('db'),
  ...bytesField(2, [...bytesField(1, 'user'), ...bytesField(2, 'root')]),
  ...bytesField(2, [...bytesField(1, 'password'), ...bytesField(2, 'hunter2')]),
  ...bytesField(3, 'Opaque'),
])
/** `emptyDir`, which JSON shows beside the volume's name and protobuf one level deeper. */
const POD = body('v1', 'Pod', [
  ...metadata('p'),
  ...bytesField(2, bytesField(1, [...bytesField(1, 'v'), ...bytesField(2, bytesField(2, []))])),
])

function json(bytes: Uint8Array, expected?: ExpectedType): string {
  const result = decodeProtobuf(bytes, expected)
  return result.refused ? result.check : result.json.toString()
}

describe('protobuf decoder', () => {
  it('names the modules that its table came from', () => {
    assert.ok(tableSource().some(s => /^k8s\.io\/api v\d/.test(s)))
  })

  it('decodes a Secret to the JSON that Go would write, map keys sorted, bytes in base64', () => {
    assert.equal(
      json(SECRET),
      '{"kind":"Secret","apiVersion":"v1","metadata":{"name":"db"},"data":{"password":"aHVudGVyMg==","user":"cm9vdA=="},"type":"Opaque"}',
    )
  })

  it('inlines what JSON inlines', () => {
    const pod = JSON.parse(json(POD)) as { spec: { volumes: unknown; containers: unknown }; status: unknown }
    assert.deepEqual(pod.spec.volumes, [{ name: 'v', emptyDir: {} }])
    assert.equal(pod.spec.containers, null)
    assert.deepEqual(pod.status, {})
  })

  it('keeps 64-bit numbers exact', () => {
    const generation = (value: bigint): string =>
      json(body('v1', 'ConfigMap', bytesField(1, numberField(7, value))))
    assert.match(generation(9007199254740993n), /"generation":9007199254740993/)
    assert.match(generation(BigInt.asUintN(64, -9223372036854775808n)), /"generation":-9223372036854775808/)
    assert.equal(
      json(body('v1', 'ConfigMap', bytesField(1, [0x38, ...new Array(10).fill(0xff), 1]))),
      'protobuf-syntax',
    )
  })

  it('takes the type from the request where the envelope leaves it open', () => {
    assert.equal(json(body('', '', metadata('a'))), 'protobuf-unknown-kind')
    assert.equal(
      json(body('', '', metadata('a')), { apiVersion: 'v1', kind: 'ConfigMap' }),
      '{"metadata":{"name":"a"}}',
    )
  })

  it('reads DeleteOptions under any group version', () => {
    const options = body('apps/v1', 'DeleteOptions', bytesField(5, 'All'))
    assert.equal(json(options), '{"kind":"DeleteOptions","apiVersion":"apps/v1","dryRun":["All"]}')
  })

  it('refuses fields that it does not know, written wrongly, or twice', () => {
    const cases: [string, number[], string][] = [
      ['unknown field', numberField(99, 1), 'protobuf-unknown-field'],
      ['unknown field deeper', bytesField(1, bytesField(99, 'x')), 'protobuf-unknown-field'],
      ['wrong wire type', numberField(1, 1), 'protobuf-wire-type'],
      ['metadata twice', [...metadata('a'), ...metadata('b')], 'protobuf-duplicate-field'],
      [
        'name twice',
        bytesField(1, [...bytesField(1, 'a'), ...bytesField(1, 'b')]),
        'protobuf-duplicate-field',
      ],
      [
        'a key twice',
        [...bytesField(2, bytesField(1, 'k')), ...bytesField(2, bytesField(1, 'k'))],
        'protobuf-duplicate-field',
      ],
      ['not UTF-8', bytesField(1, bytesField(1, [0xc0, 0xaf])), 'protobuf-not-utf8'],
      ['cut off', [0x0a, 0x7f, 0x01], 'protobuf-syntax'],
      ['field 0', [0x02, 0x00], 'protobuf-syntax'],
      ['a group', [0x0b, 0x0c], 'protobuf-wire-type'],
      ['a boolean of 2', numberField(5, 2), 'protobuf-syntax'],
    ]
    for (const [name, raw, check] of cases) {
      const kind = name === 'a boolean of 2' ? 'Secret' : 'ConfigMap'
      assert.equal(json(body('v1', kind, raw)), check, name)
    }
  })

  it('refuses what is no envelope, or one that says its content is something else', () => {
    assert.equal(json(Buffer.from('{"kind":"Secret"}')), 'protobuf-envelope')
    assert.equal(json(Buffer.from('k8s\0')), 'protobuf-envelope')
    assert.equal(json(new Uint8Array(0)), 'protobuf-envelope')
    assert.equal(json(Uint8Array.from([...SECRET, ...bytesField(3, 'gzip')])), 'protobuf-envelope')
    assert.equal(
      json(Uint8Array.from([...SECRET, ...bytesField(4, 'application/json')])),
      'protobuf-envelope',
    )
    assert.equal(json(Uint8Array.from([...SECRET, ...bytesField(2, metadata('other'))])), 'protobuf-envelope')
    assert.equal(json(body('example.com/v1', 'Widget', [])), 'protobuf-unknown-kind')
    const refused = decodeProtobuf(body('example.com/v1', 'Widget', []))
    assert.equal(refused.refused && refused.code, 'media-type-unsupported')
  })

  it('embedded JSON cannot break out of its place', () => {
    const revision = (raw: string): string =>
      json(body('apps/v1', 'ControllerRevision', bytesField(2, bytesField(1, raw))))
    assert.match(revision('{"a":1}'), /"data":\{"a":1\}/)
    for (const raw of ['1},"kind":"Pod","x":{"y":1', '{"a":1}{"b":2}', '{"a":1,"a":2}', 'a: 1', 'k8s\0']) {
      assert.equal(revision(raw), 'protobuf-embedded-json', raw)
    }
  })

  it('D55: a small body cannot become a huge one, nor a deep one', () => {
    // Two bytes a container on the wire, thirty in JSON.
    const containers = bytesField(2, new Array(400_000).fill([0x12, 0x00]).flat() as number[])
    assert.equal(json(body('v1', 'Pod', containers)), 'protobuf-too-large')
    let schema: number[] = []
    for (let i = 0; i < 300; i++) schema = bytesField(28, schema)
    const crd = bytesField(2, bytesField(7, bytesField(4, bytesField(1, schema))))
    assert.equal(json(body('apiextensions.k8s.io/v1', 'CustomResourceDefinition', crd)), 'protobuf-depth')
  })

  it('property: damaged bytes are refused or decode to JSON with one reading; never a crash', () => {
    const change = fc.tuple(fc.nat(), fc.nat(255), fc.constantFrom('set', 'insert', 'cut'))
    let decodedCount = 0
    fc.assert(
      fc.property(
        fc.constantFrom(SECRET, POD),
        // Mostly one or two damages: with more of them hardly anything decodes, and the property says little.
        fc.oneof(
          { weight: 3, arbitrary: fc.array(change, { minLength: 1, maxLength: 2 }) },
          { weight: 1, arbitrary: fc.array(change, { minLength: 3, maxLength: 4 }) },
        ),
        (start, changes) => {
          const bytes = [...start]
          for (const [at, value, how] of changes) {
            const place = 4 + (at % (bytes.length - 4))
            if (how === 'set') bytes[place] = value
            else if (how === 'insert') bytes.splice(place, 0, value)
            else bytes.splice(place, 1)
          }
          const result = decodeProtobuf(Uint8Array.from(bytes))
          if (result.refused) return
          decodedCount++
          assert.equal('refused' in readJson(result.json), false)
        },
      ),
      { numRuns: 3000 },
    )
    assert.ok(decodedCount > 50)
  })

  it('property: any bytes as the content of any of the largest kinds', () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ maxLength: 64 }),
        fc.constantFrom('Pod', 'Node', 'Service', 'List'),
        (raw, kind) => {
          const result = decodeProtobuf(body('v1', kind, [...raw]))
          if (!result.refused) assert.equal('refused' in readJson(result.json), false)
        },
      ),
      { numRuns: 3000 },
    )
  })
})
