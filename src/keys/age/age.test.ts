import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { ageDecrypt, ageEncrypt, linesOf, parseIdentity, parseRecipient } from './age.ts'
import { decodeBech32, encodeBech32 } from './bech32.ts'

// Made by the npm package age-encryption 0.3.1, for two recipients of which the second is this one.
const IDENTITY = ['AGE-SECRET-', 'KEY-196KWHA692PH2Q7JN29CUU6EGK70DRFCMVZMLN8UY05RNVER06XZQCPUNMF'].join('')
const RECIPIENT = 'age1j7xcnmj48s96rufvfm30l72vmveg9zs3vthj4f3jwy39w77hxddsvavaq5'
const FILE = Buffer.from(
  'YWdlLWVuY3J5cHRpb24ub3JnL3YxCi0+IFgyNTUxOSBuU3N6VVNDVGY5aE1sWUFGTll6ejdIQkg2UzNXWkRqQlZETlFjN2c4M244ClQrUTJYZXpYU0F6aHlmY04vOUVyTy82dG9oVEdOV3JTZnJTVVhQYjdxNWcKLT4gWDI1NTE5IFVmWVRGbEhZaVNVN3dTTktuano0YmtqTlBFbWJSbHZPOHFwdDhLOUlqV1kKYWJreGVLL1BpbERSSU9QMm5kRGJlYzNiMk1ic2M1VnMyZ2dmTGpIMWpEdwotLS0gVXBFVWZwNGtUOVVibU9adTJnK2k2ejYvT1ArSmU5bXRiRnJzb3hpeWZjbwop+qXqUOQMTmOn8t/hFAEyk6TRUnGgtrvyvlQjcUxHENO/cceUIRjiNP2XWbLSfiXPHKwmrEMYHJu6MzMF/tCZ',
  'base64',
)

function newIdentity() {
  const text = encodeBech32('age-secret-key-', randomBytes(32)).toUpperCase()
  const identity = parseIdentity(text)
  return { identity, recipient: parseRecipient(encodeBech32('age', identity.recipient)) }
}

describe('files of age', () => {
  test('of another implementation open', () => {
    const identity = parseIdentity(`${IDENTITY}\n`)
    assert.equal(encodeBech32('age', identity.recipient), RECIPIENT)
    assert.deepEqual(ageDecrypt([newIdentity().identity, identity], FILE), Buffer.alloc(32, 7))
  })

  test('open for each recipient and for nobody else, whatever is in them', () => {
    const [one, two, other] = [newIdentity(), newIdentity(), newIdentity()]
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), content => {
        const file = ageEncrypt([one.recipient, two.recipient], content)
        for (const { identity } of [one, two])
          assert.deepEqual(ageDecrypt([identity], file), Buffer.from(content))
        assert.equal(ageDecrypt([other.identity], file), null)
        assert.equal(ageDecrypt([], file), null)
      }),
      { numRuns: 20 },
    )
  })

  test('changed in any byte open for nobody', () => {
    const identity = parseIdentity(IDENTITY)
    for (let at = 0; at < FILE.length; at += 1) {
      const changed = Buffer.from(FILE)
      changed[at]! ^= 1
      let opened: Buffer | null = null
      try {
        opened = ageDecrypt([identity], changed)
      } catch {
        // It says so.
      }
      assert.equal(opened, null, `byte ${at}`)
    }
  })

  test('what is no recipient or identity is named, and never repeated', () => {
    const wrong = [
      '',
      'age1',
      RECIPIENT.slice(0, -1),
      `${RECIPIENT}q`,
      RECIPIENT.replace('j7', 'j8'),
      RECIPIENT.toUpperCase(),
    ]
    for (const text of [...wrong, IDENTITY, IDENTITY.toLowerCase()]) {
      assert.throws(() => parseRecipient(text), { message: 'not an X25519 recipient of age (age1…)' }, text)
    }
    for (const text of ['', RECIPIENT, IDENTITY.slice(0, -1), IDENTITY.replace('96', '69')]) {
      assert.throws(() => parseIdentity(text), {
        message: 'not an X25519 identity of age (AGE-SECRET-KEY-1…)',
      })
    }
  })

  test('lines of a file, without comments', () => {
    assert.deepEqual(linesOf(`# who may read\n\n ${RECIPIENT} \n#x\n`), [RECIPIENT])
  })
})

test('bech32 gives back what it was given, and nothing for a wrong checksum', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 60 }), fc.nat(), (bytes, at) => {
      const text = encodeBech32('age', bytes)
      assert.deepEqual(decodeBech32(text, 'age'), Buffer.from(bytes))
      const place = 4 + (at % (text.length - 4))
      const changed = `${text.slice(0, place)}${text[place] === 'q' ? 'p' : 'q'}${text.slice(place + 1)}`
      assert.equal(decodeBech32(changed, 'age'), null)
    }),
  )
})
