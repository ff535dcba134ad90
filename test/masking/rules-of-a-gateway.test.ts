import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { openGateway } from '../../src/gateway/compose.ts'
import { createLogger } from '../../src/telemetry/logger.ts'
import { call, openRig, type Rig } from '../attacks/harness.ts'

let rig: Rig
let token: string
before(async () => {
  rig = await openRig()
  token = (await rig.signIn('admin')).token
})
after(() => rig.close())

function document(spec: string, name = 'shop'): string {
  return `apiVersion: sallyport.dev/v1\nkind: MaskingRules\nmetadata: {name: ${name}}\nspec:\n${spec}`
}

const PIN = document('  rules:\n    - {name: pin, keys: [pin], action: fingerprint, keep: none}\n')

async function ask(method: string, path: string, body?: object, as = token) {
  const text = body === undefined ? '' : JSON.stringify(body)
  const headers = ['authorization', `Bearer ${as}`]
  if (body !== undefined) {
    headers.push('content-type', 'application/json', 'content-length', String(Buffer.byteLength(text)))
  }
  const answer = await call(rig, method, path, { headers, body: text })
  return { status: answer.status, text: answer.body.toString(), json: JSON.parse(answer.body.toString()) }
}

const apply = (text: string) =>
  ask('POST', '/v1/documents/apply', { sources: [{ file: 'rules.yaml', text }] })

const rulesInForce = (): string[] => rig.gateway.masking().rules.map(r => r.mask.name)

test('a gateway without a document has the shipped rules in force', async () => {
  assert.ok(rulesInForce().includes('secret-data'))
  const list = await ask('GET', '/v1/masking/rules')
  assert.equal(list.status, 200)
  assert.equal(list.json.kind, 'MaskingInForce')
  assert.equal(list.json.digest, rig.gateway.masking().digest)
  assert.deepEqual(new Set(list.json.rules.map((r: { source: string }) => r.source)), new Set(['shipped']))
})

test('rules that are applied hold from the answer on; rules with an error change nothing', async () => {
  assert.equal((await apply(PIN)).status, 200)
  assert.ok(rulesInForce().includes('pin'))
  const { digest } = rig.gateway.masking()
  for (const broken of [
    document('  rules: [{name: pin, keys: [pin], detectors: [no-such-detector]}]'),
    document('  rules: [{name: pin, patterns: [{regex: "(a+)+b"}]}]'),
    document('  rules: [{name: secret-data, keys: [pin]}]'),
    document('  exemptions: [{name: all, rules: ["*"], principals: {users: ["*"]}, reason: easier}]'),
    document(
      '  rules: [{name: other, keys: [pin], fields: [{apiGroups: [""], kinds: [Pod], paths: [kind]}]}]',
      'b',
    ),
  ]) {
    const answer = await apply(broken)
    assert.equal(answer.status, 422, answer.text)
    assert.match(answer.text, /rules\.yaml:\d+:\d+|"line":\d+/)
    assert.equal(rig.gateway.masking().digest, digest)
  }
  assert.ok(rulesInForce().includes('pin'))
})

test('an exemption is listed with its reason and its end, and its change is in the log', async () => {
  const exempting = document(
    `  exemptions:
    - {name: operator, rules: [secret-data], principals: {users: ["local:admin"]}, reason: runs the shop, expires: 2020-01-01T00:00:00Z}
`,
    'exempt',
  )
  assert.equal((await apply(exempting)).status, 200)
  const { json } = await ask('GET', '/v1/masking/rules')
  assert.deepEqual(json.exemptions, [
    {
      name: 'operator',
      source: 'exempt',
      rules: ['secret-data'],
      scope: ['user local:admin'],
      reason: 'runs the shop',
      expires: '2020-01-01T00:00:00Z',
      ended: true,
    },
  ])
  const change = rig.entries.find(e => e.kind === 'document.change' && e.head.facts?.name === 'exempt')
  assert.match(String(change?.head.facts?.after), /reason: runs the shop/)
})

test('who may not change masking cannot: the words of policy are maskingrules.write and masking.list', async () => {
  const { token: dev } = await rig.signIn('dev')
  const sources = [{ file: 'rules.yaml', text: PIN }]
  assert.equal((await ask('POST', '/v1/documents/apply', { sources }, dev)).status, 403)
  assert.equal((await ask('DELETE', '/v1/documents/MaskingRules/shop', undefined, dev)).status, 403)
  const listed = await ask('GET', '/v1/masking/rules', undefined, dev)
  assert.equal(listed.status, 403)
  const denied = rig.entries.filter(e => e.kind === 'admin.request' && e.effect === 'deny')
  const verbs = denied.map(e => (e.head.action as { verb: string; resource: string } | undefined) ?? null)
  assert.ok(verbs.some(a => a?.verb === 'maskingrules.write' && a.resource === 'maskingrules'))
  assert.ok(verbs.some(a => a?.verb === 'masking.list'))
  assert.ok(rulesInForce().includes('pin'))
})

test('a document that is deleted takes its rules along, and never a shipped one', async () => {
  const gone = await ask('DELETE', '/v1/documents/MaskingRules/shop')
  assert.equal(gone.status, 200, gone.text)
  assert.ok(!rulesInForce().includes('pin'))
  assert.ok(rulesInForce().includes('secret-data'))
})

test('rules with an error in a file: a gateway does not start, and one that runs keeps those it has', async () => {
  const file = join(rig.dataDir, '..', 'config', 'masking.yaml')
  writeFileSync(file, PIN)
  assert.deepEqual(await rig.gateway.reload(), [])
  const { digest } = rig.gateway.masking()
  writeFileSync(file, PIN.replace('keep: none', 'keep: some'))
  const [problem] = await rig.gateway.reload()
  assert.match(
    problem ?? '',
    /masking\.yaml:6:\d+ spec\.rules\[0\]\.keep: must be one of raw, fingerprint, none/,
  )
  assert.equal(rig.gateway.masking().digest, digest)
  assert.ok(rulesInForce().includes('pin'))

  const directory = mkdtempSync(join(tmpdir(), 'masking-'))
  const configDir = join(directory, 'config')
  mkdirSync(configDir)
  writeFileSync(join(configDir, 'masking.yaml'), PIN.replace('name: pin', 'name: secret-data'))
  try {
    await assert.rejects(
      openGateway({
        dataDir: join(directory, 'data'),
        configDir,
        listen: { host: '127.0.0.1', port: 0 },
        names: ['127.0.0.1'],
        origin: 'masking.test/log',
        version: '0.0.0-test',
        logger: createLogger('silent', { write: () => undefined }),
      }),
      /a shipped rule has this name/,
    )
  } finally {
    rmSync(directory, { recursive: true, force: true })
    rmSync(file)
  }
})

test('masking.test tells nothing of values that were seen as secrets, and its text is in no record', async () => {
  const guess = `zQ8${'x7Lm2'.repeat(5)}`
  const text = JSON.stringify({ apiVersion: 'v1', kind: 'ConfigMap', data: { note: guess, password: guess } })
  const answer = await ask('POST', '/v1/masking/test', { text, form: 'json' })
  assert.equal(answer.status, 200, answer.text)
  assert.deepEqual(
    answer.json.places.map((p: { place: string; rule: string }) => [p.place, p.rule]),
    [['/data/password', 'key-name']],
  )
  assert.ok(rig.entries.some(e => (e.head.action as { verb?: string } | undefined)?.verb === 'masking.test'))
  assert.ok(!JSON.stringify(rig.entries).includes(guess))
  assert.ok(!rig.logged().includes(guess))
  const broken = await ask('POST', '/v1/masking/test', { text: `{"a": "${guess}`, form: 'json' })
  assert.equal(broken.status, 400)
  assert.ok(!broken.text.includes(guess))
})
