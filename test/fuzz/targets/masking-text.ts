import assert from 'node:assert/strict'
import type { Finding, MaskRule } from '../../../src/masking/contract.ts'
import { detectors } from '../../../src/masking/detect/detectors.ts'
import { createTextFinder } from '../../../src/masking/detect/text-finder.ts'
import { restoreText } from '../../../src/masking/testing/restore-text.ts'
import { createTextMasker } from '../../../src/masking/text/mask-text.ts'
import { seeded } from '../../parity/random.ts'
import { mutate, pieces } from '../mutate.ts'
import { eachByItself, type FuzzTarget } from '../target.ts'

const rule: MaskRule = { name: 'x', action: 'mask', first: 0, last: 0, keep: 'raw', learn: false }
const finder = createTextFinder(new Map([...detectors.keys()].map(name => [name, rule])))
const dashes = '-'.repeat(5)
const PARTS = [
  'password=hunter2',
  'password: |\n  one\n  two\n',
  'password:\n  hunter2\n',
  '{"password":"hunter2"}',
  '{\\"password\\":\\"hunter2\\"}',
  '- name: DB_PASSWORD\n  value: hunter2\n',
  'postgres://bob:hunter2@db/x',
  `${dashes}BEGIN RSA PRIVATE KEY${dashes}\nq7R8s9T0u1V2w3X4\n${dashes}END RSA PRIVATE KEY${dashes}\n`,
  `${dashes}BEGIN PRIVATE KEY${dashes}\nq7R8s9T0u1V2w3X4y5Z6\nother\n`,
  `gh${'p_'}a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8`,
  'login bob\npassword hunter2\n',
  'Authorization: Basic Ym9iOmh1bnRlcjI=\n',
  '4111 1111 1111 1111',
  'lorem ipsum ',
  '\u001b[31m',
  '\b',
  '\r',
  '\n',
  '\r\n',
  '"',
  '\\',
  ' ',
]

/** A stream says the same however it is cut, gives its bytes back, and what is found lies in the text and in order. */
function look(input: Buffer): string {
  const text = input.toString('latin1')
  const found: Finding[] = []
  finder.find(text, found)
  let last = 0
  for (const { start, end } of found) {
    assert.ok(
      start >= last && end > start && end <= text.length,
      `a finding from ${start} to ${end} after ${last}`,
    )
    last = end
  }
  if (found.length > 0) assert.notEqual(finder.next(text, 0), -1, 'next leads nowhere')
  const random = seeded(input.length + (input[0] ?? 0))
  const whole = masked([input], input)
  assert.equal(masked(pieces(input, random), input), whole, 'cut into pieces it comes out otherwise')
  idle(pieces(input, random), input)
  return found.length > 0 ? 'found' : 'nothing found'
}

function masked(chunks: readonly Buffer[], input: Buffer): string {
  const stream = createTextMasker({ finder, placeholder: () => '[masked]', longest: 8192 })
  const parts = [...chunks.map(chunk => stream.push(Uint8Array.from(chunk))), stream.end()]
  const bytes = Buffer.concat(parts.map(part => part.bytes))
  const edits = parts.flatMap(part => part.edits)
  assert.ok(restoreText(bytes, edits).equals(input), 'the edits do not give the bytes back')
  return bytes.toString('latin1')
}

function idle(chunks: readonly Buffer[], input: Buffer): void {
  const stream = createTextMasker({ finder, placeholder: () => '[masked]', longest: 8192 })
  const parts = [
    ...chunks.flatMap(chunk => [stream.push(Uint8Array.from(chunk)), stream.flushIdle()]),
    stream.end(),
  ]
  const bytes = Buffer.concat(parts.map(part => part.bytes))
  assert.ok(
    restoreText(
      bytes,
      parts.flatMap(part => part.edits),
    ).equals(input),
    'with pauses the bytes are lost',
  )
}

export const target: FuzzTarget = {
  name: 'masking-text',
  batch: 50,
  generate(random, corpus) {
    const base =
      corpus.length > 0 && random.chance(0.1)
        ? random.pick(corpus)
        : Buffer.from(
            Array.from({ length: 1 + random.below(12) }, () =>
              random.chance(0.03) ? random.pick(PARTS).repeat(1 + random.below(600)) : random.pick(PARTS),
            ).join(''),
            'latin1',
          )
    return random.chance(0.5) ? base : mutate(base, random, PARTS)
  },
  open: async () => eachByItself(look),
}
