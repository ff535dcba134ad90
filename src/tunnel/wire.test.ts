import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { catalogue, type ErrorCode } from '../errors/catalogue.ts'
import { Refusal } from '../errors/refusal.ts'
import type { UpstreamCall } from './contract.ts'
import { CallReader, encodeCall } from './descriptor.ts'
import { commonVersion } from './protocol.ts'
import { RecordReader, type RecordSink, RecordType, recordHeader, textRecord } from './records.ts'
import { decodeRefusal, encodeRefusal } from './refusal-text.ts'

/** Cuts bytes at the given fractions. */
function cut(bytes: Buffer, fractions: readonly number[]): Buffer[] {
  const marks = [0, ...fractions.map(f => Math.floor(f * bytes.length)), bytes.length].sort((a, b) => a - b)
  return marks.slice(1).map((end, i) => bytes.subarray(marks[i], end))
}

const fractions = fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { maxLength: 12 })

class Sink implements RecordSink {
  readonly events: string[] = []
  data = Buffer.alloc(0)
  onHeadRecord(text: string): void {
    this.events.push(`head ${text}`)
  }
  onDataRecord(chunk: Buffer): void {
    this.data = Buffer.concat([this.data, chunk])
  }
  onEndRecord(): void {
    this.events.push('end')
  }
  onErrorRecord(text: string): void {
    this.events.push(`error ${text}`)
  }
}

describe('records', () => {
  const chunks = fc.array(fc.uint8Array({ maxLength: 60 }), { maxLength: 8 })

  test('however the bytes are cut and wherever the reader stops, the answer is the same', () => {
    fc.assert(
      fc.property(fc.string({ minLength: 1 }), chunks, fractions, fc.boolean(), (head, parts, at, stops) => {
        const stream = Buffer.concat([
          textRecord(RecordType.head, head),
          ...parts.flatMap(part => [recordHeader(RecordType.data, part.length), Buffer.from(part)]),
          recordHeader(RecordType.end, 0),
        ])
        const sink = new Sink()
        const reader = new RecordReader(sink)
        const take = sink.onDataRecord.bind(sink)
        if (stops) {
          sink.onDataRecord = chunk => {
            take(chunk)
            reader.stopped = true
          }
        }
        let rest: Buffer | undefined
        for (const piece of cut(stream, at)) {
          rest = reader.push(rest === undefined ? piece : Buffer.concat([rest, piece]))
        }
        while (rest !== undefined) {
          assert.ok(reader.completes(rest))
          reader.stopped = false
          rest = reader.push(rest)
        }
        assert.deepEqual(sink.events, [`head ${head.toWellFormed()}`, 'end'])
        assert.ok(sink.data.equals(Buffer.concat(parts)))
      }),
    )
  })

  test('a rest without its end is never taken for a complete answer', () => {
    const sink = new Sink()
    const reader = new RecordReader(sink)
    sink.onHeadRecord = () => {
      reader.stopped = true
    }
    const data = Buffer.concat([recordHeader(RecordType.data, 3), Buffer.from('abc')])
    const rest = reader.push(Buffer.concat([textRecord(RecordType.head, 'x'), data]))!
    assert.equal(reader.completes(rest), false)
    assert.equal(
      reader.completes(Buffer.concat([rest, recordHeader(RecordType.end, 0).subarray(0, 4)])),
      false,
    )
    assert.equal(reader.completes(Buffer.concat([rest, recordHeader(RecordType.end, 0)])), true)
    assert.equal(reader.completes(Buffer.concat([rest, recordHeader(RecordType.error, 9)])), false)
  })

  test('what is no answer is refused', () => {
    const head = textRecord(RecordType.head, '[]')
    const broken = [
      recordHeader(RecordType.data, 1),
      recordHeader(RecordType.end, 0),
      recordHeader(0, 1),
      recordHeader(9, 1),
      recordHeader(RecordType.head, 0),
      recordHeader(RecordType.head, 0xffffffff),
      recordHeader(RecordType.error, 100_000),
      Buffer.concat([head, head]),
      Buffer.concat([head, recordHeader(RecordType.end, 1)]),
      Buffer.concat([head, recordHeader(RecordType.end, 0), Buffer.from('x')]),
    ]
    for (const bytes of broken) {
      assert.throws(() => new RecordReader(new Sink()).push(bytes), Refusal, bytes.toString('hex'))
    }
  })

  test('random bytes are refused or wait for more; they never end an answer', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 100 }), bytes => {
        const sink = new Sink()
        try {
          new RecordReader(sink).push(Buffer.from(bytes))
        } catch (error) {
          assert.ok(error instanceof Refusal)
        }
      }),
    )
  })
})

describe('calls', () => {
  const text = fc.string({ unit: 'binary', maxLength: 50 })
  const call: fc.Arbitrary<UpstreamCall> = fc.record({
    connection: text,
    method: fc.constantFrom('GET', 'POST', 'DELETE'),
    target: text,
    headers: fc.array(fc.tuple(text, text), { maxLength: 5 }).map(pairs => pairs.flat()),
    body: fc.option(fc.uint8Array({ maxLength: 200 })),
    identity: fc.record({
      sessionId: text,
      mode: fc.constantFrom('principal' as const, 'session' as const, 'agent' as const),
      user: text,
      groups: fc.array(text, { maxLength: 5 }),
      extra: fc.array(fc.tuple(text, text), { maxLength: 3 }),
    }),
    auditId: text,
    headTimeout: fc.nat({ max: 86_400_000 }),
  })

  test('what is written is what is read, however it is cut', () => {
    fc.assert(
      fc.property(call, fractions, (original, at) => {
        const reader = new CallReader()
        let read: UpstreamCall | undefined
        for (const piece of cut(
          Buffer.concat([encodeCall(original), original.body ?? Buffer.alloc(0)]),
          at,
        )) {
          if (piece.length > 0) read = reader.push(piece)
        }
        const { body, ...rest } = read!
        const { body: expected, ...others } = original
        assert.deepEqual(rest, JSON.parse(JSON.stringify(others)))
        assert.deepEqual(body && [...body], expected && [...expected])
      }),
    )
  })

  test('random bytes are never a call', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), bytes => {
        try {
          assert.equal(new CallReader().push(Buffer.from(bytes)), undefined)
        } catch (error) {
          assert.ok(error instanceof Refusal)
        }
      }),
    )
  })

  test('a call that is too large is refused before a byte is sent', () => {
    const base = fc.sample(call, 1)[0]!
    assert.throws(() => encodeCall({ ...base, body: Buffer.alloc(5 * 1024 * 1024) }), Refusal)
    assert.throws(() => encodeCall({ ...base, target: 'x'.repeat(2 * 1024 * 1024) }), Refusal)
  })
})

describe('refusals', () => {
  test('code, check, detail and Retry-After survive; the cause stays behind', () => {
    for (const code of Object.keys(catalogue) as ErrorCode[]) {
      const sent = new Refusal(code, { check: 'agent/x-y', detail: 'why', retryAfter: 3, cause: 'secret' })
      const got = decodeRefusal(encodeRefusal(sent))
      assert.deepEqual([got.code, got.check, got.detail, got.retryAfter], [code, 'agent/x-y', 'why', 3])
      assert.ok(!encodeRefusal(sent).includes('secret'))
    }
  })

  test('nothing of another network is passed on but known codes and harmless, short text', () => {
    const facts = {
      code: 'internal',
      check: '<script>',
      detail: `\u001b[2J\r\n${'x'.repeat(1_000)}`,
      retryAfter: 1e9,
    }
    const got = decodeRefusal(JSON.stringify(facts))
    assert.equal(got.check, undefined)
    assert.equal(got.retryAfter, undefined)
    assert.match(got.detail!, /^[\x20-\x7e]{300}$/)
    for (const text of [
      '',
      'x',
      'null',
      '[]',
      '{}',
      '{"code":"toString"}',
      '{"code":"__proto__"}',
      '{"code":1}',
    ]) {
      assert.equal(decodeRefusal(text).check, 'tunnel-protocol', text)
    }
  })
})

test('versions: the best that both sides speak', () => {
  assert.equal(commonVersion('1'), 1)
  assert.equal(commonVersion('0, 1,2,3'), 2)
  for (const offered of ['', '3', 'x', '1.5', 'undefined'])
    assert.equal(commonVersion(offered), undefined, offered)
})
