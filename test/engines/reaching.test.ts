/** How the server is reached: TLS that is verified, and a password that is seen nowhere. */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { inspect } from 'node:util'
import { parsePostgresUrl } from '../../src/postgres/settings.ts'
import { chooseStore } from '../../src/store/choose-store.ts'
import { openPostgresStore } from '../../src/store/postgres/open-postgres-store.ts'
import { createAuthority } from '../../testbed/pki.ts'
import { type PostgresServer, startPostgres } from '../../testbed/postgres/start-postgres.ts'
import { sallyport } from '../e2e/rig.ts'

const CANARY = 'canary-store-password-51c9'
const dir = mkdtempSync(join(tmpdir(), 'sallyport-reaching-'))
const authority = createAuthority('store authority')
const stranger = createAuthority('another authority')
let server: PostgresServer
before(async () => {
  server = await startPostgres({
    tls: authority.issue({ commonName: 'db', usage: 'server', addresses: ['127.0.0.1'] }),
  })
  writeFileSync(join(dir, 'ca.pem'), authority.cert)
  writeFileSync(join(dir, 'other.pem'), stranger.cert)
  writeFileSync(join(dir, 'password'), `${server.password}\n`, { mode: 0o600 })
})
after(async () => {
  await server?.stop()
  rmSync(dir, { recursive: true })
})

const opens = async (parameters: string, host = '127.0.0.1') => {
  const url = `${server.url.replace('127.0.0.1', host)}?${parameters}`
  await (await openPostgresStore(parsePostgresUrl(url, server.password))).close()
}

test('a certificate is verified: its authority and its name', async () => {
  await opens(`sslrootcert=${dir}/ca.pem`)
  await assert.rejects(opens(`sslrootcert=${dir}/other.pem`), /certificate|signature/)
  await assert.rejects(opens('sslmode=verify-full'), /certificate|signature/)
  await assert.rejects(opens(`sslrootcert=${dir}/ca.pem`, 'localhost'), /altnames|Hostname/)
  await opens(`sslmode=verify-ca&sslrootcert=${dir}/ca.pem`, 'localhost')
})

test('another machine is never spoken to in the clear, or without knowing who it is, unless asked for', () => {
  const of = (parameters: string) => parsePostgresUrl(`postgres://u@db.example/d${parameters}`, null)
  assert.equal(of('').tls?.verify, 'full')
  assert.equal(of('?sslmode=disable').tls, null)
  for (const mode of ['require', 'prefer', 'allow', 'no-verify', '']) {
    assert.throws(() => of(`?sslmode=${mode}`), /sslmode takes/)
  }
  assert.equal(parsePostgresUrl('postgres://u@127.0.0.1/d', null).tls, null)
  assert.equal(parsePostgresUrl('postgres:///d?host=/run/postgresql&user=u', null).host, '/run/postgresql')
})

test('addresses that can be misread are refused, and none shows its password', () => {
  for (const address of [
    `postgres://u:${CANARY}@`,
    `postgres://u:${CANARY}@h`,
    `postgres://:${CANARY}@h/d`,
    `postgres://u:${CANARY}@h/d?password=x`,
    `postgres://u:${CANARY}@h/d?sslmode=require`,
    `postgres://u:${CANARY}@h/d?schema=a&schema=b`,
    `postgres://u:${CANARY}@h/d?schema=pg_x`,
    `postgres://u:${CANARY}@h/d?schema=A%22;drop`,
    `postgres://u:${CANARY}@h/d?host=/tmp`,
    `postgres://u:${CANARY}@h/d?sslrootcert=${dir}/none`,
    `postgres://u:${CANARY}@h/d#x`,
    `mysql://u:${CANARY}@h/d`,
    `postgres://u:${CANARY}%zz@h/d`,
    `postgres://u:${CANARY}@h:99999/d`,
    `u:${CANARY}@h/d`,
  ]) {
    assert.throws(
      () => parsePostgresUrl(address, null),
      error => !inspect(error).includes(CANARY),
    )
  }
})

test('the password comes from a file or a variable, never from an argument', async () => {
  const url = 'postgres://u@h.example/d'
  const env = { SECRET: CANARY }
  assert.equal((await chooseStore({ url, password: `\${SECRET}` }, env, dir))?.password, CANARY)
  assert.equal((await chooseStore({ url, password: 'file:password' }, {}, dir))?.password, server.password)
  assert.equal(
    (await chooseStore({}, { SALLYPORT_STORE: `postgres://u:${CANARY}@h.example/d` }, dir))?.password,
    CANARY,
  )
  assert.equal(await chooseStore({}, {}, dir), undefined)
  for (const words of [
    { url: `postgres://u:${CANARY}@h.example/d` },
    { url, password: CANARY },
    { password: 'file:password' },
    { url, password: `\${NOT_SET}` },
  ]) {
    await assert.rejects(chooseStore(words, env, dir), error => !inspect(error).includes(CANARY))
  }
})

test('a wrong password, a server that is not there: told without any secret, and the command ends', async () => {
  for (const [store, told] of [
    [server.url, /password authentication failed/],
    ['postgres://u@127.0.0.1:1/d', /ECONNREFUSED/],
  ] as const) {
    const ran = await sallyport(
      ['up', '--data-dir', join(dir, 'data'), '--store', store, '--store-password', `\${SECRET}`],
      { env: { SECRET: CANARY, SALLYPORT_DEBUG: '1', KUBECONFIG: '/nonexistent', HOME: dir } },
    )
    assert.notEqual(ran.code, 0)
    assert.match(ran.stderr, told)
    assert.equal((ran.stdout + ran.stderr).includes(CANARY), false)
  }
})
