import assert from 'node:assert/strict'
import { generateKeyPairSync } from 'node:crypto'
import { mkdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { createUser, type Ran, type User } from '../api/testing/run-cli.ts'
import { closedPort, type ServedApi, serveApi } from '../api/testing/serve-api.ts'
import { noteSigner } from '../audit/log/note.ts'
import { exitCodes, exitMeanings } from './frame/failure.ts'

let api: ServedApi
let user: User

before(async () => {
  api = await serveApi()
  user = createUser(api, 'alice')
  assert.equal((await user.run(['login', '--code', 'open-sesame'])).code, 0)
})
after(() => api.close())

/** One way to each code, as a script meets it. A code without one does not pass the type check. */
const ways: Readonly<Record<keyof typeof exitCodes, () => Promise<Ran>>> = {
  done: () => user.run(['whoami']),
  failed: () => user.run(['session', 'show', 's-absent']),
  usage: () => user.run(['whoami', '--nope']),
  signInFirst: () => createUser(api, 'nobody').run(['whoami']),
  async denied() {
    api.fake.deny.add('self.read')
    const ran = await user.run(['whoami'])
    api.fake.deny.clear()
    return ran
  },
  async waitingForApproval() {
    api.fake.hold.add('agent.enrol')
    const ran = await user.run(['agent', 'token', 'far'])
    api.fake.hold.clear()
    return ran
  },
  verificationFailed() {
    // The right key, and nothing that it has signed.
    const empty = join(api.dir, 'empty-log')
    mkdirSync(empty)
    const { privateKey } = generateKeyPairSync('ed25519')
    const pem = privateKey.export({ format: 'pem', type: 'pkcs8' }).toString()
    return user.run(['verify', empty, '--vkey', noteSigner('sallyport.example/log', pem).vkey])
  },
  unreachable: async () => user.run(['whoami', '--gateway', await closedPort()]),
  async outcomeUnknown() {
    const arrived = Promise.withResolvers<void>()
    api.before = line => {
      if (!line.startsWith('DELETE ')) return
      arrived.resolve()
      return new Promise(() => {})
    }
    const pending = user.run(['session', 'end', 's-1'])
    await arrived.promise
    api.dropConnections()
    const ran = await pending
    api.before = () => {}
    return ran
  },
}

for (const [name, code] of Object.entries(exitCodes)) {
  test(`exit code ${code}: ${exitMeanings[name as keyof typeof exitCodes]}`, async () => {
    const ran = await ways[name as keyof typeof exitCodes]()
    assert.equal(ran.code, code, ran.stdout + ran.stderr)
  })
}

test('the reference page has the table', () => {
  const page = readFileSync(join(import.meta.dirname, '../../docs/reference/cli.md'), 'utf8')
  for (const [name, code] of Object.entries(exitCodes)) {
    assert.ok(page.includes(`| ${code} | ${exitMeanings[name as keyof typeof exitCodes]} |`), name)
  }
})
