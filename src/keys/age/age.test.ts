import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { inspect } from 'node:util'
import fc from 'fast-check'
import { newAgeIdentity } from '../testing/age-identity.ts'
import { ageDecrypt, ageEncrypt, linesOf, parseIdentity, parseRecipient } from './age.ts'

const IDENTITY = ['AGE-SECRET-', 'KEY-196KWHA692PH2Q7JN29CUU6EGK70DRFCMVZMLN8UY05RNVER06XZQCPUNMF'].join('')
const RECIPIENT = 'age1j7xcnmj48s96rufvfm30l72vmveg9zs3vthj4f3jwy39w77hxddsvavaq5'
// Of 32 bytes of 7, for two recipients of which the second is this one.
const FILE = Buffer.from(
  'YWdlLWVuY3J5cHRpb24ub3JnL3YxCi0+IFgyNTUxOSBuU3N6VVNDVGY5aE1sWUFGTll6ejdIQkg2UzNXWkRqQlZETlFjN2c4M244ClQrUTJYZXpYU0F6aHlmY04vOUVyTy82dG9oVEdOV3JTZnJTVVhQYjdxNWcKLT4gWDI1NTE5IFVmWVRGbEhZaVNVN3dTTktuano0YmtqTlBFbWJSbHZPOHFwdDhLOUlqV1kKYWJreGVLL1BpbERSSU9QMm5kRGJlYzNiMk1ic2M1VnMyZ2dmTGpIMWpEdwotLS0gVXBFVWZwNGtUOVVibU9adTJnK2k2ejYvT1ArSmU5bXRiRnJzb3hpeWZjbwop+qXqUOQMTmOn8t/hFAEyk6TRUnGgtrvyvlQjcUxHENO/cceUIRjiNP2XWbLSfiXPHKwmrEMYHJu6MzMF/tCZ',
  'base64',
)
// The same, made by the code that Sallyport had before it took the package: logs hold such files.
const FORMER = Buffer.from(
  'YWdlLWVuY3J5cHRpb24ub3JnL3YxCi0+IFgyNTUxOSBKT2JWSitXKzBDTWM2dndYOGhGTlV4Q1RTU3R2RFZCa1lpWTYraHRUQ1VrClhYWFZoczdBZFlzRzJOVXRYMFp1aWVXckw1L3MyNEJOZklqMEpHR0RTVG8KLT4gWDI1NTE5IEJJdkRVcTZhOGxRVllnMW5JZ2p0dkJ2QkIvN0d2UnB4d3NDN1JmejU5RDAKZk5Za2FVQTZhUUV5M2hYY1M0cENjVHdQMzJSZURERkRoY2E1QVY4RUJJMAotLS0gcXROMnJQNEF0UGNTTk1lSXBlUldJNklKcHNmS3dLaFdMNFlLalBXOWtUVQqxZ6STVjcJdrN+QSwYoaZ0q7zCNgN2P907dgxlkveJHh2klJmsUDZc27DqRtn0OOe7T2fEkRv94zQeryj4gEOG',
  'base64',
)

describe('files of age', () => {
  test('of another implementation open, and so do those of the former code', async () => {
    const identity = await parseIdentity(`${IDENTITY}\n`)
    for (const file of [FILE, FORMER])
      assert.deepEqual(await ageDecrypt([identity], file), Buffer.alloc(32, 7))
    assert.deepEqual(
      await ageDecrypt([(await newAgeIdentity()).identity, identity], FILE),
      Buffer.alloc(32, 7),
    )
  })

  test('open for each recipient and for nobody else, whatever is in them', async () => {
    const [one, two, other] = await Promise.all([newAgeIdentity(), newAgeIdentity(), newAgeIdentity()])
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 300 }), async content => {
        const file = await ageEncrypt([one.recipient, two.recipient], content)
        for (const { identity } of [one, two])
          assert.deepEqual(await ageDecrypt([identity], file), Buffer.from(content))
        assert.equal(await ageDecrypt([other.identity], file), null)
        assert.equal(await ageDecrypt([], file), null)
      }),
      { numRuns: 10 },
    )
    await assert.rejects(ageEncrypt([], Buffer.alloc(32)), /nobody/)
  })

  test('changed in any byte open for nobody, and the error says nothing of them', async () => {
    const identity = await parseIdentity(IDENTITY)
    for (let at = 0; at < FILE.length; at += 1) {
      const changed = Buffer.from(FILE)
      changed[at]! ^= 1
      const opened = await ageDecrypt([identity], changed).catch((error: Error) => {
        assert.equal(error.message, 'not a file of age, or it was changed')
        return null
      })
      assert.equal(opened, null, `byte ${at}`)
    }
  })

  test('what is no recipient or identity is named, and never repeated', async () => {
    const wrong = [
      '',
      'age1',
      RECIPIENT.slice(0, -1),
      `${RECIPIENT}q`,
      RECIPIENT.replace('j7', 'j8'),
      RECIPIENT.toUpperCase(),
      // Other kinds, which the same package knows: they are not wrapped for by mistake.
      `age1pq1${RECIPIENT.slice(4)}`,
      `age1tag1${RECIPIENT.slice(4)}`,
    ]
    for (const text of [...wrong, IDENTITY, IDENTITY.toLowerCase()]) {
      await assert.rejects(parseRecipient(text), { message: 'not an X25519 recipient of age (age1…)' }, text)
    }
    for (const text of ['', RECIPIENT, IDENTITY.slice(0, -1), IDENTITY.replace('96', '69')]) {
      await assert.rejects(parseIdentity(text), {
        message: 'not an X25519 identity of age (AGE-SECRET-KEY-1…)',
      })
    }
    assert.equal((await parseRecipient(RECIPIENT)).text, RECIPIENT)
  })

  test('an identity shows nothing of itself when somebody prints it', async () => {
    const identity = await parseIdentity(IDENTITY)
    assert.equal(JSON.stringify(identity), '{}')
    assert.equal(inspect(identity, { depth: 9, showHidden: true }).includes('Uint8Array'), false)
  })

  test('lines of a file, without comments', () => {
    assert.deepEqual(linesOf(`# who may read\n\n ${RECIPIENT} \n#x\n`), [RECIPIENT])
  })
})
