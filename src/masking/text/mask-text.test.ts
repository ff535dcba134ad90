import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { Finding, FingerprintFinder, MaskRule } from '../contract.ts'
import { defaultDetectors } from '../detect/detectors.ts'
import { createTextFinder } from '../detect/text-finder.ts'
import { restoreText } from '../testing/restore-text.ts'
import { createTextMasker, type TextMasker } from './mask-text.ts'
import type { TextEdit } from './text-output.ts'

function rule(name: string): MaskRule {
  return { name, action: 'mask', first: 0, last: 0, keep: 'raw', learn: true }
}

const finder = createTextFinder(new Map(defaultDetectors.map(name => [name, rule(name)])))
const MARK = '[masked]'

function masker(longest?: number, fingerprints?: FingerprintFinder): TextMasker {
  return createTextMasker({
    finder,
    placeholder: () => MARK,
    ...(longest !== undefined && { longest }),
    ...(fingerprints !== undefined && { fingerprints }),
  })
}

interface Outcome {
  readonly text: string
  readonly edits: readonly TextEdit[]
}

function feed(chunks: readonly Uint8Array[], longest?: number, fingerprints?: FingerprintFinder): Outcome {
  const stream = masker(longest, fingerprints)
  const all = [...chunks.map(chunk => stream.push(Uint8Array.from(chunk))), stream.end()]
  const bytes = Buffer.concat(all.map(part => part.bytes))
  return { text: bytes.toString('latin1'), edits: all.flatMap(part => part.edits) }
}

function whole(text: string, longest?: number): string {
  return feed([Buffer.from(text, 'latin1')], longest).text
}

const dashes = '-'.repeat(5)
const ROW = 'q7R8s9T0u1V2w3X4y5Z6a7B8c9D0e1F2g3H4i5J6k7L8m9N0o1P2q3R4s5T6u7V8'
const PEM = `${dashes}BEGIN PRIVATE KEY${dashes}\n${`${ROW}\n`.repeat(4)}${dashes}END PRIVATE KEY${dashes}`
const GITHUB = `gh${'p_'}a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8`
const SECRETS = [
  'password=hunter2',
  '{"password":"hun,ter2"}',
  GITHUB,
  PEM,
  'postgres://bob:hunter2@db/shop',
  'password: |\n  line one\n  line two\nuser: x',
  '- name: DB_PASSWORD\n  value: hunter2',
  'password:\n  hunter2',
  '"--password",\n  "hunter2"',
  '\u001b[32mpassword\u001b[0m=\u001b[33mhunter2\u001b[0m',
  'pass\bword=hunter2',
  'login bob\npassword hunter2',
  `${dashes}BEGIN RSA PRIVATE KEY${dashes}\n${ROW}\nnot a part of it\n${ROW}\n`,
]
const ORDINARY = [
  'hello world',
  '\n',
  '\r\n',
  '\n\n',
  ' ',
  'a=b',
  'é',
  '\xff\xfe',
  '\x1b[31m',
  '\x1b[0m',
  '\r',
  'name: x',
  'x'.repeat(40),
  'password',
  'key:',
  'BEGIN ',
  'token: yes',
  '"',
  ', ',
]

test('the same comes out however the bytes are cut, and the edits give them back', () => {
  const text = fc
    .array(fc.oneof(fc.constantFrom(...SECRETS), fc.constantFrom(...ORDINARY)), { maxLength: 14 })
    .map(parts => Buffer.from(parts.join(''), 'latin1'))
  fc.assert(
    fc.property(
      text,
      fc.array(fc.nat(), { maxLength: 12 }),
      fc.constantFrom(undefined, 8192),
      (bytes, cuts, longest) => {
        const places = [...new Set(cuts.map(cut => cut % (bytes.length + 1)))].sort((a, b) => a - b)
        const chunks = [0, ...places].map((start, i) => bytes.subarray(start, places[i] ?? bytes.length))
        const expected = feed([bytes], longest)
        const cut = feed(chunks, longest)
        assert.equal(cut.text, expected.text, JSON.stringify(chunks.map(chunk => chunk.toString('latin1'))))
        assert.ok(restoreText(Buffer.from(cut.text, 'latin1'), cut.edits).equals(bytes), 'restored')
        const single = feed(
          Array.from(bytes, byte => Uint8Array.of(byte)),
          longest,
        )
        assert.equal(single.text, expected.text, `byte by byte ${JSON.stringify(bytes.toString('latin1'))}`)
      },
    ),
    { numRuns: 400 },
  )
})

test('a secret cut at every place is masked', () => {
  for (const secret of SECRETS) {
    const bytes = Buffer.from(`one\n ${secret}\nthree\n`, 'latin1')
    const expected = feed([bytes]).text
    assert.ok(expected.includes(MARK), secret)
    for (const part of ['hunter2', 'hun,ter2', GITHUB, ROW, 'line one', 'line two']) {
      assert.ok(!expected.includes(part), `${part} in ${expected}`)
    }
    for (let at = 0; at <= bytes.length; at++) {
      assert.equal(feed([bytes.subarray(0, at), bytes.subarray(at)]).text, expected, `${secret} at ${at}`)
    }
  }
})

test('only masked bytes change', () => {
  assert.equal(whole('a\xff\x00 password=hunter2 \xc3\r\nb'), `a\xff\x00 password=${MARK} \xc3\r\nb`)
  assert.equal(whole(`key\r\n${PEM}\r\nend`), `key\r\n${MARK}\r\nend`)
})

test('whole lines leave at once, an unfinished one waits', () => {
  const stream = masker()
  const out = (text: string) => Buffer.from(stream.push(Buffer.from(text)).bytes).toString()
  assert.equal(out('first\nsec'), 'first\n')
  assert.equal(out('ond\n'), 'second\n')
  assert.equal(out('password=hun'), '')
  assert.equal(out('ter2\nnext'), `password=${MARK}\n`)
  assert.equal(out(`\n${dashes}BEGIN PRIVATE KEY${dashes}\n`), 'next\n')
  assert.equal(out(`${ROW}\n`), '')
  assert.equal(out(`${dashes}END PRIVATE KEY${dashes}\n`), `${MARK}\n`)
})

test('in silence a prompt leaves, and no part of what may be a secret', () => {
  const cases: readonly (readonly [string, string])[] = [
    ['Password: ', 'Password: '],
    ['bob@host:~$ ', 'bob@host:~$ '],
    ['Continue? (yes/no) ', 'Continue? (yes/no) '],
    ['password=hun', ''],
    ['the password: hun', 'the password: '],
    ['"password": "my sec', '"password": "'],
    [`token ${GITHUB.slice(0, 12)}`, 'token '],
    ['open postgres://bob:hunt', 'open '],
    ['waiting for something', 'waiting for '],
    [`${dashes}BEGIN PRIVATE KEY${dashes}\n${ROW}\n`, ''],
  ]
  for (const [text, expected] of cases) {
    const stream = masker()
    const first = stream.push(Buffer.from(text))
    const idle = stream.flushIdle()
    assert.equal(Buffer.concat([first.bytes, idle.bytes]).toString(), expected, text)
    assert.equal(stream.flushIdle().bytes.length, 0, 'once')
  }
})

test('what follows a prompt that has left is still masked, and all is given back', () => {
  const stream = masker()
  const parts = [
    stream.push(Buffer.from('x\nPassword: ')),
    stream.flushIdle(),
    stream.push(Buffer.from('hunter2\nnext: ')),
    stream.flushIdle(),
    stream.end(),
  ]
  const bytes = Buffer.concat(parts.map(part => part.bytes))
  assert.equal(bytes.toString(), `x\nPassword: ${MARK}\nnext: `)
  const edits = parts.flatMap(part => part.edits)
  assert.equal(restoreText(bytes, edits).toString(), 'x\nPassword: hunter2\nnext: ')
})

test('bytes that a terminal does not show hide nothing', () => {
  const between = [
    '\x1b[31m',
    '\x1b[0m',
    '\x1b[1;38;5;12m',
    '\x1b]0;title\x07',
    '\x1b(B',
    '\r',
    '\x00',
    '\x7f',
    '\xe2\x80\x8b',
    '\xe2\x80\x8d',
    '\xc2\xad',
    '\xef\xbb\xbf',
    '\xe2\x81\xa0',
    '\xef\xb8\x8f',
    '\xc2\x9b0m',
  ]
  for (const secret of ['password=hunter2', GITHUB]) {
    for (const hidden of between) {
      for (let at = 1; at < secret.length; at++) {
        const text = whole(`a ${secret.slice(0, at)}${hidden}${secret.slice(at)} b\n`)
        const left = text.replaceAll(hidden, '')
        assert.ok(left.includes(MARK), `${JSON.stringify(hidden)} at ${at}: ${JSON.stringify(text)}`)
        assert.ok(!/unter2|[a-z0-9]{8}H8i9J0/i.test(left), JSON.stringify(text))
      }
    }
    const every = [...secret].join('\x1b[0m')
    assert.ok(whole(`a ${every} b\n`).includes(MARK), 'between all letters')
  }
  assert.equal(whole('a pax\bssword=hunter2 b\n'), `a pax\bssword=${MARK} b\n`, 'erased letters')
  const wide = Buffer.from('password=hunter2 x\n', 'utf16le').toString('latin1')
  assert.ok(whole(wide).includes(MARK), 'UTF-16')
})

test('colours around a value stay', () => {
  assert.equal(
    whole('x \x1b[32mpassword\x1b[0m=\x1b[33mhunter2\x1b[0m ok\n'),
    `x \x1b[32mpassword\x1b[0m=\x1b[33m${MARK}\x1b[0m ok\n`,
  )
})

test('a line longer than the bound is cut where no secret is', () => {
  const filler = 'lorem ipsum '
  for (let at = 7_800; at < 8_300; at += 7) {
    const text = `${filler.repeat(800).slice(0, at)} password=hunter2 ${GITHUB} ${filler.repeat(900)}\n`
    const masked = whole(text, 8192)
    assert.equal(masked, text.replace('hunter2', MARK).replace(GITHUB, MARK), `at ${at}`)
  }
})

test('a secret longer than the bound is masked to the end of its line', () => {
  const text = `x password="${'secret words '.repeat(20_000)}" y\nnext line\n`
  const { text: masked, edits } = feed([Buffer.from(text)])
  assert.ok(!masked.includes('secret words'))
  assert.ok(masked.startsWith('x password="[masked]') && masked.endsWith('next line\n'))
  assert.equal(restoreText(Buffer.from(masked, 'latin1'), edits).toString(), text)
})

test('a key that never ends is masked on, and what holds it is bounded', () => {
  const text = `start\n${dashes}BEGIN RSA PRIVATE KEY${dashes}\n${`${ROW}\n`.repeat(4000)}`
  const stream = masker()
  let out = ''
  let waiting = 0
  let most = 0
  for (const line of text.match(/.*\n/g)!) {
    const { bytes, edits } = stream.push(Buffer.from(line))
    out += Buffer.from(bytes).toString()
    waiting += line.length - (bytes.length > 0 ? waiting + line.length : 0)
    most = Math.max(most, waiting)
    void edits
  }
  out += Buffer.from(stream.end().bytes).toString()
  assert.ok(most <= 70_000, `${most} bytes were held`)
  assert.ok(out.startsWith('start\n[masked]'))
  assert.ok(!out.includes(ROW))
})

test('lines of others between the rows of a key do not end it', () => {
  const rows = [
    `${dashes}BEGIN RSA PRIVATE KEY${dashes}`,
    ROW,
    'GET /healthz 200',
    ROW,
    'another line',
    ROW,
    'Ab3=',
  ]
  const masked = whole(`${rows.join('\n')}\n${dashes}END RSA PRIVATE KEY${dashes}\n${ROW}\n`)
  assert.ok(masked.includes('GET /healthz 200\n') && masked.includes('another line\n'))
  assert.equal(masked.split(ROW).length - 1, 1, 'only the one behind the end')
})

test('a key behind the time stamps of a log is one', () => {
  const stamp = '2026-01-01T00:00:00.000000001Z '
  const text = PEM.split('\n')
    .map(line => stamp + line)
    .join('\n')
  const masked = whole(`${text}\n${stamp}done\n`)
  assert.ok(!masked.includes(ROW))
  assert.ok(masked.endsWith(`${stamp}done\n`))
})

test('values seen before are found by their fingerprint, in every chunking and view', () => {
  const known: FingerprintFinder = {
    find(text, found: Finding[]) {
      for (const word of text.matchAll(/[^\s"']+/g)) {
        if (word[0] === 'correcthorse') {
          found.push({ start: word.index, end: word.index + word[0].length, rule: rule('fingerprint') })
        }
      }
    },
    mayHold: () => true,
    match: () => undefined,
    learn: () => {},
  }
  const bytes = Buffer.from('say "correcthorse"\nand corr\x1b[1mecthorse too\nno\n', 'latin1')
  const expected = `say "${MARK}"\nand ${MARK} too\nno\n`
  for (let at = 0; at <= bytes.length; at++) {
    assert.equal(feed([bytes.subarray(0, at), bytes.subarray(at)], undefined, known).text, expected)
  }
})
