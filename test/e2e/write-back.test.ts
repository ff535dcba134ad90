import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { pluginToken } from '../clients/plugin-token.ts'
import { openSides, type Sides } from '../clients/sides.ts'
import { type Answered, call } from './call.ts'
import { type Direct, directly } from './direct.ts'

/** What was read masked and is written back: the value stays, and goes nowhere else. */
let sides: Sides
let direct: Direct
let token: string
const MARK = /^sallyport\.masked\.[a-z0-9.-]{46}$/
const base64 = (text: string) => Buffer.from(text).toString('base64')
const plain = (text: string) => Buffer.from(text, 'base64').toString()

before(
  async () => {
    sides = await openSides({ nodes: [], controllerManager: false })
    direct = directly(sides.cluster.kubeconfig)
    token = await pluginToken(sides.gateway.kubeconfig)
  },
  { timeout: 600_000 },
)
after(() => sides?.close())

const SECRETS = '/api/v1/namespaces/tour-gateway/secrets'
const MAPS = '/api/v1/namespaces/tour-gateway/configmaps'
const PODS = '/api/v1/namespaces/tour-gateway/pods'

function through(path: string, method = 'GET', body?: unknown, type = 'application/json'): Promise<Answered> {
  const headers = { 'content-type': type }
  return call(sides.up, `/k/${sides.up.connection}${path}`, {
    token,
    method,
    ...(body === undefined ? {} : { body, headers }),
  })
}

const MERGE = 'application/merge-patch+json'
const STRATEGIC = 'application/strategic-merge-patch+json'
const JSON_PATCH = 'application/json-patch+json'
const APPLY = 'application/apply-patch+yaml'

async function make(name: string, data: Record<string, string>, more: object = {}): Promise<void> {
  const body = {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name },
    data: Object.fromEntries(Object.entries(data).map(([k, v]) => [k, base64(v)])),
    ...more,
  }
  const made = await direct(SECRETS, { method: 'POST', body })
  assert.equal(made.status, 201, made.body)
}

async function stored(name: string): Promise<Record<string, string>> {
  const { json } = await direct(`${SECRETS}/${name}`)
  return Object.fromEntries(
    Object.entries(json.data as Record<string, string>).map(([k, v]) => [k, plain(v)]),
  )
}

async function seen(name: string) {
  const { json } = await through(`${SECRETS}/${name}`)
  for (const value of Object.values(json.data as Record<string, string>)) assert.match(plain(value), MARK)
  return json
}

test('an object that is read and replaced keeps its values; one that is new is written', {
  timeout: 60_000,
}, async () => {
  await make('replace', { a: 'first value', b: 'second value' })
  const object = await seen('replace')
  object.metadata.labels = { changed: 'yes' }
  object.data.c = base64('third value')
  const { status, body } = await through(`${SECRETS}/replace`, 'PUT', object)
  assert.equal(status, 200, body)
  assert.ok(!body.includes(base64('first value')) && !body.includes(base64('third value')))
  assert.deepEqual(await stored('replace'), { a: 'first value', b: 'second value', c: 'third value' })
})

test('kubectl edits, applies and replaces what it has read', { timeout: 120_000 }, async () => {
  await make('kubectl', { password: 'correct horse', 'db.url': 'postgres://u:p4ssw0rd@h/d' })
  const { gateway, kubectl } = sides
  const ran = async (args: readonly string[], stdin?: string) => {
    const done = await kubectl(gateway, args, stdin)
    assert.equal(done.code, 0, done.stderr)
    return done.stdout
  }
  const yaml = await ran(['get', 'secret', 'kubectl', '-o', 'yaml'])
  assert.ok(!yaml.includes(base64('correct horse')))
  for (const args of [
    ['apply', '-f', '-'],
    ['apply', '-f', '-'],
    ['apply', '--server-side', '--force-conflicts', '-f', '-'],
    ['replace', '-f', '-'],
  ]) {
    const file = (await ran(['get', 'secret', 'kubectl', '-o', 'yaml'])).replace(
      /^metadata:$/m,
      `metadata:\n  labels: {step: s${Math.random().toString(36).slice(2)}}`,
    )
    await ran(
      args,
      args.includes('--server-side') ? file.replace(/^ {2}managedFields:[\s\S]*?(?=^ {2}\w)/m, '') : file,
    )
    assert.equal((await stored('kubectl')).password, 'correct horse', args.join(' '))
  }
  const { json } = await direct(`${SECRETS}/kubectl`)
  const applied = json.metadata.annotations['kubectl.kubernetes.io/last-applied-configuration']
  assert.ok(!applied.includes('sallyport.masked') && applied.includes(base64('correct horse')), applied)
  const patched = await ran([
    'patch',
    'secret',
    'kubectl',
    '-p',
    '{"metadata":{"labels":{"x":"y"}}}',
    '-o',
    'yaml',
  ])
  assert.ok(!patched.includes(base64('correct horse')))
})

test('all kinds of patches carry it back to where it was', { timeout: 60_000 }, async () => {
  await make('patch', { a: 'value of a', b: 'value of b' })
  const { data } = await seen('patch')
  const value = data.a
  for (const [type, body] of [
    [MERGE, { data: { a: value, n1: base64('new') } }],
    [STRATEGIC, { data: { a: value, n2: base64('new') } }],
    [JSON_PATCH, [{ op: 'replace', path: '/data/a', value }]],
    [
      JSON_PATCH,
      [
        { op: 'test', path: '/data/a', value },
        { op: 'add', path: '/data/n3', value: base64('new') },
      ],
    ],
    [JSON_PATCH, [{ op: 'replace', path: '/data', value: data }]],
  ] as const) {
    const answer = await through(`${SECRETS}/patch`, 'PATCH', body, type)
    assert.equal(answer.status, 200, answer.body)
    assert.equal((await stored('patch')).a, 'value of a', JSON.stringify(body))
  }
  const applied = { apiVersion: 'v1', kind: 'Secret', metadata: { name: 'patch' }, data: { a: value } }
  const answer = await through(`${SECRETS}/patch?fieldManager=t&force=true`, 'PATCH', applied, APPLY)
  assert.equal(answer.status, 200, answer.body)
  assert.equal((await stored('patch')).a, 'value of a')
})

test('a placeholder in any other place is refused, and nothing changes', { timeout: 60_000 }, async () => {
  await make('here', { a: 'value of a', b: 'value of b' })
  await make('there', { a: 'other' })
  const { data, metadata } = await seen('here')
  const mark = plain(data.a)
  const before = [await stored('here'), await stored('there')]
  const secret = { apiVersion: 'v1', kind: 'Secret' }
  for (const [method, path, body, type] of [
    ['PATCH', `${SECRETS}/here`, { data: { b: data.a } }, MERGE],
    ['PATCH', `${SECRETS}/here`, { data: { c: data.a } }, MERGE],
    ['PATCH', `${SECRETS}/here`, { stringData: { a: mark } }, MERGE],
    ['PATCH', `${SECRETS}/here`, { stringData: { c: mark } }, MERGE],
    ['PATCH', `${SECRETS}/here`, { stringData: { c: `x${mark}y` } }, STRATEGIC],
    ['PATCH', `${SECRETS}/here`, { data: { a: base64(`x${mark}`) } }, STRATEGIC],
    ['PATCH', `${SECRETS}/here`, { data: { a: base64(data.a) } }, STRATEGIC],
    ['PATCH', `${SECRETS}/here`, { metadata: { annotations: { copy: mark } } }, MERGE],
    [
      'PATCH',
      `${SECRETS}/here`,
      { metadata: { annotations: { copy: mark.toUpperCase().toLowerCase() } } },
      MERGE,
    ],
    ['PATCH', `${SECRETS}/here`, { metadata: { labels: { copy: mark } } }, MERGE],
    ['PATCH', `${SECRETS}/there`, { data: { a: data.a } }, MERGE],
    ['PUT', `${SECRETS}/there`, { ...secret, metadata: { name: 'there' }, data }, undefined],
    ['POST', SECRETS, { ...secret, metadata: { name: 'new' }, data }, undefined],
    [
      'POST',
      MAPS,
      { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'new' }, data: { a: mark } },
      undefined,
    ],
    ['PATCH', `${SECRETS}/new?fieldManager=t`, { ...secret, metadata: { name: 'new' }, data }, APPLY],
    ['PATCH', `${SECRETS}/here`, [{ op: 'add', path: '/data/c', value: data.a }], JSON_PATCH],
    ['PATCH', `${SECRETS}/here`, [{ op: 'copy', from: '/data/a', path: '/data/c' }], JSON_PATCH],
    [
      'PATCH',
      `${SECRETS}/here`,
      [{ op: 'copy', from: '/data/a', path: '/metadata/annotations' }],
      JSON_PATCH,
    ],
    ['PATCH', `${SECRETS}/here`, [{ op: 'move', from: '/data/a', path: '/data/c' }], JSON_PATCH],
    ['PATCH', `${SECRETS}/here`, [{ op: 'copy', from: '/data', path: '/metadata/annotations' }], JSON_PATCH],
    ['PATCH', `${SECRETS}/here`, [{ op: 'copy', from: '', path: '/metadata/annotations/x' }], JSON_PATCH],
    ['PATCH', `${SECRETS}/here`, [{ op: 'test', path: '/data/a', value: base64('value of a') }], JSON_PATCH],
    ['PATCH', `${SECRETS}/here`, [{ op: 'test', path: '/data/a', value: base64('wrong') }], JSON_PATCH],
    ['PATCH', `${SECRETS}/here`, [{ op: 'test', path: '/data', value: {} }], JSON_PATCH],
    ['PATCH', `${SECRETS}/here`, [{ op: 'test', path: '', value: { data: {} } }], JSON_PATCH],
  ] as const) {
    const answer = await through(path, method, body, type)
    assert.equal(answer.status, 422, `${method} ${path} ${JSON.stringify(body)}: ${answer.body}`)
    assert.match(answer.json.message, /masked/)
    assert.ok(!answer.body.includes('value of') && !answer.body.includes(base64('value of a')))
  }
  assert.deepEqual([await stored('here'), await stored('there')], before)
  const { metadata: now } = (await direct(`${SECRETS}/here`)).json
  assert.equal(now.resourceVersion, metadata.resourceVersion)
})

test("a value that changed in between is the one that stays, or the write is the API server's 409", {
  timeout: 60_000,
}, async () => {
  await make('race', { a: 'before' })
  const object = await seen('race')
  await direct(`${SECRETS}/race`, { method: 'PATCH', body: { data: { a: base64('after') } }, type: MERGE })
  const late = await through(`${SECRETS}/race`, 'PUT', object)
  assert.equal(late.status, 409, late.body)
  assert.equal(late.json.reason, 'Conflict')
  delete object.metadata.resourceVersion
  const unconditional = await through(`${SECRETS}/race`, 'PUT', object)
  assert.equal(unconditional.status, 200, unconditional.body)
  assert.deepEqual(await stored('race'), { a: 'after' })
  // Deleted and made anew: another object, whose values were never read.
  const again = await seen('race')
  await direct(`${SECRETS}/race`, { method: 'DELETE' })
  await make('race', { a: 'of another object' })
  const stale = await through(`${SECRETS}/race`, 'PUT', again)
  assert.ok(stale.status === 409 || stale.status === 422, stale.body)
  assert.deepEqual(await stored('race'), { a: 'of another object' })
})

test('in other kinds too: variables that move in their list, a file with one secret line', {
  timeout: 60_000,
}, async () => {
  const env = [
    { name: 'DB_PASSWORD', value: 'Xy7-qq81-Lm' },
    { name: 'MODE', value: 'fast' },
  ]
  const account = { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: 'default' } }
  const accounts = '/api/v1/namespaces/tour-gateway/serviceaccounts'
  assert.equal((await direct(accounts, { method: 'POST', body: account })).status, 201)
  const pod = {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'p' },
    spec: { containers: [{ name: 'c', image: 'i:1', env }] },
  }
  assert.equal((await direct(PODS, { method: 'POST', body: pod })).status, 201)
  const read = (await through(`${PODS}/p`)).json
  assert.match(read.spec.containers[0].env[0].value, MARK)
  read.spec.containers[0].image = 'i:2'
  const written = await through(`${PODS}/p`, 'PUT', read)
  assert.equal(written.status, 200, written.body)
  const live = (await direct(`${PODS}/p`)).json
  assert.equal(live.spec.containers[0].env[0].value, 'Xy7-qq81-Lm')
  assert.equal(live.spec.containers[0].image, 'i:2')

  const file = 'host = db\npassword = Xy7-qq81-Lm-zz\nport = 5432\n'
  const map = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'm' }, data: { 'app.ini': file } }
  assert.equal((await direct(MAPS, { method: 'POST', body: map })).status, 201)
  const view = (await through(`${MAPS}/m`)).json
  assert.ok(!view.data['app.ini'].includes('Xy7-qq81-Lm-zz'), view.data['app.ini'])
  view.data['app.ini'] = `# mine\n${view.data['app.ini'].replace('port = 5432', 'port = 6543')}`
  const edited = await through(`${MAPS}/m`, 'PUT', view)
  assert.equal(edited.status, 200, edited.body)
  assert.equal((await direct(`${MAPS}/m`)).json.data['app.ini'], `# mine\n${file.replace('5432', '6543')}`)
  // The same placeholder in other words would carry the value elsewhere.
  const moved = (await through(`${MAPS}/m`)).json
  moved.data['app.ini'] = moved.data['app.ini'].replace('password = ', 'url = https://collect.example/?')
  assert.equal((await through(`${MAPS}/m`, 'PUT', moved)).status, 422)
})

test('every call of it is in both logs', { timeout: 60_000 }, async t => {
  // The reads that restore values are the gateway's own, and compared with the cluster's log as such.
  const { missing } = await sides.finish(t)
  assert.deepEqual(
    missing.filter(line => !line.startsWith('get /api/v1/namespaces/tour-gateway/')),
    [],
  )
})
