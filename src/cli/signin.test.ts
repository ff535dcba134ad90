import assert from 'node:assert/strict'
import { chmodSync, existsSync, readFileSync, writeFileSync } from 'node:fs'
import { get } from 'node:http'
import { join } from 'node:path'
import { after, before, beforeEach, test } from 'node:test'
import { type OidcProvider, startOidcProvider } from '../../testbed/oidc/start-provider.ts'
import { person } from '../api/testing/fixtures.ts'
import { createUser, type User } from '../api/testing/run-cli.ts'
import { type ServedApi, serveApi } from '../api/testing/serve-api.ts'
import { chooseFlow } from './signin/choose-flow.ts'
import { listenForAnswer } from './signin/loopback.ts'

let api: ServedApi
let issuer: OidcProvider
let user: User
let number = 0

before(async () => {
  api = await serveApi()
  issuer = await startOidcProvider()
  api.fake.providers.push({
    name: 'corp',
    issuer: issuer.issuer,
    clientId: 'sallyport',
    scopes: ['openid', 'profile', 'email', 'groups'],
    certificateAuthority: issuer.ca!,
  })
  // The issuer's own tests show that tokens are verified; here it matters that the right one arrives.
  api.fake.services.signIn.byIdToken = async idToken => {
    const claims = JSON.parse(Buffer.from(idToken.split('.')[1]!, 'base64url').toString())
    assert.equal(claims.iss, issuer.issuer)
    const principal = person(claims.sub)
    const token = `signed-in-${claims.sub}-${number++}`
    api.fake.tokens.set(token, principal)
    return { token, expiresAt: Date.now() + 3_600_000, principal }
  }
})
after(async () => {
  await issuer.stop()
  await api.close()
})
beforeEach(() => {
  user = createUser(api, `user-${number++}`, { DISPLAY: ':0', SALLYPORT_BROWSER: 'none-such-program' })
})

/** The browser of the person: signs in at the printed address and follows the redirect to the loopback port. */
async function finish(url: string): Promise<void> {
  const back = await issuer.signIn(url, 'alice')
  await fetchPage(back)
}

function fetchPage(url: string): Promise<{ status: number; text: string }> {
  return new Promise((resolve, reject) => {
    get(url, res => {
      let text = ''
      res.setEncoding('utf8').on('data', (chunk: string) => {
        text += chunk
      })
      res.on('end', () => resolve({ status: res.statusCode!, text }))
    }).on('error', reject)
  })
}

/** Calls `act` once, with the first address that the process prints. */
function onceUrl(act: (url: string) => Promise<void>): (stderr: string) => void {
  let done = false
  return stderr => {
    const url = /^ {2}(https:\/\/\S+)$/m.exec(stderr)?.[1]
    if (url === undefined || done) return
    done = true
    act(url).catch(error => {
      throw error
    })
  }
}

test('browser sign-in: PKCE, state and nonce in the address, which is always printed', async () => {
  let seen = new URL(issuer.issuer)
  const ran = await user.run(['login'], {
    onStderr: onceUrl(url => {
      seen = new URL(url)
      return finish(url)
    }),
  })
  assert.equal(ran.code, 0, ran.stderr)
  assert.match(ran.stdout, /Signed in as: +corp:user-alice/)
  assert.match(ran.stdout, /Connections: +prod, staging/)
  const query = seen.searchParams
  assert.equal(query.get('code_challenge_method'), 'S256')
  assert.match(query.get('redirect_uri')!, /^http:\/\/127\.0\.0\.1:\d+\/callback$/)
  assert.ok(query.get('state')!.length > 20 && query.get('nonce')!.length > 20)
  assert.equal((await user.run(['whoami', '-o', 'name'])).stdout, 'principal/corp:user-alice\n')
})

test('two sign-ins at once: one tab, the second shows the same address and takes the result', async () => {
  const tabs = join(api.dir, 'tabs')
  const browser = join(api.dir, 'browser.sh')
  writeFileSync(browser, `#!/bin/sh\necho "$1" >> ${tabs}\n`)
  chmodSync(browser, 0o755)
  const env = { SALLYPORT_BROWSER: browser }
  const urls: string[] = []
  const both = Promise.withResolvers<void>()
  const note = onceUrlEach(url => {
    urls.push(url)
    if (urls.length === 2) both.resolve()
  })
  const all = [1, 2].map(() => user.run(['login'], { env, onStderr: note() }))
  await both.promise
  assert.equal(urls[0], urls[1])
  await finish(urls[0]!)
  for (const ran of await Promise.all(all)) assert.equal(ran.code, 0, ran.stderr)
  assert.equal(readFileSync(tabs, 'utf8').trim().split('\n').length, 1)
  // Again within five minutes: the address is printed, no second tab is opened.
  const third = await user.run(['login'], { env, onStderr: onceUrl(finish) })
  assert.equal(third.code, 0, third.stderr)
  assert.equal(readFileSync(tabs, 'utf8').trim().split('\n').length, 1)
})

function onceUrlEach(act: (url: string) => void): () => (stderr: string) => void {
  return () => onceUrl(async url => act(url))
}

test('over SSH the device flow is chosen by itself, and no browser is started', async () => {
  const marker = join(api.dir, 'no-browser')
  const browser = join(api.dir, 'mark.sh')
  writeFileSync(browser, `#!/bin/sh\ntouch ${marker}\n`)
  chmodSync(browser, 0o755)
  const ran = await user.run(['login'], {
    env: { SSH_CONNECTION: '10.0.0.1 1 10.0.0.2 22', SALLYPORT_BROWSER: browser },
    onStderr: onceUrl(url => issuer.approveDevice(url, 'bob')),
  })
  assert.equal(ran.code, 0, ran.stderr)
  assert.match(ran.stderr, /shows the code {2}\S+/)
  assert.match(ran.stdout, /corp:user-bob/)
  assert.equal(existsSync(marker), false)
})

test('the first kubectl signs in by itself when a person is there', async () => {
  const info = JSON.stringify({
    apiVersion: 'client.authentication.k8s.io/v1',
    spec: { interactive: true, cluster: { server: `${api.url}/k/prod` } },
  })
  const ran = await user.run(['credential', '--gateway', api.url, '--connection', 'prod'], {
    env: { KUBERNETES_EXEC_INFO: info },
    onStderr: onceUrl(finish),
  })
  assert.equal(ran.code, 0, ran.stderr)
  assert.match(JSON.parse(ran.stdout).status.token, /^session-token/)
  assert.equal(existsSync(join(user.home, '.config')), false, 'the profile of the person is left alone')
})

test('a refusal of the issuer ends the sign-in with its words', async () => {
  const ran = await user.run(['login'], {
    onStderr: onceUrl(async url => {
      const asked = new URL(url).searchParams
      const back = new URL(asked.get('redirect_uri')!)
      back.search = new URLSearchParams({
        state: asked.get('state')!,
        error: 'access_denied',
        iss: issuer.issuer,
      }).toString()
      assert.match((await fetchPage(back.href)).text, /was refused/)
    }),
  })
  assert.equal(ran.code, 3)
  assert.match(ran.stderr, /sallyport login/)
})

test('an unknown provider names those that there are', async () => {
  const ran = await user.run(['login', '--provider', 'other'])
  assert.equal(ran.code, 2)
  assert.match(ran.stderr, /there is corp/)
})

test('the loopback port takes nothing but the answer with our own state', async () => {
  const loopback = await listenForAnswer('the-state', 60_000)
  try {
    const base = loopback.redirectUri
    for (const wrong of [
      base,
      `${base}?code=x`,
      `${base}?code=x&state=the-stat`,
      `${base}/../?state=the-state`,
    ]) {
      assert.equal((await fetchPage(wrong)).status, 404, wrong)
    }
    const page = await fetchPage(`${base}?code=abc&state=the-state`)
    assert.match(page.text, /You can close this tab/)
    assert.equal((await loopback.answer).searchParams.get('code'), 'abc')
  } finally {
    loopback.close()
  }
})

test('which flow: a display means a browser, SSH or none means a code for another device', () => {
  const none = { browser: true }
  assert.deepEqual(chooseFlow(none, { DISPLAY: ':0' }, 'linux', true), { kind: 'browser', openBrowser: true })
  assert.deepEqual(chooseFlow(none, {}, 'linux', true), { kind: 'device', openBrowser: false })
  assert.deepEqual(chooseFlow(none, {}, 'linux', false), { kind: 'browser', openBrowser: false })
  assert.deepEqual(chooseFlow(none, {}, 'darwin', true), { kind: 'browser', openBrowser: true })
  assert.deepEqual(chooseFlow(none, { SSH_TTY: '/dev/pts/0' }, 'darwin', true), {
    kind: 'device',
    openBrowser: false,
  })
  assert.deepEqual(chooseFlow({ browser: false }, {}, 'win32', true), { kind: 'browser', openBrowser: false })
  assert.throws(() => chooseFlow({ device: true }, {}, 'darwin', false), /does not offer/)
})
