import assert from 'node:assert/strict'
import { test } from 'node:test'
import { API_VERSION } from '../brand.ts'
import { channelDocumentSchema } from '../documents/schema/channel.ts'
import { validateDocument } from '../documents/validate-document.ts'
import { readYaml } from '../documents/yaml-source.ts'
import { channelOf } from './channel-of.ts'

const SERVICENOW = {
  ...{ url: 'https://corp.service-now.example', user: 'sallyport', password: 'file:p', table: 'u_approval' },
}
const MAIL = { host: 'mail.corp.example', from: 'gateway@corp.example', to: ['on-call@corp.example'] }

/** What `policy check` and `apply` say of it: places and words. */
function problemsOf(spec: object): string[] {
  const text = JSON.stringify({ apiVersion: API_VERSION, kind: 'Channel', metadata: { name: 'x' }, spec })
  const { documents } = readYaml(text, 'x.yaml')
  return validateDocument(channelDocumentSchema, documents[0]!, 'x.yaml').map(
    one => `${one.path}: ${one.message}`,
  )
}

test('a document of ServiceNow says one way to sign in, and sets no field of the gateway', () => {
  const oauth = { clientId: 'c', clientSecret: 'file:s' }
  const { password: _, ...open } = SERVICENOW
  assert.deepEqual(problemsOf({ servicenow: SERVICENOW }), [])
  assert.deepEqual(problemsOf({ servicenow: { ...open, oauth, wakeSecret: 'file:w', ca: 'file:ca' } }), [])
  const decisions = { approverGroup: 'd'.repeat(32) }
  assert.deepEqual(problemsOf({ servicenow: { ...SERVICENOW, decisions, fields: { category: 'x' } } }), [])
  for (const [wrong, words] of [
    [open, /exactly one of password, oauth/],
    [{ ...SERVICENOW, oauth }, /exactly one of password, oauth/],
    [{ ...SERVICENOW, password: 'not a reference' }, /must be a reference/],
    [{ ...SERVICENOW, url: 'http://corp.example' }, /must be an https URL/],
    [{ ...SERVICENOW, user: 'a:b' }, /colon/],
    [{ ...SERVICENOW, table: 'x/../sys_user' }, /name of a table/],
    [{ ...SERVICENOW, decisions: { approverGroup: 'x^ORgroup=y' } }, /sys_id of a group/],
    [{ ...SERVICENOW, fields: { correlation_id: 'x' } }, /the gateway's/],
    [{ ...SERVICENOW, closedFields: { sys_created_by: 'x' } }, /the gateway's/],
    [{ ...SERVICENOW, fields: { 'a^b': 'x' } }, /name of a field/],
    [{ ...SERVICENOW, fields: { category: 'file:x' } }, /references to files and variables/],
  ] as const) {
    assert.match(problemsOf({ servicenow: wrong }).join('\n'), words)
  }
})

test('a document of mails has plain addresses, and no password in the clear', () => {
  const login = { user: 'u', password: 'file:p' }
  assert.deepEqual(problemsOf({ mail: MAIL }), [])
  assert.deepEqual(problemsOf({ mail: { ...MAIL, ...login, port: 2525, security: 'tls', ca: 'file:c' } }), [])
  assert.deepEqual(problemsOf({ mail: { ...MAIL, security: 'none' } }), [])
  assert.deepEqual(problemsOf({ mail: { ...MAIL, ...login, host: '127.0.0.1', security: 'none' } }), [])
  for (const [wrong, words] of [
    [{ ...MAIL, ...login, security: 'none' }, /must not send a password without TLS/],
    [{ ...MAIL, ...login, security: 'none', host: '127.evil.example' }, /without TLS/],
    [{ ...MAIL, user: 'u' }, /user and password, or neither/],
    [{ ...MAIL, to: [] }, /must not be empty/],
    [{ ...MAIL, host: 'mail.corp.example:25' }, /DNS name or an address/],
    ...[
      'a@b.example\r\nBcc: c@d.example',
      'Bob <bob@corp.example>',
      'a@b.example, c@d.example',
      '"a b"@c.example',
      'bob@[127.0.0.1]',
      '@corp.example',
      'bob',
      'bób@corp.example',
    ].map(address => [{ ...MAIL, to: [address] }, /must be a mail address alone/] as const),
    [{ ...MAIL, from: 'Sallyport <x@y.example>' }, /must be a mail address alone/],
  ] as const) {
    assert.match(problemsOf({ mail: wrong }).join('\n'), words, JSON.stringify(wrong))
  }
})

test('both kinds are made of their documents: one decides, the other only tells', async () => {
  const secrets = { resolve: async (from: string) => `${from} and so on, long enough to sign` }
  const open = async (spec: object) => {
    const base = { apiVersion: API_VERSION, kind: 'Channel', metadata: { name: 'x' } }
    const channel = await channelOf(channelDocumentSchema.parse({ ...base, spec }), secrets, Date.now)
    await channel.end()
    return [channel.poll !== undefined, channel.receive !== undefined]
  }
  assert.deepEqual(await open({ servicenow: SERVICENOW }), [false, false])
  const full = { ...SERVICENOW, decisions: {}, wakeSecret: 'file:w' }
  assert.deepEqual(await open({ servicenow: full }), [true, true])
  assert.deepEqual(await open({ mail: { ...MAIL, user: 'u', password: 'file:p' } }), [false, false])
})
