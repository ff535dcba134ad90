import assert from 'node:assert/strict'
import { X509Certificate } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import fc from 'fast-check'
import { Refusal } from '../../errors/refusal.ts'
import { type AgentIdentity, verifyAgentCertificate } from '../../pki/agent-certificate.ts'
import { openAuthority } from '../../pki/authority.ts'
import { newKey } from '../../pki/key-file.ts'
import { createSigningRequest } from '../../pki/signing-request.ts'
import { memoryStore } from '../testing/memory-store.ts'
import {
  enrolAgent,
  isEnrolled,
  issueEnrolmentToken,
  listEnrolled,
  removeAgent,
  renewAgent,
} from './enrolment.ts'
import { TOKEN_KIND } from './records.ts'
import { formatToken, parseToken } from './token.ts'

const directory = mkdtempSync(join(tmpdir(), 'enrolment-'))
after(() => rmSync(directory, { recursive: true }))
const authority = openAuthority(directory)
const csr = (): string => createSigningRequest(newKey())

async function checkOf(promise: Promise<unknown>): Promise<string> {
  try {
    await promise
    return 'allowed'
  } catch (error) {
    if (error instanceof Refusal) return `${error.code} ${error.check}`
    throw error
  }
}

function identityOf(certificate: string): AgentIdentity {
  return verifyAgentCertificate(authority, new X509Certificate(certificate))!
}

test('a token becomes a certificate once', async () => {
  const store = memoryStore()
  const { token } = await issueEnrolmentToken(store, authority, 'edge', 'local:admin')
  const enrolled = await enrolAgent(store, authority, token, csr())
  assert.equal(enrolled.agent, 'edge')
  assert.equal(enrolled.replaced, false)
  assert.ok(await isEnrolled(store, identityOf(enrolled.certificate)))
  assert.equal(
    await checkOf(enrolAgent(store, authority, token, csr())),
    'credential-invalid enrolment-token',
  )
  assert.deepEqual(
    (await listEnrolled(store)).map(one => one.name),
    ['edge'],
  )
})

test('of two that use one token at once, one gets the certificate', async () => {
  const store = memoryStore()
  const { token } = await issueEnrolmentToken(store, authority, 'edge', 'x')
  const results = await Promise.all([1, 2, 3].map(() => checkOf(enrolAgent(store, authority, token, csr()))))
  assert.deepEqual(results.sort(), [
    'allowed',
    'credential-invalid enrolment-token',
    'credential-invalid enrolment-token',
  ])
})

test('an expired token, a changed one and one for another name are refused alike', async () => {
  const store = memoryStore()
  const now = Date.now()
  const { token, expiresAt } = await issueEnrolmentToken(store, authority, 'edge', 'x', 60_000, {
    clock: () => now,
  })
  const late = { clock: () => expiresAt }
  const parsed = parseToken(token)!
  const attempts = [
    enrolAgent(store, authority, token, csr(), late),
    enrolAgent(store, authority, formatToken({ ...parsed, agent: 'other' }), csr()),
    enrolAgent(store, authority, formatToken({ ...parsed, secret: parsed.fingerprint }), csr()),
    enrolAgent(store, authority, 'nonsense', csr()),
  ]
  for (const attempt of attempts) assert.equal(await checkOf(attempt), 'credential-invalid enrolment-token')
  assert.equal(await checkOf(enrolAgent(store, authority, token, csr())), 'allowed')
})

test('the store holds no secret, and expired tokens are swept', async () => {
  const store = memoryStore()
  const { token, expiresAt } = await issueEnrolmentToken(store, authority, 'edge', 'x', 1_000)
  const stored = JSON.stringify(await store.list(TOKEN_KIND))
  assert.ok(!stored.includes(parseToken(token)!.secret))
  await issueEnrolmentToken(store, authority, 'other', 'x', 1_000, { clock: () => expiresAt + 1 })
  assert.equal((await store.list(TOKEN_KIND)).length, 1)
})

test('a bad certificate request does not cost the token', async () => {
  const store = memoryStore()
  const { token } = await issueEnrolmentToken(store, authority, 'edge', 'x')
  assert.equal(
    await checkOf(enrolAgent(store, authority, token, 'x')),
    'request-ambiguous certificate-request',
  )
  assert.equal(await checkOf(enrolAgent(store, authority, token, csr())), 'allowed')
})

test('enrolling again under a name shuts out the older certificate', async () => {
  const store = memoryStore()
  const enrolOnce = async () => {
    const { token } = await issueEnrolmentToken(store, authority, 'edge', 'x')
    return enrolAgent(store, authority, token, csr())
  }
  const first = await enrolOnce()
  const second = await enrolOnce()
  assert.equal(second.replaced, true)
  assert.equal(await isEnrolled(store, identityOf(first.certificate)), false)
  assert.equal(await isEnrolled(store, identityOf(second.certificate)), true)
})

test('renewal: a standing certificate is traded for the next, and both stand until they expire', async () => {
  const store = memoryStore()
  const { token } = await issueEnrolmentToken(store, authority, 'edge', 'x')
  const first = await enrolAgent(store, authority, token, csr())
  const second = await renewAgent(store, authority, identityOf(first.certificate), csr())
  assert.notEqual(second.serial, first.serial)
  for (const one of [first, second]) assert.ok(await isEnrolled(store, identityOf(one.certificate)))
  const late = () => first.expiresAt
  assert.equal(await isEnrolled(store, identityOf(first.certificate), late), false)
  const attempt = renewAgent(store, authority, identityOf(first.certificate), csr(), { clock: late })
  assert.equal(await checkOf(attempt), 'credential-invalid agent-certificate')
})

test('a removed agent is not let in and cannot renew', async () => {
  const store = memoryStore()
  const { token } = await issueEnrolmentToken(store, authority, 'edge', 'x')
  const enrolled = await enrolAgent(store, authority, token, csr())
  assert.equal(await removeAgent(store, 'edge'), true)
  assert.equal(await removeAgent(store, 'edge'), false)
  const identity = identityOf(enrolled.certificate)
  assert.equal(await isEnrolled(store, identity), false)
  assert.equal(
    await checkOf(renewAgent(store, authority, identity, csr())),
    'credential-invalid agent-certificate',
  )
})

test('names that are no names, and that of the embedded agent, get no token', async () => {
  for (const name of ['', 'A', 'a b', 'a.b', '../x', 'embedded', 'x'.repeat(64)]) {
    assert.match(await checkOf(issueEnrolmentToken(memoryStore(), authority, name, 'x')), /agent-name/)
  }
})

test('a token is one word for headers and shells; reading is the inverse of writing, and total', () => {
  const part = fc
    .uint8Array({ minLength: 32, maxLength: 32 })
    .map(bytes => Buffer.from(bytes).toString('base64url'))
  fc.assert(
    fc.property(part, part, (fingerprint, secret) => {
      const token = formatToken({ agent: 'edge-1', fingerprint, secret })
      assert.match(token, /^[A-Za-z0-9._-]+$/)
      assert.deepEqual(parseToken(`${token}\n`), { agent: 'edge-1', fingerprint, secret })
    }),
  )
  fc.assert(fc.property(fc.string(), text => parseToken(text) === undefined))
})
