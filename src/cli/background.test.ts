import assert from 'node:assert/strict'
import { chmodSync, globSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { get } from 'node:http'
import { join } from 'node:path'
import { after, before, beforeEach, test } from 'node:test'
import { type OidcProvider, startOidcProvider } from '../../testbed/oidc/start-provider.ts'
import { person } from '../api/testing/fixtures.ts'
import { createUser, type Ran, type User } from '../api/testing/run-cli.ts'
import { type ServedApi, serveApi } from '../api/testing/serve-api.ts'

let api: ServedApi
let issuer: OidcProvider
let user: User
let tabs = ''
let number = 0

before(async () => {
  api = await serveApi()
  issuer = await startOidcProvider()
  api.fake.services.signIn.byIdToken = async idToken => {
    const claims = JSON.parse(Buffer.from(idToken.split('.')[1]!, 'base64url').toString())
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
  const browser = join(api.dir, `browser-${number++}.sh`)
  tabs = `${browser}.tabs`
  writeFileSync(tabs, '')
  writeFileSync(browser, `#!/bin/sh\necho "$1" >> ${tabs}\n`)
  chmodSync(browser, 0o755)
  user = createUser(api, `poller-${number++}`, { DISPLAY: ':0', SALLYPORT_BROWSER: browser })
  api.fake.providers.splice(0, Number.POSITIVE_INFINITY, {
    name: 'corp',
    issuer: issuer.issuer,
    clientId: 'sallyport',
    scopes: ['openid'],
    certificateAuthority: issuer.ca!,
  })
})

function credential(interactive: boolean, onStderr: (text: string) => void = () => {}): Promise<Ran> {
  const info = JSON.stringify({
    apiVersion: 'client.authentication.k8s.io/v1',
    spec: { interactive, cluster: { server: `${api.url}/k/prod` } },
  })
  const args = ['credential', '--gateway', api.url, '--connection', 'prod']
  return user.run(args, { env: { KUBERNETES_EXEC_INFO: info }, onStderr })
}

const urlIn = (stderr: string): string | undefined => /^ {2}(https:\/\/\S+)$/m.exec(stderr)?.[1]
const tabsOpened = (): string[] =>
  readFileSync(tabs, 'utf8')
    .split('\n')
    .filter(line => line !== '')

/** The person in front of the browser. */
async function finish(url: string): Promise<void> {
  const back = await issuer.signIn(url, 'alice')
  await new Promise<void>((resolve, reject) => {
    get(back, res => res.resume().on('end', resolve)).on('error', reject)
  })
}

/** Processes of this user's home that still run a sign-in. */
function children(): string[] {
  return readdirSync('/proc').filter(pid => {
    try {
      return (
        readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes('sign-in-in-background') &&
        readFileSync(`/proc/${pid}/environ`, 'utf8').includes(`HOME=${user.home}\0`)
      )
    } catch {
      return false
    }
  })
}

async function until(what: string, done: () => boolean | Promise<boolean>): Promise<void> {
  for (const deadline = Date.now() + 60_000; !(await done()); ) {
    assert.ok(Date.now() < deadline, what)
    await new Promise(resolve => setTimeout(resolve, 50))
  }
}

/**
 * Asks as an editor does, again and again, until it is told to sign in and `stderr` has what is looked for. On a busy
 * machine five seconds may not be enough for the gateway's answer: that is said too, and only then it asks again.
 */
async function refused(pattern: RegExp, ask = () => credential(false)): Promise<Ran> {
  let ran = await ask()
  await until(`a poll prints ${pattern}`, async () => {
    assert.equal(ran.stdout, '')
    if (ran.code === 3 && pattern.test(ran.stderr)) return true
    assert.ok(ran.code === 3 || ran.code === 7, ran.stderr)
    ran = await ask()
    return false
  })
  return ran
}

const address = async (): Promise<string> => urlIn((await refused(/^ {2}https:/m)).stderr)!
const one = (): Promise<void> => until('one process in the background', () => children().length === 1)
const none = (): Promise<void> =>
  until('the process in the background ends by itself', () => children().length === 0)

test('a caller that cannot answer is answered within 5 s, also by a gateway that never does', async t => {
  const idle = await user.run(['errors'])
  const silent = Promise.withResolvers<void>()
  t.after(() => {
    api.before = () => {}
    silent.resolve()
  })
  api.before = () => silent.promise
  const ran = await credential(false)
  assert.equal(ran.code, 7, ran.stderr)
  assert.match(ran.stderr, /did not answer in time/)
  // Five seconds by its own clock; its start and its end take what they take on this machine now.
  assert.ok(ran.milliseconds < 6_000 + 4 * idle.milliseconds, `${ran.milliseconds}, ${idle.milliseconds} ms`)
})

test('a caller that cannot answer gets the address; the sign-in is finished behind it, and the next poll works', async () => {
  const url = await address()
  assert.ok(url.startsWith(issuer.issuer), url)
  assert.equal(await address(), url, 'the next poll shows the same address')
  await one()
  await finish(url)
  let ran = await credential(false)
  await until('a poll succeeds', async () => {
    if (ran.code !== 0) ran = await credential(false)
    return ran.code === 0
  })
  assert.match(JSON.parse(ran.stdout).status.token, /^session-token/)
  await none()
  assert.deepEqual(globSync('.config/**', { cwd: user.home }), [], 'the profile of the person is left alone')
  assert.ok(tabsOpened().length <= 1)
})

test('ten of them at once: one address, one browser tab', async () => {
  const urls = new Set(await Promise.all(Array.from({ length: 10 }, address)))
  assert.equal(urls.size, 1, [...urls].join('\n'))
  await one()
  await until('the tab', () => tabsOpened().length > 0)
  assert.deepEqual(tabsOpened(), [...urls])
  await finish([...urls][0]!)
  await none()
  const after = await Promise.all(Array.from({ length: 10 }, () => credential(false)))
  for (const ran of after) assert.equal(ran.code, 0, ran.stderr)
  assert.equal(tabsOpened().length, 1)
})

test('ten kubectl in terminals at once: one tab, and all go on after one sign-in', async () => {
  const first = Promise.withResolvers<string>()
  const note = (stderr: string): void => {
    const url = urlIn(stderr)
    if (url !== undefined) first.resolve(url)
  }
  const all = Array.from({ length: 10 }, () => credential(true, note))
  await finish(await first.promise)
  for (const ran of await Promise.all(all)) assert.equal(ran.code, 0, ran.stderr)
  assert.equal(tabsOpened().length, 1)
  assert.equal(children().length, 0)
})

test('an editor that polls all night opens no second tab, however long ago the first one was', async () => {
  const url = await address()
  await until('the tab', () => tabsOpened().length === 1)
  // As if nobody had come: the one that waited is gone, and it is hours ago.
  for (const pid of children()) process.kill(Number(pid))
  await until('it is gone', () => children().length === 0)
  const [file] = globSync('.local/state/sallyport/gateways/*/signing-in/*.json', { cwd: user.home })
  const announcement = join(user.home, file!)
  writeFileSync(
    announcement,
    JSON.stringify({ ...JSON.parse(readFileSync(announcement, 'utf8')), tabOpenedAt: 1 }),
  )
  const second = await address()
  assert.notEqual(second, url, 'the address of one that died is not shown')
  await finish(second)
  await until('signed in', async () => (await credential(false)).code === 0)
  assert.deepEqual(tabsOpened(), [url])
  await none()
})

test('over SSH the address and its code are those of the device flow', async () => {
  user = createUser(api, `remote-${number++}`, { SSH_CONNECTION: '10.0.0.1 1 10.0.0.2 22' })
  const { stderr } = await refused(/shows the code {2}\S+/)
  const url = urlIn(stderr)!
  await issuer.approveDevice(url, 'bob')
  await until('a poll succeeds', async () => (await credential(false)).code === 0)
  await none()
})

for (const interactive of [false, true]) {
  test(`a sign-in that ends while another call still asks the gateway is enough (interactive: ${interactive})`, async t => {
    const url = await address()
    await one()
    const arrived = Promise.withResolvers<void>()
    const goOn = Promise.withResolvers<void>()
    t.after(() => {
      api.before = () => {}
      goOn.resolve()
    })
    api.before = request => {
      if (!request.includes('/v1/signin/providers')) return
      arrived.resolve()
      return goOn.promise
    }
    const late = credential(interactive)
    await arrived.promise
    await finish(url)
    await none()
    goOn.resolve()
    const ran = await late
    assert.equal(ran.code, 0, ran.stderr)
    assert.equal(urlIn(ran.stderr), undefined, 'nobody is asked again')
    assert.equal(children().length, 0)
  })
}

test('an issuer that cannot be used: the reason, within 5 s, and nothing left running', async () => {
  api.fake.providers[0] = { ...api.fake.providers[0]!, issuer: 'https://127.0.0.1:1' }
  const { stderr } = await refused(/127\.0\.0\.1:1/)
  assert.equal(urlIn(stderr), undefined)
  await none()
})

test('a token that was given and is refused starts no sign-in', async () => {
  const info = JSON.stringify({
    apiVersion: 'client.authentication.k8s.io/v1',
    spec: { interactive: false, cluster: { server: `${api.url}/k/prod` } },
  })
  const { stderr } = await refused(/./, () =>
    user.run(['credential', '--gateway', api.url, '--connection', 'prod'], {
      env: { KUBERNETES_EXEC_INFO: info, SALLYPORT_TOKEN: 'of-yesterday' },
    }),
  )
  assert.equal(urlIn(stderr), undefined)
  assert.equal(children().length, 0)
})
