import assert from 'node:assert/strict'
import { test } from 'node:test'
import { testEngine } from '../testing/rig.ts'
import { createAnswerMask } from './answer-mask.ts'

const text = (bytes: readonly Uint8Array[]) => Buffer.concat(bytes.map(b => Buffer.from(b))).toString()

test('what was masked in a text is told by line, and the original is kept', () => {
  const mask = createAnswerMask(testEngine(), { read: 'text', source: 'c' })
  const first = mask.push(Buffer.from('one\ntwo CANARY-12345678 x\nthr'))
  const last = mask.push(Buffer.from('ee CANARY-87654321\n'))
  assert.match(
    text([...first.bytes, ...last.bytes]),
    /^one\ntwo sallyport\.masked\.look\.\S+ x\nthree sallyport\.masked\.look\.\S+\n$/,
  )
  const fields = [...first.fields, ...last.fields]
  assert.deepEqual(
    fields.map(f => [f.pointer, f.source.toString()]),
    [
      ['line 2', 'CANARY-12345678'],
      ['line 3', 'CANARY-87654321'],
    ],
  )
  assert.equal(mask.waits, false)
})

test('a prompt waits for a moment, and then leaves; a secret that has begun does not', () => {
  const mask = createAnswerMask(testEngine(), { read: 'text', source: 'c' })
  assert.equal(text(mask.push(Buffer.from('login: ')).bytes), '')
  assert.equal(mask.waits, true)
  assert.equal(text(mask.idle!().bytes), 'login: ')
  assert.equal(mask.waits, false)
  mask.push(Buffer.from('and CANARY-1234'))
  assert.ok(!text(mask.idle!().bytes).includes('CANARY'))
  const rest = text([...mask.push(Buffer.from('5678')).bytes, ...mask.end().bytes])
  assert.match(rest, /sallyport\.masked\.look/)
  assert.ok(!rest.includes('12345678'))
})
