import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { Finding, MaskRule } from '../contract.ts'
import { detectors } from './detectors.ts'
import { createTextFinder } from './text-finder.ts'

const rule: MaskRule = { name: 'x', action: 'mask', first: 0, last: 0, keep: 'raw', learn: false }
const finder = createTextFinder(new Map([...detectors.keys()].map(name => [name, rule])), [
  { pattern: '[ab]{0,20}ACME[ab]{0,20}c', rule },
])

function find(text: string): Finding[] {
  const found: Finding[] = []
  finder.find(text, found)
  return found
}

const dashes = '-'.repeat(5)
/** What makes searches that begin again at each place slow: much that begins and does not end. */
const EVIL: readonly string[] = [
  'password=',
  'password="',
  "password='",
  'password=\\"',
  'password: |\n ',
  'password:\n ',
  'password is ',
  'token ',
  '--password ',
  '"--password",',
  'password,',
  'secret_access_key_',
  'key.',
  'name: password\n  value: ',
  '<password>',
  'password</',
  'a://b:',
  'a://b:c@',
  'a@tcp(',
  '://',
  `${dashes}BEGIN PRIVATE KEY${dashes}\n`,
  `${dashes}BEGIN `,
  'PuTTY-User-Key-File-2:',
  'MIIEvQ',
  'LS0tLS1CRUdJTi',
  'eyJ',
  'eyJhbGciOiJ9.',
  `AK${'IA'}`,
  'sig=',
  'sig=%20',
  'basic ',
  'Cookie: a=',
  'cookie=',
  'mysql ',
  'curl -',
  'login x ',
  'identified by ',
  '$2a$10$',
  '$argon2id$',
  'pbkdf2_sha256$1$',
  '4111 ',
  'AB12 ',
  'a@b.',
  '+1 2',
  'gh',
  '.abc',
  '8Q~',
  ':AAa',
  '.atlasv1.',
  'ab ACME ab',
  'ACMEa',
  '\\',
  '\\\\"password\\\\":\\\\"',
  'aA1',
  'password":{"',
  'password":{}',
  'token":{"f:',
  'clientSecret":{',
]

const secrets = [
  'password=hunter2',
  'postgres://a:hunter2@b',
  `gh${'p_'}a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8`,
  'DB_PASSWORD: hunter2',
  '--token a1B2c3D4e5F6',
  'user bob password hunter2',
  'ACMEc',
  'abcdef.0123456789abcdef',
  '4111111111111111',
  'password":{" hunter2',
  '"password":{"value":"hunter2"}',
  'password":{hunter2',
]

test('what is found in a part of a text is announced in the whole', () => {
  const part = fc
    .array(fc.oneof(fc.constantFrom(...secrets), fc.string({ maxLength: 6 }), fc.constantFrom(...EVIL)), {
      maxLength: 4,
    })
    .map(parts => parts.join(' '))
  fc.assert(
    fc.property(fc.array(part, { minLength: 1, maxLength: 6 }), parts => {
      const texts = parts.map(one => JSON.stringify(one).slice(1, -1))
      const whole = `{"a":"${texts.join('","b":"')}"}`
      let start = 0
      for (const text of texts) {
        start = whole.indexOf(`"${text}"`, Math.max(0, start - 1)) + 1
        if (find(text).length > 0) {
          const at = finder.next(whole, start)
          assert.ok(at >= start && at < start + text.length, `${text} in ${whole}`)
        }
        start += text.length
      }
    }),
    { numRuns: 500 },
  )
})

test('next gives every place once, in order, in texts of every length', () => {
  for (const length of [1, 3, 10, 255, 256, 1000, 16_383, 16_384, 16_390, 40_000]) {
    const filler = 'lorem ipsum '.repeat(4000)
    for (const at of [0, 1, Math.max(0, length - 20), Math.floor(length / 2), Math.floor(length / 4)]) {
      const text = `${filler.slice(0, at)}password=hunter2${filler.slice(0, Math.max(0, length - at - 16))}`
      assert.equal(finder.next(text, 0), at, `${length} ${at}`)
      assert.equal(finder.next(text, at), at)
      assert.equal(finder.next(text, at + 1), -1)
    }
  }
})
