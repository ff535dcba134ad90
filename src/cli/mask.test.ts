import assert from 'node:assert/strict'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { createUser, type Ran, type User } from '../api/testing/run-cli.ts'
import { type ServedApi, serveApi } from '../api/testing/serve-api.ts'

let api: ServedApi
let user: User
let stranger: User
let dir = ''

before(async () => {
  api = await serveApi()
  user = createUser(api, 'alice')
  stranger = createUser(api, 'nobody', { SALLYPORT_GATEWAY: '' })
  assert.equal((await user.run(['login', '--code', 'open-sesame'])).code, 0)
  dir = join(api.dir, 'masking')
  mkdirSync(dir)
  writeFileSync(join(dir, 'rules.yaml'), RULES)
  writeFileSync(join(dir, 'objects.yaml'), OBJECTS)
  writeFileSync(join(dir, 'log.txt'), 'ready\nlogin with password=hunter2hunter2 failed\n')
})
after(() => api.close())

const RULES = `apiVersion: sallyport.dev/v1
kind: MaskingRules
metadata: {name: shop}
spec:
  rules:
    - name: card
      fields: [{apiGroups: [pay.example.com], kinds: [Card], paths: [spec.number]}]
      action: partial
      partial: {last: 4}
  exemptions:
    - {name: operator, rules: [secret-data], principals: {users: ["corp:alice"]}, namespaces: [shop], reason: runs it}
`
const OBJECTS = `apiVersion: pay.example.com/v1
kind: Card
metadata: {name: a}
spec: {number: "4111111111111111"}
---
apiVersion: v1
kind: Secret
metadata: {name: db}
data: {password: aHVudGVyMmh1bnRlcjI=}
`

const run = (who: User, ...args: string[]): Promise<Ran> => who.run(['mask', ...args])
const file = (name: string): string => join(dir, name)

function fine(ran: Ran): Ran {
  assert.equal(ran.code, 0, ran.stderr)
  return ran
}

test('mask test says offline where and by which rule, and shows no value', async () => {
  const { stdout } = fine(await run(stranger, 'test', file('objects.yaml'), '--rules', file('rules.yaml')))
  assert.match(stdout, /^document 1 \/spec\/number +card +partial +raw$/m)
  assert.match(stdout, /^document 2 \/data\/password +secret-data +mask +raw$/m)
  assert.doesNotMatch(stdout, /4111|aHVudGVy/)
})

test('with -o yaml the masked text comes along; what is masked stays masked in it', async () => {
  const ran = fine(
    await run(stranger, 'test', file('objects.yaml'), '--rules', file('rules.yaml'), '-o', 'json'),
  )
  const { masked } = JSON.parse(ran.stdout)
  assert.match(masked, /number: .*sallyport\.masked\.card\./)
  assert.doesNotMatch(masked, /4111111111111111|aHVudGVyMmh1bnRlcjI=/)
})

test('an exemption shows for whom and where it holds, and not across namespaces', async () => {
  const as = (...more: string[]): Promise<Ran> =>
    run(stranger, 'test', file('objects.yaml'), '--rules', file('rules.yaml'), ...more)
  const exempt = fine(await as('--as', 'corp:alice', '-n', 'shop'))
  assert.match(exempt.stderr, /switched off by an exemption: secret-data/)
  assert.doesNotMatch(exempt.stdout, /secret-data/)
  assert.match(fine(await as('--as', 'corp:alice')).stdout, /secret-data/)
  assert.match(fine(await as('--as', 'corp:bob', '-n', 'shop')).stdout, /secret-data/)
  assert.match(
    fine(await as('--as', 'corp:alice', '-n', 'shop', '--direction', 'trail')).stdout,
    /secret-data/,
  )
})

test('a text is masked line by line; --kind says what a bare object is', async () => {
  assert.match(fine(await run(stranger, 'test', file('log.txt'), '--shipped')).stdout, /^line 2 +key-value/m)
  const bare = await stranger.run(
    ['mask', 'test', '-', '--form', 'json', '--kind', 'Card.pay.example.com', '--rules', file('rules.yaml')],
    { stdin: '{"spec":{"number":"4111111111111111"}}' },
  )
  assert.match(fine(bare).stdout, /^\/spec\/number +card/m)
  const nothing = await stranger.run(['mask', 'test', '-', '--shipped'], { stdin: 'ready\n' })
  assert.match(fine(nothing).stderr, /nothing would be masked/)
})

test('rules with an error and files that cannot be read are said so, with line and column', async () => {
  writeFileSync(file('broken.yaml'), RULES.replace('kinds: [Card]', 'kindz: [Card]'))
  const broken = await run(stranger, 'test', file('objects.yaml'), '--rules', file('broken.yaml'))
  assert.equal(broken.code, 1)
  assert.match(broken.stderr, /these rules would not load/)
  assert.match(broken.stderr, /broken\.yaml:7:\d+: error: .*unknown key "kindz"; did you mean kinds\?/)
  const unreadable = await stranger.run(['mask', 'test', '-', '--form', 'json', '--shipped'], {
    stdin: '{"a":',
  })
  assert.equal(unreadable.code, 1)
  assert.match(unreadable.stderr, /it is no JSON/)
  assert.equal((await run(stranger, 'test', file('no-such-file'), '--shipped')).code, 2)
})

test('without files the gateway is asked, and policy decides', async () => {
  const tested = fine(await run(user, 'test', file('objects.yaml')))
  assert.match(tested.stdout, /^\/data\/a +secret-data +mask/m)
  assert.match(tested.stderr, /switched off by an exemption: env/)
  const listed = fine(await run(user, 'list')).stdout
  assert.match(listed, /^secret-data +shipped +mask +raw +yes/m)
  assert.match(listed, /^operator +shop +secret-data +user corp:a.* 2026-01-31T18:00:00Z \(over\)/m)
  api.fake.deny.add('masking.test').add('masking.list')
  assert.equal((await run(user, 'test', file('objects.yaml'))).code, 4)
  assert.equal((await run(user, 'list')).code, 4)
  api.fake.deny.clear()
})

test('rules are got, applied and deleted under their own word', async () => {
  for (const word of ['maskingrules', 'maskingrule', 'MaskingRules']) fine(await user.run(['get', word]))
  const wrong = await user.run(['get', 'maskingruls'])
  assert.equal(wrong.code, 2)
  assert.match(wrong.stderr, /did you mean maskingrule/)
})

test('mask list with files shows what a gateway with them would have', async () => {
  const { stdout } = fine(await run(stranger, 'list', '--rules', file('rules.yaml')))
  assert.match(stdout, /^card +shop +partial 0\+4/m)
  assert.match(stdout, /^helm-release +shipped/m)
  assert.match(stdout, /^operator +shop +secret-data .* no end /m)
})
