import assert from 'node:assert/strict'
import { createHmac } from 'node:crypto'
import { after, before, beforeEach, describe, it } from 'node:test'
import type { Refusal } from '../../errors/refusal.ts'
import { type IdentityRig, openIdentityRig, START } from '../testing/identity-rig.ts'
import {
  newKey,
  rawToken,
  type SigningKey,
  signToken,
  startTestIssuer,
  type TestIssuer,
} from '../testing/test-issuer.ts'
import { checkProviders, type OidcProviderConfig } from './provider-config.ts'

let issuer: TestIssuer
let key: SigningKey
let rsa: SigningKey
let rig: IdentityRig
const AUDIENCE = 'sallyport'
const seconds = START / 1000

function config(more: Partial<OidcProviderConfig> = {}): OidcProviderConfig {
  return {
    name: 'corp',
    issuer: issuer.issuer,
    audiences: [AUDIENCE],
    prefix: 'corp:',
    ca: issuer.ca,
    ...more,
  }
}

function claims(more: Record<string, unknown> = {}): Record<string, unknown> {
  return { iss: issuer.issuer, aud: AUDIENCE, sub: 'alice', exp: seconds + 600, iat: seconds - 10, ...more }
}

async function refused(token: string, code: string, check?: string): Promise<void> {
  await assert.rejects(rig.authenticator.authenticate(token, 'prod'), (error: Refusal) => {
    assert.equal(error.code, code, error.message)
    if (check !== undefined) assert.equal(error.check, check, error.message)
    for (const part of token.split('.')) assert.ok(part.length < 12 || !JSON.stringify(error).includes(part))
    return true
  })
  assert.equal(rig.authenticator.cached(token, 'prod'), undefined)
}

async function accepted(more: Record<string, unknown> = {}, header: Record<string, unknown> = {}) {
  return rig.authenticator.authenticate(await signToken(key, claims(more), header), 'prod')
}

before(async () => {
  issuer = await startTestIssuer()
  key = await issuer.newKey('k1')
  rsa = await issuer.newKey('r1', 'RS256')
  rig = await openIdentityRig({ providers: [config()] })
})
beforeEach(() => {
  rig.now = START
  issuer.status = undefined
  issuer.body = undefined
  rig.authenticator.setProviders([config()])
})
after(async () => {
  await rig.close()
  await issuer.stop()
})

describe('OIDC tokens', () => {
  it('become principals with the prefix of their issuer', async () => {
    const principal = await accepted({
      groups: ['dev', 'ops', 'dev'],
      email: 'alice@example.com',
      name: 'Alice',
      email_verified: true,
    })
    const { credentialDigest, ...authentication } = principal.authentication
    assert.deepEqual(
      { ...principal, authentication },
      {
        issuer: issuer.issuer,
        subject: 'alice',
        kind: 'person',
        username: 'corp:alice',
        groups: ['corp:dev', 'corp:ops'],
        displayName: 'Alice',
        email: 'alice@example.com',
        authentication: {
          method: 'oidc',
          provider: 'corp',
          validUntil: START + 600_000,
          issuedAt: START - 10_000,
        },
      },
    )
    assert.match(credentialDigest, /^[\w-]{43}$/)
  })

  it('are accepted in RS256, PS256, ES256 and EdDSA, also from several issuers at once', async () => {
    const other = await startTestIssuer()
    const eddsa = await other.newKey('e1', 'EdDSA')
    const ps = await other.newKey('p1', 'PS256')
    rig.authenticator.setProviders([
      config(),
      {
        name: 'ci',
        issuer: other.issuer,
        audiences: ['x'],
        prefix: 'ci:',
        ca: other.ca,
        principalKind: 'job',
      },
    ])
    const corp = await rig.authenticator.authenticate(await signToken(rsa, claims()), 'prod')
    assert.equal(corp.username, 'corp:alice')
    for (const one of [eddsa, ps]) {
      const token = await signToken(one, claims({ iss: other.issuer, aud: ['x', 'y'] }))
      const job = await rig.authenticator.authenticate(token, null)
      assert.deepEqual([job.username, job.kind, job.issuer], ['ci:alice', 'job', other.issuer])
    }
    // Keys of one issuer say nothing about another's names.
    await refused(await signToken(eddsa, claims()), 'credential-invalid', 'token-key')
    await refused(await signToken({ ...eddsa, kid: 'k1' }, claims()), 'credential-invalid', 'token-key')
    rig.authenticator.setProviders([config()])
    await other.stop()
  })

  it('of a job say who set it going, by the claims of the forges or those that are named', async () => {
    const jobs = (more: object = {}) =>
      rig.authenticator.setProviders([config({ principalKind: 'job', ...more })])
    jobs()
    assert.deepEqual((await accepted({ actor: 'bob' })).startedBy, ['corp:bob'])
    assert.deepEqual((await accepted({ user_login: 'bob', user_email: 'bob@example.com' })).startedBy, [
      'corp:bob',
      'bob@example.com',
    ])
    assert.equal((await accepted({})).startedBy, undefined)
    const refuse = async (more: Record<string, unknown>) =>
      refused(await signToken(key, claims(more)), 'credential-invalid', 'claim-started-by')
    for (const actor of [7, '', ['bob'], 'bo\nb']) await refuse({ actor })
    jobs({ startedBy: ['owner'] })
    assert.deepEqual((await accepted({ owner: 'bob', actor: 'x' })).startedBy, ['corp:bob'])
    await refuse({ actor: 'bob' })
    rig.authenticator.setProviders([config()])
    assert.equal((await accepted({ actor: 'bob' })).startedBy, undefined)
  })

  it('of a token exchange name everybody who acts for the subject, or are refused', async () => {
    const chain = { sub: 'agent', act: { sub: 'helper' } }
    assert.deepEqual((await accepted({ act: chain })).startedBy, ['corp:agent', 'corp:helper'])
    let long: object = { sub: 'last' }
    for (let i = 0; i < 6; i++) long = { sub: `s${i}`, act: long }
    for (const act of [null, 'agent', [], {}, { sub: 7 }, { sub: 'a', act: 'b' }, long]) {
      await refused(await signToken(key, claims({ act })), 'credential-invalid', 'claim-started-by')
    }
  })

  it('read groups from text, list, nested and dotted claims', async () => {
    assert.deepEqual((await accepted({ groups: 'solo' })).groups, ['corp:solo'])
    assert.deepEqual((await accepted({ groups: null })).groups, [])
    rig.authenticator.setProviders([
      config({ claims: { groups: 'realm_access.roles', username: 'preferred.name' } }),
    ])
    const nested = await accepted({ realm_access: { roles: ['a'] }, preferred: { name: 'al' } })
    assert.deepEqual([nested.groups, nested.username], [['corp:a'], 'corp:al'])
    rig.authenticator.setProviders([config({ claims: { groups: 'https://example.com/groups' } })])
    assert.deepEqual((await accepted({ 'https://example.com/groups': ['u'] })).groups, ['corp:u'])
  })

  it('are refused when groups are there but cannot be read, so that no deny rule is dodged', async () => {
    const wrong = [
      { groups: 7 },
      { groups: ['a', 7] },
      { groups: { a: 1 } },
      { groups: ['a\nb'] },
      { groups: [''] },
    ]
    for (const more of [...wrong, { _claim_names: { groups: 'src1' } }, { groups: Array(3000).fill('g') }]) {
      await refused(await signToken(key, claims(more)), 'credential-invalid', 'claim-groups')
    }
  })

  it('C42 bring no group and no user name that Kubernetes reserves', async () => {
    const groups = ['system:masters', 'SYSTEM:masters', ' system:x', 'system:authenticated', 'dev']
    await refused(await signToken(key, claims({ groups })), 'credential-invalid', 'claim-groups')
    const clean = await accepted({ groups: groups.filter(group => group === group.trim()) })
    assert.deepEqual(clean.groups, ['corp:dev'])
    rig.authenticator.setProviders([config({ claims: { username: 'login' } })])
    for (const login of ['system:admin', 'System:admin', 'system:serviceaccount:kube-system:default']) {
      await refused(await signToken(key, claims({ login })), 'credential-invalid', 'claim-username')
    }
  })

  it('use an e-mail address as name only when it is verified', async () => {
    rig.authenticator.setProviders([config({ claims: { username: 'email' } })])
    const email = 'alice@example.com'
    assert.equal((await accepted({ email })).username, 'corp:alice@example.com')
    assert.equal((await accepted({ email, email_verified: true })).username, 'corp:alice@example.com')
    for (const email_verified of [false, 'false', 0, null, 'no']) {
      await refused(
        await signToken(key, claims({ email, email_verified })),
        'credential-invalid',
        'claim-email',
      )
    }
    rig.authenticator.setProviders([config()])
    assert.equal((await accepted({ email, email_verified: false })).email, undefined)
  })

  it('need a usable subject and user name', async () => {
    for (const sub of [undefined, '', 7, 'a\u0000b', ' alice', 'x'.repeat(300), 'a\u2028b']) {
      await refused(await signToken(key, claims({ sub })), 'credential-invalid', 'claim-sub')
    }
    await refused(
      await signToken(key, { ...claims(), ['__proto__']: { sub: 'x' }, sub: undefined }),
      'credential-invalid',
    )
    rig.authenticator.setProviders([config({ claims: { username: 'constructor.name' } })])
    await refused(await signToken(key, claims()), 'credential-invalid', 'claim-username')
  })

  it('need one of the audiences, and the party where the client is known', async () => {
    for (const aud of [undefined, '', 'other', [], ['other'], [AUDIENCE, 7], { a: AUDIENCE }]) {
      await refused(await signToken(key, claims({ aud })), 'credential-invalid', 'token-audience')
    }
    await accepted({ aud: ['other', AUDIENCE], azp: 'anything' })
    rig.authenticator.setProviders([config({ login: { clientId: 'cli' } })])
    await accepted({ azp: 'cli' })
    await accepted({ azp: AUDIENCE })
    await refused(await signToken(key, claims({ azp: 'other' })), 'credential-invalid', 'token-party')
    await refused(await signToken(key, claims({ aud: [AUDIENCE, 'x'] })), 'credential-invalid', 'token-party')
  })

  it('are held to their times, with a bounded tolerance', async () => {
    const at = (more: Record<string, unknown>) => signToken(key, claims(more))
    await refused(await at({ exp: seconds - 30 }), 'credential-expired', 'token-expired')
    await accepted({ exp: seconds - 29 })
    await refused(await at({ exp: undefined }), 'credential-invalid', 'token-time')
    await refused(await at({ nbf: seconds + 31 }), 'credential-invalid', 'token-not-yet-valid')
    await accepted({ nbf: seconds + 30 })
    await refused(await at({ iat: seconds + 31 }), 'credential-invalid', 'token-issued-later')
    for (const exp of [1e300, -1]) {
      await refused(await at({ exp }), 'credential-invalid', 'token-time')
    }
    for (const exp of ['"9999999999"', 'null', '[9999999999]', '{}']) {
      const text = JSON.stringify(claims()).replace(/"exp":\d+/, `"exp":${exp}`)
      await refused(rawToken('{"alg":"ES256","kid":"k1"}', text), 'credential-invalid', 'token-time')
    }
    rig.authenticator.setProviders([config({ maxAge: 60_000 })])
    await accepted({ iat: seconds - 60 })
    await refused(await at({ iat: seconds - 91 }), 'credential-expired', 'token-age')
    await refused(await at({ iat: undefined }), 'credential-invalid', 'token-time')
  })

  it('need the claims that the operator requires', async () => {
    rig.authenticator.setProviders([
      config({ requiredClaims: { repository_id: ['1', '2'], 'env.name': 'prod' } }),
    ])
    await accepted({ repository_id: '2', env: { name: 'prod' } })
    await accepted({ repository_id: ['7', '1'], env: { name: 'prod' } })
    for (const more of [
      {},
      { repository_id: '3', env: { name: 'prod' } },
      { repository_id: '1' },
      { repository_id: 1 },
    ]) {
      await refused(await signToken(key, claims(more)), 'credential-invalid', 'claim-required')
    }
  })
})

describe('OIDC tokens: forged', () => {
  it('without a signature, or with the key set as shared secret', async () => {
    const body = JSON.stringify(claims())
    for (const alg of ['none', 'None', 'nOnE', '']) {
      await refused(rawToken(`{"alg":"${alg}"}`, body), 'credential-invalid', 'token-algorithm')
    }
    const [head, payload] = rawToken('{"alg":"none"}', body).split('.')
    await refused(`${head}.${payload}.`, 'credential-invalid', 'token-shape')
    for (const secret of [
      JSON.stringify(rsa.jwk),
      rsa.jwk.n ?? '',
      Buffer.from(rsa.jwk.n ?? '', 'base64url'),
    ]) {
      const input = rawToken('{"alg":"HS256","kid":"r1"}', body).split('.').slice(0, 2).join('.')
      const mac = createHmac('sha256', secret).update(input).digest('base64url')
      await refused(`${input}.${mac}`, 'credential-invalid', 'token-algorithm')
    }
  })

  it('under another key, algorithm or key id', async () => {
    const evil = await newKey('k1')
    await refused(await signToken(evil, claims()), 'credential-invalid', 'token-signature')
    const evilRsa = await newKey('k1', 'RS256')
    await refused(await signToken(evilRsa, claims()), 'credential-invalid', 'token-key')
    await refused(await signToken(key, claims(), { kid: 'r1' }), 'credential-invalid', 'token-key')
    await refused(
      await signToken(key, claims(), { kid: '../../etc/passwd' }),
      'credential-invalid',
      'token-key',
    )
    for (const alg of ['RS384', 'ES384', 'ES512', 'HS512', 'dir', 'RSA-OAEP']) {
      await refused(
        rawToken(JSON.stringify({ alg, kid: 'k1' }), JSON.stringify(claims())),
        'credential-invalid',
        'token-algorithm',
      )
    }
    for (const kid of ['7', '["k1"]', '{"a":1}', 'null']) {
      await refused(
        rawToken(`{"alg":"ES256","kid":${kid}}`, JSON.stringify(claims())),
        'credential-invalid',
        'token-header',
      )
    }
  })

  it('with a key of its own, critical extensions or another content', async () => {
    const evil = await newKey('k1')
    const injected = {
      jwk: evil.jwk,
      jku: 'https://127.0.0.1:1/jwks',
      x5u: 'https://127.0.0.1:1/cert',
      crit: ['exp'],
      b64: false,
      zip: 'DEF',
      enc: 'A128GCM',
      cty: 'JWT',
    }
    for (const [name, value] of Object.entries(injected)) {
      const header = JSON.stringify({ alg: 'ES256', kid: 'k1', [name]: value })
      await refused(rawToken(header, JSON.stringify(claims())), 'credential-invalid', 'token-header')
    }
    for (const typ of ['dpop+jwt', 'logout+jwt', 'secevent+jwt', '', 'JWE']) {
      await refused(await signToken(key, claims(), { typ }), 'credential-invalid', 'token-type')
    }
    for (const typ of ['at+jwt', 'application/at+jwt', 'jwt']) await accepted({}, { typ })
  })

  it('with names that occur twice, other JSON, or other encodings', async () => {
    const head = '{"alg":"ES256","kid":"k1"}'
    const body = JSON.stringify(claims())
    const twice = body.replace('"sub":"alice"', '"sub":"alice","s\\u0075b":"admin"')
    const wrong: [string, string][] = [
      [head, twice],
      [`{"alg":"ES256","alg":"none","kid":"k1"}`, body],
      [head, `[${body}]`],
      [head, `${body} x`],
      [head, `\ufeff${body}`],
      [head, '"text"'],
      [head, 'null'],
      [head, `{"a":${'['.repeat(40)}${']'.repeat(40)}}`],
    ]
    for (const [header, payload] of wrong)
      await refused(rawToken(header, payload), 'credential-invalid', 'token-json')
    const invalidUtf8 = Buffer.from('{"sub":"a\xff"}', 'latin1').toString('base64url')
    await refused(
      `${Buffer.from(head).toString('base64url')}.${invalidUtf8}.AAAA`,
      'credential-invalid',
      'token-json',
    )
  })

  it('in any shape but three plain parts', async () => {
    const good = await signToken(key, claims())
    const [head, payload, signature] = good.split('.') as [string, string, string]
    const shapes = [
      '',
      'x',
      `${head}.${payload}`,
      `${good}.x`,
      `.${payload}.${signature}`,
      `${head}..${signature}`,
    ]
    for (const token of shapes) await refused(token, 'credential-invalid', 'token-shape')
    for (const token of [
      `${good}=`,
      `${good}\n`,
      good.replace('_', '/'),
      `${head}.${payload}. ${signature}`,
    ]) {
      if (token !== good) await refused(token, 'credential-invalid', 'token-encoding')
    }
    await refused(`${good}${'A'.repeat(20_000)}`, 'credential-invalid', 'token-size')
    const [a, b, c] = (await signToken(rsa, claims())).split('.') as [string, string, string]
    // 256 bytes leave four unused bits in the last character: a second way to write the same signature.
    const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'
    const last = alphabet[alphabet.indexOf(c.at(-1) ?? '') + 1]
    await refused(`${a}.${b}.${c.slice(0, -1)}${last}`, 'credential-invalid', 'token-encoding')
    for (const token of ['k8s-aws-v1.aHR0cHM', 'spl_', 'sps_x', 'a.b.c', 'eyJhbGciOiJub25lIn0.e30.']) {
      await assert.rejects(
        rig.authenticator.authenticate(token, 'prod'),
        (error: Refusal) => error.status === 401,
      )
    }
  })

  it('by an issuer that is not configured, however similar its name', async () => {
    for (const iss of [
      `${issuer.issuer}/`,
      issuer.issuer.toUpperCase(),
      'https://127.0.0.1',
      undefined,
      ['x'],
      [issuer.issuer],
      [[issuer.issuer]],
      '',
    ]) {
      await refused(await signToken(key, claims({ iss })), 'credential-invalid', 'token-issuer')
    }
  })
})

describe('OIDC keys', () => {
  async function freshRig(times = {}): Promise<{ rig: IdentityRig; issuer: TestIssuer; key: SigningKey }> {
    const own = await startTestIssuer()
    const first = await own.newKey('k1')
    const provider = { name: 'own', issuer: own.issuer, audiences: [AUDIENCE], prefix: 'own:', ca: own.ca }
    return { rig: await openIdentityRig({ providers: [provider], keyTimes: times }), issuer: own, key: first }
  }
  const withCode = (expected: string) => (error: Refusal) => error.code === expected

  it('are fetched once, and again when they rotate, but not for every unknown key id', async () => {
    const own = await freshRig()
    const token = (by: SigningKey, n: number) =>
      signToken(by, claims({ iss: own.issuer.issuer, jti: String(n) }))
    const login = async (by: SigningKey, n: number) =>
      own.rig.authenticator.authenticate(await token(by, n), null)
    await Promise.all([login(own.key, 1), login(own.key, 2), login(own.key, 3)])
    assert.deepEqual(own.issuer.asked, ['/.well-known/openid-configuration', '/jwks'])
    const second = await own.issuer.newKey('k2')
    await Promise.all([login(second, 4), login(second, 5)])
    assert.equal(own.issuer.asked.length, 4)
    const stranger = await newKey('nobody')
    for (let n = 0; n < 20; n += 1) await assert.rejects(login(stranger, n), withCode('credential-invalid'))
    assert.equal(own.issuer.asked.length, 4, 'within the pause nothing is fetched')
    own.rig.now += 10_000
    await assert.rejects(login(stranger, 99), withCode('credential-invalid'))
    assert.equal(own.issuer.asked.length, 6)
    await own.rig.close()
    await own.issuer.stop()
  })

  it('serve for a bounded time when the issuer is down; then, and for unknown keys, it is 503 and not 401', async () => {
    const own = await freshRig({ refresh: 600_000, keep: 3_600_000 })
    const login = async (by: SigningKey, jti: string) =>
      own.rig.authenticator.authenticate(
        await signToken(by, claims({ iss: own.issuer.issuer, jti, exp: seconds + 90_000 })),
        null,
      )
    own.issuer.status = 500
    await assert.rejects(login(own.key, 'a'), withCode('credential-unverifiable'))
    assert.deepEqual(own.rig.authenticator.issuers()[0]?.ok, false)
    const asked = own.issuer.asked.length
    await assert.rejects(login(own.key, 'b'), withCode('credential-unverifiable'))
    assert.equal(own.issuer.asked.length, asked, 'a failed issuer is left alone for a moment')
    own.rig.now += 5_000
    own.issuer.status = undefined
    await login(own.key, 'c')
    assert.deepEqual(own.rig.authenticator.issuers()[0]?.ok, true)
    own.issuer.status = 503
    own.rig.now += 3_590_000
    await login(own.key, 'd')
    await assert.rejects(login(await newKey('new'), 'e'), withCode('credential-unverifiable'))
    own.rig.now += 20_000
    await assert.rejects(login(own.key, 'f'), withCode('credential-unverifiable'))
    own.issuer.status = undefined
    own.rig.now += 20_000
    await login(own.key, 'g')
    await own.issuer.stop()
    await own.rig.close()
  })

  it('are not taken from a wrong, huge, redirecting or insecure place', async () => {
    const places: ((own: TestIssuer) => void)[] = [
      own => (own.discovery = { issuer: 'https://example.com' }),
      own => (own.discovery = { jwks_uri: 'http://127.0.0.1:1/jwks' }),
      own => (own.discovery = { jwks_uri: 'file:///etc/passwd' }),
      own => (own.discovery = { jwks_uri: 7 }),
      own => (own.body = 'x'.repeat(600_000)),
      own => (own.body = '[]'),
      own => (own.body = '<html>'),
      own => (own.status = 302),
      own => (own.keys = []),
      own => (own.keys = [{ kty: 'oct', k: 'c2VjcmV0', kid: 'k1' }]),
      own => (own.keys = Array(101).fill(own.keys[0])),
    ]
    for (const spoil of places) {
      const own = await freshRig()
      spoil(own.issuer)
      const token = await signToken(own.key, claims({ iss: own.issuer.issuer }))
      await assert.rejects(
        own.rig.authenticator.authenticate(token, null),
        withCode('credential-unverifiable'),
      )
      await own.rig.close()
      await own.issuer.stop()
    }
  })

  it('are not fetched over TLS that the given authority does not vouch for', async () => {
    const own = await freshRig()
    own.rig.authenticator.setProviders([config({ issuer: own.issuer.issuer, ca: issuer.ca })])
    const token = await signToken(own.key, claims({ iss: own.issuer.issuer }))
    await assert.rejects(own.rig.authenticator.authenticate(token, null), withCode('credential-unverifiable'))
    await own.rig.close()
    await own.issuer.stop()
  })
})

describe('OIDC providers', () => {
  it('cannot be configured so that one speaks for another, or anybody for all', () => {
    const good = config()
    const wrong: Partial<OidcProviderConfig>[] = [
      { issuer: 'http://example.com' },
      { issuer: 'https://u:p@example.com' },
      { issuer: 'https://example.com?x' },
      { issuer: 'nonsense' },
      { audiences: [] },
      { audiences: [''] },
      { algorithms: ['HS256'] },
      { algorithms: ['none'] },
      { algorithms: [] },
      { prefix: '' },
      { prefix: 'corp' },
      { prefix: 'system:' },
      { prefix: 'System:x:' },
      { prefix: 'local:' },
      { prefix: 'sallyport:x:' },
      { prefix: 'a b:' },
      { clockSkew: 300_001 },
      { clockSkew: -1 },
      { clockSkew: Number.NaN },
      { maxAge: 0 },
    ]
    for (const more of wrong)
      assert.throws(() => checkProviders([{ ...good, ...more }]), /corp/, JSON.stringify(more))
    const second = { ...good, name: 'two', issuer: 'https://two.example.com', prefix: 'two:' }
    checkProviders([good, second])
    for (const more of [
      { name: 'corp' },
      { issuer: good.issuer },
      { prefix: 'corp:' },
      { prefix: 'corp:x:' },
    ]) {
      assert.throws(() => checkProviders([good, { ...second, ...more }]))
    }
  })

  it('take their cached principals with them when they are removed', async () => {
    const token = await signToken(key, claims())
    await rig.authenticator.authenticate(token, 'prod')
    assert.ok(rig.authenticator.cached(token, 'prod'))
    rig.authenticator.setProviders([])
    await refused(token, 'credential-invalid', 'token-issuer')
    assert.throws(() => rig.authenticator.setProviders([config({ prefix: '' })]))
  })
})

describe('claims that are carried along', () => {
  it('become lists of text; what the token does not have is an empty list, what is not named is dropped', async () => {
    const carrying = await openIdentityRig({
      providers: [config({ carriedClaims: ['repository', 'run_id', 'roles', 'deep.er', 'missing'] })],
    })
    try {
      const token = await signToken(
        key,
        claims({ repository: 'corp/shop', run_id: 7, roles: ['a', 'b'], deep: { er: true }, secret: 'x' }),
      )
      const principal = await carrying.authenticator.authenticate(token, 'prod')
      assert.deepEqual(
        { ...principal.claims },
        {
          repository: ['corp/shop'],
          run_id: ['7'],
          roles: ['a', 'b'],
          'deep.er': ['true'],
          missing: [],
        },
      )
    } finally {
      await carrying.close()
    }
  })

  it('are refused when they cannot be read: a deny rule would not see them', async () => {
    const carrying = await openIdentityRig({ providers: [config({ carriedClaims: ['team'] })] })
    try {
      for (const team of [{ a: 1 }, [['x']], ['a\u0007'], 'x'.repeat(257), new Array(51).fill('x')]) {
        await assert.rejects(
          carrying.authenticator.authenticate(await signToken(key, claims({ team })), 'prod'),
          (error: Refusal) => error.code === 'credential-invalid' && error.check === 'claim-carried',
        )
      }
    } finally {
      await carrying.close()
    }
  })
})
