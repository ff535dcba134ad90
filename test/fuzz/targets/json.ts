import assert from 'node:assert/strict'
import { isUtf8 } from 'node:buffer'
import { mayBeCaseVariant } from '../../../src/kubernetes/body/case-variants.ts'
import { ARRAY, type JsonDocument, NUMBER, OBJECT } from '../../../src/kubernetes/json/document.ts'
import { BODY_LIMITS, createJsonReader, readJson } from '../../../src/kubernetes/json/read-json.ts'
import { type JsonSink, JsonTokenizer } from '../../../src/kubernetes/json/tokenizer.ts'
import { type Random, seeded } from '../../parity/random.ts'
import { mutate, pieces } from '../mutate.ts'
import { readReference } from '../reference-json.ts'
import { eachByItself, type FuzzTarget } from '../target.ts'

const NAMES = [
  'kind',
  'Kind',
  'kınd',
  'metadata',
  'name',
  '__proto__',
  'constructor',
  '',
  'a',
  '\\u0061',
  '\\u212aind',
  'spec',
  'Spec',
  'data',
]
const TEXTS = [
  '',
  'x',
  '\\"',
  '\\\\',
  '\\u0000',
  '\\ud83d\\ude00',
  '\\ud83d',
  '\\ude00\\ud83d',
  'é',
  '😀',
  '\\n',
  '\u007f',
  '\u2028',
]
const NUMBERS = [
  '0',
  '-0',
  '1',
  '-1',
  '1.5',
  '1e5',
  '1E+400',
  '-1e-400',
  '9007199254740993',
  '18446744073709551616',
  '0.1',
  '123456789012345678901234567890',
  '01',
  '1.',
  '.5',
  '-',
  '+1',
  '1e',
  'NaN',
  '0x1',
]
const WORDS = [
  '{',
  '}',
  '[',
  ']',
  ':',
  ',',
  '"',
  '\\u',
  '\\',
  'null',
  'true',
  'false',
  '\ufeff',
  '//',
  '/*',
  '\u0000',
  '\\ud800',
  '"a":1,',
  ...NUMBERS,
]

/** JSON as objects of Kubernetes look, names twice and in other cases among them, then perhaps damaged. */
function textOf(random: Random, depth: number): string {
  const kind = depth > 5 ? 3 + random.below(4) : random.below(7)
  const blank = random.chance(0.1) ? random.pick([' ', '\n', '\t\r ', '']) : ''
  if (kind < 2) {
    const members = Array.from(
      { length: random.below(5) },
      () => `${blank}"${random.pick(NAMES)}"${blank}:${textOf(random, depth + 1)}`,
    )
    return `{${members.join(',')}${blank}}`
  }
  if (kind === 2)
    return `[${Array.from({ length: random.below(4) }, () => textOf(random, depth + 1)).join(`${blank},`)}]`
  if (kind === 3) return `"${random.pick(TEXTS)}${random.pick(TEXTS)}"`
  if (kind === 4) return random.pick(NUMBERS.slice(0, random.chance(0.05) ? NUMBERS.length : 12))
  return random.pick(['null', 'true', 'false', '{}', '[]'])
}

const watching = createJsonReader(mayBeCaseVariant)

function look(input: Buffer): string {
  const ours = readJson(input)
  const text = input.toString('utf8')
  const reference = isUtf8(input) ? readReference(text) : undefined
  // Two other readers, so that a mistake in one of them is seen.
  if (isUtf8(input) && !text.startsWith('\ufeff'))
    assert.equal(parses(text), reference !== undefined, 'the reference itself')
  compareCuts(input)
  if ('refused' in ours) {
    assert.ok(ours.offset >= 0 && ours.offset <= Math.max(input.length, BODY_LIMITS.maximumBytes))
    if (reference === undefined) return ours.check
    const reasons: Record<string, boolean> = {
      'json-duplicate-key': reference.duplicate,
      'json-lone-surrogate': reference.loneSurrogate,
      'json-depth': reference.depth > BODY_LIMITS.maximumDepth,
      'json-byte-order-mark': text.startsWith('\ufeff'),
      'json-too-large': input.length > BODY_LIMITS.maximumBytes,
      'json-too-many-values': reference.tokens > BODY_LIMITS.maximumTokens,
    }
    assert.ok(reasons[ours.check], `${ours.check}: a good text was refused`)
    return ours.check
  }
  assert.ok(reference !== undefined, 'what is no JSON was read')
  assert.ok(!reference.duplicate, 'a name twice was read')
  assert.ok(!reference.loneSurrogate, 'half a character was read')
  assert.ok(reference.depth <= BODY_LIMITS.maximumDepth)
  compare(ours, 0, reference.value)
  const watched = watching(input)
  assert.ok(!('refused' in watched))
  assert.equal(watched.watchedKeys, [...reference.names].some(mayBeCaseVariant), 'a watched name was missed')
  return 'read'
}

function parses(text: string): boolean {
  try {
    JSON.parse(text)
    return true
  } catch {
    return false
  }
}

function compare(document: JsonDocument, node: number, expected: unknown): number {
  const kind = document.kind(node)
  if (expected instanceof Map) {
    assert.equal(kind, OBJECT)
    let at = document.first(node)
    for (const [name, member] of expected) {
      assert.equal(document.text(at), name)
      const found = document.member(node, name)
      assert.equal(found, at + 3, `member ${name}`)
      at = compare(document, at + 3, member)
    }
    assert.equal(at, document.after(node))
  } else if (Array.isArray(expected)) {
    assert.equal(kind, ARRAY)
    let at = document.first(node)
    for (const element of expected) at = compare(document, at, element)
    assert.equal(at, document.after(node))
  } else if (typeof expected === 'object' && expected !== null) {
    assert.equal(kind, NUMBER)
    assert.equal(document.numberText(node), (expected as { number: string }).number)
  } else assert.equal(document.value(node), expected)
  return document.after(node)
}

/** However a stream is cut, the tokenizer says the same. */
function compareCuts(input: Buffer): void {
  const whole = tokens([input])
  const random = seeded(input.length + (input[0] ?? 0))
  assert.deepEqual(tokens(pieces(input, random)), whole, 'cut into pieces it reads otherwise')
}

function tokens(chunks: readonly Buffer[]): string[] {
  const found: string[] = []
  const text = (bytes: Uint8Array, start: number, end: number): string =>
    Buffer.from(bytes.subarray(start, end)).toString('latin1')
  const sink: JsonSink = {
    open: (isObject, offset) => void found.push(`open ${isObject} ${offset}`),
    close: (isObject, offset) => void found.push(`close ${isObject} ${offset}`),
    key(bytes, start, end, offset, escaped) {
      found.push(`key ${text(bytes, start, end)} ${offset} ${escaped}`)
      return true
    },
    text: (bytes, start, end, offset, escaped) =>
      void found.push(`text ${text(bytes, start, end)} ${offset} ${escaped}`),
    number: (bytes, start, end, offset) => void found.push(`number ${text(bytes, start, end)} ${offset}`),
    literal: (value, offset) => void found.push(`${value} ${offset}`),
  }
  const tokenizer = new JsonTokenizer(sink, 64)
  const fed = chunks.every(chunk => tokenizer.feed(chunk))
  const ended = fed && tokenizer.end()
  found.push(`${ended} ${tokenizer.fault} ${tokenizer.faultOffset}`)
  return found
}

export const target: FuzzTarget = {
  name: 'json',
  batch: 200,
  generate(random, corpus) {
    if (random.chance(0.01)) return Buffer.from(random.pick(['[', '{"a":']).repeat(random.below(400)))
    const base =
      corpus.length > 0 && random.chance(0.1) ? random.pick(corpus) : Buffer.from(textOf(random, 0))
    return random.chance(0.6) ? base : mutate(base, random, WORDS)
  },
  open: async () => eachByItself(look),
}
