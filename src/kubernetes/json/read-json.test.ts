import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { type JsonDocument, OBJECT, STRIDE } from './document.ts'
import { createJsonReader, type JsonRefusal, readJson } from './read-json.ts'

function read(text: string | Uint8Array): JsonDocument | JsonRefusal {
  return readJson(typeof text === 'string' ? Buffer.from(text) : text)
}

function accepted(text: string): JsonDocument {
  const result = read(text)
  if ('refused' in result) assert.fail(`${text} was refused: ${result.check}`)
  return result
}

function check(text: string | Uint8Array): string {
  const result = read(text)
  return 'refused' in result ? result.check : 'accepted'
}

/** What JSON.parse makes of a text, for comparison; null prototypes and exact numbers aside. */
function plain(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value, (_key, v) => (typeof v === 'bigint' ? Number(v) : v)))
}

describe('strict JSON reader', () => {
  it('D58: refuses a name that occurs twice in one object', () => {
    assert.equal(check('{"kind":"Pod","kind":"Secret"}'), 'json-duplicate-key')
    assert.equal(check('{"data":{"k":"1"},"data":{"j":"2"}}'), 'json-duplicate-key')
    assert.equal(check('{"a":{"b":[{"c":1,"d":2,"c":3}]}}'), 'json-duplicate-key')
    assert.equal(check('{"a":{"x":1},"b":{"x":1},"x":1}'), 'accepted')
  })

  it('D58: sees through escapes when it compares names', () => {
    assert.equal(check('{"data":1,"d\\u0061ta":2}'), 'json-duplicate-key')
    assert.equal(check('{"\\u0064ata":1,"d\\u0061ta":2}'), 'json-duplicate-key')
    assert.equal(check('{"é":1,"\\u00e9":2}'), 'json-duplicate-key')
    assert.equal(check('{"a\\/b":1,"a/b":2}'), 'json-duplicate-key')
    assert.equal(accepted('{"d\\u0061ta":7}').member(0, 'data') !== undefined, true)
  })

  it('finds duplicates among many names, and none where there are none', () => {
    const names = Array.from({ length: 3000 }, (_, i) => `"key-${i}":${i}`)
    assert.equal(check(`{${names.join(',')}}`), 'accepted')
    assert.equal(check(`{${names.join(',')},"key-1500":0}`), 'json-duplicate-key')
    assert.equal(check(`{"key-0":{${names.join(',')}},"key-1":1}`), 'accepted')
  })

  it('D59: __proto__ and constructor are names like any other', () => {
    const value = accepted('{"__proto__":{"admin":true},"constructor":{"prototype":1}}').value() as Record<
      string,
      unknown
    >
    assert.equal(Object.getPrototypeOf(value), null)
    assert.deepEqual(Object.keys(value), ['__proto__', 'constructor'])
    assert.equal(({} as Record<string, unknown>).admin, undefined)
    assert.equal(check('{"__proto__":1,"__proto__":2}'), 'json-duplicate-key')
  })

  it('D61: refuses everything that is not UTF-8', () => {
    const bad: Record<string, number[]> = {
      'an overlong slash': [0xc0, 0xaf],
      'a surrogate': [0xed, 0xa0, 0x80],
      'beyond U+10FFFF': [0xf4, 0x90, 0x80, 0x80],
      'a cut character': [0xe2, 0x82],
      'a lone continuation': [0x80],
      'Latin-1': [0xe9],
    }
    for (const [name, bytes] of Object.entries(bad)) {
      assert.equal(check(Uint8Array.from([0x22, ...bytes, 0x22])), 'json-not-utf8', name)
    }
    assert.equal(check(Uint8Array.from([0xef, 0xbb, 0xbf, 0x7b, 0x7d])), 'json-byte-order-mark')
    assert.equal(check(Uint8Array.from(Buffer.from('{"a":1}', 'utf16le'))), 'json-syntax')
    assert.equal(check(Uint8Array.from([0xfe, 0xff, 0, 0x7b, 0, 0x7d])), 'json-not-utf8')
    assert.equal(check('+AHs-'), 'json-syntax')
    assert.equal(check('"\u0000"'), 'json-syntax')
  })

  it('D61: half characters in escapes are refused, whole ones are read', () => {
    for (const text of [
      '"\\ud800"',
      '"\\ud800x"',
      '"\\ud800\\n"',
      '"\\ud800\\ud800"',
      '"\\udc00"',
      '"\\ud83d"',
    ]) {
      assert.equal(check(text), 'json-lone-surrogate', text)
    }
    assert.equal(accepted('"\\ud83d\\ude00"').text(0), '😀')
  })

  it('D55: refuses deep nesting and size before anything is built', () => {
    assert.equal(check('['.repeat(200) + ']'.repeat(200)), 'accepted')
    assert.equal(check('['.repeat(201) + ']'.repeat(201)), 'json-depth')
    assert.equal(check('{"a":'.repeat(1_000_00)), 'json-depth')
    assert.equal(check(new Uint8Array(3 * 1024 * 1024 + 1).fill(0x20)), 'json-too-large')
    assert.equal(check(`[${'1,'.repeat(499_998)}1]`), 'accepted')
    assert.equal(check(`[${'1,'.repeat(499_999)}1]`), 'json-too-many-values')
    assert.equal(check(`[${'{"a":[]},'.repeat(300_000)}{}]`), 'json-too-many-values')
    assert.equal(check('[{"a":1}]'), 'accepted')
  })

  it('refuses what is not one JSON value', () => {
    assert.equal(check(''), 'json-incomplete')
    assert.equal(check('  '), 'json-incomplete')
    assert.equal(check('{} {}'), 'json-trailing-data')
    assert.equal(check('{}\n---\n{}'), 'json-trailing-data')
    assert.equal(check('{"a":1'), 'json-incomplete')
    for (const text of [
      '{a:1}',
      "{'a':1}",
      '{"a":1,}',
      '[1,]',
      '[,1]',
      'tru',
      'True',
      'NaN',
      'Infinity',
      '// x\n{}',
      '{"a" 1}',
      '[1}',
      '{]',
    ]) {
      assert.notEqual(check(text), 'accepted', text)
    }
    for (const text of ['01', '-', '+1', '1.', '.5', '1e', '1e+', '0x10', '1_000', '--1', '-a']) {
      assert.notEqual(check(text), 'accepted', text)
      assert.notEqual(check(`[${text}]`), 'accepted', text)
    }
  })

  it('keeps numbers as they were written', () => {
    const value = accepted(
      '{"a":9007199254740993,"b":1e400,"c":-0.5,"d":18446744073709551615,"e":12}',
    ).value()
    assert.deepEqual(
      { ...(value as object) },
      { a: 9007199254740993n, b: '1e400', c: -0.5, d: 18446744073709551615n, e: 12 },
    )
  })

  it('tells whether a watched name occurred', () => {
    const reader = createJsonReader(name => name === 'Data')
    for (const [text, expected] of [
      ['{"data":1}', false],
      ['{"a":[{"Data":1}]}', true],
      ['{"D\\u0061ta":1}', true],
      ['{"a":"Data"}', false],
    ] as const) {
      const result = reader(Buffer.from(text))
      assert.equal('refused' in result ? undefined : result.watchedKeys, expected, text)
    }
  })

  it('D55: reads a flood of names that collide in the name table, in linear time', () => {
    // Blocks of eight characters that leave the table's hash in the same state, chained: 2^8 names, one hash.
    const blocks = 8
    const pairs: [string, string][] = []
    let state = blocks * 8
    for (let block = 0; block < blocks; block++) {
      const seen = new Map<number, string>()
      for (let i = 0; ; i++) {
        const text = i.toString(36).padStart(8, '0')
        let next = state
        for (let at = 0; at < 8; at++) next = (Math.imul(next, 0x01000193) ^ text.charCodeAt(at)) | 0
        const other = seen.get(next)
        if (other !== undefined) {
          pairs.push([other, text])
          state = next
          break
        }
        seen.set(next, text)
      }
    }
    const names = Array.from({ length: 2 ** blocks }, (_, i) =>
      pairs.map((pair, bit) => pair[(i >> bit) & 1]).join(''),
    )
    const started = process.cpuUsage()
    assert.equal(check(`{${names.map(name => `"${name}":0`).join(',')}}`), 'accepted')
    assert.equal(
      check(`{${[...names, names[77]].map(name => `"${name}":0`).join(',')}}`),
      'json-duplicate-key',
    )
    assert.ok(process.cpuUsage(started).user < 1_000_000)
  })

  it('property: agrees with JSON.parse on every value', () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 6 }), fc.constantFrom(undefined, 1, '\t'), (value, space) => {
        const text = JSON.stringify(value, null, space)
        assert.deepEqual(plain(accepted(text).value()), JSON.parse(text))
      }),
      { numRuns: 300 },
    )
  })

  it('property: whatever is accepted after damage, JSON.parse accepts too, with the same meaning', () => {
    const damage = fc.array(fc.tuple(fc.nat(), fc.constantFrom(...'{}[]",:\\u0aue-.1tn \t', '\u00e9')), {
      maxLength: 4,
    })
    let kept = 0
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 4 }), damage, (value, changes) => {
        let text = JSON.stringify(value)
        for (const [at, c] of changes)
          text = text.slice(0, at % (text.length + 1)) + c + text.slice((at % (text.length + 1)) + 1)
        const result = read(text)
        if ('refused' in result) return
        kept++
        let infinite = false
        const expected: unknown = JSON.parse(text, (_key, v) => {
          infinite ||= v === Number.POSITIVE_INFINITY || v === Number.NEGATIVE_INFINITY
          return v
        })
        // Out of a double's range the reader keeps the text, which JSON.parse cannot.
        if (!infinite) assert.deepEqual(plain(result.value()), plain(expected))
      }),
      { numRuns: 1000 },
    )
    assert.ok(kept > 20)
  })

  it('property: random bytes are refused or read, never a crash', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), bytes => {
        const result = read(bytes)
        if (!('refused' in result)) JSON.parse(Buffer.from(bytes).toString())
      }),
      { numRuns: 1000 },
    )
  })

  it('walks the tape without building values', () => {
    const document = accepted('{"a":[1,{"b":"c"}],"metadata":{"name":"x"}}')
    assert.equal(document.kind(0), OBJECT)
    assert.equal(document.text(document.member(document.member(0, 'metadata'), 'name')), 'x')
    assert.equal(document.member(0, 'b'), undefined)
    const a = document.member(0, 'a')!
    assert.equal(document.isArray(a), true)
    assert.equal(document.after(document.first(a)), document.first(a) + STRIDE)
    assert.equal(document.member(document.first(a), 'x'), undefined)
  })
})
