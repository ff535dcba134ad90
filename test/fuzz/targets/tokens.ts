import assert from 'node:assert/strict'
import { KeyObject, sign } from 'node:crypto'
import { Refusal } from '../../../src/errors/refusal.ts'
import type { Principal } from '../../../src/identity/principal.ts'
import { openIdentityRig, START } from '../../../src/identity/testing/identity-rig.ts'
import { startTestIssuer } from '../../../src/identity/testing/test-issuer.ts'
import type { Random } from '../../parity/random.ts'
import { damaged, damagesOf, randomDamage } from '../damage.ts'
import { mutate } from '../mutate.ts'
import { type Checker, eachByItself, type FuzzTarget } from '../target.ts'

/** Stands for the issuer's address, which is another one in each run. */
const ISSUER = '@ISSUER@'
const SECONDS = START / 1000
const HEADER = '{"alg":"ES256","kid":"k1","typ":"JWT"}'
const MEMBERS: Readonly<Record<string, readonly string[]>> = {
  iss: [`"${ISSUER}"`, `["${ISSUER}"]`, `"${ISSUER}/"`, 'null'],
  aud: ['"sallyport"', '["x","sallyport"]', '"x"', '[]', '{"sallyport":1}'],
  sub: ['"alice"', '""', '7', '"a\\u0000b"', '"a\\nb"', '"é"', '"system:admin"'],
  exp: [`${SECONDS + 600}`, `${SECONDS - 600}`, '1e300', '"9"', '-1', '0.5', `${SECONDS + 1e9}`],
  iat: [`${SECONDS - 10}`, `${SECONDS + 9999}`, 'null', '-1e9'],
  nbf: [`${SECONDS - 10}`, `${SECONDS + 9999}`, '[]'],
  groups: [
    '["dev","ops"]',
    '"solo"',
    '[]',
    '[1]',
    '["system:masters"]',
    '["a\\u0000"]',
    '{"a":1}',
    'null',
    '[["a"]]',
  ],
  email: ['"a@example.com"', '7', '["a@example.com"]'],
  email_verified: ['true', 'false', '"true"'],
  name: ['"Alice"', '"\\u202e"', '{}'],
  __proto__: ['{"sub":"root"}'],
  azp: ['"x"', '"sallyport"'],
}
const HEADERS = [
  '{"alg":"none"}',
  '{"alg":"HS256","kid":"k1"}',
  '{"alg":"ES256"}',
  '{"alg":"ES256","kid":"../k1"}',
  '{"alg":"ES256","kid":"k1","typ":"at+jwt"}',
  '{"alg":"ES256","kid":"k1","jwk":{}}',
  '{"alg":"ES256","kid":"k1","crit":["b64"],"b64":false}',
  '{"alg":"ES256","alg":"none","kid":"k1"}',
]
const WORDS = [
  '"',
  '{',
  '}',
  ',',
  ':',
  '[',
  ']',
  'null',
  '\\u0000',
  '"sub":"root",',
  '"aud":"sallyport",',
  '.',
  '=',
]

/** First byte even: header, a line's end and claims, signed as they are. Odd: what is done to a good token. */
async function open(): Promise<Checker> {
  const issuer = await startTestIssuer()
  const { privateKey } = await issuer.newKey('k1')
  const key = KeyObject.from(privateKey)
  const config = {
    name: 'corp',
    issuer: issuer.issuer,
    audiences: ['sallyport'],
    prefix: 'corp:',
    ca: issuer.ca,
  }
  const rig = await openIdentityRig({ providers: [config] })

  function signed(header: string, claims: string): string {
    const encode = (text: string): string =>
      Buffer.from(text.replaceAll(ISSUER, issuer.issuer), 'latin1').toString('base64url')
    const text = `${encode(header)}.${encode(claims)}`
    return `${text}.${sign('sha256', Buffer.from(text), { key, dsaEncoding: 'ieee-p1363' }).toString('base64url')}`
  }
  const good = signed(HEADER, `{"iss":"${ISSUER}","aud":"sallyport","sub":"alice","exp":${SECONDS + 600}}`)

  async function look(input: Buffer): Promise<string> {
    const rest = input.subarray(1)
    let token: string
    if ((input[0] ?? 0) % 2 === 0) {
      const [header = '', ...claims] = rest.toString('latin1').split('\n')
      token = signed(header, claims.join('\n'))
    } else {
      let bytes: Buffer | undefined = Buffer.from(good)
      for (const damage of damagesOf(rest)) bytes = damaged(bytes ?? Buffer.alloc(0), damage)
      token = (bytes ?? Buffer.alloc(0)).toString('latin1')
    }
    let principal: Principal
    try {
      principal = await rig.authenticator.authenticate(token, 'prod')
    } catch (error) {
      assert.ok(error instanceof Refusal, `${error}`)
      assert.match(
        error.code,
        /^credential-(invalid|expired)$/,
        `${error.code} ${error.check}: ${error.detail}`,
      )
      const part = token.slice(-60)
      assert.ok(part.length < 60 || !JSON.stringify(error).includes(part), 'the token is in the error')
      return `${error.check ?? error.code}`
    }
    if ((input[0] ?? 0) % 2 === 1) {
      assert.equal(token, good, 'another token than the signed one passes')
      return 'accepted unchanged'
    }
    // What JSON.parse makes of it is what a second reader would see.
    const claims = JSON.parse(Buffer.from(token.split('.')[1]!, 'base64url').toString('utf8'))
    assert.deepEqual([claims.iss, claims.sub], [principal.issuer, principal.subject])
    assert.ok([claims.aud].flat().includes('sallyport'))
    assert.equal(principal.kind, 'person')
    assert.ok(principal.username.length > 'corp:'.length)
    for (const name of [principal.username, ...principal.groups]) {
      assert.match(name, /^corp:[^\u0000-\u001f\u007f]+$/)
      assert.ok(!name.startsWith('corp:system:') || name === principal.username, name)
    }
    const { validUntil } = principal.authentication
    assert.ok(validUntil > START - 60_000 && validUntil <= claims.exp * 1000, `valid until ${validUntil}`)
    return 'accepted'
  }

  return eachByItself(look, async () => {
    await rig.close()
    await issuer.stop()
  })
}

function claimsOf(random: Random): string {
  const members = Object.entries(MEMBERS).flatMap(([name, values]) => {
    const needed = name === 'iss' || name === 'aud' || name === 'sub' || name === 'exp'
    if (!random.chance(needed ? 0.98 : 0.2)) return []
    return [`"${name}":${random.chance(0.9) ? values[0]! : random.pick(values)}`]
  })
  return `{${members.join(',')}}`
}

export const target: FuzzTarget = {
  name: 'tokens',
  batch: 50,
  generate(random, corpus) {
    if (random.chance(0.2)) return Buffer.concat([Buffer.from([1]), randomDamage(random)])
    if (corpus.length > 0 && random.chance(0.05)) return mutate(random.pick(corpus), random, WORDS)
    const header = random.chance(0.9) ? HEADER : random.pick(HEADERS)
    const text = Buffer.from(`\u0000${header}\n${claimsOf(random)}`, 'latin1')
    return random.chance(0.6) ? text : mutate(text, random, WORDS, 2)
  },
  open,
}
