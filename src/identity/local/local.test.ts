import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import type { Refusal } from '../../errors/refusal.ts'
import { openSqliteStore } from '../../store/open-sqlite-store.ts'
import { type IdentityRig, openIdentityRig } from '../testing/identity-rig.ts'
import { type SigningKey, signToken, startTestIssuer, type TestIssuer } from '../testing/test-issuer.ts'
import { putLocalUser, removeLocalUser } from './users.ts'

const refusal = (code: string, check?: string) => (error: Refusal) =>
  error.code === code && (check === undefined || error.check === check)

async function withRig(test: (rig: IdentityRig) => Promise<void>): Promise<void> {
  const rig = await openIdentityRig()
  await putLocalUser(rig.store, { name: 'admin', displayName: 'Administrator', groups: ['admins'] })
  try {
    await test(rig)
  } finally {
    await rig.close()
  }
}

/** Everything that the store holds, as text. */
async function dump(rig: IdentityRig): Promise<string> {
  return JSON.stringify(await rig.store.changesSince(0, 10_000))
}

describe('one-time codes', () => {
  it('become a sign-in of the local user', async () => {
    await withRig(async rig => {
      const { code } = await rig.codes.issue('admin')
      assert.match(code, /^(?:[a-z2-7]{5}-){5}[a-z2-7]$/)
      const signedIn = await rig.codes.redeem(` ${code.toUpperCase()}\n`)
      assert.match(signedIn.token, /^spl_[\w-]{43}$/)
      const principal = await rig.authenticator.authenticate(signedIn.token, null)
      assert.deepEqual(
        [principal.issuer, principal.subject, principal.username, principal.groups, principal.kind],
        ['local', 'admin', 'local:admin', ['local:admins'], 'person'],
      )
      assert.deepEqual(
        [principal.authentication.method, principal.authentication.validUntil],
        ['local', rig.now + 43_200_000],
      )
    })
  })

  it('leave nothing in the store from which a code or token could be had', async () => {
    await withRig(async rig => {
      const { code } = await rig.codes.issue('admin')
      const second = await rig.codes.issue('admin')
      const { token } = await rig.codes.redeem(code)
      const text = await dump(rig)
      for (const secret of [code, code.replaceAll('-', ''), second.code, token, token.slice(4)]) {
        assert.ok(!text.includes(secret))
      }
    })
  })

  it('work once, also when many try at the same time', async () => {
    await withRig(async rig => {
      const { code } = await rig.codes.issue('admin')
      const tries = await Promise.allSettled(Array.from({ length: 8 }, () => rig.codes.redeem(code)))
      assert.equal(tries.filter(one => one.status === 'fulfilled').length, 1)
      await assert.rejects(rig.codes.redeem(code), refusal('credential-invalid'))
      assert.equal(rig.signIns.list().length, 1)
    })
  })

  it('work for ten minutes, and for users who are still there', async () => {
    await withRig(async rig => {
      const { code } = await rig.codes.issue('admin')
      rig.now += 600_000
      await assert.rejects(rig.codes.redeem(code), refusal('credential-invalid', 'one-time-code'))
      const late = await rig.codes.issue('admin')
      await rig.codes.sweep()
      assert.equal((await rig.store.list('one-time-code')).length, 1)
      assert.equal(await removeLocalUser(rig.store, 'admin'), true)
      assert.equal(await removeLocalUser(rig.store, 'admin'), false)
      await assert.rejects(rig.codes.redeem(late.code), refusal('credential-invalid', 'one-time-code'))
      await assert.rejects(rig.codes.issue('admin'), /no local user/)
    })
  })

  it('are for names that cannot be mistaken', async () => {
    await withRig(async rig => {
      for (const name of ['', 'system:admin', 'a b', 'Admin', '-x', 'a\n', 'x'.repeat(200)]) {
        await assert.rejects(putLocalUser(rig.store, { name, groups: [] }), TypeError)
        await assert.rejects(putLocalUser(rig.store, { name: 'x', groups: [name] }), TypeError)
      }
    })
  })

  it('are 503 when the store is gone', async () => {
    const rig = await openIdentityRig()
    await rig.close()
    await assert.rejects(rig.codes.redeem('x'), refusal('state-unavailable'))
  })
})

describe('sign-ins', () => {
  const signIn = async (rig: IdentityRig) => rig.codes.redeem((await rig.codes.issue('admin')).code)

  it('are for our own API and not for connections', async () => {
    await withRig(async rig => {
      const { token } = await signIn(rig)
      await assert.rejects(
        rig.authenticator.authenticate(token, 'prod'),
        refusal('credential-invalid', 'sign-in-connection'),
      )
      assert.equal(rig.authenticator.cached(token, 'prod'), undefined)
      assert.ok(rig.authenticator.cached(token, null))
    })
  })

  it('end with time, and leave the store', async () => {
    await withRig(async rig => {
      const { token } = await signIn(rig)
      rig.now += 43_199_999
      await rig.authenticator.authenticate(token, null)
      rig.now += 1
      assert.equal(rig.authenticator.cached(token, null), undefined)
      await assert.rejects(rig.authenticator.authenticate(token, null), refusal('credential-expired'))
      await rig.signIns.sweep()
      assert.deepEqual(await rig.store.list('sign-in'), [])
    })
  })

  it('survive a restart and are known to other processes at once', async () => {
    const store = await openSqliteStore(':memory:')
    const first = await openIdentityRig({ store })
    const second = await openIdentityRig({ store })
    await putLocalUser(store, { name: 'admin', groups: [] })
    const { token } = await signIn(first)
    assert.equal((await second.authenticator.authenticate(token, null)).subject, 'admin')
    const third = await openIdentityRig({ store })
    assert.ok(third.authenticator.cached(token, null))
    for (const rig of [first, second, third]) await rig.close()
    await store.close()
  })

  it('of unknown tokens are refused', async () => {
    await withRig(async rig => {
      for (const token of ['spl_', 'spl_x', `spl_${'A'.repeat(43)}`, 'spl_'.padEnd(100_000, 'x')]) {
        await assert.rejects(rig.authenticator.authenticate(token, null), refusal('credential-expired'))
      }
    })
  })
})

describe('sign-in with an ID token', () => {
  let issuer: TestIssuer
  let key: SigningKey
  let rig: IdentityRig
  before(async () => {
    issuer = await startTestIssuer()
    key = await issuer.newKey('k1')
    rig = await openIdentityRig({
      providers: [
        {
          name: 'corp',
          issuer: issuer.issuer,
          audiences: ['api'],
          prefix: 'corp:',
          ca: issuer.ca,
          login: { clientId: 'cli' },
        },
      ],
    })
  })
  after(async () => {
    await rig.close()
    await issuer.stop()
  })
  const idToken = (more: Record<string, unknown> = {}, header: Record<string, unknown> = {}) => {
    const at = rig.now / 1000
    const claims = {
      iss: issuer.issuer,
      aud: 'cli',
      sub: 'alice',
      exp: at + 600,
      iat: at,
      jti: crypto.randomUUID(),
    }
    return signToken(key, { ...claims, ...more }, header)
  }

  it('gives a sign-in with the facts of the token', async () => {
    const { token, principal } = await rig.authenticator.signInWithIdToken(
      'corp',
      await idToken({ nonce: 'n', groups: ['dev'] }),
      'n',
    )
    assert.deepEqual([principal.username, principal.groups], ['corp:alice', ['corp:dev']])
    const again = await rig.authenticator.authenticate(token, null)
    assert.equal(again.authentication.validUntil, rig.now + 43_200_000)
    await rig.authenticator.signInWithIdToken(undefined, await idToken())
  })

  it('works once for each ID token, however its signature is written', async () => {
    const token = await idToken()
    await rig.authenticator.signInWithIdToken('corp', token)
    await assert.rejects(
      rig.authenticator.signInWithIdToken('corp', token),
      refusal('credential-invalid', 'sign-in-used'),
    )
    const twin = withOtherSignature(token)
    assert.notEqual(twin, token)
    await assert.rejects(
      rig.authenticator.signInWithIdToken('corp', twin),
      refusal('credential-invalid', 'sign-in-used'),
    )
  })

  it('forgets used ID tokens some time after they have expired', async () => {
    await rig.authenticator.signInWithIdToken('corp', await idToken())
    await rig.sweep()
    assert.notEqual((await rig.store.list('used-id-token')).length, 0)
    rig.now += 600_000 + 600_000
    await rig.sweep()
    assert.deepEqual(await rig.store.list('used-id-token'), [])
  })

  it('refuses other nonces, clients, providers and kinds of token', async () => {
    const attempt = async (more: object, check: string, header = {}, nonce?: string, provider = 'corp') =>
      assert.rejects(
        rig.authenticator.signInWithIdToken(provider, await idToken({ ...more }, header), nonce),
        refusal('credential-invalid', check),
      )
    await attempt({ nonce: 'a' }, 'token-nonce', {}, 'b')
    await attempt({}, 'token-nonce', {}, 'b')
    await attempt({ nonce: 7 }, 'token-nonce', {}, '7')
    await attempt({ aud: 'api' }, 'token-audience')
    await attempt({ aud: ['cli', 'x'] }, 'token-party')
    await attempt({ azp: 'x' }, 'token-party')
    await attempt({}, 'token-type', { typ: 'at+jwt' })
    await attempt({ iat: undefined }, 'token-time')
    await attempt({}, 'token-issuer', {}, undefined, 'other')
  })
})

/** ECDSA: with (r, s) also (r, n - s) is a signature of the same content (curve P-256). */
function withOtherSignature(token: string): string {
  const order = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n
  const dot = token.lastIndexOf('.')
  const signature = Buffer.from(token.slice(dot + 1), 'base64url')
  const s = BigInt(`0x${signature.subarray(32).toString('hex')}`)
  const other = Buffer.from((order - s).toString(16).padStart(64, '0'), 'hex')
  return `${token.slice(0, dot)}.${Buffer.concat([signature.subarray(0, 32), other]).toString('base64url')}`
}
