import assert from 'node:assert/strict'
import { readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { parseAllDocuments } from 'yaml'
import { person, rowOf } from '../api/testing/fixtures.ts'
import { createUser, type Ran, type User } from '../api/testing/run-cli.ts'
import { closedPort, type ServedApi, serveApi } from '../api/testing/serve-api.ts'
import { printable } from '../audit/sentence.ts'

let api: ServedApi
let user: User

before(async () => {
  api = await serveApi()
  api.fake.codes.add('second-code')
  user = createUser(api, 'alice')
  const signedIn = await user.run(['login', '--code', 'open-sesame'])
  assert.equal(signedIn.code, 0, signedIn.stderr)
})
after(() => api.close())

function fine(ran: Ran): Ran {
  assert.equal(ran.code, 0, ran.stderr)
  return ran
}

test('login keeps the token in a file of its owner alone, remembers the gateway, and shows no token', async () => {
  const other = createUser(api, 'other')
  const ran = fine(await other.run(['login', '--code', '-', '-o', 'json'], { stdin: 'second-code\n' }))
  const shown = JSON.parse(ran.stdout)
  assert.equal(shown.kind, 'SignIn')
  assert.equal(shown.apiVersion, 'sallyport.dev/v1')
  assert.deepEqual(shown.connections, ['prod', 'staging'])
  assert.equal('token' in shown, false)
  const state = join(other.home, '.local', 'state', 'sallyport', 'gateways')
  const found = (await import('node:fs')).globSync('*/sign-in.json', { cwd: state })
  const file = join(state, found[0]!)
  assert.equal(statSync(file).mode & 0o777, 0o600)
  const { token } = JSON.parse(readFileSync(file, 'utf8'))
  assert.ok(!ran.stdout.includes(token) && !ran.stderr.includes(token))
  // From now on neither URL nor CA need be named.
  const later = await other.run(['whoami', '-o', 'name'], {
    env: { SALLYPORT_GATEWAY: '', SALLYPORT_CA_FILE: '' },
  })
  assert.equal(fine(later).stdout, 'principal/corp:alice\n')
  assert.match(
    fine(await other.run(['logout'])).stdout,
    /^signed out of https:.*; sessions ended: 0; tokens deleted from this machine: 1\n$/,
  )
  assert.equal((await other.run(['whoami'])).code, 3)
})

test('logout forgets the tokens of this machine even when the gateway is away', async () => {
  api.fake.codes.add('third-code')
  const other = createUser(api, 'leaving')
  fine(await other.run(['login', '--code', 'third-code']))
  api.before = () => api.dropConnections()
  const ran = await other.run(['logout'])
  api.before = () => {}
  assert.ok(ran.code === 7 || ran.code === 8, ran.stderr)
  assert.match(ran.stderr, /tokens deleted from this machine: 1/)
  assert.equal((await other.run(['whoami'])).code, 3)
})

test('exit codes tell a script what happened', async () => {
  const { fake } = api
  fake.deny.add('session.list')
  fake.hold.add('agent.enrol')
  const nobody = createUser(api, 'nobody')
  const expected: [ran: Promise<Ran>, code: number, says: RegExp][] = [
    [user.run(['whoami']), 0, /^$/],
    [user.run(['session', 'show', 's-absent']), 1, /no session s-absent/],
    [user.run(['audit', 'serch']), 2, /unknown command 'serch'; did you mean search\?/],
    [user.run(['audit', 'search', '--decision', 'maybe']), 2, /Allowed choices are allow, deny, hold/],
    [user.run(['whoami', '--nope']), 2, /unknown option '--nope'/],
    [user.run(['session', 'show']), 2, /missing required argument/],
    [nobody.run(['whoami']), 3, /sallyport login/],
    [user.run(['whoami'], { env: { SALLYPORT_TOKEN: 'stale' } }), 3, /could not be verified/],
    [user.run(['session', 'list', '--all']), 4, /guard\/no-session\.list/],
    [user.run(['agent', 'token', 'far']), 5, /approval/],
    [closedPort().then(url => user.run(['whoami', '--gateway', url])), 7, /nothing listens there/],
    [user.run(['whoami'], { env: { SALLYPORT_CA_FILE: '' } }), 0, /^$/],
    [nobody.run(['status'], { env: { SALLYPORT_CA_FILE: '' } }), 7, /is not trusted/],
    [user.run(['whoami', '--gateway', 'http://127.0.0.1:1']), 2, /over https/],
    [user.run(['whoami', '--ca-file', '/nonexistent']), 2, /does not exist/],
  ]
  for (const [promise, code, says] of expected) {
    const ran = await promise
    assert.equal(ran.code, code, ran.stderr)
    assert.match(ran.stderr, says)
    if (code !== 0 && code !== 7) assert.equal(ran.stdout, '', 'standard output is for data')
  }
  fake.deny.clear()
  fake.hold.clear()
})

test('a change that was sent and never answered is outcome unknown, not failure', async () => {
  const arrived = Promise.withResolvers<void>()
  api.before = line => {
    if (!line.startsWith('DELETE /v1/sessions/s-1')) return
    arrived.resolve()
    return new Promise(() => {})
  }
  const pending = user.run(['session', 'end', 's-1'])
  await arrived.promise
  api.dropConnections()
  const ran = await pending
  api.before = () => {}
  assert.equal(ran.code, 8, ran.stderr)
  assert.match(ran.stderr, /may or may not have happened/)
})

test('a refusal has its four parts, with a line to paste', async () => {
  api.fake.deny.add('self.read')
  const ran = await user.run(['whoami'])
  api.fake.deny.clear()
  const lines = ran.stderr.trimEnd().split('\n')
  assert.match(
    lines[0]!,
    /^error: policy does not allow this action: self\.read on self: the test says deny$/,
  )
  assert.match(lines[1]!, /^ {2}by {7}guard\/no-self\.read$/)
  assert.match(lines[2]!, /^ {2}next {5}ask why with$/)
  const id = /sallyport why (\S+)/.exec(lines[3]!)![1]
  assert.equal(lines[4], `  request  ${id}`)
  assert.equal(lines[5], `  see      ${api.url}/errors#denied-by-policy`)
})

test('tables fit 80 columns when piped, wide does not cut, no-headers and name are for scripts', async () => {
  const { fake } = api
  fake.rows.length = 0
  for (let i = 0; i < 3; i++)
    fake.rows.push(rowOf(`call-${i}`, `a-pod-with-a-rather-long-name-${'x'.repeat(60)}-${i}`))
  fake.sessions.length = 0
  for (const name of ['alice', 'a-person-with-a-long-name-at-a-long-domain.example.com']) {
    await fake.services.sessions.open(person(name), 'prod', { address: '', port: 0, userAgent: '' })
  }
  for (const args of [
    ['audit', 'search'],
    ['session', 'list', '--all'],
    ['connection', 'list'],
    ['get', 'agents'],
  ]) {
    const { stdout } = fine(await user.run(args))
    for (const line of stdout.split('\n')) assert.ok(line.length <= 80, `${args.join(' ')}: ${line}`)
    assert.match(stdout, /^[A-Z]/)
  }
  const wide = fine(await user.run(['audit', 'search', '-o', 'wide', '--no-headers']))
  assert.match(wide.stdout.split('\n')[0]!, /x{60}-0 .*call-0$/)
  const names = fine(await user.run(['audit', 'search', '-o', 'name']))
  assert.equal(names.stdout, 'entry/call-0\nentry/call-1\nentry/call-2\n')
})

test('rows read as sentences', async () => {
  api.fake.rows.length = 0
  api.fake.rows.push(
    rowOf('call-1', 'api-7f', {
      effect: 'deny',
      head: {
        ...rowOf('x', 'api-7f').head,
        decision: { effect: 'deny', rules: ['no-prod-deletes'], reason: 'no' },
      },
    }),
  )
  const { stdout } = fine(await user.run(['audit', 'search']))
  assert.equal(
    stdout,
    'TIME (UTC)      WHAT\n01-02 03:04:05  corp:alice · delete pod api-7f ·…rod · denied by no-prod-deletes\n',
  )
})

test('text that others chose moves no cursor, in tables, JSON and YAML', async () => {
  api.fake.rows.length = 0
  const nasty = 'x\u001b[2J\u009b31m\u202eevil\r\nsecond'
  api.fake.rows.push(rowOf('call-1', nasty))
  for (const format of ['table', 'wide', 'json', 'yaml']) {
    const { stdout } = fine(await user.run(['audit', 'search', '-o', format]))
    assert.doesNotMatch(stdout, /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202a-\u202e]/, format)
  }
  const json = JSON.parse(fine(await user.run(['audit', 'search', '-o', 'json'])).stdout)
  assert.equal(json.items[0].head.action.name, nasty, 'escaped, not changed')
  const yaml = parseAllDocuments(fine(await user.run(['audit', 'search', '-o', 'yaml'])).stdout)
  assert.equal(
    (yaml[0] as { toJS(): { items: { head: { action: { name: string } } }[] } }).toJS().items[0]!.head.action
      .name,
    nasty,
  )
})

test('an empty answer names the filter that emptied it, on stderr', async () => {
  api.fake.rows.length = 0
  const ran = fine(await user.run(['audit', 'search', '--verb', 'delete', '--since', '2h']))
  assert.match(ran.stderr, /nothing matches verb=delete since=\d{4}-/)
  const quiet = fine(await user.run(['audit', 'search', '--verb', 'delete', '-q']))
  assert.equal(quiet.stderr, '')
})

test('long lists are read page by page up to the limit', async () => {
  api.fake.rows.length = 0
  for (let i = 0; i < 450; i++) api.fake.rows.push(rowOf(`call-${i}`, `pod-${i}`))
  const names = async (...args: string[]): Promise<number> =>
    fine(await user.run(['audit', 'search', '-o', 'name', ...args]))
      .stdout.trimEnd()
      .split('\n').length
  assert.equal(await names(), 100)
  assert.equal(await names('--limit', '250'), 250)
  assert.equal(await names('--limit', '0'), 450)
  assert.equal((await user.run(['audit', 'search', '--limit', 'many'])).code, 2)
  api.fake.rows.length = 0
})

test('no command puts a secret on a command line, in a URL or on stdout', async () => {
  for (const line of api.requests) assert.doesNotMatch(line, /token=|open-sesame|signed-in-|second-code/)
  const ran = fine(await user.run(['status', '-o', 'json']))
  assert.doesNotMatch(ran.stdout, /signed-in-/)
  assert.equal(printable(ran.stderr), ran.stderr)
})
