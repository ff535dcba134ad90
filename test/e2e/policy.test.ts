import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { parse, parseAllDocuments, stringify as toYaml } from 'yaml'
import { runKubectl } from '../../testbed/run-kubectl.ts'
import { type Cluster, startCluster } from '../../testbed/start-cluster.ts'
import { call, expectStatus, signInAsAdmin } from './call.ts'
import { type Direct, directly } from './direct.ts'
import { sallyport, startUp, type Up } from './rig.ts'

let cluster: Cluster
let up: Up
let admin: string
let walker: string
let direct: Direct
let home: string
const began = new Date(Date.now() - 60_000).toISOString()
const API = 'sallyport.dev/v1'
const RBAC = 'rbac.authorization.k8s.io/v1'

before(
  async () => {
    cluster = await startCluster({ nodes: [], controllerManager: false })
    direct = directly(cluster.kubeconfig)
    home = mkdtempSync(join(tmpdir(), 'sallyport-policy-'))
    const config = join(home, 'config')
    mkdirSync(config)
    const administrators = {
      principals: { groups: ['local:admins'] },
      admin: { verbs: ['*'] },
    }
    const documents = [
      {
        apiVersion: API,
        kind: 'Connection',
        metadata: { name: 'demo' },
        spec: { agents: ['embedded'], kubernetes: { kubeconfig: cluster.agentKubeconfig } },
      },
      policyOf('administrators', [{ name: 'all', effect: 'allow', match: administrators }]),
    ]
    writeFileSync(join(config, 'config.yaml'), documents.map(d => stringify(d)).join('---\n'))
    up = await startUp({ configDir: config, dataDir: join(home, 'data') })
    admin = await signInAsAdmin(up)
    for (const [path, body] of [
      ['/api/v1/namespaces', { metadata: { name: 'shop' } }],
      ['/api/v1/namespaces/shop/serviceaccounts', { metadata: { name: 'walker' } }],
    ] as const) {
      assert.equal((await direct(path, { method: 'POST', body })).status, 201)
    }
    await bind('everything', 'cluster-admin')
    const made = await runKubectl(cluster, ['-n', 'shop', 'create', 'token', 'walker'])
    walker = made.stdout.trim()
    await apply(policyOf('walker', [everything()]))
  },
  { timeout: 600_000 },
)
after(async () => {
  await up?.stop()
  await cluster?.stop()
  if (home !== undefined) rmSync(home, { recursive: true, force: true })
})

const stringify = (document: object): string => toYaml(document, { aliasDuplicateObjects: false })

const subject = { kind: 'ServiceAccount', name: 'walker', namespace: 'shop' }
const principals = { serviceAccounts: ['demo/shop:walker'] }

function policyOf(name: string, rules: readonly object[]): object {
  return { apiVersion: API, kind: 'Policy', metadata: { name }, spec: { rules } }
}

function everything(more: object = {}): object {
  const match = {
    principals,
    verbs: ['*'],
    apiGroups: ['*'],
    resources: ['*'],
    riskClasses: ['secret-read', 'pod-spec-secret', 'collection-delete'],
  }
  return { name: 'everything', effect: 'allow', match: { ...match, ...more } }
}

async function apply(...documents: readonly object[]): Promise<void> {
  const sources = [{ file: 'test', text: documents.map(d => stringify(d)).join('---\n') }]
  await expectStatus(200, up, '/v1/documents/apply', { method: 'POST', token: admin, body: { sources } })
}

async function bind(name: string, role: string): Promise<void> {
  const roleRef = { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: role }
  const body = { metadata: { name }, roleRef, subjects: [subject] }
  const path = `/apis/${RBAC}/clusterrolebindings`
  assert.equal((await direct(path, { method: 'POST', body })).status, 201)
}

interface Walked {
  readonly call: string
  readonly status: number
}

const configMap = (data: object): object => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name: 'palette' },
  data,
})
const MAPS = '/api/v1/namespaces/shop/configmaps'
const DEPLOYMENTS = '/apis/apps/v1/namespaces/shop/deployments'
const APPLY = `${MAPS}/palette?fieldManager=t&force=true`
const container = { name: 'c', image: 'registry.example.com/web:1' }
const labels = { app: 'web' }
const deployment = {
  metadata: { name: 'web' },
  spec: {
    selector: { matchLabels: labels },
    template: { metadata: { labels }, spec: { containers: [container] } },
  },
}

/** Each line is one request: method, path, body, type of the body. It leaves things as it found them. */
const tour: readonly (readonly [string, string, object?, string?])[] = [
  ['GET', '/version'],
  ['GET', '/apis/apps/v1'],
  ['POST', MAPS, configMap({ color: 'red' })],
  ['GET', `${MAPS}/palette`],
  ['GET', `${MAPS}?limit=10`],
  ['GET', '/api/v1/configmaps'],
  ['PUT', `${MAPS}/palette?timeout=2s`, configMap({ color: 'green' })],
  ['PATCH', `${MAPS}/palette?timeout=2s`, { data: { shape: 'round' } }, 'application/merge-patch+json'],
  ['DELETE', `${MAPS}/palette`],
  ['PATCH', APPLY, configMap({ color: 'blue' }), 'application/apply-patch+yaml'],
  ['DELETE', `${MAPS}?labelSelector=none%3Dsuch`],
  ['DELETE', `${MAPS}/palette`],
  [
    'POST',
    '/api/v1/namespaces/shop/secrets',
    { metadata: { name: 'key' }, stringData: { a: 'tr0ub4dor-and-3' } },
  ],
  ['GET', '/api/v1/namespaces/shop/secrets/key'],
  ['DELETE', '/api/v1/namespaces/shop/secrets/key'],
  ['GET', '/api/v1/namespaces/shop'],
  ['POST', DEPLOYMENTS, deployment],
  ['PATCH', `${DEPLOYMENTS}/web/scale`, { spec: { replicas: 0 } }, 'application/merge-patch+json'],
  ['GET', `${DEPLOYMENTS}/web/status`],
  ['DELETE', `${DEPLOYMENTS}/web`],
  ['GET', '/api/v1/nodes'],
  ['GET', '/metrics'],
]

async function walk(headers: Record<string, string> = {}): Promise<Walked[]> {
  const walked: Walked[] = []
  for (const [method, path, body, type] of tour) {
    const answered = await call(up, `/k/demo${path}`, {
      method,
      token: walker,
      headers: { ...(type === undefined ? {} : { 'content-type': type }), ...headers },
      ...(body === undefined ? {} : { body }),
    })
    walked.push({ call: String(answered.headers['audit-id']), status: answered.status })
  }
  return walked
}

/** What may be left when a step was refused. */
async function tidy(): Promise<void> {
  for (const path of [`${MAPS}/palette`, '/api/v1/namespaces/shop/secrets/key', `${DEPLOYMENTS}/web`]) {
    await direct(path, { method: 'DELETE' })
  }
}

async function effectOf(id: string): Promise<string> {
  const { json } = await expectStatus(200, up, `/v1/decisions/${id}`, { token: admin })
  return json.effect
}

interface Replay {
  readonly judged: number
  readonly changes: readonly { readonly call: string; readonly after: { readonly effect: string } }[]
  readonly notJudged: readonly unknown[]
}

async function replay(since: string, ...policies: readonly object[]): Promise<Replay> {
  const body = { since, sources: policies.map((p, i) => ({ file: `${i}`, text: stringify(p) })) }
  const { json } = await expectStatus(200, up, '/v1/policy/replay', { method: 'POST', token: admin, body })
  return json
}

/** The CLI as the local administrator. */
const run = (...args: string[]): ReturnType<typeof sallyport> =>
  sallyport([...args, '--gateway', up.url], { env: { SALLYPORT_TOKEN: admin, SALLYPORT_CA_FILE: up.caFile } })

const always = new Date(Date.now() + 1000 * 3600).toISOString().slice(11, 13)
const candidates: readonly (readonly [string, readonly object[]])[] = [
  ['nothing but reads', [everything({ verbs: ['get', 'list'], riskClasses: ['secret-read'] })]],
  [
    'rules on bodies, images, clients, times and dry runs',
    [
      everything(),
      {
        name: 'no-blue',
        effect: 'deny',
        match: { verbs: ['patch'] },
        when: 'action.body.object.data.color == "blue"',
      },
      {
        name: 'ours',
        effect: 'deny',
        match: { verbs: ['create'], images: { from: ['registry.example.com/*'] } },
      },
      { name: 'ua', effect: 'deny', match: { verbs: ['delete'], client: { userAgents: ['tour'] } } },
      {
        name: 'local',
        effect: 'deny',
        match: { resources: ['nodes'], client: { addresses: ['127.0.0.0/8'] } },
      },
      {
        name: 'held',
        effect: 'hold',
        match: { principals, verbs: ['update'], resources: ['configmaps'], dryRun: false },
      },
      {
        name: 'now',
        effect: 'deny',
        match: { resources: ['namespaces'], time: { outside: [{ hours: `${always}:00-${always}:01` }] } },
      },
    ],
  ],
  [
    'rules on the session, the connection and who acts',
    [
      everything(),
      {
        name: 'session',
        effect: 'deny',
        match: { resources: ['secrets'] },
        when: 'session.opened == "implicitly" && session.expiresAt > now && connection.capture == "full"',
      },
      { name: 'paths', effect: 'deny', match: { nonResourceURLs: ['/apis/*'] } },
      {
        name: 'who',
        effect: 'deny',
        match: { verbs: ['list'] },
        when: 'has(principal.serviceAccount) && principal.serviceAccount.name == "walker" && action.namespace == ""',
      },
    ],
  ],
]

for (const [name, rules] of candidates) {
  test(`replay predicts what then happens: ${name}`, { timeout: 300_000 }, async () => {
    await tidy()
    await apply(policyOf('walker', [everything()]))
    const since = new Date(Date.now() - 1).toISOString()
    const before = await walk({ 'user-agent': 'tour/1' })
    assert.ok(
      before.every((w, i) => w.status < 300 || tour[i]![1] === '/metrics'),
      JSON.stringify(before),
    )
    const candidate = policyOf('walker', rules)
    const report = await replay(since, candidate)
    assert.deepEqual(report.notJudged, [])
    const changed = new Map(report.changes.map(c => [c.call, c.after.effect]))
    assert.ok(changed.size > 2, `${changed.size} changes`)
    // Under the policies in force nothing changes.
    assert.deepEqual((await replay(since)).changes, [])
    await apply(candidate)
    await tidy()
    const after = await walk({ 'user-agent': 'tour/1' })
    for (const [i, walked] of after.entries()) {
      const predicted = changed.get(before[i]!.call) ?? (await effectOf(before[i]!.call))
      assert.equal(await effectOf(walked.call), predicted, `${tour[i]!.slice(0, 2).join(' ')}`)
    }
    const { considered, notes } = (
      await expectStatus(200, up, `/v1/decisions/${after[2]!.call}`, { token: admin })
    ).json
    assert.ok(considered.length >= rules.length && notes.length === 0, notes.join())
  })
}

interface Role {
  readonly kind: 'Role' | 'ClusterRole'
  readonly metadata: { readonly name: string; readonly namespace?: string }
  readonly rules: readonly {
    readonly verbs: string[]
    readonly resources?: string[]
    readonly nonResourceURLs?: string[]
    readonly apiGroups?: string[]
  }[]
}

test('the suggested policy and roles let the same tour pass, and one permission less does not', {
  timeout: 300_000,
}, async () => {
  await tidy()
  await apply(
    policyOf('walker', [
      everything(),
      {
        name: 'metrics',
        effect: 'allow',
        match: { principals, verbs: ['get'], nonResourceURLs: ['/metrics'] },
      },
    ]),
  )
  const since = new Date(Date.now() - 1).toISOString()
  const statuses = (await walk()).map(w => w.status)
  const name = 'system:serviceaccount:shop:walker'
  const printed = await run('policy', 'suggest', '--principal', name, '--since', since)
  assert.equal(printed.code, 0, printed.stderr)
  const documents = parseAllDocuments(printed.stdout).map(d => d.toJS())
  const policy = documents.find(d => d.kind === 'Policy')
  const roles = documents.filter(d => d.kind !== 'Policy') as Role[]
  assert.deepEqual(roles.map(r => r.kind).sort(), ['ClusterRole', 'Role'])

  // From now on these are all the rights there are.
  await direct(`/apis/${RBAC}/clusterrolebindings/everything`, { method: 'DELETE' })
  for (const role of roles) {
    const { namespace } = role.metadata
    const base = namespace === undefined ? `/apis/${RBAC}` : `/apis/${RBAC}/namespaces/${namespace}`
    const kinds = namespace === undefined ? 'clusterroles' : 'roles'
    assert.equal((await direct(`${base}/${kinds}`, { method: 'POST', body: role })).status, 201)
    const roleRef = { apiGroup: 'rbac.authorization.k8s.io', kind: role.kind, name: role.metadata.name }
    const body = { metadata: { name: role.metadata.name }, roleRef, subjects: [subject] }
    const bindings = namespace === undefined ? 'clusterrolebindings' : 'rolebindings'
    assert.equal((await direct(`${base}/${bindings}`, { method: 'POST', body })).status, 201)
  }
  await direct('/api/v1/namespaces/shop', {})
  await expectStatus(200, up, '/v1/documents/Policy/walker', { method: 'DELETE', token: admin })
  await apply(policy)
  await until(async () => (await walk()).every((w, i) => w.status === statuses[i]))

  // Less of the policy: the engine says which of the calls above would not pass any more.
  let permissions = 0
  for (const [r, rule] of policy.spec.rules.entries()) {
    for (const field of ['verbs', 'resources', 'riskClasses', 'namespaces', 'nonResourceURLs'] as const) {
      for (const word of rule.match[field] ?? []) {
        permissions += 1
        const less = structuredClone(policy)
        const kept = less.spec.rules[r].match[field].filter((w: string) => w !== word)
        if (kept.length > 0) less.spec.rules[r].match[field] = kept
        else if (field === 'riskClasses') delete less.spec.rules[r].match[field]
        else less.spec.rules.splice(r, 1)
        if (less.spec.rules.length === 0) continue
        const report = await replay(since, less)
        assert.ok(report.changes.length > 0, `${rule.name} needs no ${field} ${word}`)
      }
    }
  }
  assert.ok(permissions > 15, `${permissions} permissions`)

  // Less of the roles: the API server itself says no.
  for (const role of roles) {
    const { namespace } = role.metadata
    const base =
      namespace === undefined ? `/apis/${RBAC}/clusterroles` : `/apis/${RBAC}/namespaces/${namespace}/roles`
    const put = (body: Role) => direct(`${base}/${role.metadata.name}`, { method: 'PUT', body })
    for (const [r, rule] of role.rules.entries()) {
      for (const resource of rule.resources ?? rule.nonResourceURLs ?? []) {
        for (const verb of rule.verbs) {
          const others = role.rules.filter((_, i) => i !== r)
          const left = (list?: string[]) => (list ?? []).filter(x => x !== resource)
          const same =
            rule.resources === undefined
              ? { ...rule, nonResourceURLs: left(rule.nonResourceURLs) }
              : { ...rule, resources: left(rule.resources) }
          const names = same.resources ?? same.nonResourceURLs!
          const rest = [
            ...(names.length > 0 ? [same] : []),
            ...(rule.verbs.length > 1
              ? [
                  {
                    ...rule,
                    ...(rule.resources === undefined
                      ? { nonResourceURLs: [resource] }
                      : { resources: [resource] }),
                    verbs: rule.verbs.filter(v => v !== verb),
                  },
                ]
              : []),
          ]
          assert.equal((await put({ ...role, rules: [...others, ...rest] })).status, 200)
          const what = `${role.kind} without ${verb} ${resource}`
          await until(async () => {
            const walked = await walk()
            await tidy()
            return walked.some(w => w.status === 403)
          }, what)
        }
      }
    }
    assert.equal((await put(role)).status, 200)
    await until(async () => (await walk()).every((w, i) => w.status === statuses[i]))
  }
})

test('what was suggested is a policy like any other', async () => {
  const name = 'seen-system-serviceaccount-shop-walker'
  await expectStatus(200, up, `/v1/documents/Policy/${name}`, { method: 'DELETE', token: admin })
  const hold = { name: 'h', effect: 'hold', match: { principals, resources: ['pods'] } }
  // The administrator may do everything, so everything that is held can be approved.
  await apply(policyOf('held', [hold]))
  await expectStatus(200, up, '/v1/documents/Policy/held', { method: 'DELETE', token: admin })
})

/** The API server's own view of roles follows within moments. */
async function until(holds: () => Promise<boolean>, what = 'it'): Promise<void> {
  const deadline = Date.now() + 30_000
  while (!(await holds())) {
    assert.ok(Date.now() < deadline, `${what}: not within 30 s`)
    await tidy()
    await sleep(50)
  }
}

test('a rule that wants a reason gets it by header, and it stands in the trail', {
  timeout: 60_000,
}, async () => {
  await apply(policyOf('walker', [{ ...everything(), requireReason: true }]))
  const path = '/k/demo/api/v1/namespaces/shop/configmaps'
  const refused = await call(up, path, { token: walker })
  assert.equal(refused.status, 403)
  assert.match(
    refused.json.message,
    /a reason is needed on connection demo \[walker\/everything\]; say it: sallyport session reason/,
  )
  const headers = { 'sallyport-reason': 'INC-42 look for the palette' }
  const told = await call(up, path, { token: walker, headers })
  const shown = await run('audit', 'show', String(told.headers['audit-id']), '-o', 'json')
  assert.equal(JSON.parse(shown.stdout).entry.head.statedReason, 'INC-42 look for the palette')
  const reads = await run('audit', 'search', '--kind', 'session.open', '-o', 'json')
  const { session } = JSON.parse(reads.stdout).items[0]
  const said = await run('session', 'reason', 'INC-43 on behalf of the walker', '--session', session)
  assert.equal(said.code, 0, said.stderr)
  // The session's own reason does as well, for clients that cannot send a header.
  assert.equal((await call(up, path, { token: walker })).status, told.status)
  assert.doesNotMatch((await call(up, path, { token: walker })).body, /reason-required/)
})

test('a limit lets so many through and tells the next one when to come back', {
  timeout: 60_000,
}, async () => {
  const limit = {
    name: 'few',
    effect: 'limit',
    reason: 'lists are expensive',
    limit: { count: 3, per: '1h' },
    match: { verbs: ['list'] },
  }
  await apply(policyOf('walker', [everything(), limit]))
  const path = '/k/demo/api/v1/namespaces/shop/configmaps'
  const before = [1, 2, 3].map(() => call(up, path, { token: walker }))
  assert.ok((await Promise.all(before)).every(answered => answered.status !== 429))
  const fourth = await call(up, path, { token: walker })
  assert.equal(fourth.status, 429)
  assert.ok(Number(fourth.headers['retry-after']) > 3500)
  assert.match(
    fourth.json.message,
    /3 in 3600 s of each person or program: lists are expensive \[walker\/few\]/,
  )
  // Another verb is not counted.
  assert.notEqual((await call(up, `${path}/none`, { token: walker })).status, 429)
})

test('versions are listed, and an older one is applied again', {
  timeout: 60_000,
}, async () => {
  const history = await run('policy', 'history', 'walker', '-o', 'json')
  const [newest, previous] = JSON.parse(history.stdout).items
  assert.equal(newest.by, 'local:admin')
  const shown = await run('policy', 'rollback', 'walker', '--to', String(previous.number), '--dry-run')
  assert.match(shown.stdout, /^-.*few/m)
  assert.match(shown.stdout, /dry run/)
  const back = await run('policy', 'rollback', 'walker', '--to', String(previous.number))
  assert.equal(back.code, 0, back.stderr)
  const { json } = await expectStatus(200, up, '/v1/documents/Policy/walker', { token: admin })
  assert.equal(json.item.document.spec.rules.length, 1)
  const again = await run('policy', 'history', 'walker', '-o', 'json')
  assert.equal(JSON.parse(again.stdout).items[0].number, newest.number + 1)
  const explained = await run('policy', 'explain', 'list', 'configmaps', '-n', 'shop', '-c', 'demo')
  assert.match(explained.stdout, /walker\/everything/)
  const changes = await run('policy', 'replay', '--since', began, '--diff', '-o', 'table')
  assert.equal(changes.code, 0, changes.stderr)
  assert.match(changes.stderr, /recorded decisions asked again/)
  const preset = await sallyport(['policy', 'preset', 'show', 'no-node-proxy'])
  assert.equal(parse(preset.stdout).metadata.name, 'no-node-proxy')
})
