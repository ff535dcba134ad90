import assert from 'node:assert/strict'
import { once } from 'node:events'
import { chmodSync, globSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { createUser, type Ran, type User } from '../api/testing/run-cli.ts'
import { closedPort, type ServedApi, serveApi } from '../api/testing/serve-api.ts'
import { openAuthority } from '../pki/authority.ts'
import { ensureServerCertificate } from '../pki/server-certificate.ts'
import type { Check } from './doctor/check.ts'
import { checkClock } from './doctor/clock.ts'
import { checkProxy } from './doctor/proxy.ts'

let api: ServedApi
let user: User
let tools = ''

before(async () => {
  api = await serveApi()
  // A kubectl of a known version, and nothing else on the PATH.
  tools = join(api.dir, 'tools')
  mkdirSync(tools)
  kubectl('v1.33.1', 'v1.34.0')
  user = createUser(api, 'alice', { PATH: tools })
  assert.equal((await user.run(['login', '--code', 'open-sesame'])).code, 0)
})
after(() => api.close())

function kubectl(client: string, server: string): void {
  const answer = JSON.stringify({
    clientVersion: { gitVersion: client },
    serverVersion: { gitVersion: server },
  })
  writeFileSync(join(tools, 'kubectl'), `#!/bin/sh\necho '${answer}'\n`)
  chmodSync(join(tools, 'kubectl'), 0o755)
}

interface Report {
  readonly kind: string
  readonly ok: boolean
  readonly checks: readonly Check[]
}

async function doctor(args: string[] = [], env: Record<string, string> = {}): Promise<Ran & Report> {
  const ran = await user.run(['doctor', '-o', 'json', ...args], { env })
  return { ...ran, ...(JSON.parse(ran.stdout) as Report) }
}

const found = (report: Report, check: string): Check =>
  report.checks.find(c => c.check === check) ?? assert.fail(`no ${check} in ${JSON.stringify(report.checks)}`)

/** A gateway's stand-in with a certificate of its own. */
async function stand(
  names: string[],
  issuedAt: number,
  date?: string,
): Promise<{ url: string; caFile: string; close(): void }> {
  const dir = join(api.dir, `pki-${Math.random()}`)
  const authority = openAuthority(dir)
  const { chain, key } = ensureServerCertificate(authority, dir, names, issuedAt)
  const server = createServer({ cert: chain, key }, (_, res) => {
    if (date !== undefined) res.setHeader('date', date)
    res.end(JSON.stringify({ kind: 'Version', version: '0.1.0' }))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const caFile = join(dir, 'trusted.pem')
  writeFileSync(caFile, authority.pem)
  return {
    url: `https://127.0.0.1:${(server.address() as AddressInfo).port}`,
    caFile,
    close() {
      server.closeAllConnections()
      server.close()
    },
  }
}

test('all is well: exit code 0, every step named, as a table and as a versioned document', async () => {
  assert.equal((await user.run(['connection', 'use', 'prod'])).code, 0)
  const report = await doctor()
  assert.equal(report.code, 0, report.stdout)
  assert.equal(report.kind, 'DoctorReport')
  const names = report.checks.map(c => c.check)
  for (const name of [
    'node',
    'gateway',
    'proxy',
    'dns',
    'tcp',
    'tls-trust',
    'tls-name',
    'tls-time',
    'answer',
    'clock',
    'sign-in',
    'kubeconfig-exec',
    'kubectl',
    'kubectl-skew',
  ])
    assert.ok(names.includes(name), name)
  const table = await user.run(['doctor'])
  assert.match(table.stdout, /^ok {6} tls-time +the certificate ends on \d{4}-/m)
  assert.doesNotMatch(table.stdout + report.stdout, /signed-in-|session-token/)
})

test('nothing listens: exit code 7, and the later steps of the way are not guessed', async () => {
  const report = await doctor(['--gateway', await closedPort()])
  assert.equal(report.code, 7)
  assert.match(found(report, 'tcp').text, /nothing listens there/)
  assert.equal(found(report, 'tcp').cure, 'sallyport up')
  assert.equal(
    report.checks.some(c => c.check.startsWith('tls')),
    false,
  )
})

test('a name that cannot be looked up', async () => {
  const report = await doctor(['--gateway', 'https://no-such-gateway.invalid'])
  assert.equal(report.code, 7)
  assert.equal(found(report, 'dns').level, 'failed')
})

test('trust, name and time of the certificate are told apart, each with its cure', async () => {
  const now = Date.now()
  const fine = await stand(['127.0.0.1'], now)
  const untrusted = await doctor(['--gateway', fine.url, '--ca-file', api.caFile])
  assert.equal(untrusted.code, 7)
  assert.equal(found(untrusted, 'tls-trust').level, 'failed')
  assert.match(found(untrusted, 'tls-trust').cure!, /sallyport login .*--ca-file/)
  fine.close()
  const other = await stand(['elsewhere.example'], now)
  const named = await doctor(['--gateway', other.url, '--ca-file', other.caFile])
  assert.equal(found(named, 'tls-trust').level, 'ok')
  assert.match(found(named, 'tls-name').text, /not for 127\.0\.0\.1 but for elsewhere\.example/)
  other.close()
  const old = await stand(['127.0.0.1'], now - 2000 * 86_400_000)
  const ended = await doctor(['--gateway', old.url, '--ca-file', old.caFile])
  assert.match(found(ended, 'tls-time').text, /ended on/)
  old.close()
})

test('a clock that is wrong, by the Date of the gateway', async () => {
  const wrong = await stand(['127.0.0.1'], Date.now(), new Date(Date.now() + 600_000).toUTCString())
  const report = await doctor(['--gateway', wrong.url, '--ca-file', wrong.caFile])
  wrong.close()
  assert.equal(found(report, 'clock').level, 'failed')
  assert.match(found(report, 'clock').text, /(599|600|601) s behind the gateway/)
  assert.equal(checkClock('Thu, 01 Jan 1970 00:01:00 GMT', 60_000, 61_000).level, 'ok')
  assert.equal(checkClock('Thu, 01 Jan 1970 00:01:00 GMT', 120_000, 120_000).level, 'warning')
  assert.equal(checkClock(undefined, 0, 0).level, 'warning')
})

test('not signed in, and a token that others can read', async () => {
  const stranger = createUser(api, 'stranger', { PATH: tools })
  const ran = await stranger.run(['doctor', '-o', 'json'])
  assert.equal(ran.code, 3)
  assert.match(found(JSON.parse(ran.stdout), 'sign-in').cure!, /^sallyport login --gateway https:/)
  const [file] = globSync('.local/state/sallyport/gateways/*/sign-in.json', { cwd: user.home })
  const path = join(user.home, file!)
  chmodSync(path, 0o644)
  const report = await doctor()
  chmodSync(path, 0o600)
  assert.equal(report.code, 1)
  assert.equal(found(report, 'sign-in-file').cure, `chmod 600 '${path}'`)
})

test('a context whose plugin is gone, whose CA is another, or that checks no certificate', async () => {
  const file = join(user.home, '.config', 'sallyport', 'kubeconfigs')
  const [name] = globSync('*.yaml', { cwd: file })
  const path = join(file, name!)
  const text = readFileSync(path, 'utf8')
  writeFileSync(path, text.replaceAll(/command: .*/g, 'command: /gone/node'))
  assert.match(found(await doctor(), 'kubeconfig-exec').text, /\/gone\/node is not there/)
  writeFileSync(path, text.replaceAll(/\S+sallyport\.mjs/g, '/gone/sallyport.mjs'))
  const report = await doctor()
  assert.match(found(report, 'kubeconfig-exec').cure!, /^sallyport connection use (prod|staging) --gateway/)
  writeFileSync(path, text.replaceAll(/certificate-authority-data: .*/g, 'insecure-skip-tls-verify: true'))
  assert.equal(found(await doctor(), 'kubeconfig-tls').level, 'failed')
  const other = Buffer.from('-----BEGIN CERTIFICATE-----\nx\n').toString('base64')
  writeFileSync(
    path,
    text.replaceAll(/certificate-authority-data: .*/g, `certificate-authority-data: ${other}`),
  )
  assert.equal(found(await doctor(), 'kubeconfig-ca').level, 'warning')
  writeFileSync(path, text)
})

test('kubectl: absent, too old, too far from the cluster', async () => {
  kubectl('v1.33.1', 'v1.36.0')
  assert.match(found(await doctor(), 'kubectl-skew').text, /3 minor versions away/)
  kubectl('v1.20.0', 'v1.21.0')
  assert.equal(found(await doctor(), 'kubectl').level, 'failed')
  assert.match(found(await doctor([], { PATH: '/nowhere' }), 'kubectl').text, /no kubectl/)
  kubectl('v1.33.1', 'v1.34.0')
})

test('proxy variables: who is affected, the traps of NO_PROXY, and no password is shown', () => {
  const of = (server: string, env: Record<string, string>): Check[] => checkProxy(server, env).checks
  const proxy = { HTTPS_PROXY: 'http://me:hunter2@proxy.example:3128' }
  assert.equal(of('https://gw.example', {})[0]!.level, 'ok')
  const through = of('https://gw.example', proxy)
  assert.deepEqual(
    through.map(c => c.level),
    ['warning'],
  )
  assert.doesNotMatch(JSON.stringify(through), /hunter2/)
  assert.equal(of('https://127.0.0.1:8443', proxy)[0]!.level, 'failed')
  assert.match(of('https://127.0.0.1:8443', proxy)[0]!.cure!, /NO_PROXY/)
  for (const entry of ['example', '.example', '*.example', 'gw.example:443', 'x, gw.example', '*'])
    assert.equal(of('https://gw.example', { ...proxy, NO_PROXY: entry })[0]!.level, 'ok', entry)
  for (const entry of ['gw.example:8443', 'w.example', 'https://gw.example'])
    assert.ok(
      of('https://gw.example', { ...proxy, NO_PROXY: entry }).some(
        c => c.check === 'proxy' && c.level !== 'ok',
      ),
      entry,
    )
  const traps = of('https://gw.example', { ...proxy, NO_PROXY: '10.0.0.0/8,https://gw.example' })
  assert.equal(traps.filter(c => c.check === 'no-proxy').length, 2)
  const differ = of('https://gw.example', { ...proxy, https_proxy: 'http://other:1' })
  assert.ok(differ.some(c => c.check === 'proxy-spelling'))
  assert.equal(of('https://gw.example', { HTTPS_PROXY: 'proxy' })[0]!.level, 'failed')
})
