import assert from 'node:assert/strict'
import { generateKeyPairSync } from 'node:crypto'
import { after, before, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { pluginToken } from '../clients/plugin-token.ts'
import { openSides, type Sides } from '../clients/sides.ts'
import { type Answered, call } from './call.ts'
import { type Direct, directly } from './direct.ts'

/** What a caller who may write tries, to see a value that he may not see: by renaming, by selecting, by another column. */
let sides: Sides
let direct: Direct
let token: string

const GROUP = 'ways.example.com'
const THINGS = `/apis/${GROUP}/v1/namespaces/tour-gateway/things`
const VALUE = 'hunter2-in-clear'
const MERGE = 'application/merge-patch+json'
const JSON_PATCH = 'application/json-patch+json'
const APPLY = 'application/apply-patch+yaml'
const TABLE = 'application/json;as=Table;v=v1;g=meta.k8s.io,application/json'
const text = { type: 'string' }
const open = { type: 'object', 'x-kubernetes-preserve-unknown-fields': true }

const kind = {
  apiVersion: 'apiextensions.k8s.io/v1',
  kind: 'CustomResourceDefinition',
  metadata: { name: `things.${GROUP}` },
  spec: {
    group: GROUP,
    scope: 'Namespaced',
    names: { plural: 'things', singular: 'thing', kind: 'Thing', listKind: 'ThingList' },
    versions: [
      {
        name: 'v1',
        served: true,
        storage: true,
        schema: {
          openAPIV3Schema: {
            type: 'object',
            properties: {
              spec: {
                type: 'object',
                properties: {
                  password: text,
                  colour: text,
                  auth: { ...open, properties: { name: text, value: text } },
                  args: { type: 'array', items: text },
                  list: {
                    type: 'array',
                    items: {
                      type: 'object',
                      required: ['id'],
                      properties: { id: { type: 'integer' }, name: text, value: text },
                    },
                    'x-kubernetes-list-type': 'map',
                    'x-kubernetes-list-map-keys': ['id'],
                  },
                },
                'x-kubernetes-preserve-unknown-fields': true,
              },
            },
          },
        },
        selectableFields: [{ jsonPath: '.spec.password' }, { jsonPath: '.spec.colour' }],
        additionalPrinterColumns: [
          { name: 'Info', type: 'string', jsonPath: '.spec.password' },
          { name: 'More', type: 'string', jsonPath: '.spec.list[?(@.name=="DB_PASSWORD")].value' },
          { name: 'All', type: 'string', jsonPath: '.spec' },
          { name: 'Auth', type: 'string', jsonPath: '.spec.auth' },
          { name: 'Colour', type: 'string', jsonPath: '.spec.colour' },
        ],
      },
    ],
  },
}

const spec = {
  password: VALUE,
  colour: 'red',
  auth: { name: 'DB_PASSWORD', value: VALUE },
  args: ['serve', '--password', VALUE],
  list: [
    { id: 1, name: 'LANG', value: 'de' },
    { id: 2, name: 'DB_PASSWORD', value: VALUE },
  ],
}

before(
  async () => {
    sides = await openSides({ controllerManager: false })
    direct = directly(sides.cluster.kubeconfig)
    token = await pluginToken(sides.gateway.kubeconfig)
    const file = JSON.stringify({ apiVersion: 'v1', kind: 'List', items: [kind] })
    const applied = await sides.kubectl(sides.direct, ['create', '-f', '-'], file)
    assert.equal(applied.code, 0, applied.stderr)
    const waited = await sides.kubectl(sides.direct, [
      ...['wait', '--for=condition=Established', '--timeout=60s', `crd/things.${GROUP}`],
    ])
    assert.equal(waited.code, 0, waited.stderr)
    const body = { apiVersion: `${GROUP}/v1`, kind: 'Thing', metadata: { name: 'one' }, spec }
    const made = await direct(THINGS, { method: 'POST', body })
    assert.equal(made.status, 201, made.body)
  },
  { timeout: 600_000 },
)
after(() => sides?.close())

function through(path: string, method = 'GET', body?: unknown, type = 'application/json'): Promise<Answered> {
  return call(sides.up, `/k/${sides.up.connection}${path}`, {
    token,
    method,
    ...(body === undefined ? { headers: { accept: type } } : { body, headers: { 'content-type': type } }),
  })
}

test('patches that would leave a masked value without its name are refused, and the value stays', {
  timeout: 120_000,
}, async () => {
  const self = { apiVersion: `${GROUP}/v1`, kind: 'Thing', metadata: { name: 'one' } }
  for (const [body, type] of [
    [{ spec: { auth: { name: 'COLOUR' } } }, MERGE],
    [{ spec: { auth: { name: null } } }, MERGE],
    [{ ...self, spec: { auth: { name: 'COLOUR' } } }, APPLY],
    [{ ...self, spec: { list: [{ id: 2, name: 'COLOUR' }] } }, APPLY],
    [[{ op: 'replace', path: '/spec/auth/name', value: 'COLOUR' }], JSON_PATCH],
    [[{ op: 'remove', path: '/spec/auth/name' }], JSON_PATCH],
    [[{ op: 'replace', path: '/spec/args/-2', value: '--colour' }], JSON_PATCH],
    [[{ op: 'replace', path: '/spec/list/-1/name', value: 'COLOUR' }], JSON_PATCH],
    [[{ op: 'copy', from: '/spec/list/-1/value', path: '/spec/colour' }], JSON_PATCH],
    [[{ op: 'move', from: '/spec/list/-1/value', path: '/spec/colour' }], JSON_PATCH],
    [
      [
        { op: 'remove', path: '/spec/list/0' },
        { op: 'replace', path: '/spec/list/0/name', value: 'COLOUR' },
      ],
      JSON_PATCH,
    ],
    [
      [
        { op: 'remove', path: '/spec/args/0' },
        { op: 'replace', path: '/spec/args/0', value: '--colour' },
      ],
      JSON_PATCH,
    ],
  ] as const) {
    const query = type === APPLY ? '?fieldManager=t&force=true' : ''
    const answer = await through(`${THINGS}/one${query}`, 'PATCH', body, type)
    assert.equal(answer.status, 422, `${JSON.stringify(body)}: ${answer.body}`)
    assert.ok(!answer.body.includes(VALUE), JSON.stringify(body))
  }
  const { json } = await direct(`${THINGS}/one`)
  assert.equal(json.spec.auth.value, VALUE)
  assert.equal(json.spec.colour, 'red')
  assert.deepEqual(json.spec.args, spec.args)
  assert.deepEqual(json.spec.list, spec.list)
  // What stays hidden may be written, and is.
  const changed = { spec: { auth: { name: 'COLOUR', key: 'PASSWORD' }, colour: 'blue' } }
  const other = await through(`${THINGS}/one`, 'PATCH', changed, MERGE)
  assert.equal(other.status, 200, other.body)
  const read = await through(`${THINGS}/one`)
  assert.ok(!other.body.includes(VALUE) && !read.body.includes(VALUE), read.body)
})

test('a server-side apply cannot leave a masked value without the name that its manager has applied', {
  timeout: 60_000,
}, async () => {
  const two = { apiVersion: `${GROUP}/v1`, kind: 'Thing', metadata: { name: 'two' } }
  const body = { ...two, spec: { auth: { name: 'DB_PASSWORD' } } }
  const path = `${THINGS}/two?fieldManager=owner`
  const applied = await direct(path, { method: 'PATCH', body, type: APPLY })
  assert.equal(applied.status, 201, applied.body)
  const valued = { spec: { auth: { value: VALUE } } }
  assert.equal((await direct(`${THINGS}/two`, { method: 'PATCH', body: valued, type: MERGE })).status, 200)
  const again = await through(
    path,
    'PATCH',
    { ...body, metadata: { name: 'two', labels: { a: 'b' } } },
    APPLY,
  )
  assert.equal(again.status, 200, again.body)
  for (const spec of [{}, { auth: { more: 1 } }, { colour: 'red' }]) {
    const left = await through(path, 'PATCH', { ...two, spec }, APPLY)
    assert.equal(left.status, 422, left.body)
    assert.ok(!left.body.includes(VALUE), left.body)
  }
  // The API server itself would take the name away.
  const gone = await direct(path, { method: 'PATCH', body: { ...two, spec: {} }, type: APPLY })
  assert.deepEqual(gone.json.spec.auth, { value: VALUE })
  assert.equal((await direct(`${THINGS}/two`, { method: 'DELETE' })).status, 200)
})

test('a table shows no masked value, whatever the name of its column', { timeout: 60_000 }, async () => {
  for (const query of ['', '?includeObject=None', '?includeObject=Object', '?watch=1&timeoutSeconds=1']) {
    const answer = await through(`${THINGS}${query}`, 'GET', undefined, TABLE)
    assert.equal(answer.status, 200, answer.body)
    assert.match(answer.body, /"Table"/)
    assert.ok(!answer.body.includes(VALUE), `${query}: ${answer.body}`)
    assert.match(answer.body, /"blue"/)
  }
  const printed = await sides.kubectl(sides.gateway, ['get', 'things'])
  assert.equal(printed.code, 0, printed.stderr)
  assert.ok(printed.stdout.includes('blue') && !printed.stdout.includes(VALUE), printed.stdout)
})

test('nobody selects by what is masked: not in lists, watches and deletions, nor by a label', {
  timeout: 60_000,
}, async () => {
  const guess = encodeURIComponent(`spec.password=${VALUE}`)
  // The cluster itself would tell.
  assert.equal((await direct(`${THINGS}?fieldSelector=${guess}`)).json.items.length, 1)
  for (const [method, path] of [
    ['GET', `${THINGS}?fieldSelector=${guess}`],
    ['GET', `${THINGS}?fieldSelector=${encodeURIComponent('spec.password!=wrong-guess')}`],
    ['GET', `${THINGS}?fieldSelector=${encodeURIComponent('metadata.name=one,spec.password=wrong-guess')}`],
    ['GET', `${THINGS}?watch=1&timeoutSeconds=1&fieldSelector=${guess}`],
    ['GET', `/apis/${GROUP}/v1/things?fieldSelector=${guess}`],
    ['DELETE', `${THINGS}?fieldSelector=${guess}`],
    ['GET', `${THINGS}?labelSelector=${encodeURIComponent('db-password in (guess-1,guess-2)')}`],
  ] as const) {
    const answer = await through(path, method)
    assert.equal(answer.status, 400, `${method} ${path}: ${answer.body}`)
    assert.match(answer.json.message, /selector/)
    assert.ok(!answer.body.includes(VALUE))
  }
  const said = await sides.kubectl(sides.gateway, [
    'get',
    'things',
    '--field-selector',
    'spec.password=a-guess',
  ])
  assert.equal(said.code, 1)
  assert.match(said.stderr, /the selector compares a value that is masked/)
  for (const selector of ['spec.colour=blue', 'metadata.name=one', 'spec.password!=']) {
    const answer = await through(`${THINGS}?fieldSelector=${encodeURIComponent(selector)}`)
    assert.equal(answer.status, 200, answer.body)
    assert.equal(answer.json.items.length, 1)
  }
})

test('the last lines of a log that holds a private key show none of it', { timeout: 120_000 }, async () => {
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
  const key = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString().trimEnd().split('\n')
  const account = { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: 'default' } }
  await direct('/api/v1/namespaces/tour-gateway/serviceaccounts', { method: 'POST', body: account })
  const script = [...key, 'all is said'].map(line => `echo '${line}'`).join('; ')
  const container = { name: 'main', image: 'sh', command: ['sh', '-c', `${script}; exec sleep 3600`] }
  const pod = {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'teller' },
    spec: {
      restartPolicy: 'Never',
      terminationGracePeriodSeconds: 0,
      automountServiceAccountToken: false,
      containers: [container],
    },
  }
  const pods = '/api/v1/namespaces/tour-gateway/pods'
  assert.equal((await direct(pods, { method: 'POST', body: pod })).status, 201)
  const deadline = Date.now() + 60_000
  while (!(await direct(`${pods}/teller/log`)).body.includes('all is said')) {
    assert.ok(Date.now() < deadline, (await direct(`${pods}/teller`)).body)
    await sleep(200)
  }
  const rows = key.slice(1, -1)
  const queries = [1, 2, 3, 4, 9, 20, key.length, key.length + 1].flatMap(lines => [
    `tailLines=${lines}`,
    `tailLines=${lines}&timestamps=true`,
  ])
  for (const query of [...queries, 'tailLines=20&limitBytes=700', 'sinceSeconds=3600', 'limitBytes=900']) {
    const { status, body } = await through(`${pods}/teller/log?${query}`)
    assert.equal(status, 200, body)
    for (const row of rows) assert.ok(!body.includes(row.slice(0, 16)), `${query}: ${body}`)
    if (!query.includes('limitBytes')) assert.ok(body.endsWith('all is said\n'), body)
  }
  const printed = await sides.kubectl(sides.gateway, [
    ...['logs', 'teller', '--all-containers', '--prefix', '--timestamps', '--tail=12'],
  ])
  assert.equal(printed.code, 0, printed.stderr)
  assert.match(printed.stdout, /teller\/main\] \S+ sallyport\.masked\.private-key\./)
  for (const row of rows) assert.ok(!printed.stdout.includes(row.slice(0, 16)), printed.stdout)
})
