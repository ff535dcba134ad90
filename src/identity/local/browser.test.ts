import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Refusal } from '../../errors/refusal.ts'
import { revoke } from '../revocation/revoke.ts'
import { openIdentityRig } from '../testing/identity-rig.ts'
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
