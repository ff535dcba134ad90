import assert from 'node:assert/strict'
import { PassThrough } from 'node:stream'
import { Refusal } from '../../../src/errors/refusal.ts'
import type { UpstreamCall } from '../../../src/tunnel/contract.ts'
import { CallReader, encodeCall } from '../../../src/tunnel/descriptor.ts'
import { readJsonLines } from '../../../src/tunnel/lines.ts'
import { RecordReader, RecordType, recordHeader, textRecord } from '../../../src/tunnel/records.ts'
import { decodeRefusal } from '../../../src/tunnel/refusal-text.ts'
import { type Random, seeded } from '../../parity/random.ts'
import { mutate, pieces } from '../mutate.ts'
import { eachByItself, type FuzzTarget } from '../target.ts'

const WORDS = [
  '{"type":"hello"}\n',
  '{',
  '}',
  '[]',
  'null\n',
  '\n',
  '"code":"internal"',
  '__proto__',
  '\u0000',
]

/** The first byte says what the rest is: an answer's records, a call, control lines, a refusal. */
const FORMS = ['records', 'call', 'lines', 'refusal'] as const

function wellFormed(random: Random, form: (typeof FORMS)[number]): Buffer {
  if (form === 'records') {
    const parts = [textRecord(RecordType.head, '[200,["content-type","application/json"]]')]
    for (let left = random.below(4); left > 0; left--) {
      const data = Buffer.alloc(random.below(40), 'x')
      parts.push(recordHeader(RecordType.data, data.length), data)
    }
    parts.push(
      random.chance(0.2)
        ? textRecord(RecordType.error, '{"code":"upstream-timeout"}')
        : recordHeader(RecordType.end, 0),
    )
    return Buffer.concat(parts)
  }
  if (form === 'call') {
    const body = random.chance(0.5) ? null : Buffer.alloc(random.below(60), '{')
    const call: UpstreamCall = {
      connection: 'prod',
      method: random.pick(['GET', 'POST']),
      target: '/api/v1/pods',
      headers: ['accept', 'application/json'],
      body,
      identity: {
        sessionId: 's-a',
        mode: 'principal',
        user: 'sallyport:a',
        groups: ['sallyport:g'],
        extra: [['sallyport.dev/x', 'y']],
      },
      auditId: 'x',
      headTimeout: 1000,
    }
    return Buffer.concat([encodeCall(call), body ?? Buffer.alloc(0)])
  }
  if (form === 'lines')
    return Buffer.from('{"type":"hello","software":"x","connections":["a"]}\n{"type":"draining"}\n')
  return Buffer.from('{"code":"denied-by-agent","check":"agent/x","detail":"why","retryAfter":3}')
}

/** Only Refusals are thrown, and where the bytes are cut makes no difference. */
async function look(input: Buffer): Promise<string> {
  const form = FORMS[(input[0] ?? 0) % FORMS.length]!
  const bytes = input.subarray(1)
  const cut = pieces(bytes, seeded(bytes.length))
  if (form === 'records') {
    const [whole, parts] = [records([bytes]), records(cut)]
    assert.deepEqual(parts, whole, 'cut into pieces it reads otherwise')
    return `records ${whole.end}`
  }
  if (form === 'call') {
    const [whole, parts] = [call([bytes]), call(cut)]
    // What is too long is refused as soon as it is seen; either way nothing is made of it.
    if (whole !== 'refused' || parts !== 'waiting')
      assert.deepEqual(parts, whole, 'cut into pieces it reads otherwise')
    return typeof whole === 'string' ? `call ${whole}` : 'call read'
  }
  if (form === 'refusal') {
    const refusal = decodeRefusal(bytes.toString('utf8'))
    assert.ok(refusal instanceof Refusal && (refusal.detail ?? '').length <= 300)
    assert.match(refusal.detail ?? '', /^[\x20-\x7e]*$/)
    return `refusal ${refusal.code}`
  }
  const [whole, parts] = [await lines([bytes]), await lines(cut)]
  assert.deepEqual(parts, whole, 'cut into pieces it reads otherwise')
  return whole.broken ? 'lines refused' : 'lines read'
}

function records(chunks: readonly Buffer[]): { events: string[]; data: string; end: string } {
  const events: string[] = []
  let data = ''
  let end = 'waiting'
  const reader = new RecordReader({
    onHeadRecord: text => void events.push(`head ${text}`),
    onDataRecord: chunk => {
      data += chunk.toString('latin1')
    },
    onEndRecord: () => {
      end = 'end'
    },
    onErrorRecord: text => {
      end = 'error'
      events.push(text)
    },
  })
  try {
    for (const chunk of chunks) if (chunk.length > 0) reader.push(chunk)
  } catch (error) {
    assert.ok(error instanceof Refusal, `${error}`)
    end = 'refused'
  }
  return { events, data, end }
}

function call(chunks: readonly Buffer[]): UpstreamCall | 'waiting' | 'refused' {
  const reader = new CallReader()
  try {
    let read: UpstreamCall | undefined
    for (const chunk of chunks) if (chunk.length > 0) read = reader.push(chunk) ?? read
    return read ?? 'waiting'
  } catch (error) {
    assert.ok(error instanceof Refusal, `${error}`)
    return 'refused'
  }
}

async function lines(chunks: readonly Buffer[]): Promise<{ messages: unknown[]; broken: boolean }> {
  const stream = new PassThrough()
  const messages: unknown[] = []
  let faults = 0
  readJsonLines(
    stream,
    message => messages.push(message),
    () => faults++,
  )
  for (const chunk of chunks) stream.write(chunk)
  stream.end()
  await new Promise(resolve => stream.once('end', resolve))
  assert.ok(faults <= 1, 'told of the fault more than once')
  return { messages, broken: faults === 1 }
}

export const target: FuzzTarget = {
  name: 'tunnel-frames',
  batch: 200,
  generate(random, corpus) {
    if (corpus.length > 0 && random.chance(0.1)) return mutate(random.pick(corpus), random, WORDS)
    const form = random.below(FORMS.length)
    const base = wellFormed(random, FORMS[form]!)
    return Buffer.concat([Buffer.from([form]), random.chance(0.2) ? base : mutate(base, random, WORDS)])
  },
  open: async () => eachByItself(look),
}
