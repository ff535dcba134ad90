import assert from 'node:assert/strict'
import { test } from 'node:test'
import { fieldsOf, schemas } from '../../scripts/reference/document-fields.ts'
import { meanings } from '../../scripts/reference/field-meanings.ts'
import { referencePages, stalePages } from '../../scripts/reference.ts'
import { toConnection } from '../../src/documents/to-connection.ts'
import { toIdentityProvider } from '../../src/documents/to-identity-provider.ts'
import { catalogue } from '../../src/errors/catalogue.ts'

test('the reference pages are what the code says; else: node scripts/reference.ts', async () => {
  assert.deepEqual(await stalePages(), [])
})

test('every error code has an anchor of its own', async () => {
  const page = (await referencePages())['docs/reference/errors.md']!
  for (const code of Object.keys(catalogue)) {
    assert.equal(page.split(`\n## ${code}\n`).length, 2, code)
  }
})

for (const kind of Object.keys(schemas)) {
  test(`every field of ${kind} has a meaning, and no meaning is of a field that is gone`, () => {
    assert.deepEqual(
      Object.keys(meanings[kind]!).sort(),
      fieldsOf(kind)
        .map(field => field.path)
        .sort(),
    )
  })
}

const apiVersion = 'sallyport.dev/v1'

/** What the page says holds when a field is left out, without its marks. */
function said(kind: string, path: string): string {
  return meanings[kind]![path]![1]!.replaceAll('`', '')
}

test('what the page says holds without a field of a Connection holds', () => {
  const bare = toConnection({
    apiVersion,
    kind: 'Connection',
    metadata: { name: 'a' },
    spec: { agents: ['embedded'] },
  })
  assert.equal(said('Connection', 'spec.type'), bare.kind)
  assert.equal(said('Connection', 'spec.upstreamIdentity'), bare.upstreamIdentity)
  assert.equal(said('Connection', 'spec.capture'), bare.capture)
  assert.equal(said('Connection', 'spec.serviceAccounts.enabled'), String(bare.serviceAccounts.enabled))
  assert.equal(said('Connection', 'spec.session.idle'), `${bare.session.idle / 3_600_000}h`)
  assert.equal(said('Connection', 'spec.session.maximum'), `${bare.session.maximum / 3_600_000}h`)
  assert.equal(said('Connection', 'spec.warnings'), bare.warnings ? 'on' : 'off')
})

test('what the page says holds without a field of an IdentityProvider holds', async () => {
  const oidc = { issuer: 'https://a.example', audiences: ['a'], prefix: 'a:', login: { clientId: 'c' } }
  const bare = await toIdentityProvider(
    { apiVersion, kind: 'IdentityProvider', metadata: { name: 'a' }, spec: { oidc } },
    { resolve: () => Promise.reject(new Error('nothing refers to a secret')) },
  )
  for (const [claim, name] of Object.entries(bare.claims))
    assert.equal(said('IdentityProvider', `spec.oidc.claims.${claim}`), name)
  assert.equal(said('IdentityProvider', 'spec.oidc.clockSkew'), `${bare.clockSkew / 1000}s`)
  assert.equal(said('IdentityProvider', 'spec.oidc.algorithms'), bare.algorithms.join(', '))
  assert.equal(said('IdentityProvider', 'spec.oidc.login.scopes'), bare.login!.scopes.join(', '))
})
