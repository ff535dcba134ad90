import assert from 'node:assert/strict'
import { createSecretKey, randomBytes } from 'node:crypto'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import type { Finding, MaskRule } from '../contract.ts'
import { createFingerprints, type Fingerprints } from './fingerprints.ts'
import { isWorthRemembering } from './is-worth-remembering.ts'

const rule: MaskRule = {
  name: 'fingerprint',
  action: 'mask',
  first: 0,
  last: 0,
  keep: 'raw',
  learn: false,
}
const secretRule: MaskRule = { ...rule, name: 'secret-data', learn: true }
const key = createSecretKey(randomBytes(32))
const create = (options: Partial<Parameters<typeof createFingerprints>[0]> = {}): Fingerprints =>
  createFingerprints({ key, rule, ...options })

/** What stands where `finder` found something. */
function found(finder: Fingerprints, text: string): string[] {
  const findings: Finding[] = []
  finder.find(text, findings)
  const bytes = Buffer.from(text, 'latin1')
  assert.ok(findings.length === 0 || finder.mayHold(bytes, 0, bytes.length), 'mayHold must not say no')
  let at = 0
  for (const { start, end, rule: by } of findings) {
    assert.ok(start >= at && end > start && end <= text.length, `${start}..${end} after ${at}`)
    assert.equal(by, rule)
    at = end
  }
  return findings.map(({ start, end }) => text.slice(start, end))
}

const LETTERS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789'
const token = (letters: string, minLength: number, maxLength: number) =>
  fc
    .array(fc.constantFrom(...letters), { minLength, maxLength })
    .map(chars => chars.join(''))
    .filter(isWorthRemembering)
/** Anything without white space and quotes that is remembered at all. */
const values = fc.oneof(token(LETTERS, 12, 80), token(`${LETTERS}+/=:,;.!-_@$%&#(){}[]|`, 12, 80))

describe('a value that was learned', () => {
  test('is found whole, as a word, behind a name, and in base64', () => {
    fc.assert(
      fc.property(values, value => {
        const finder = create()
        finder.learn(value, secretRule)
        const coded = Buffer.from(value).toString('base64')
        const texts: [text: string, part: string][] = [
          [value, value],
          [`  ${value}\n`, value],
          [`connecting with ${value} now`, value],
          [`{"password":"${value}"}`, value],
          [`it's '${value}'`, value],
          [`PASSWORD=${value}`, value],
          [`password: ${value}\nuser: me`, value],
          [`export TOKEN=${value} OTHER=1`, value],
          [coded, coded],
          [`data: ${coded}`, coded],
          [`SECRET=${coded}`, coded],
          [
            `a ${Buffer.from(`${value}\n`).toString('base64')} b`,
            Buffer.from(`${value}\n`).toString('base64'),
          ],
          [`a ${Buffer.from(value).toString('base64url')} b`, Buffer.from(value).toString('base64url')],
        ]
        for (const [text, part] of texts) assert.deepEqual(found(finder, text), [part], text)
        assert.equal(finder.match(value), rule)
        assert.equal(finder.match(`${value}\n`), rule)
      }),
      { numRuns: 200 },
    )
  })

  test('is found between punctuation, at any place, as often as it stands there', () => {
    fc.assert(
      fc.property(token(LETTERS, 12, 60), fc.array(fc.lorem(), { maxLength: 5 }), (value, words) => {
        const finder = create()
        finder.learn(value, secretRule)
        for (const around of [
          ['postgres://app:', '@db.example.com:5432/app'],
          ['https://example.com/hook/', '?x=1'],
          ['https://example.com/?token=', '&x=1'],
          ['(', ')'],
          ['[a,', ']'],
          ['msg="failed: ', '."'],
          ['the key is ', '!'],
          ['{\\"key\\":\\"', '\\"}'],
          ['line\\n', '\\nline'],
          ['user:', ':more'],
          ['a:b:', ''],
          ['--set=x.y=', ''],
          ['<', '>'],
          ['', '...'],
        ]) {
          const text = `${words.join(' ')} ${around[0]}${value}${around[1]} ${words.join(' ')} ${value}`
          assert.deepEqual(found(finder, text), [value, value], text)
        }
      }),
      { numRuns: 60 },
    )
  })

  test('beyond ASCII is found in the bytes of a text', () => {
    const finder = create()
    const value = Buffer.from('pässwörd-9Xk2-ñandú').toString('latin1')
    finder.learn(value, secretRule)
    assert.deepEqual(found(finder, `x=${value}`), [value])
    assert.deepEqual(found(finder, Buffer.from(value, 'latin1').toString('base64')).length, 1)
  })

  test('with white space in it is found as a whole text', () => {
    const value = `first line\nsecond 7Gh2kQ9zLm4XpW line`
    const finder = create()
    finder.learn(`${value}\n`, secretRule)
    assert.deepEqual(found(finder, value), [value])
    assert.deepEqual(found(finder, `\t${value}  `), [value])
  })

  test('is not found when it stands behind the name of a digest', () => {
    const digest = randomBytes(32).toString('hex')
    const finder = create()
    finder.learn(digest, secretRule)
    assert.deepEqual(found(finder, `registry.example.com/team/web@sha256:${digest}`), [])
    assert.deepEqual(found(finder, `key:${digest}`), [digest])
  })
})

test('nothing is found in any text that does not hold it', () => {
  const finder = create()
  for (let i = 0; i < 2_000; i += 1) finder.learn(randomBytes(9 + (i % 30)).toString('base64'), secretRule)
  fc.assert(
    fc.property(
      fc.oneof(fc.string({ maxLength: 200 }), fc.lorem({ maxCount: 30 }), fc.base64String()),
      text => assert.deepEqual(found(finder, text), []),
    ),
    { numRuns: 500 },
  )
})

test('whatever is found is a value that was learned, and what mayHold denies find does not find', () => {
  const finder = create()
  const learned = new Set<string>()
  const pool = Array.from({ length: 30 }, (_, i) => randomBytes(9 + i).toString('base64url'))
  for (const value of pool.slice(0, 15)) {
    finder.learn(value, secretRule)
    if (finder.match(value) !== undefined) learned.add(value)
  }
  const piece = fc.oneof(
    fc.constantFrom(...pool),
    fc.constantFrom(...pool.map(value => Buffer.from(value).toString('base64'))),
    fc.constantFrom(...' \n"\'=:,/@\\.!n-'),
    fc.string({ maxLength: 5 }),
  )
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 12 }), pieces => {
      for (const part of found(finder, pieces.join(''))) {
        // Letters behind base64 may make one more byte, which is trimmed like white space.
        const decoded = Buffer.from(part, 'base64')
          .toString('latin1')
          .replace(/^[\0-\x20]+|[\0-\x20]+$/g, '')
        assert.ok(learned.has(part) || learned.has(decoded), part)
      }
    }),
    { numRuns: 500 },
  )
})

test('a word of very many parts is searched to its end, in a time that grows with its length only', () => {
  const value = 'q7Gh2kQ9zLm4XpWv'
  const finder = create()
  finder.learn(value, secretRule)
  for (const separator of ['=', '/', ',', ':', '\\n']) {
    for (const parts of [60, 63, 64, 65, 130, 1_000]) {
      for (const at of [0, 1, 62, 63, 64, parts - 1]) {
        const all = Array.from({ length: parts }, (_, i) => (i === at ? value : 'x'))
        const text = all.join(separator)
        // A separator's own letter stays outside.
        assert.deepEqual(found(finder, text), at < parts ? [value] : [], `${separator} ${parts} ${at}`)
      }
    }
    // Everywhere something that begins as a known value does.
    const began = performance.now()
    assert.deepEqual(found(finder, `${separator}${value.slice(0, 8)}`.repeat(50_000)), [])
    assert.deepEqual(found(finder, `${separator}${value.slice(0, 15)}`.repeat(50_000)), [])
    assert.ok(performance.now() - began < 10_000)
  }
})

test('parts of a text are looked at apart from what stands around them', () => {
  const value = 'q7Gh2kQ9zLm4XpWv'
  const finder = create()
  finder.learn(value, secretRule)
  const bytes = Buffer.from(`x${value}"${value}"${value}x`)
  const at = bytes.indexOf(`"${value}"`) + 1
  assert.equal(finder.mayHold(bytes, at, at + value.length), true)
  assert.equal(finder.mayHold(bytes, 0, at - 1), false)
  assert.equal(finder.mayHold(bytes, at, at + 4), false)
})

test('a value has one fingerprint, under each key another, and it is not the value', () => {
  const value = 'q7Gh2kQ9zLm4XpWv'
  const [one, other] = [create(), create({ key: createSecretKey(randomBytes(32)) })]
  assert.match(one.fingerprintOf(value), /^[0-9a-f]{32}$/)
  assert.equal(one.fingerprintOf(value), create().fingerprintOf(`${value}\n`))
  assert.notEqual(one.fingerprintOf(value), other.fingerprintOf(value))
  assert.notEqual(one.fingerprintOf(value), one.fingerprintOf(`${value}x`))
})

describe('the set is bounded', () => {
  const random = (): string => {
    const value = randomBytes(24).toString('base64url')
    return isWorthRemembering(value) ? value : random()
  }

  test('and one place cannot push out what others brought', () => {
    const finder = create({ capacity: 300 })
    const honest = Array.from({ length: 60 }, random)
    for (const value of honest) finder.learn(value, secretRule, 'prod/payments')
    for (let i = 0; i < 5_000; i += 1) finder.learn(random(), secretRule, 'prod/attacker')
    assert.equal(finder.size, 300)
    for (const value of honest) assert.equal(finder.match(value), rule, 'still there')
    for (let i = 0; i < 2_000; i += 1) finder.learn(random(), secretRule, `prod/attacker-${i % 2}`)
    for (const value of honest) assert.equal(finder.match(value), rule, 'and with four places as well')
  })

  test('and what is met again stays before what is not', () => {
    const finder = create({ capacity: 200 })
    const [used, unused] = [Array.from({ length: 50 }, random), Array.from({ length: 50 }, random)]
    for (const value of [...unused, ...used]) finder.learn(value, secretRule, 'a/b')
    for (let round = 0; round < 4; round += 1) {
      for (const value of used) assert.deepEqual(found(finder, `log ${value}`), [value])
      for (let i = 0; i < 60; i += 1) finder.learn(random(), secretRule, 'a/b')
    }
    for (const value of used) assert.equal(finder.match(value), rule)
    assert.equal(unused.filter(value => finder.match(value) !== undefined).length, 0)
  })

  test('and all that it holds is found, whatever was pushed out before', () => {
    const finder = create({ capacity: 64 })
    const kept: string[] = []
    for (let i = 0; i < 2_000; i += 1) {
      kept.push(random())
      finder.learn(kept.at(-1)!, secretRule, `place ${i % 3}`)
      if (i % 97 === 0) {
        const live = kept.filter(value => finder.match(value) !== undefined)
        assert.equal(live.length, Math.min(64, i + 1))
        for (const value of live) assert.deepEqual(found(finder, `x ${value} y`), [value])
      }
    }
  })

  test('and a place that brings values without end is not listened to for a while', () => {
    let at = 1_000_000
    const finder = create({ now: () => at })
    for (let i = 0; i < 20_100; i += 1) finder.learn(random(), secretRule, 'prod/attacker')
    assert.equal(finder.refused, 100)
    const other = random()
    finder.learn(other, secretRule, 'prod/payments')
    assert.equal(finder.match(other), rule)
    at += 60_000
    const later = random()
    finder.learn(later, secretRule, 'prod/attacker')
    assert.equal(finder.match(later), rule)
  })
})
