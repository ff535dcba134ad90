import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { errorsPage } from '../api/errors-page.ts'
import { createUser, type User } from '../api/testing/run-cli.ts'
import { type ServedApi, serveApi } from '../api/testing/serve-api.ts'

let api: ServedApi
let user: User

before(async () => {
  api = await serveApi()
  user = createUser(api, 'alice')
})
after(() => api.close())

test('errors explains a code offline, with the same words as the page of the gateway', async () => {
  const nowhere = { SALLYPORT_GATEWAY: '', SALLYPORT_CA_FILE: '' }
  const one = await user.run(['errors', 'denied-by-policy'], { env: nowhere })
  assert.equal(one.code, 0, one.stderr)
  for (const words of ['policy does not allow this action', 'denies it', 'sallyport why'])
    assert.ok(one.stdout.includes(words), one.stdout)
  const page = errorsPage()
  const all = JSON.parse((await user.run(['errors', '-o', 'json'], { env: nowhere })).stdout)
  assert.equal(all.kind, 'ErrorList')
  for (const { code, cause } of all.items) {
    assert.ok(page.includes(`<section id="${code}">`), code)
    assert.ok(page.includes(cause.replaceAll('<', '&lt;').replaceAll('>', '&gt;')), code)
  }
  const wrong = await user.run(['errors', 'denied-by-polcy'], { env: nowhere })
  assert.equal(wrong.code, 2)
  assert.match(wrong.stderr, /did you mean denied-by-policy\?/)
})

test('an error of the gateway leads to its anchor on the page of that very gateway', async () => {
  const ran = await user.run(['whoami'])
  assert.equal(ran.code, 3)
  const see = /^ {2}see {6}(\S+)$/m.exec(ran.stderr)?.[1]
  assert.equal(see, `${api.url}/errors#credential-missing`)
  assert.ok(errorsPage().includes('<section id="credential-missing">'))
})
