import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { type JsonSink, JsonTokenizer } from './tokenizer.ts'
import { Utf8Check } from './utf8.ts'

/** Everything a sink hears, as text. */
function tokens(chunks: readonly Uint8Array[]): string[] {
  const heard: string[] = []
  const word = (
    name: string,
    bytes: Uint8Array,
    start: number,
    end: number,
    offset: number,
    escaped: boolean,
  ): void => {
    heard.push(`${name} ${offset} ${escaped} ${Buffer.from(bytes.slice(start, end)).toString('latin1')}`)
  }
  const sink: JsonSink = {
    open: (isObject, offset) => heard.push(`open ${isObject} ${offset}`),
    close: (isObject, offset) => heard.push(`close ${isObject} ${offset}`),
    key: (bytes, start, end, offset, escaped) => {
      word('key', bytes, start, end, offset, escaped)
      return true
    },
    text: (bytes, start, end, offset, escaped) => word('text', bytes, start, end, offset, escaped),
    number: (bytes, start, end, offset) => word('number', bytes, start, end, offset, false),
    literal: (value, offset) => heard.push(`${value} ${offset}`),
  }
  const tokenizer = new JsonTokenizer(sink, 50)
  for (const chunk of chunks) if (!tokenizer.feed(chunk)) break
  if (tokenizer.fault === null) tokenizer.end()
  heard.push(`${tokenizer.fault} ${tokenizer.fault === null ? '' : tokenizer.faultOffset}`)
  return heard
}

function cut(bytes: Uint8Array, places: readonly number[]): Uint8Array[] {
  const borders = [...new Set(places.map(p => p % (bytes.length + 1)))].sort((a, b) => a - b)
  const chunks: Uint8Array[] = []
  let from = 0
  for (const border of [...borders, bytes.length]) {
    chunks.push(bytes.slice(from, border))
    from = border
  }
  return chunks
}

describe('JSON tokenizer', () => {
  it('property: where a stream is cut into chunks changes nothing', () => {
    const text = fc.oneof(
      fc.jsonValue({ maxDepth: 4 }).map(value => JSON.stringify(value)),
      fc.constantFrom(
        '{"d\\u0061ta":"\\ud83d\\ude00\\n","n":-12.5e+30,"t":[true,false,null]} ',
        '12',
        '"\\ud800\\n"',
        '{"a":tru}',
        '[1.]',
      ),
    )
    fc.assert(
      fc.property(text, fc.array(fc.nat(), { maxLength: 8 }), (json, places) => {
        const bytes = Buffer.from(json)
        assert.deepEqual(tokens(cut(bytes, places)), tokens([bytes]))
      }),
      { numRuns: 500 },
    )
  })

  it('reads a stream byte by byte', () => {
    const bytes = Buffer.from('{"a":[1,-2.5e3,"x\\ty"],"é":{"b":null}}')
    assert.deepEqual(tokens([...bytes].map(b => Uint8Array.of(b))), tokens([bytes]))
  })
})

describe('UTF-8 check', () => {
  it('property: agrees with the whole-text check wherever the stream is cut', () => {
    const bytes = fc.oneof(
      fc.string({ unit: 'binary', maxLength: 20 }).map(s => new Uint8Array(Buffer.from(s))),
      fc.uint8Array({ maxLength: 12 }),
      fc
        .array(fc.constantFrom(0xf0, 0x9f, 0x98, 0x80, 0xe2, 0x82, 0xac, 0xc3, 0xa9, 0x41, 0xed, 0xa0), {
          maxLength: 12,
        })
        .map(a => Uint8Array.from(a)),
    )
    fc.assert(
      fc.property(bytes, fc.array(fc.nat(), { maxLength: 6 }), (input, places) => {
        const check = new Utf8Check()
        const good = cut(input, places).every(chunk => check.feed(chunk)) && check.end()
        let expected = true
        try {
          new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(input)
        } catch {
          expected = false
        }
        assert.equal(good, expected)
      }),
      { numRuns: 1000 },
    )
  })
})
