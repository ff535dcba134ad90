import assert from 'node:assert/strict'
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { pathToFileURL } from 'node:url'
import { createUser, type Ran, type User } from '../api/testing/run-cli.ts'
import { type ServedApi, serveApi } from '../api/testing/serve-api.ts'

/** kubectl starts the credential plugin for each command: it has to be there at once, and to run nobody else's code. */
let api: ServedApi
let user: User

before(async () => {
  api = await serveApi()
  user = createUser(api, 'alice', { NODE_COMPILE_CACHE: '', TMPDIR: join(api.dir, 'tmp') })
  mkdirSync(join(api.dir, 'tmp'))
  assert.equal((await user.run(['login', '--code', 'open-sesame'])).code, 0)
  assert.equal((await credential()).code, 0)
})
after(() => api.close())

const credential = (env: Readonly<Record<string, string>> = {}): Promise<Ran> =>
  user.run(['credential', '--gateway', api.url, '--connection', 'prod'], { env })

test('a token from the file loads two dozen small modules and no package', async () => {
  const [hook, list] = [join(api.dir, 'hook.mjs'), join(api.dir, 'loaded.json')]
  writeFileSync(
    hook,
    `import { registerHooks } from 'node:module'
import { writeFileSync } from 'node:fs'
const loaded = []
registerHooks({ load: (url, context, next) => (loaded.push(url), next(url, context)) })
process.on('exit', () => writeFileSync(process.env.LOADED, JSON.stringify(loaded)))`,
  )
  const asked = api.requests.length
  const ran = await credential({ NODE_OPTIONS: `--import=${pathToFileURL(hook)}`, LOADED: list })
  assert.equal(ran.code, 0, ran.stderr)
  // A process that asks twice is answered by the gateway, whether the session is live: that is another way.
  assert.ok(api.requests.length > asked)
  const asking = JSON.parse(readFileSync(list, 'utf8')) as string[]
  assert.ok(asking.some(url => url.endsWith('/src/cli/client/client.ts')))
  await forgetAskers()
  const before = api.requests.length
  assert.equal((await credential({ NODE_OPTIONS: `--import=${pathToFileURL(hook)}`, LOADED: list })).code, 0)
  assert.equal(api.requests.length, before)
  const loaded = JSON.parse(readFileSync(list, 'utf8')) as string[]
  const own = loaded.filter(url => url.startsWith('file:'))
  assert.ok(
    own.some(url => url.endsWith('/src/cli/credential.ts')),
    own.join('\n'),
  )
  assert.deepEqual(
    own.filter(url => url.includes('/node_modules/')),
    [],
  )
  assert.ok(own.length <= 24, own.join('\n'))
  const heavy = /^node:(https?|http2|tls|net|sqlite|child_process|worker_threads|stream)/
  assert.deepEqual(
    loaded.filter(url => heavy.test(url)),
    [],
  )
  const sizes = own.map(url => statSync(new URL(url)).size)
  assert.ok(sizes.reduce((a, b) => a + b, 0) < 80_000, String(sizes))
})

/** As if another kubectl asked. */
async function forgetAskers(): Promise<void> {
  const sessions = join(user.home, '.local', 'state', 'sallyport', 'gateways')
  for (const name of readdirSync(sessions, { recursive: true, encoding: 'utf8' })) {
    if (!/sessions[/\\].+\.json$/.test(name)) continue
    const file = join(sessions, name)
    writeFileSync(file, JSON.stringify({ ...JSON.parse(readFileSync(file, 'utf8')), givenTo: [] }))
  }
}

test("compiled code is kept in a folder of this user's own, never in the common one", async () => {
  const folder = join(user.home, '.cache', 'sallyport', 'compiled')
  assert.equal(statSync(folder).mode & 0o777, 0o700)
  assert.notDeepEqual(readdirSync(folder), [])
  assert.deepEqual(readdirSync(join(api.dir, 'tmp')), [])
})

test('a folder that others may write to is not used; without one the command works', async () => {
  const cache = join(api.dir, 'open-cache')
  const folder = join(cache, 'sallyport', 'compiled')
  mkdirSync(folder, { recursive: true })
  for (const mode of [0o777, 0o770, 0o702]) {
    chmodSync(folder, mode)
    assert.equal((await user.run(['errors'], { env: { XDG_CACHE_HOME: cache } })).code, 0)
    assert.deepEqual(readdirSync(folder), [])
  }
  for (const env of [
    { HOME: '', SALLYPORT_STATE_DIR: join(api.dir, 'elsewhere') },
    { XDG_CACHE_HOME: '/dev/null' },
    { XDG_CACHE_HOME: '', HOME: 'relative' },
  ]) {
    const ran = await user.run(['errors'], { env })
    assert.equal(ran.code, 0, ran.stderr)
  }
  assert.ok(!existsSync(join(user.home, 'relative')))
  assert.deepEqual(readdirSync(join(api.dir, 'tmp')), [])
})
