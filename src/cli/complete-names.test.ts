import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { policyDocument } from '../api/testing/fixtures.ts'
import { createUser, type User } from '../api/testing/run-cli.ts'
import { type ServedApi, serveApi } from '../api/testing/serve-api.ts'
import { bashScript } from './completion/bash.ts'
import { liveNamesAt } from './completion/live-names.ts'

let api: ServedApi
let user: User
let program = ''

before(async () => {
  api = await serveApi()
  user = createUser(api, 'alice', { SALLYPORT_COMPLETION_MS: '9000' })
  assert.equal((await user.run(['login', '--code', 'open-sesame'])).code, 0)
  for (const name of ['base', 'guard']) document('Policy', name)
  document('Connection', 'prod')
  mkdirSync(join(api.dir, 'bin'))
  program = join(api.dir, 'bin', 'sallyport')
  const launcher = fileURLToPath(new URL('../../bin/sallyport.mjs', import.meta.url))
  writeFileSync(program, `#!/bin/sh\nexec '${process.execPath}' '${launcher}' "$@"\n`)
  chmodSync(program, 0o755)
})
after(() => api.close())

function document(kind: string, name: string): void {
  const of = { ...policyDocument(name), kind }
  api.fake.documents.set(`${kind}/${name}`, { kind, name, version: 1, source: 'api', document: of })
}

/** What bash offers after these words, in the environment of this user. */
function bash(...words: string[]): Promise<string[]> {
  const script = `${bashScript()}
COMP_WORDS=(${[program, ...words].map(w => `'${w}'`).join(' ')}); COMP_CWORD=${words.length}
_sallyport; printf '%s\\n' "\${COMPREPLY[@]}"`
  return new Promise((resolve, reject) => {
    const options = { env: { ...user.env }, cwd: user.home }
    execFile('bash', ['--noprofile', '--norc', '-c', script], options, (error, stdout) =>
      error === null ? resolve(stdout.trim().split('\n')) : reject(error),
    )
  })
}

test('bash offers the names of this very gateway, in arguments and options', async () => {
  assert.deepEqual(await bash('connection', 'use', ''), ['prod', 'staging'])
  assert.deepEqual(await bash('connection', 'use', 'st'), ['staging'])
  assert.deepEqual(await bash('get', 'policies', 'g'), ['guard'])
  assert.deepEqual(await bash('get', 'conn'), ['connections'])
  assert.deepEqual(await bash('audit', 'search', '--connection', 'p'), ['prod'])
  assert.deepEqual(await bash('audit', 'search', '-c', 's'), ['staging'])
  assert.equal((await user.run(['credential', '--gateway', api.url, '--connection', 'prod'])).code, 0)
  const { id } = api.fake.sessions[0]!
  assert.deepEqual(await bash('session', 'end', ''), [id])
  assert.match((await bash('profile', 'use', '127')).join(), /^127-0-0-1-\d+$/)
})

test('a gateway that is slow, away or wants a sign-in costs no more than the budget, and static words stay', async () => {
  api.before = () => new Promise(() => {})
  const env = { SALLYPORT_COMPLETION_MS: '' }
  const idle = await user.run(['errors'])
  const ran = await user.run(['complete-names', '--', 'connection', 'use'], { env })
  assert.deepEqual([ran.code, ran.stdout, ran.stderr], [0, '', ''])
  // The budget is 250 ms from the start of the program; its start takes what it takes on this machine now.
  assert.ok(ran.milliseconds < 1_500 + 4 * idle.milliseconds, `${ran.milliseconds}, ${idle.milliseconds} ms`)
  assert.deepEqual(await bash('connection', 'us'), ['use'])
  assert.deepEqual(await bash('get', 'pol'), ['policies'])
  api.dropConnections()
  api.before = () => {}
  const stranger = await createUser(api, 'stranger').run(['complete-names', '--', 'connection', 'use'])
  assert.deepEqual([stranger.code, stranger.stdout, stranger.stderr], [0, '', ''])
})

test('a name that a shell would run is not offered', async () => {
  for (const name of ['$(touch pwned)', '`id`', 'a b', "x';id;'", '-rf', 'fine'])
    document('IdentityProvider', name)
  const ran = await user.run(['complete-names', '--', 'get', 'identityproviders'])
  assert.equal(ran.stdout, 'fine\n')
})

test('which names can follow which words', () => {
  const at = (line: string): unknown => liveNamesAt(line.split(' '))
  assert.deepEqual(at('connection use'), { what: 'connections' })
  assert.equal(at('connection use prod'), undefined)
  assert.deepEqual(at('get -o json policies'), { what: 'documents', kind: 'policies' })
  assert.equal(at('get -o'), undefined)
  assert.deepEqual(at('session end s-1'), { what: 'sessions' })
  assert.deepEqual(at('revoke session'), { what: 'sessions' })
  assert.equal(at('revoke issuer'), undefined)
  assert.equal(at('no-such'), undefined)
  assert.deepEqual(at('why delete pods/x -c'), { what: 'connections' })
})
