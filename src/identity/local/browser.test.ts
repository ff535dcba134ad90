import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Refusal } from '../../errors/refusal.ts'
import { revoke } from '../revocation/revoke.ts'
import { openIdentityRig, START } from '../testing/identity-rig.ts'
import { signToken, startTestIssuer } from '../testing/test-issuer.ts'
import { putLocalUser } from './users.ts'

const HOUR = 3_600_000
const refused = (code: string) => (error: unknown) => error instanceof Refusal && error.code === code

async function withBrowser(
  use: (rig: Awaited<ReturnType<typeof openIdentityRig>>, token: string) => Promise<void>,
): Promise<void> {
  const rig = await openIdentityRig()
  try {
    await putLocalUser(rig.store, { name: 'admin', groups: ['admins'] })
    const { code } = await rig.codes.issue('admin')
    const { token } = await rig.codes.redeem(code, { lifetime: HOUR, authenticatedAt: rig.now })
    await use(rig, token)
  } finally {
    await rig.close()
  }
}

test('the token of a browser is good for the page and for nothing else', async () => {
  await withBrowser(async (rig, token) => {
    assert.match(token, /^spb_[\w-]{43}$/)
    const signIn = await rig.authenticator.ofBrowser(token)
    assert.equal(signIn.principal.username, 'local:admin')
    assert.equal(signIn.browser?.authenticatedAt, rig.now)
    for (const connection of [null, 'prod']) {
      assert.equal(rig.authenticator.cached(token, connection), undefined)
      await assert.rejects(rig.authenticator.authenticate(token, connection), refused('credential-invalid'))
      const renamed = `spl_${token.slice(4)}`
      await assert.rejects(rig.authenticator.authenticate(renamed, connection), Refusal)
    }
    const listed = JSON.stringify(await rig.store.list('sign-in'))
    assert.ok(!listed.includes(token.slice(4)))
  })
})

test('a sign-in of another kind opens no page', async () => {
  await withBrowser(async rig => {
    const { code } = await rig.codes.issue('admin')
    const { token } = await rig.codes.redeem(code)
    await assert.rejects(rig.authenticator.ofBrowser(token), refused('credential-invalid'))
    const renamed = `spb_${token.slice(4)}`
    await assert.rejects(rig.authenticator.ofBrowser(renamed), refused('credential-expired'))
  })
})

test('it ends with its time, with a sign-out, and with its person', async () => {
  await withBrowser(async (rig, token) => {
    rig.now += HOUR
    await assert.rejects(rig.authenticator.ofBrowser(token), refused('credential-expired'))
  })
  await withBrowser(async (rig, token) => {
    const { id } = await rig.authenticator.ofBrowser(token)
    await rig.signIns.end(id)
    await assert.rejects(rig.authenticator.ofBrowser(token), refused('credential-expired'))
  })
  await withBrowser(async (rig, token) => {
    const { principal } = await rig.authenticator.ofBrowser(token)
    const { issuer, subject } = principal
    await revoke(rig, { kind: 'principal', issuer, subject }, 'local:other', 'left')
    await assert.rejects(rig.authenticator.ofBrowser(token), Refusal)
  })
})

test('when somebody signed in at the issuer is what the issuer says, and never in the future', async () => {
  const issuer = await startTestIssuer()
  const key = await issuer.newKey('one')
  const corp = {
    ...{ name: 'corp', issuer: issuer.issuer, ca: issuer.ca, prefix: 'corp:' },
    audiences: ['sallyport'],
    login: { clientId: 'page' },
  }
  const rig = await openIdentityRig({ providers: [corp] })
  try {
    const seconds = START / 1000
    const times = { iat: seconds - 10, exp: seconds + 600 }
    for (const [said, kept] of [
      [seconds - 100, (seconds - 100) * 1000],
      [seconds + 1_000, START],
      [undefined, null],
      [`${seconds}`, null],
    ] as const) {
      const claims = {
        iss: issuer.issuer,
        aud: 'page',
        sub: `s-${said}`,
        nonce: 'n',
        auth_time: said,
        ...times,
      }
      const token = await signToken(key, claims)
      await assert.rejects(
        rig.authenticator.signInWithIdToken('corp', token, 'another', { lifetime: HOUR }),
        refused('credential-invalid'),
      )
      const signedIn = await rig.authenticator.signInWithIdToken('corp', token, 'n', { lifetime: HOUR })
      const { browser, expiresAt } = await rig.authenticator.ofBrowser(signedIn.token)
      assert.equal(browser?.authenticatedAt, kept)
      assert.equal(expiresAt, START + HOUR)
      // Once.
      await assert.rejects(
        rig.authenticator.signInWithIdToken('corp', token, 'n', { lifetime: HOUR }),
        refused('credential-invalid'),
      )
    }
  } finally {
    await rig.close()
    await issuer.stop()
  }
})
