import assert from 'node:assert/strict'
import { X509Certificate } from 'node:crypto'
import { test } from 'node:test'
import { createAuthority, openAuthority } from './pki.ts'

const authority = createAuthority('test-ca')

test('an authority signs itself and may sign others', () => {
  const cert = new X509Certificate(authority.cert)
  assert.equal(cert.ca, true)
  assert.ok(cert.verify(cert.publicKey))
})

test('a client certificate has its groups as organisations and belongs to its key', () => {
  const reopened = openAuthority(authority)
  const pair = reopened.issue({ commonName: 'dana', organizations: ['dev', 'ops'], usage: 'client' })
  const cert = new X509Certificate(pair.cert)
  assert.equal(cert.subject, 'O=dev\nO=ops\nCN=dana')
  assert.equal(cert.issuer, 'CN=test-ca')
  assert.ok(cert.verify(new X509Certificate(authority.cert).publicKey))
  assert.ok(cert.checkIssued(new X509Certificate(authority.cert)))
  assert.deepEqual(cert.keyUsage, ['1.3.6.1.5.5.7.3.2'])
  assert.match(pair.key, /^-----BEGIN PRIVATE KEY-----/)
})

test('a server certificate names addresses and hosts', () => {
  const pair = authority.issue({ commonName: 's', usage: 'server', addresses: ['127.0.0.1', 'localhost'] })
  const cert = new X509Certificate(pair.cert)
  assert.equal(cert.checkIP('127.0.0.1'), '127.0.0.1')
  assert.equal(cert.checkHost('localhost'), 'localhost')
  assert.equal(cert.checkHost('example.com'), undefined)
})
