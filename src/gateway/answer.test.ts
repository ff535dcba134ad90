import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Answer } from './answer.ts'

test('what the upstream delivers while it is told to go on, and its end, is taken with the rest', () => {
  const answer = new Answer()
  const rest = [Buffer.from('b'), Buffer.from('c')]
  answer.onHead(200, [], {
    pause() {},
    resume() {
      for (const chunk of rest) answer.onData(chunk)
      answer.onEnd()
    },
  })
  const large = Buffer.alloc(1024 * 1024, 'a')
  answer.onData(large)
  assert.equal(answer.ended, false)
  const taken = answer.take()
  // Whoever sees the end after taking has all of it: a reader that finishes now loses nothing.
  assert.equal(answer.ended, true)
  assert.equal(Buffer.concat(taken).length, large.length + 2)
  assert.equal(answer.waiting, 0)
})
