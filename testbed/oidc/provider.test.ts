import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { createLocalJWKSet, type JWTPayload, jwtVerify } from 'jose'
import { ask } from './http.ts'
import { type OidcProvider, startOidcProvider } from './start-provider.ts'

let provider: OidcProvider

before(async () => {
  provider = await startOidcProvider()
})
after(() => provider.stop())

async function verify(token: string, audience: string): Promise<JWTPayload> {
  const { body } = await ask(`${provider.issuer}/jwks`, { ca: provider.ca })
  const options = { issuer: provider.issuer, audience }
  return (await jwtVerify(token, createLocalJWKSet(JSON.parse(body)), options)).payload
}

test('discovery names the issuer, the code flow with PKCE and the device flow', async () => {
  const answer = await ask(`${provider.issuer}/.well-known/openid-configuration`, { ca: provider.ca })
  const document = JSON.parse(answer.body)
  assert.equal(document.issuer, provider.issuer)
  assert.deepEqual(document.code_challenge_methods_supported, ['S256'])
  assert.equal(document.device_authorization_endpoint, `${provider.issuer}/device/auth`)
})

test('an ID token of the code flow verifies and carries the groups', async () => {
  const claims = await verify(await provider.idToken('alice', { audience: 'corp', lifetime: 60 }), 'corp')
  assert.equal(claims.sub, 'user-alice')
  assert.deepEqual(claims.groups, ['dev'])
  assert.equal(claims.exp! - claims.iat!, 60)
})

test('carol comes with a hostile group', async () => {
  const claims = await verify(await provider.idToken('carol'), 'sallyport')
  assert.deepEqual(claims.groups, ['auditors', 'system:masters'])
})

test('a negative lifetime gives a well-signed token that has expired', async () => {
  const token = await provider.idToken('bob', { lifetime: -30 })
  await assert.rejects(verify(token, 'sallyport'), { code: 'ERR_JWT_EXPIRED' })
})

test('a device flow ends with a token for the person who approved it', async () => {
  const post = async (path: string, form: Record<string, string>): Promise<Record<string, string>> => {
    const answer = await ask(`${provider.issuer}${path}`, { method: 'POST', form, ca: provider.ca })
    return JSON.parse(answer.body)
  }
  const started = await post('/device/auth', { client_id: 'cli', scope: 'openid groups' })
  const redeem = {
    grant_type: 'urn:ietf:params:oauth:grant-type:device_code',
    client_id: 'cli',
    device_code: started.device_code!,
  }
  assert.equal((await post('/token', redeem)).error, 'authorization_pending')
  await provider.approveDevice(started.verification_uri_complete!, 'bob')
  const claims = await verify((await post('/token', redeem)).id_token!, 'cli')
  assert.equal(claims.sub, 'user-bob')
})

test('rotation: the old key stays published until it is forgotten', async () => {
  const old = await provider.idToken('alice')
  const kid = await provider.rotateKeys()
  const header = JSON.parse(
    Buffer.from((await provider.idToken('alice')).split('.')[0]!, 'base64url').toString(),
  )
  assert.equal(header.kid, kid)
  await verify(old, 'sallyport')
  await provider.rotateKeys({ forgetOld: true })
  await assert.rejects(verify(old, 'sallyport'), { code: 'ERR_JWKS_NO_MATCHING_KEY' })
})

test('an unknown person is an error of the caller', async () => {
  await assert.rejects(provider.idToken('mallory'), /knows alice, bob, carol, not mallory/)
})
