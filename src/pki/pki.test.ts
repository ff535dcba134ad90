import assert from 'node:assert/strict'
import { createPrivateKey, createPublicKey, generateKeyPairSync, X509Certificate } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { connect } from 'node:tls'
import fc from 'fast-check'
import { issueAgentCertificate, verifyAgentCertificate } from './agent-certificate.ts'
import { openAuthority, publicKeyDer } from './authority.ts'
import { signCertificate } from './certificate.ts'
import { integer, readElements, sequence } from './der.ts'
import { newKey } from './key-file.ts'
import { decodePem, encodePem } from './pem.ts'
import { ensureServerCertificate } from './server-certificate.ts'
import { createSigningRequest, readSigningRequest } from './signing-request.ts'

const DAY = 86_400_000
const directory = mkdtempSync(join(tmpdir(), 'pki-'))
after(() => rmSync(directory, { recursive: true }))
const authority = openAuthority(directory)

test('the authority is made once, its key readable by its owner only', () => {
  assert.equal(statSync(join(directory, 'ca.key')).mode & 0o777, 0o600)
  assert.equal(openAuthority(directory).pem, authority.pem)
  assert.ok(authority.certificate.ca)
  assert.ok(authority.certificate.verify(authority.certificate.publicKey))
})

test('an authority whose key is lost is an error, never replaced', () => {
  const other = mkdtempSync(join(directory, 'lost-'))
  const made = openAuthority(other)
  rmSync(join(other, 'ca.key'))
  assert.throws(() => openAuthority(other), /restore it from a backup/)
  assert.equal(readFileSync(join(other, 'ca.crt'), 'utf8'), made.pem)
})

test('a crash between key and certificate is repaired with the same key', () => {
  const other = mkdtempSync(join(directory, 'half-'))
  const made = openAuthority(other)
  rmSync(join(other, 'ca.crt'))
  assert.ok(openAuthority(other).certificate.publicKey.equals(made.certificate.publicKey))
})

test('TLS clients accept the listener under each of its names and under no other', async () => {
  const names = [
    'localhost',
    '127.0.0.1',
    '::1',
    'fe80::1:2',
    '::ffff:10.0.0.1',
    'prod.gw.example',
    '*.k.example',
  ]
  const issued = ensureServerCertificate(authority, directory, names)
  const server = createServer({ key: issued.key, cert: issued.chain }, (_, response) => response.end())
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  const dial = (servername: string) =>
    new Promise<string>(resolve => {
      const socket = connect({ port, host: '127.0.0.1', servername, ca: authority.pem }, () => {
        resolve('ok')
        socket.destroy()
      })
      socket.on('error', error => resolve((error as NodeJS.ErrnoException).code ?? error.message))
    })
  assert.equal(await dial(''), 'ok')
  assert.equal(await dial('localhost'), 'ok')
  assert.equal(await dial('prod.gw.example'), 'ok')
  assert.equal(await dial('a.k.example'), 'ok')
  assert.equal(await dial('other.example'), 'ERR_TLS_CERT_ALTNAME_INVALID')
  server.close()
  const leaf = new X509Certificate(issued.chain)
  for (const address of ['127.0.0.1', '::1', 'fe80::1:2']) assert.ok(leaf.checkIP(address), address)
  assert.equal(leaf.checkIP('127.0.0.2'), undefined)
})

test('the server certificate is kept while it fits and reissued when names or time ask for it', () => {
  const names = ['localhost', '127.0.0.1']
  const first = ensureServerCertificate(authority, directory, names)
  assert.equal(statSync(join(directory, 'server.key')).mode & 0o777, 0o600)
  assert.equal(ensureServerCertificate(authority, directory, ['127.0.0.1', 'LOCALHOST']).issued, false)
  assert.equal(ensureServerCertificate(authority, directory, [...names, 'x.example']).issued, true)
  assert.equal(ensureServerCertificate(authority, directory, names).issued, true)
  assert.equal(ensureServerCertificate(authority, directory, names, Date.now() + 59 * DAY).issued, false)
  assert.equal(ensureServerCertificate(authority, directory, names, Date.now() + 61 * DAY).issued, true)
  assert.ok(first.renewAt < first.expiresAt)
  writeFileSync(join(directory, 'server.crt'), 'torn')
  assert.equal(ensureServerCertificate(authority, directory, names).issued, true)
})

test('a certificate of another authority is not kept', () => {
  const other = mkdtempSync(join(directory, 'other-'))
  ensureServerCertificate(openAuthority(other), directory, ['localhost'])
  assert.equal(ensureServerCertificate(authority, directory, ['localhost']).issued, true)
})

test('names that are no names are refused', () => {
  for (const name of ['', 'a b', 'a,DNS:b', 'ü.example', 'a..b', '999.1.1.1.', 'x\n']) {
    assert.throws(() => ensureServerCertificate(authority, directory, [name]), name)
  }
})

test('an agent certificate carries the name given by the issuer, for client use, for a short time', () => {
  const key = newKey()
  const now = Date.now()
  const issued = issueAgentCertificate(authority, 'edge-1', createSigningRequest(key), 3_600_000, now)
  const certificate = new X509Certificate(issued.certificate)
  assert.ok(certificate.checkPrivateKey(key))
  assert.deepEqual(verifyAgentCertificate(authority, certificate, now), {
    name: 'edge-1',
    serial: issued.serial,
    expiresAt: issued.expiresAt,
  })
  assert.equal(verifyAgentCertificate(authority, certificate, now + 3_600_001), undefined)
  assert.equal(verifyAgentCertificate(authority, certificate, now - 600_000), undefined)
  assert.equal(
    verifyAgentCertificate(openAuthority(mkdtempSync(join(directory, 'b-'))), certificate),
    undefined,
  )
})

test('no other certificate of the same authority passes for an agent', () => {
  const server = ensureServerCertificate(authority, directory, ['localhost'])
  assert.equal(verifyAgentCertificate(authority, new X509Certificate(server.chain)), undefined)
  assert.equal(verifyAgentCertificate(authority, authority.certificate), undefined)
  const forge = (role: 'server' | 'client', uris: string[]) =>
    new X509Certificate(
      signCertificate(
        {
          commonName: 'x',
          publicKey: publicKeyDer(newKey()),
          notBefore: Date.now() - 1000,
          notAfter: Date.now() + 60_000,
          role,
          names: uris.map(value => ({ kind: 'uri', value })),
        },
        { key: authority.key, certificate: authority.certificate },
      ),
    )
  assert.ok(verifyAgentCertificate(authority, forge('client', ['sallyport://agent/a'])))
  assert.equal(verifyAgentCertificate(authority, forge('server', ['sallyport://agent/a'])), undefined)
  assert.equal(verifyAgentCertificate(authority, forge('client', [])), undefined)
  for (const uri of [
    'sallyport://agent/',
    'sallyport://agent/A',
    'sallyport://agent/a/b',
    'https://agent/a',
  ]) {
    assert.equal(verifyAgentCertificate(authority, forge('client', [uri])), undefined, uri)
  }
  const two = forge('client', ['sallyport://agent/a', 'sallyport://agent/b'])
  assert.equal(verifyAgentCertificate(authority, two), undefined)
})

test('a certificate signed by another key under the same issuer name is not ours', () => {
  const key = newKey()
  const der = signCertificate(
    {
      commonName: 'x',
      publicKey: publicKeyDer(key),
      notBefore: Date.now() - 1000,
      notAfter: Date.now() + 60_000,
      role: 'client',
      names: [{ kind: 'uri', value: 'sallyport://agent/a' }],
    },
    { key: newKey(), certificate: authority.certificate },
  )
  assert.equal(verifyAgentCertificate(authority, new X509Certificate(der)), undefined)
})

test('certificate requests: only P-256, only a right signature', () => {
  const key = newKey()
  const pem = createSigningRequest(key)
  assert.deepEqual(readSigningRequest(pem), publicKeyDer(key))
  const der = decodePem('CERTIFICATE REQUEST', pem)!
  der[der.length - 1]! ^= 1
  assert.throws(() => readSigningRequest(encodePem('CERTIFICATE REQUEST', der)), /signature/)
  const p384 = generateKeyPairSync('ec', { namedCurve: 'P-384' }).privateKey
  assert.throws(() => readSigningRequest(createSigningRequest(p384)), /P-256/)
  assert.throws(() => readSigningRequest(pem + pem), /not a PEM/)
  assert.throws(() => readSigningRequest(authority.pem), /not a PEM/)
  assert.throws(() => readSigningRequest('x'.repeat(100_000)), /not a PEM/)
})

test('a certificate request of OpenSSL with names and attributes is read, its names ignored', () => {
  const pem = `-----BEGIN CERTIFICATE REQUEST-----
MIIBGTCBvwIBADAoMQ0wCwYDVQQDDARldmlsMRcwFQYDVQQKDA5zeXN0ZW06bWFz
dGVyczBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABPp0JE+QGDvN9vvjKLTh9hQC
3g0Q2puc4Fj9kl48sGOE0ZU+wEc2NwIdDylX09l6mJuZLncoR1gILBcjb1ealdSg
NTAzBgkqhkiG9w0BCQ4xJjAkMCIGA1UdEQQbMBmGF3NhbGx5cG9ydDovL2FnZW50
L290aGVyMAoGCCqGSM49BAMCA0kAMEYCIQDifERVpfFTVDjOK/g3F1T8N888jnJe
cwqCpUvwuLTGNQIhAJor4sLy71GB4Im24uIS8oMGNNCX0jd24lGFPW3fPupS
-----END CERTIFICATE REQUEST-----
`
  const spki = readSigningRequest(pem)
  const issued = issueAgentCertificate(authority, 'mine', pem)
  const certificate = new X509Certificate(issued.certificate)
  assert.equal(certificate.subject, 'CN=mine')
  assert.equal(certificate.subjectAltName, 'URI:sallyport://agent/mine')
  assert.ok(createPublicKey({ key: spki, format: 'der', type: 'spki' }).equals(certificate.publicKey))
})

test('random bytes never pass for a certificate request and never break the reader', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), bytes => {
      assert.throws(() => readSigningRequest(encodePem('CERTIFICATE REQUEST', bytes)), Error)
    }),
  )
})

test('one flipped bit anywhere in a certificate request is refused', () => {
  const der = decodePem('CERTIFICATE REQUEST', createSigningRequest(newKey()))!
  // Few enough to try them all.
  for (let at = 0; at < der.length; at++) {
    for (let bit = 0; bit < 8; bit++) {
      const copy = Buffer.from(der)
      copy[at]! ^= 1 << bit
      assert.throws(
        () => readSigningRequest(encodePem('CERTIFICATE REQUEST', copy)),
        Error,
        `bit ${bit} of byte ${at}`,
      )
    }
  }
})

test('DER reader gives back what the writer wrote', () => {
  fc.assert(
    fc.property(fc.array(fc.uint8Array({ minLength: 1, maxLength: 200 }), { maxLength: 20 }), parts => {
      const [outer, ...rest] = readElements(sequence(...parts.map(integer)))
      assert.equal(rest.length, 0)
      const read = readElements(outer!.content).map(element => BigInt(`0x${element.content.toString('hex')}`))
      assert.deepEqual(
        read,
        parts.map(part => BigInt(`0x${Buffer.from(part).toString('hex')}`)),
      )
    }),
  )
})

test('an unreadable key file is an error and not a reason for a new key', () => {
  const other = mkdtempSync(join(directory, 'bad-'))
  openAuthority(other)
  writeFileSync(join(other, 'ca.key'), 'nonsense')
  assert.throws(() => openAuthority(other))
  assert.throws(() => createPrivateKey(readFileSync(join(other, 'ca.key'), 'utf8')))
})
