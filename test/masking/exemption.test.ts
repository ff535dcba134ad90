import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import type { CapturedBody } from '../../src/audit/entry.ts'
import { kube, openRig, type Rig } from '../attacks/harness.ts'
import { answerWith } from '../attacks/upstream.ts'

/** Who is exempt sees values; the trail shows them to nobody. */
let rig: Rig
let token: string
const VALUE = `s3cr3t-${'Xk9Qz7Lm'.repeat(3)}`
const NOTE = `postgres://app:${VALUE}@db/shop`

before(async () => {
  rig = await openRig()
  rig.upstream.answer = request => {
    const data = { password: Buffer.from(VALUE).toString('base64') }
    const metadata = { name: 'db', namespace: 'shop', uid: 'u-1', annotations: { note: NOTE } }
    const secret = { apiVersion: 'v1', kind: 'Secret', metadata, data }
    const isList = !request.target.includes('/secrets/')
    answerWith(request, 200, isList ? { apiVersion: 'v1', kind: 'SecretList', items: [secret] } : secret)
  }
  token = (await rig.session('admin')).token
})
after(() => rig.close())

async function exempt(rules: string): Promise<void> {
  const text = `apiVersion: sallyport.dev/v1
kind: MaskingRules
metadata: {name: exempt}
spec:
  exemptions:
    - {name: admin, rules: [${rules}], principals: {users: ["local:admin"]}, namespaces: [shop], reason: runs it}
`
  await rig.gateway.documents.apply({ sources: [{ file: 'exempt.yaml', text }], dryRun: false })
}

/** The answer, and what was recorded of it. */
async function read(path: string): Promise<{ seen: string; body: CapturedBody; unmasked: unknown }> {
  const from = rig.entries.length
  const answer = await kube(rig, token, 'GET', path)
  assert.equal(answer.status, 200, answer.body.toString())
  const outcome = rig.entries.slice(from).find(e => e.kind === 'k8s.request' && e.response !== undefined)
  assert.ok(outcome?.response, 'the answer is recorded')
  return { seen: answer.body.toString(), body: outcome.response, unmasked: outcome.head.facts?.unmasked }
}

const textOf = (body: CapturedBody): string => Buffer.concat(body.chunks).toString()
const ENCODED = Buffer.from(VALUE).toString('base64')

test('without an exemption nobody sees a value, and the trail shows what was seen', async () => {
  const { seen, body, unmasked } = await read('/api/v1/namespaces/shop/secrets/db')
  assert.ok(!seen.includes(ENCODED) && !seen.includes(VALUE))
  assert.equal(body.keyClass, 'shown')
  assert.equal(textOf(body), seen)
  assert.equal(unmasked, undefined)
})

test('who is exempt from all rules sees the object as it is; its record is sealed and names the rules', async () => {
  await exempt('"*"')
  const { seen, body, unmasked } = await read('/api/v1/namespaces/shop/secrets/db')
  assert.ok(seen.includes(ENCODED) && seen.includes(NOTE), seen)
  assert.equal(body.keyClass, 'sealed')
  assert.equal(body.delta, undefined)
  assert.equal(textOf(body), seen)
  assert.ok((unmasked as string[]).includes('secret-data') && (unmasked as string[]).includes('fingerprint'))
})

test('a list across namespaces and another namespace stay masked', async () => {
  for (const path of ['/api/v1/secrets', '/api/v1/namespaces/other/secrets']) {
    const { seen, body } = await read(path)
    assert.ok(!seen.includes(ENCODED) && !seen.includes(VALUE), path)
    assert.equal(body.keyClass, 'shown')
  }
})

test('who is exempt from one rule sees its values only; the sealed record holds all originals', async () => {
  await exempt('secret-data, key-name, fingerprint')
  const { seen, body } = await read('/api/v1/namespaces/shop/secrets/db')
  assert.ok(seen.includes(ENCODED), seen)
  assert.ok(!seen.includes(NOTE), 'the connection string has a rule of its own')
  assert.equal(body.keyClass, 'sealed')
  assert.ok(textOf(body).includes(ENCODED) && textOf(body).includes(NOTE))
})
