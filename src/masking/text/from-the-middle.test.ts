import assert from 'node:assert/strict'
import { generateKeyPairSync } from 'node:crypto'
import { test } from 'node:test'
import fc from 'fast-check'
import type { MaskRule } from '../contract.ts'
import { defaultDetectors } from '../detect/detectors.ts'
import { createTextFinder } from '../detect/text-finder.ts'
import { restoreText } from '../testing/restore-text.ts'
import { createLogMasker } from './from-the-middle.ts'
import type { TextEdit } from './text-output.ts'

function rule(name: string): MaskRule {
  return { name, action: 'mask', first: 0, last: 0, keep: 'raw', learn: true }
}
const finder = createTextFinder(new Map(defaultDetectors.map(name => [name, rule(name)])))
const masker = () => createLogMasker({ finder, placeholder: () => '[masked]' })

interface Outcome {
  readonly text: string
  readonly edits: readonly TextEdit[]
}

function feed(chunks: readonly Uint8Array[]): Outcome {
  const stream = masker()
  const all = [...chunks.map(chunk => stream.push(Uint8Array.from(chunk))), stream.end()]
  const bytes = Buffer.concat(all.map(part => part.bytes))
  return { text: bytes.toString('latin1'), edits: all.flatMap(part => part.edits) }
}
const whole = (text: string): string => feed([Buffer.from(text, 'latin1')]).text

const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
const PEM = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString().trimEnd().split('\n')
const PUBLIC = publicKey.export({ type: 'spki', format: 'pem' }).toString().trimEnd().split('\n')
const ROWS = PEM.slice(1, -1)
const stamps = (i: number): string => `2026-11-21T10:00:0${i % 10}.${123_456_789 + i}Z `

/** What whoever reads a log may find before and behind each line. */
const FORMS: Readonly<Record<string, (line: string, i: number) => string>> = {
  plain: line => line,
  stamped: (line, i) => `${stamps(i)}${line}`,
  'of a container runtime': (line, i) => `${stamps(i)}stdout F ${line}`,
  'with carriage returns': line => `${line}\r`,
  'in colours': line => `\u001b[32m${line}\u001b[0m`,
  'with a hidden byte': line => `${line.slice(0, 9)}\u0000${line.slice(9)}`,
  indented: line => `    ${line}`,
}

/** Letters of a row that are enough to know it. */
const pieces = (row: string): string[] => (row.length < 12 ? [row] : [row.slice(0, 12), row.slice(-12)])

test('the last lines of a key, however many, show none of it', () => {
  for (const [name, form] of Object.entries(FORMS)) {
    for (let last = 1; last <= PEM.length; last++) {
      const lines = [...PEM.slice(-last), 'listening on 8080'].map(form)
      const text = whole(`${lines.join('\n')}\n`).replace(/\u0000|\u001b\[\d+m/g, '')
      for (const row of ROWS) {
        for (const piece of pieces(row)) assert.ok(!text.includes(piece), `${name}, last ${last}: ${text}`)
      }
      assert.ok(text.includes('listening on 8080'))
    }
  }
})

test('rows that are cut off before the end, as by limitBytes, are masked as well', () => {
  for (const [name, form] of Object.entries(FORMS)) {
    const lines = ROWS.slice(5, 12).map(form).join('\n')
    for (const cut of [0, 1, 30, 70]) {
      const text = whole(lines.slice(0, lines.length - cut)).replace(/\u0000|\u001b\[\d+m/g, '')
      for (const row of ROWS) assert.ok(!text.includes(row.slice(0, 40)), `${name}, -${cut}: ${text}`)
    }
  }
  const logged = whole(
    `${ROWS.slice(3, 6)
      .map(row => `app | ${row}`)
      .join('\n')}\nlistening\n`,
  )
  assert.match(logged, /^(?:app \| \[masked\]\n){3}listening\n$/)
  const interrupted = whole(`${ROWS[4]}\n${ROWS[5]}\nlistening\n`)
  assert.equal(interrupted, '[masked]\n[masked]\nlistening\n')
})

test("headers of an encrypted key, and PuTTY's way", () => {
  const dek = `DEK-Info: AES-128-CBC,${'0A'.repeat(16)}\n\n${ROWS[3]}\n${ROWS[4]!.slice(0, 20)}\n${PEM.at(-1)}\n`
  assert.equal(whole(dek), `DEK-Info: AES-128-CBC,${'0A'.repeat(16)}\n\n[masked]\n[masked]\n${PEM.at(-1)}\n`)
  const putty = `Private-Lines: 2\n${ROWS[3]}\n${ROWS[4]!.slice(0, 20)}\nPrivate-MAC: ${'0a'.repeat(20)}\n`
  for (const row of [ROWS[3]!, ROWS[4]!]) assert.ok(!whole(putty).includes(row.slice(0, 20)), whole(putty))
})

test('what is no key leaves as it came', () => {
  const certificate = ROWS.slice(5, 14)
  const end = (of: string): string => `-----${'END'} ${of}-----`
  for (const text of [
    `${certificate.join('\n')}\n${end('CERTIFICATE')}\nlistening\n`,
    `${PUBLIC.slice(2).join('\n')}\nlistening\n`,
    `${certificate.map((row, i) => stamps(i) + row).join('\n')}\n${stamps(9)}${end('CERTIFICATE')}\n`,
    'started\nlistening\n',
    'started',
    '\n\n\nstarted\n',
    `${'0123456789abcdef'.repeat(4)}\n${'fedcba9876543210'.repeat(4)}\n`,
    'pulled image abc\nVGhpcyBpcyBub3QgYSBrZXk\nok\n',
    '200\n404\n1700000000\n',
    `${'='.repeat(64)}\nStarting\n${'='.repeat(64)}\n`,
    `${'/usr/local/lib/node/modules'.repeat(3).slice(0, 64)}\nok\n`,
    'ApplicationContextInitializedAndReadyToServeRequestsFromEverybody\nok\n',
    'GET /apis/apps/v1/namespaces/default/deployments/x\n',
    `first line\n${ROWS[2]}\n`,
    '',
  ])
    assert.equal(whole(text), text)
})

test('what comes out does not depend on chunks, and the original can be made again', () => {
  const line = fc.oneof(
    fc.constantFrom(...ROWS, ...PUBLIC, ...PEM.slice(-2), 'started', '', 'password=hunter2', 'Version: 1'),
    fc.constantFrom(...ROWS).map(row => stamps(1) + row),
    fc.constantFrom(...ROWS).map(row => `app | ${row}`),
    fc.constantFrom(...ROWS).map(row => row.repeat(20)),
  )
  const text = fc.array(line, { maxLength: 12 }).map(lines => lines.join('\n'))
  fc.assert(
    fc.property(
      text,
      fc.array(fc.integer({ min: 1, max: 90 }), { minLength: 1, maxLength: 30 }),
      (all, cuts) => {
        const bytes = Buffer.from(all)
        const joined = feed([bytes])
        const exact: Buffer[] = []
        let at = 0
        for (let i = 0; at < bytes.length; i++) {
          const next = at + cuts[i % cuts.length]!
          exact.push(bytes.subarray(at, next))
          at = next
        }
        const cut = feed(exact)
        assert.equal(cut.text, joined.text)
        assert.equal(restoreText(Buffer.from(cut.text, 'latin1'), cut.edits).toString(), all)
      },
    ),
    { numRuns: 500 },
  )
})

test('more rows than can be held are masked as they come', () => {
  const stream = masker()
  let text = ''
  for (let i = 0; i < 3_000; i++) text += Buffer.from(stream.push(Buffer.from(`${ROWS[i % 20]}\n`)).bytes)
  assert.ok(text.length > 0)
  text += Buffer.from(stream.push(Buffer.from('listening\n')).bytes)
  text += Buffer.from(stream.end().bytes)
  assert.ok(text === `${'[masked]\n'.repeat(3_000)}listening\n`)
  assert.ok(whole(`${`${ROWS[3]}\n`.repeat(3_000)}listening\n`) === text)
})

test('in a log that is followed rows wait for the next line, or are masked; words and prompts do not wait', () => {
  const word = masker()
  word.push(Buffer.from('started\n'))
  assert.equal(Buffer.from(word.flushIdle().bytes).toString(), 'started\n')
  const prompt = masker()
  prompt.push(Buffer.from('login: '))
  assert.equal(Buffer.from(prompt.flushIdle().bytes).toString(), 'login: ')
  const key = masker()
  assert.equal(key.push(Buffer.from(`${ROWS[3]}\n${ROWS[4]!.slice(0, 20)}`)).bytes.length, 0)
  assert.equal(Buffer.from(key.flushIdle().bytes).toString(), '[masked]\n')
  assert.equal(
    Buffer.from(key.push(Buffer.from(`${ROWS[4]!.slice(20)}\nready\n`)).bytes).toString(),
    '[masked]\nready\n',
  )
  const last = masker()
  last.push(Buffer.from(`${ROWS[3]!.slice(0, 24)}\n`))
  assert.equal(last.flushIdle().bytes.length, 0)
  assert.ok(
    !Buffer.from(last.push(Buffer.from(`${PEM.at(-1)}\n`)).bytes)
      .toString()
      .includes(ROWS[3]!.slice(0, 24)),
  )
})
