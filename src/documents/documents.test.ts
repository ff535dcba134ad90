import assert from 'node:assert/strict'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { Refusal } from '../errors/refusal.ts'
import { type Change, type StateStore, StoreConflict, type Stored } from '../store/store.ts'
import { createDocuments } from './documents.ts'
import type { DocumentsInvalid } from './problem.ts'
import { secretSource } from './secret-reference.ts'
import { toConnection } from './to-connection.ts'
import { toIdentityProvider } from './to-identity-provider.ts'

let dir: string
before(async () => {
  dir = await mkdtemp(join(tmpdir(), 'documents-'))
})
after(() => rm(dir, { recursive: true }))

function memoryStore(): StateStore {
  const records = new Map<string, Stored>()
  let revision = 0
  const id = (kind: string, key: string) => `${kind}\u0000${key}`
  return {
    revision: async () => revision,
    get: async (kind, key) => records.get(id(kind, key)) as never,
    list: async (kind, options = {}) =>
      [...records.values()]
        .filter(r => r.kind === kind && r.key > (options.after ?? ''))
        .sort((a, b) => (a.key < b.key ? -1 : 1))
        .slice(0, 2) as never,
    async commit(changes: readonly Change[]) {
      for (const c of changes) {
        const present = records.get(id(c.kind, c.key))
        if (c.op === 'create' ? present !== undefined : present?.version !== c.version) {
          throw new StoreConflict(c.kind, c.key)
        }
      }
      return changes.map(c => {
        const version = c.op === 'create' ? 1 : c.version + 1
        const value = c.op === 'delete' ? null : JSON.parse(JSON.stringify(c.value))
        const stored = { kind: c.kind, key: c.key, value, version, revision: ++revision }
        if (c.op === 'delete') records.delete(id(c.kind, c.key))
        else records.set(id(c.kind, c.key), stored)
        return stored
      })
    },
    changesSince: async () => [],
    close: async () => undefined,
  }
}

function policy(name: string, verb = 'get'): string {
  return `apiVersion: sallyport.dev/v1
kind: Policy
metadata: {name: ${name}}
spec:
  rules:
    - name: r
      effect: deny
      match: {verbs: [${verb}]}
`
}

function connection(name: string, spec: string): string {
  return `apiVersion: sallyport.dev/v1\nkind: Connection\nmetadata: {name: ${name}}\nspec: ${spec}\n---\n`
}

const apply = (text: string) => ({ sources: [{ file: 'a.yaml', text }], dryRun: false })
const validate = () => []

test('apply creates, updates, leaves alone and deletes, with a diff, and tells subscribers', async () => {
  const documents = await createDocuments({ store: memoryStore(), validate })
  const digests: string[] = []
  const stop = documents.subscribe(set => digests.push(set.digest))
  const created = await documents.apply(apply(`${policy('a')}---\n${policy('b')}---\n${policy('c')}`))
  assert.deepEqual(
    created.map(c => [c.name, c.change, c.version]),
    [
      ['a', 'create', 1],
      ['b', 'create', 1],
      ['c', 'create', 1],
    ],
  )
  const [update, same] = await documents.apply(apply(`${policy('a', 'list')}---\n${policy('b')}`))
  assert.deepEqual([update!.change, update!.version, same!.change], ['update', 2, 'unchanged'])
  assert.match(update!.after!, /list/)
  await documents.apply({ ...apply(''), remove: [{ kind: 'Policy', name: 'c' }] })
  assert.deepEqual(
    documents.current().records.map(r => r.name),
    ['a', 'b'],
  )
  assert.equal(new Set(digests).size, 3)
  stop()
  await documents.apply(apply(policy('d')))
  assert.equal(digests.length, 3)
})

test('a dry run changes nothing and writes nothing', async () => {
  const store = memoryStore()
  const documents = await createDocuments({ store, validate })
  const [change] = await documents.apply({ ...apply(policy('a')), dryRun: true })
  assert.equal(change!.change, 'create')
  assert.equal(documents.current().records.length, 0)
  assert.equal(await store.revision(), 0)
})

test('what is not valid as a whole changes nothing, and all errors are listed', async () => {
  const documents = await createDocuments({ store: memoryStore(), validate })
  const text =
    connection('a', '{agents: [embedded], hosts: [k.example.com]}') +
    connection('b', '{agents: [edge], hosts: [k.example.com], serviceAccounts: {alsoFrom: [aa]}}')
  await assert.rejects(documents.apply(apply(text)), (error: DocumentsInvalid) => {
    assert.equal(error.code, 'document-invalid')
    assert.deepEqual(
      error.problems.map(p => p.path),
      ['spec.hosts[0]', 'spec.agents[0]', 'spec.serviceAccounts.alsoFrom[0]'],
    )
    return true
  })
  assert.equal(documents.current().records.length, 0)
})

test('a version that somebody else changed is a conflict', async () => {
  const store = memoryStore()
  const one = await createDocuments({ store, validate })
  const two = await createDocuments({ store, validate })
  await one.apply(apply(policy('a')))
  const conflict = (e: Refusal) => e instanceof Refusal && e.code === 'conflict'
  await assert.rejects(one.apply({ ...apply(policy('a', 'list')), versions: { 'Policy/a': 7 } }), conflict)
  await assert.rejects(one.apply({ ...apply(policy('a', 'list')), versions: { 'Policy/a': 0 } }), conflict)
  await assert.rejects(two.apply(apply(policy('b'))), conflict, 'judged against a set that is no longer true')
  assert.deepEqual(await two.refresh(), [])
  await two.apply(apply(policy('b')))
  await one.refresh()
  assert.equal(one.current().digest, two.current().digest)
})

test('beforeCommit can stop a change: no log, no change', async () => {
  const documents = await createDocuments({ store: memoryStore(), validate })
  const beforeCommit = () => Promise.reject(new Refusal('audit-unavailable'))
  await assert.rejects(documents.apply({ ...apply(policy('a')), beforeCommit }), /audit/)
  assert.equal(documents.current().records.length, 0)
})

test('files are read-only for the API, and win no fight silently', async () => {
  const configDir = await mkdtemp(join(dir, 'c-'))
  await writeFile(join(configDir, 'b.yaml'), policy('from-file'))
  await writeFile(join(configDir, '.hidden.yaml'), 'nonsense: [')
  await writeFile(join(configDir, 'notes.txt'), 'nonsense')
  const documents = await createDocuments({ store: memoryStore(), configDir, validate })
  assert.deepEqual(
    documents.current().records.map(r => [r.name, r.source]),
    [['from-file', 'file']],
  )
  await assert.rejects(documents.apply(apply(policy('from-file', 'list'))), /owned by the file/)
  await assert.rejects(
    documents.apply({ ...apply(''), remove: [{ kind: 'Policy', name: 'from-file' }] }),
    /owned by the file/,
  )
  await documents.apply(apply(policy('both')))
  await writeFile(join(configDir, 'c.yaml'), policy('both'))
  const problems = await documents.reload()
  assert.match(problems[0]!.message, /Policy\/both is also in .*c\.yaml/)
})

test('bad files: start-up fails closed, a reload keeps what was there', async () => {
  const configDir = await mkdtemp(join(dir, 'c-'))
  await writeFile(join(configDir, 'a.yaml'), policy('a').replace('effect: deny', 'effect: dney'))
  await writeFile(join(configDir, 'b.yaml'), 'kind: [')
  const options = { store: memoryStore(), configDir, validate }
  await assert.rejects(createDocuments(options), (e: DocumentsInvalid) => e.problems.length >= 2)
  await assert.rejects(createDocuments({ ...options, configDir: join(configDir, 'no-such') }), /ENOENT/)
  await writeFile(join(configDir, 'a.yaml'), policy('a'))
  await rm(join(configDir, 'b.yaml'))
  const documents = await createDocuments(options)
  const { digest } = documents.current()
  await writeFile(join(configDir, 'a.yaml'), `${policy('a')}oops: 1\n`)
  assert.match((await documents.reload())[0]!.message, /unknown key "oops"/)
  assert.equal(documents.current().digest, digest)
  await writeFile(join(configDir, 'a.yaml'), policy('a', 'list'))
  assert.deepEqual(await documents.reload(), [])
  assert.notEqual(documents.current().digest, digest)
})

test('connections: defaults, durations, and what an upstream group may be', async () => {
  const documents = await createDocuments({ store: memoryStore(), validate })
  await documents.apply(
    apply(
      connection(
        'prod',
        '{agents: [edge], session: {idle: 15m, maximum: 1h30m}, groupMappings: [{group: "corp:sre", upstream: ["sallyport:sre"]}]}',
      ),
    ),
  )
  const prod = toConnection(documents.current().ofKind('Connection')[0]!)
  assert.deepEqual(prod.session, { idle: 900_000, maximum: 5_400_000 })
  assert.equal(prod.capture, 'full')
  assert.equal(prod.upstreamIdentity, 'principal')
  for (const [spec, expected] of [
    [
      '{agents: [e], groupMappings: [{group: "a", upstream: ["system:masters"]}]}',
      /must not be a system: group/,
    ],
    ['{agents: [e], groupMappings: [{group: "a", upstream: ["admins"]}]}', /must begin with sallyport:/],
    [
      '{agents: [e], groupMappings: [{group: "system:masters", upstream: ["sallyport:a"]}]}',
      /no principal has such a group/,
    ],
    ['{agents: [e], hosts: ["10.0.0.1"]}', /not an address/],
    ['{agents: [e], hosts: ["k8s.example.com:443"]}', /must be a DNS name/],
    ['{agents: [e], session: {idle: 2h, maximum: 1h}}', /longer than maximum/],
    ['{agents: [e], session: {idle: "1 hour"}}', /must be a duration/],
    ['{agents: [e], kubernetes: {inCluster: true}}', /read by the embedded agent only/],
    ['{agents: [embedded], kubernetes: {token: abc}}', /unknown key "token"/],
    ['{agents: [embedded], kubernetes: {inCluster: true, context: a}}', /exclude each other/],
  ] as const) {
    await assert.rejects(documents.apply(apply(connection('bad', spec))), (e: DocumentsInvalid) => {
      assert.ok(
        e.problems.some(p => expected.test(p.message)),
        e.problems.map(p => p.message).join('; '),
      )
      return true
    })
  }
})

test('identity providers: unique issuer, separate prefixes, references resolved without telling', async () => {
  const provider = (name: string, issuer: string, prefix: string) =>
    `apiVersion: sallyport.dev/v1
kind: IdentityProvider
metadata: {name: ${name}}
spec:
  oidc: {issuer: "${issuer}", audiences: [sallyport], prefix: "${prefix}", maxAge: 1d, login: {clientId: cli, clientSecret: "$` +
    `{TEST_SECRET}"}}
---
`
  const documents = await createDocuments({ store: memoryStore(), validate })
  for (const [text, expected] of [
    [
      provider('a', 'https://i.example.com', 'a:') + provider('b', 'https://i.example.com', 'b:'),
      /already belongs to identity provider a/,
    ],
    [
      provider('a', 'https://i.example.com', 'a:') + provider('b', 'https://j.example.com', 'a:b:'),
      /overlaps with a:/,
    ],
    [provider('a', 'http://i.example.com', 'a:'), /must be an https URL/],
    [provider('a', 'https://i.example.com?x=1', 'a:'), /must be an https URL/],
    [provider('a', 'https://i.example.com', 'system:'), /must not begin with system:/],
    [provider('a', 'https://i.example.com', 'sallyport:x:'), /must not begin with/],
  ] as const) {
    await assert.rejects(documents.apply(apply(text)), (e: DocumentsInvalid) =>
      e.problems.some(p => expected.test(p.message)),
    )
  }
  await documents.apply(apply(provider('a', 'https://i.example.com', 'a:')))
  const document = documents.current().ofKind('IdentityProvider')[0]!
  const settings = await toIdentityProvider(document, secretSource(dir, { TEST_SECRET: 'hush' }))
  assert.equal(settings.login?.clientSecret, 'hush')
  assert.equal(settings.maxAge, 86_400_000)
  await assert.rejects(toIdentityProvider(document, secretSource(dir, {})), /TEST_SECRET is not set/)
})

test('versions of a policy are kept with who made them, and an older text can be applied again', async () => {
  const store = memoryStore()
  const documents = await createDocuments({ store, validate, now: () => 7 })
  await documents.apply({ ...apply(policy('a')), by: 'corp:alice' })
  await documents.apply({ ...apply(policy('a', 'list')), by: 'corp:bob' })
  await documents.apply({ ...apply(policy('a', 'list')), by: 'corp:nobody' })
  await documents.apply({ ...apply(policy('a', 'watch')), dryRun: true })
  await documents.apply({ ...apply(''), remove: [{ kind: 'Policy', name: 'a' }], by: 'corp:carol' })
  const history = await documents.history('a')
  assert.deepEqual(
    history.map(({ number, at, by, change, text }) => [number, at, by, change, text?.match(/get|list/)?.[0]]),
    [
      [3, 7, 'corp:carol', 'delete', undefined],
      [2, 7, 'corp:bob', 'update', 'list'],
      [1, 7, 'corp:alice', 'create', 'get'],
    ],
  )
  const first = (await documents.version('a', 1))!
  const [again] = await documents.apply(apply(first.text!))
  assert.equal(again?.change, 'create')
  assert.equal((await documents.history('a')).length, 4)
  assert.deepEqual(await documents.history('b'), [])
})

test('what a change must not bring about refuses the change, not what was there before', async () => {
  const store = memoryStore()
  const complain = (documents: readonly { document: { kind: string; metadata: { name: string } } }[]) =>
    documents
      .filter(d => d.document.metadata.name.startsWith('bad'))
      .map(d => ({
        file: 'f',
        line: 1,
        column: 1,
        path: '',
        message: d.document.metadata.name,
        severity: 'error' as const,
      }))
  const before = await createDocuments({ store, validate })
  await before.apply(apply(policy('bad-1')))
  const documents = await createDocuments({ store, validate, validateChange: complain })
  assert.deepEqual(
    documents.warnings().map(w => [w.message, w.severity]),
    [['bad-1', 'warning']],
  )
  await documents.apply(apply(policy('good')))
  await assert.rejects(documents.apply(apply(policy('bad-2'))), (e: DocumentsInvalid) =>
    e.problems.every(p => p.message === 'bad-2'),
  )
  await assert.rejects(documents.apply({ ...apply(policy('bad-2')), dryRun: true }))
  assert.equal(documents.current().get('Policy', 'bad-2'), undefined)
})
