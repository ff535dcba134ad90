import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { gunzipSync, gzipSync } from 'node:zlib'
import fc from 'fast-check'
import { maskRule, testEngine } from '../testing/rig.ts'
import { JsonMasker, type JsonMaskOptions, type MaskedField } from './json-masker.ts'
import type { MaskEngine } from './mask-engine.ts'

const MARK = /^sallyport\.masked\.[a-z0-9.-]{46}$/
const base64 = (text: string) => Buffer.from(text).toString('base64')
const plain = (text: string) => Buffer.from(text, 'base64').toString()

interface Run {
  readonly text: string
  readonly fields: readonly MaskedField[]
  readonly fault: string | null
}

function run(
  engine: MaskEngine,
  text: string,
  options: Partial<JsonMaskOptions> = {},
  size = Number.POSITIVE_INFINITY,
): Run {
  const masker = new JsonMasker(engine, { group: '', kind: '', sequence: false, ...options })
  const out: Uint8Array[] = []
  const fields: MaskedField[] = []
  const take = (part: { bytes: readonly Uint8Array[]; fields: readonly MaskedField[] }) => {
    out.push(...part.bytes.map(b => Buffer.from(b)))
    fields.push(...part.fields)
  }
  const bytes = Buffer.from(text)
  for (let at = 0; at < bytes.length; at += size)
    take(masker.push(Buffer.from(bytes.subarray(at, at + size))))
  take(masker.end())
  return { text: Buffer.concat(out).toString(), fields, fault: masker.fault }
}

/** The original, put together again from what left and what is kept. */
function restored({ text, fields }: Run): string {
  const bytes = Buffer.from(text)
  const parts: Uint8Array[] = []
  let from = 0
  for (const { at, length, source, start, end } of fields) {
    parts.push(bytes.subarray(from, at), source.subarray(start, end))
    from = at + length
  }
  return Buffer.concat([...parts, bytes.subarray(from)]).toString()
}

const secret = (name: string, data: Record<string, string>, more: object = {}) => ({
  kind: 'Secret',
  apiVersion: 'v1',
  metadata: { name, uid: `uid-${name}` },
  data: Object.fromEntries(Object.entries(data).map(([k, v]) => [k, base64(v)])),
  type: 'Opaque',
  ...more,
})

test('events of a watch that come one by one, each with its line feed, are masked where the values stand', () => {
  const event = (type: string) =>
    `${JSON.stringify({ type, object: secret('a', { password: 'hunter2' }) })}\n`
  const first = event('ADDED')
  const text = first + event('MODIFIED') + event('DELETED')
  const whole = run(testEngine(), text, { kind: 'Secret', sequence: true })
  const masker = new JsonMasker(testEngine(), { group: '', kind: 'Secret', sequence: true })
  const pieces = text.split(/(?<=\n)/).map(line => masker.push(Buffer.from(line)))
  const out = Buffer.concat(pieces.flatMap(({ bytes }) => bytes)).toString()
  assert.equal(out, whole.text)
  for (const line of out.trim().split('\n')) {
    assert.match(plain(JSON.parse(line).object.data.password), MARK)
  }
})

describe('a Secret', () => {
  test('keeps its form: values are base64 of a placeholder, all else is as it was', () => {
    const text = `${JSON.stringify(secret('a', { user: 'admin', empty: '' }))}\n`
    const result = run(testEngine(), text, { kind: 'Secret' })
    const object = JSON.parse(result.text)
    assert.match(plain(object.data.user), MARK)
    assert.equal(object.data.empty, '')
    assert.equal(result.text, text.replace(base64('admin'), object.data.user))
    assert.equal(restored(result), text)
    assert.deepEqual(
      result.fields.map(f => [f.pointer, f.rule.name, f.source.toString('utf8', f.start, f.end)]),
      [['/data/user', 'secret-data', base64('admin')]],
    )
  })

  test('is one in a list, a table and an event, with the same placeholder as alone', () => {
    const one = secret('a', { k: 'value' })
    const { kind: _k, apiVersion: _v, ...bare } = one
    const engine = testEngine()
    const alone = JSON.parse(run(engine, JSON.stringify(one), { kind: 'Secret' }).text).data.k
    const list = {
      kind: 'SecretList',
      apiVersion: 'v1',
      metadata: { resourceVersion: '1' },
      items: [bare, bare],
    }
    const table = {
      kind: 'Table',
      columnDefinitions: [{ name: 'Name' }, { name: 'Data' }],
      rows: [{ cells: ['a', 1], object: one }],
    }
    for (const context of [{ kind: 'Secret' }, {}]) {
      const listed = JSON.parse(run(engine, JSON.stringify(list), context).text)
      assert.equal(listed.items[0].data.k, alone)
      assert.equal(listed.items[1].data.k, alone)
      const inTable = JSON.parse(run(engine, JSON.stringify(table), context).text)
      assert.equal(inTable.rows[0].object.data.k, alone)
      assert.deepEqual(inTable.rows[0].cells, ['a', 1])
      const events = ['ADDED', 'MODIFIED', 'DELETED', 'BOOKMARK']
        .map(type => `${JSON.stringify({ type, object: type === 'MODIFIED' ? table : one })}\n`)
        .join('')
      const seen = run(engine, events, { ...context, sequence: true })
      assert.equal(seen.fault, null)
      const objects = seen.text
        .trim()
        .split('\n')
        .map(line => JSON.parse(line).object)
      assert.deepEqual(
        objects.map(o => (o.rows === undefined ? o.data.k : o.rows[0].object.data.k)),
        [alone, alone, alone, alone],
      )
    }
  })

  test('another place or object has another placeholder, another value at the place the same', () => {
    const engine = testEngine()
    const read = (name: string, data: Record<string, string>) =>
      JSON.parse(run(engine, JSON.stringify(secret(name, data)), { kind: 'Secret' }).text).data
    assert.equal(read('a', { k: '1' }).k, read('a', { k: 'two' }).k)
    assert.notEqual(read('a', { k: '1', l: '1' }).k, read('a', { k: '1', l: '1' }).l)
    assert.notEqual(read('a', { k: '1' }).k, read('b', { k: '1' }).k)
  })

  test('hides with members in any order, by escaped names, twice, and nested in other objects', () => {
    const engine = testEngine()
    for (const text of [
      `{"data":{"k":"${base64('CLEARTEXT')}"},"kind":"Secret","apiVersion":"v1"}`,
      `{"apiVersion":"v1","kind":"Secret","d\\u0061ta":{"k":"${base64('CLEARTEXT')}"}}`,
      `{"apiVersion":"v1","kind":"Secret","data":{"k":"${base64('CLEARTEXT')}"},"data":{"k":"${base64('CLEARTEXT')}"}}`,
      `{"apiVersion":"v1","kind":"Secret","stringData":{"k":"CLEARTEXT","n":{"m":["CLEARTEXT"]}}}`,
      `{"apiVersion":"v1","kind":"Secret","data":{"k":{"deeper":["${base64('CLEARTEXT')}"]}}}`,
    ]) {
      const { text: masked, fault } = run(engine, text)
      assert.equal(fault, null)
      JSON.parse(masked)
      assert.ok(!masked.includes('CLEARTEXT') && !masked.includes(base64('CLEARTEXT')), masked)
    }
  })

  test('does not escape the rules of its URL by calling itself something else', () => {
    const text = JSON.stringify({ ...secret('a', { k: 'CLEARTEXT' }), kind: 'ConfigMap' })
    assert.ok(!run(testEngine(), text, { kind: 'Secret' }).text.includes(base64('CLEARTEXT')))
  })

  test('is found in last-applied, with the placeholders of the object itself', () => {
    const inner = { ...secret('a', { k: 'value' }), stringData: { s: 'other' } }
    const text = JSON.stringify({
      ...inner,
      metadata: {
        name: 'a',
        uid: 'u',
        annotations: { 'kubectl.kubernetes.io/last-applied-configuration': `${JSON.stringify(inner)}\n` },
      },
    })
    const result = run(testEngine(), text, { kind: 'Secret' })
    const object = JSON.parse(result.text)
    const applied = JSON.parse(
      object.metadata.annotations['kubectl.kubernetes.io/last-applied-configuration'],
    )
    assert.equal(applied.data.k, object.data.k)
    assert.match(applied.stringData.s, MARK)
    assert.equal(restored(result), text)
  })

  test('of Helm stays a release, and what is secret in it does not', () => {
    const manifest = `# Source: a\napiVersion: v1\nkind: Secret\nmetadata:\n  name: x\ndata:\n  password: ${base64('CLEARTEXT')}\nstringData:\n  note: |\n    CLEARTEXT\n    two\n---\nkind: ConfigMap\ndata:\n  a: b\n`
    const release = {
      name: 'r',
      info: { status: 'deployed' },
      config: { db: { password: 'CLEARTEXT' } },
      manifest,
    }
    const packed = gzipSync(JSON.stringify(release)).toString('base64')
    const text = JSON.stringify(secret('sh.helm.release.v1.r.v1', { release: packed }))
    const result = run(testEngine(), text, { kind: 'Secret' })
    const read = JSON.parse(
      gunzipSync(Buffer.from(plain(JSON.parse(result.text).data.release), 'base64')).toString(),
    )
    assert.equal(read.info.status, 'deployed')
    assert.match(read.config.db.password, MARK)
    assert.ok(
      !JSON.stringify(read).includes('CLEARTEXT') && !JSON.stringify(read).includes(base64('CLEARTEXT')),
    )
    assert.match(read.manifest, /kind: ConfigMap\ndata:\n {2}a: b\n$/)
    assert.equal(restored(result), text)
  })

  test('of a registry stays JSON that clients read', () => {
    const config = {
      auths: { 'r.example': { username: 'u', password: 'CLEARTEXT', auth: base64('u:CLEARTEXT') } },
    }
    const text = JSON.stringify(secret('a', { '.dockerconfigjson': JSON.stringify(config) }))
    const masked = JSON.parse(plain(JSON.parse(run(testEngine(), text).text).data['.dockerconfigjson']))
    assert.match(masked.auths['r.example'].password, MARK)
    assert.match(masked.auths['r.example'].auth, MARK)
    assert.match(masked.auths['r.example'].username, MARK)
  })
})

describe('any object', () => {
  test('is masked by names of members, of variables, of flags and of columns', () => {
    const engine = testEngine()
    const pod = {
      kind: 'Pod',
      spec: {
        containers: [
          {
            name: 'c',
            env: [
              { name: 'DB_PASSWORD', value: 'CLEARTEXT' },
              { value: 'CLEARTEXT', name: 'B_PASSWORD' },
              { name: 'PASSWORD', valueFrom: { secretKeyRef: { name: 'n', key: 'password' } } },
            ],
            args: ['--password', 'CLEARTEXT', '--port', '80'],
          },
        ],
        adminPassword: 12345,
        passwords: ['ok'],
        token: 'short',
        userPassword: ['CLEARTEXT'],
        nullPassword: null,
      },
    }
    const result = run(engine, JSON.stringify(pod))
    assert.ok(!result.text.includes('CLEARTEXT'))
    const masked = JSON.parse(result.text)
    assert.equal(masked.spec.adminPassword, 1999999991)
    assert.equal(masked.spec.token, 'short')
    assert.equal(masked.spec.nullPassword, null)
    assert.deepEqual(masked.spec.containers[0].env[2], pod.spec.containers[0]!.env[2])
    assert.deepEqual(masked.spec.containers[0].args.slice(2), ['--port', '80'])
    assert.deepEqual(
      result.fields.map(f => f.pointer),
      [
        '/spec/containers/[name=c]/env/[name=DB_PASSWORD]/value',
        '/spec/containers/[name=c]/env/[name=B_PASSWORD]/value',
        '/spec/containers/[name=c]/args/1',
        '/spec/adminPassword',
        '/spec/userPassword/0',
      ],
    )
    const table = {
      kind: 'Table',
      columnDefinitions: [{ name: 'Name' }, { name: 'Root Password' }],
      rows: [{ cells: ['x', 'CLEARTEXT'] }],
    }
    assert.ok(!run(engine, JSON.stringify(table)).text.includes('CLEARTEXT'))
  })

  test('is searched in every layer: escapes, JSON in a string, base64, twice, gzip', () => {
    const engine = testEngine()
    const canary = 'CANARY-12345678'
    const layers = [
      canary,
      `glued${canary}glued`,
      JSON.stringify({ a: { b: [canary] } }),
      JSON.stringify({ a: JSON.stringify({ b: canary }) }),
      base64(`some text with ${canary}`),
      base64(base64(`some text with ${canary}`)),
      base64(JSON.stringify({ k: canary })),
      gzipSync(`some text with ${canary}`).toString('base64'),
      `line\n"quoted" ${canary}\n`,
    ]
    for (const value of layers) {
      for (const text of [
        JSON.stringify({ kind: 'ConfigMap', data: { a: value } }),
        JSON.stringify({ kind: 'ConfigMap', data: { a: value } }).replace('CANARY', '\\u0043ANARY'),
        JSON.stringify({
          kind: 'X',
          metadata: {
            annotations: { a: value },
            managedFields: [{ fieldsV1: { [`v:${JSON.stringify(value)}`]: {} } }],
          },
        }),
      ]) {
        const result = run(engine, text)
        const seen = unpackAll(result.text)
        assert.ok(!seen.includes(canary), `${value}: ${result.text}`)
        assert.ok(seen.includes('sallyport.masked.look.'), value)
        assert.equal(restored(result), text)
      }
    }
  })

  test('keeps what identifies it', () => {
    const text = JSON.stringify({
      kind: 'X',
      metadata: { name: 'CANARY-12345678', uid: 'CANARY-12345678', annotations: { a: 'x' } },
    })
    assert.equal(run(testEngine(), text).text, text)
  })

  test('shows what was learned from a Secret nowhere else', () => {
    const engine = testEngine()
    run(engine, JSON.stringify(secret('a', { k: 'a value of some length' })), { kind: 'Secret' })
    const text = JSON.stringify({ kind: 'ConfigMap', data: { copy: 'x a value of some length y' } })
    const masked = JSON.parse(run(engine, text).text)
    assert.match(masked.data.copy, /^x sallyport\.masked\.fingerprint\.[0-9a-f]+ y$/)
  })

  test('loses dropped members with one comma each', () => {
    const drop = maskRule('drop', { action: 'drop' })
    const engine = testEngine({
      '/K': [
        { path: ['a'], encoding: 'text', rule: drop },
        { path: ['b'], encoding: 'text', rule: drop },
      ],
    })
    for (const [text, expected] of [
      ['{"a":1,"b":[2,{"x":1}],"kind":"K"}', '{"kind":"K"}'],
      ['{"kind":"K","a":"x","b":{}}', '{"kind":"K"}'],
      ['{ "a" : 1 , "kind":"K" , "b" : true }', '{ "kind":"K" }'],
      ['{"kind":"K","a":1,"c":2,"b":3}', '{"kind":"K","c":2}'],
    ] as const) {
      const result = run(engine, text, { kind: 'K' })
      assert.equal(result.text, expected)
      assert.equal(restored(result), text)
    }
  })
})

function unpackAll(text: string): string {
  let all = text
  let next = text
  for (let i = 0; i < 4; i++) {
    const found: string[] = []
    for (const [word] of next.matchAll(/[A-Za-z0-9+/]{16,}={0,2}/g)) {
      const bytes = Buffer.from(word, 'base64')
      found.push(bytes[0] === 0x1f && bytes[1] === 0x8b ? gunzipSync(bytes).toString() : bytes.toString())
    }
    next = found.join('\n')
    all += `\n${next}`
  }
  return all
}

describe('what cannot be read', () => {
  test('is a fault, after which nothing leaves', () => {
    for (const [text, fault] of [
      ['{"a":', 'json-incomplete'],
      ['{"a":1}}', 'json-trailing-data'],
      ['{a:1}', 'json-syntax'],
      ['', 'json-incomplete'],
      ['[1,]', 'json-syntax'],
      [`${'['.repeat(300)}`, 'json-depth'],
      ['{"a":"\\ud800"}', 'json-lone-surrogate'],
    ] as const) {
      const result = run(testEngine(), text)
      assert.equal(result.fault, fault, text)
      assert.ok(!result.text.includes('1}}'))
    }
  })

  test('of one object is bounded', () => {
    const text = JSON.stringify({ a: 'x'.repeat(5000) })
    assert.equal(run(testEngine(), text, { largestObject: 1000 }, 100).fault, 'json-object-too-large')
    const list = JSON.stringify({ items: Array.from({ length: 100 }, () => ({ a: 'x'.repeat(100) })) })
    assert.equal(run(testEngine(), list, { largestObject: 1000 }, 100).fault, null)
  })
})

describe('properties', () => {
  const value: fc.Arbitrary<unknown> = fc.letrec(tie => ({
    leaf: fc.oneof(
      fc.string({ unit: 'grapheme', maxLength: 12 }),
      fc.constantFrom(
        'CANARY-12345678',
        'a "CANARY-00000000" b',
        base64('in CANARY-11111111 base64'),
        '{"x":"CANARY-22222222"}',
      ),
      fc.double(),
      fc.maxSafeInteger(),
      fc.boolean(),
      fc.constant(null),
    ),
    array: fc.array(tie('value'), { maxLength: 4 }),
    object: fc.dictionary(
      fc.oneof(
        fc.string({ maxLength: 5 }),
        fc.constantFrom(
          'password',
          'token',
          'data',
          'name',
          'value',
          'items',
          'rows',
          'kind',
          'metadata',
          'object',
          '__proto__',
        ),
      ),
      tie('value'),
      { maxKeys: 5 },
    ),
    value: fc.oneof({ depthSize: 'small' }, tie('leaf'), tie('array'), tie('object')),
  })).value

  /** Parse, walk, stringify, with the simple rules only. */
  function oracle(node: unknown, name = ''): unknown {
    if (Array.isArray(node)) return node.map(e => oracle(e, name))
    if (typeof node === 'object' && node !== null) {
      const out: Record<string, unknown> = Object.create(null)
      for (const [k, v] of Object.entries(node)) out[k] = oracle(v, k)
      return out
    }
    return node
  }

  test('at every chunk size the result is that of one chunk, reads back, and restores the original', () => {
    fc.assert(
      fc.property(
        value,
        fc.integer({ min: 1, max: 40 }),
        fc.constantFrom('', 'Secret'),
        (node, size, kind) => {
          const text = JSON.stringify(node)
          const whole = run(testEngine(), text, { kind })
          const pieces = run(testEngine(), text, { kind }, size)
          assert.equal(pieces.text, whole.text)
          assert.deepEqual(
            pieces.fields.map(f => [f.at, f.length, f.pointer]),
            whole.fields.map(f => [f.at, f.length, f.pointer]),
          )
          assert.equal(whole.fault, null)
          assert.equal(restored(whole), text)
          // Names and the like in metadata stay, so that objects can be told apart.
          if (!text.includes('"metadata"')) assert.doesNotMatch(whole.text, /CANARY-\d{8}/)
          const masked = JSON.parse(whole.text)
          assert.deepEqual(shape(masked), shape(oracle(JSON.parse(text))))
        },
      ),
      { numRuns: 400 },
    )
  })

  /** Types and names, without values. */
  function shape(node: unknown): unknown {
    if (Array.isArray(node)) return node.map(shape)
    if (typeof node === 'object' && node !== null) {
      return Object.entries(node).map(([k, v]) => [
        k.replaceAll(/sallyport\.masked\S*|CANARY-\d{8}/g, '*').length === k.length ? k : '*',
        shape(v),
      ])
    }
    return typeof node
  }
})
