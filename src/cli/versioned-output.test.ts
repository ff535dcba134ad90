import assert from 'node:assert/strict'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { parse } from 'yaml'
import { printedSchemas } from '../api/schema/printed.ts'
import { alice, policyDocument, rowOf } from '../api/testing/fixtures.ts'
import { assertPrinted } from '../api/testing/printed.ts'
import { createUser, type User } from '../api/testing/run-cli.ts'
import { type ServedApi, serveApi } from '../api/testing/serve-api.ts'
import { API_VERSION } from '../brand.ts'
import { tree } from './frame/tree.ts'

let api: ServedApi
let user: User
let dir = ''

before(async () => {
  api = await serveApi()
  user = createUser(api, 'alice')
  assert.equal((await user.run(['login', '--code', 'open-sesame'])).code, 0)
  dir = join(api.dir, 'documents')
  mkdirSync(dir)
  writeFileSync(join(dir, 'base.json'), JSON.stringify(policyDocument('base')))
  api.fake.codes.add('another')
})
after(() => api.close())

/** One command line for each command that prints data, with the kind of its document. */
const lines: Readonly<Record<string, { readonly args: string[]; readonly kind: string }>> = {
  login: { args: ['--code', 'another'], kind: 'SignIn' },
  whoami: { args: [], kind: 'WhoAmI' },
  status: { args: [], kind: 'ClientStatus' },
  doctor: { args: [], kind: 'DoctorReport' },
  'profile list': { args: [], kind: 'ProfileList' },
  'get agents': { args: [], kind: 'AgentList' },
  'errors denied-by-policy': { args: [], kind: 'Error' },
  why: { args: ['delete', 'pods/x', '-c', 'prod'], kind: 'Explanation' },
  errors: { args: [], kind: 'ErrorList' },
  'connection list': { args: [], kind: 'ConnectionList' },
  'connection doctor': { args: ['prod'], kind: 'ConnectionReport' },
  'session list': { args: [], kind: 'SessionList' },
  'session show': { args: ['SESSION'], kind: 'Session' },
  'session reason': { args: ['INC-42 restart'], kind: 'SessionList' },
  'session end': { args: ['SESSION'], kind: 'SessionEndList' },
  revoke: { args: ['issuer', 'https://other.test'], kind: 'Revocation' },
  'audit search': { args: [], kind: 'AuditList' },
  'mask report': { args: [], kind: 'MaskReport' },
  'audit show': { args: ['--last'], kind: 'AuditEntry' },
  'reveal request': {
    args: ['call-1', '--reason', 'which password was in the answer', '--ticket', 'INC-1'],
    kind: 'Reveal',
  },
  'reveal approve': { args: ['reveal-1'], kind: 'Reveal' },
  'reveal deny': { args: ['reveal-1'], kind: 'Reveal' },
  'approval ask': {
    args: ['edit', '-c', 'prod', '-n', 'payments', '--reason', 'INC-42'],
    kind: 'Approval',
  },
  'approval list': { args: [], kind: 'ApprovalList' },
  'approval show': { args: ['approval-1'], kind: 'Approval' },
  'approval wait': { args: ['approval-1'], kind: 'Approval' },
  'approval approve': { args: ['approval-1'], kind: 'Approval' },
  'approval deny': { args: ['approval-1'], kind: 'Approval' },
  'approval cancel': { args: ['approval-1'], kind: 'Approval' },
  'approval break-glass': {
    args: ['approval-1', '--reason', 'the shop is down', '--ticket', 'INC-1'],
    kind: 'Approval',
  },
  'approval review': { args: ['approval-1', 'justified', '--note', 'it was down'], kind: 'Approval' },
  'approval reviews': { args: [], kind: 'ApprovalList' },
  'approval stats': { args: [], kind: 'ApprovalStatsList' },
  'approval delegate': { args: ['corp:dave', '--for', '8h'], kind: 'Delegation' },
  'delegation list': { args: [], kind: 'DelegationList' },
  'delegation end': { args: ['delegation-1'], kind: 'Delegation' },
  'grant list': { args: [], kind: 'GrantList' },
  'grant revoke': { args: ['grant-1'], kind: 'Grant' },
  'channel links': { args: [], kind: 'ChannelLinkList' },
  'channel unlink': { args: ['link-1'], kind: 'ChannelLink' },
  'reveal list': { args: [], kind: 'RevealList' },
  'reveal open': { args: ['reveal-1'], kind: 'Revelation' },
  'shred request': {
    args: ['sealed', '2026-01-01', '--reason', 'the retention time is over'],
    kind: 'Shred',
  },
  'shred approve': { args: ['shred-1'], kind: 'Shred' },
  'shred deny': { args: ['shred-1'], kind: 'Shred' },
  'shred list': { args: [], kind: 'ShredList' },
  'hold add': { args: ['day', '2026-01-01', '--reason', 'a case of the court begins'], kind: 'Hold' },
  'hold release': { args: ['hold-1', '--reason', 'the case of the court ended'], kind: 'Hold' },
  'hold list': { args: [], kind: 'HoldList' },
  get: { args: ['policies'], kind: 'DocumentList' },
  apply: { args: ['-f', 'DIR'], kind: 'ApplyResult' },
  diff: { args: ['-f', 'DIR'], kind: 'ApplyResult' },
  delete: { args: ['policy', 'base'], kind: 'ApplyResult' },
  'agent token': { args: ['far'], kind: 'EnrolmentToken' },
  'agent remove': { args: ['far'], kind: 'AgentRemoval' },
  'policy check': { args: ['DIR'], kind: 'PolicyCheck' },
  'mask list': { args: [], kind: 'MaskingInForce' },
  'mask test': { args: ['DIR/base.json'], kind: 'MaskingTest' },
  'policy test': { args: ['DIR'], kind: 'PolicyTestReport' },
  'policy preset': { args: ['list'], kind: 'PresetList' },
  'policy history': { args: ['base'], kind: 'PolicyVersionList' },
  'policy rollback': { args: ['base', '--to', '1', '--dry-run'], kind: 'ApplyResult' },
  'policy explain': { args: ['call-1'], kind: 'Explanation' },
  'policy replay': { args: ['--since', '7d'], kind: 'PolicyReplay' },
  'policy suggest': { args: ['--principal', 'corp:alice', '--since', '7d'], kind: 'PolicySuggestion' },
  logout: { args: [], kind: 'ClientSignOut' },
}

/**
 * Need a cluster, a log or a server, or end only when told to. Whoever starts the command line in a test, here as
 * there, looks at all JSON that it prints (src/api/testing/printed.ts).
 */
const elsewhere: Readonly<Record<string, string>> = {
  up: 'Up',
  'audit tail': 'AuditEntry',
  'audit proof': 'AuditProofs',
  'reveal where': 'AuditList',
  'reveal offline': 'OfflineRevelation',
  'audit crosscheck': 'CrosscheckReport',
  verify: 'VerifyReport',
  'keys rewrap': 'KeysRewrapped',
  witness: 'Witness',
  'agent check': 'AgentCheck',
}

test('every command that prints data is looked at', () => {
  const missing = tree
    .filter(spec => spec.output === true)
    .map(spec => spec.path.join(' '))
    .filter(path => lines[path] === undefined && elsewhere[path] === undefined)
  assert.deepEqual(missing, [], 'add a line for it here')
})

test('every kind has a schema, and every schema is of something that is printed', () => {
  const kinds = new Set([...Object.values(lines).map(line => line.kind), ...Object.values(elsewhere)])
  assert.deepEqual(Object.keys(printedSchemas).sort(), [...kinds].sort())
})

test('what the schema does not name, or names otherwise, is noticed', () => {
  const good = { apiVersion: API_VERSION, kind: 'Witness', url: 'https://w', vkey: 'w+1+A' }
  const look = (document: object): void => assertPrinted(['-o', 'json'], JSON.stringify(document))
  look(good)
  for (const bad of [
    { ...good, more: 1 },
    { ...good, url: 1 },
    { ...good, apiVersion: 'v1' },
  ]) {
    assert.throws(() => look(bad), assert.AssertionError)
  }
  assert.throws(() => look({ ...good, kind: 'Unknown' }), /has no schema/)
})

test('JSON and YAML of every command are one versioned document of its schema, the same in both', async () => {
  await api.fake.services.sessions.open(alice, 'prod', { address: '', port: 0, userAgent: '' })
  api.fake.rows.push(rowOf('call-1', 'api-7f'))
  // Repeating these changes what they answer; they are asked once.
  const once = new Set([
    'login',
    'logout',
    'session end',
    'revoke',
    'agent remove',
    'delete',
    'apply',
    'doctor',
  ])
  for (const [path, { args, kind }] of Object.entries(lines)) {
    const given = args.map(arg => (arg === 'SESSION' ? api.fake.sessions[0]!.id : arg.replace(/^DIR/, dir)))
    const json = await user.run([...path.split(' '), ...given, '-o', 'json'])
    const document = JSON.parse(json.stdout)
    assert.deepEqual([document.apiVersion, document.kind], [API_VERSION, kind], `${path}: ${json.stdout}`)
    if (kind.endsWith('List')) assert.ok(Array.isArray(document.items) && 'metadata' in document, path)
    if (once.has(path)) continue
    const yaml = await user.run([...path.split(' '), ...given, '-o', 'yaml'])
    // A list of documents is printed as the documents themselves, which can be applied again.
    if (path === 'get') continue
    const read = parse(yaml.stdout)
    assert.deepEqual(Object.keys(read), Object.keys(document), path)
  }
})
