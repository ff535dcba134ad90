/** Patches, apply, PUT that creates and scale are judged by what comes of them: every way around that we thought of. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { type People, startPeople } from '../approvals/rig.ts'
import { call, expectStatus } from '../e2e/call.ts'

let people: People
const WRITES = ['create', 'update', 'patch']
const containers = 'action.body.object.spec.template.spec.containers'
const rule = (name: string, match: object, when: string | undefined, reason: string): object => ({
  name,
  effect: 'deny',
  reason,
  match: { namespaces: ['judged'], ...match },
  ...(when === undefined ? {} : { when }),
})
const deployments = { verbs: WRITES, apiGroups: ['apps'], resources: ['deployments'] }

before(
  async () => {
    people = await startPeople([
      rule(
        'privileged',
        deployments,
        `action.subresource == "" && ${containers}.exists(c, has(c.securityContext) && has(c.securityContext.privileged) && c.securityContext.privileged)`,
        'no privileged containers',
      ),
      rule(
        'limits',
        deployments,
        `action.subresource == "" && !${containers}.all(c, has(c.resources.limits.memory))`,
        'memory needs a limit',
      ),
      rule(
        'images',
        { ...deployments, images: { notFrom: ['registry.example.com/*'] } },
        undefined,
        'foreign image',
      ),
      rule(
        'replicas',
        { verbs: ['update', 'patch'], apiGroups: ['apps'], resources: ['deployments/scale'] },
        'action.body.object.spec.replicas > 3',
        'three are enough',
      ),
      rule(
        'owner',
        { verbs: WRITES, apiGroups: [''], resources: ['configmaps'] },
        'has(action.before) && action.before.data.owner != action.body.object.data.owner',
        'the owner stays',
      ),
      rule(
        'roles',
        { verbs: ['update'], apiGroups: ['rbac.authorization.k8s.io'], resources: ['roles'] },
        'action.body.object.rules.exists(r, "secrets" in r.resources)',
        'no secrets by roles',
      ),
    ])
    await people.directly('create', 'namespace', 'judged')
    await people.directly('create', 'namespace', 'free')
  },
  { timeout: 600_000 },
)
after(() => people?.stop())

const container = (more: object = {}) => ({
  name: 'c',
  image: 'registry.example.com/a:1',
  resources: { limits: { memory: '64Mi' } },
  ...more,
})
const deployment = (name: string, ...list: object[]) => ({
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { name, namespace: 'judged' },
  spec: {
    replicas: 1,
    selector: { matchLabels: { app: name } },
    template: { metadata: { labels: { app: name } }, spec: { containers: list } },
  },
})
const path = (name: string, sub = '') => `/apis/apps/v1/namespaces/judged/deployments/${name}${sub}`

async function patch(target: string, type: string, body: unknown) {
  const token = await people.token('alice')
  return call(people.up, `/k/prod${target}`, {
    method: 'PATCH',
    token,
    headers: { 'content-type': `application/${type}` },
    body,
    timeout: 30_000,
  })
}
async function made(name: string, ...list: object[]): Promise<void> {
  const done = await people.kubectl('alice', ['create', '-f', '-'], JSON.stringify(deployment(name, ...list)))
  assert.equal(done.code, 0, done.stderr)
}
const denied = (answer: { status: number; body: string }, words: RegExp): void => {
  assert.equal(answer.status, 403, answer.body)
  assert.match(answer.body, words)
}
const spec = async (name: string) =>
  JSON.parse(await people.directly('get', 'deployment', name, '-n', 'judged', '-o', 'json')).spec

test('a patch that says nothing of what a rule looks at passes, for the object it makes is as it should be', async () => {
  await made('ordinary', container())
  const labels = { metadata: { labels: { a: 'b' } } }
  for (const type of ['merge-patch+json', 'strategic-merge-patch+json'])
    assert.equal((await patch(path('ordinary'), type, labels)).status, 200)
  const annotated = await people.kubectl('alice', [
    'annotate',
    'deployment',
    'ordinary',
    '-n',
    'judged',
    'x=y',
  ])
  assert.equal(annotated.code, 0, annotated.stderr)
  const changed = await people.kubectl('alice', [
    'set',
    'image',
    'deployment/ordinary',
    '-n',
    'judged',
    'c=registry.example.com/a:2',
  ])
  assert.equal(changed.code, 0, changed.stderr)
})

test('every kind of patch that makes a container privileged', async () => {
  await made('p', container())
  const privileged = { securityContext: { privileged: true } }
  const within = (list: unknown[]) => ({ spec: { template: { spec: { containers: list } } } })
  for (const [type, body] of [
    ['strategic-merge-patch+json', within([{ name: 'c', ...privileged }])],
    ['strategic-merge-patch+json', within([{ $patch: 'replace' }, container(privileged)])],
    [
      'strategic-merge-patch+json',
      {
        spec: {
          template: {
            spec: {
              '$setElementOrder/containers': [{ name: 'c' }],
              containers: [{ name: 'c', ...privileged }],
            },
          },
        },
      },
    ],
    ['merge-patch+json', within([container(privileged)])],
    [
      'json-patch+json',
      [{ op: 'add', path: '/spec/template/spec/containers/0/securityContext', value: { privileged: true } }],
    ],
    [
      'json-patch+json',
      [{ op: 'replace', path: '/spec/template/spec/containers', value: [container(privileged)] }],
    ],
    ['apply-patch+yaml', { ...deployment('p', container(privileged)) }],
  ] as const) {
    const query = type.startsWith('apply') ? '?fieldManager=kubectl-create&force=true' : ''
    denied(await patch(path('p', query), type, body), /no privileged containers.*people\/privileged/)
  }
  assert.equal((await spec('p')).template.spec.containers[0].securityContext?.privileged, undefined)
})

test('what a JSON patch copies and moves is looked at where it arrives', async () => {
  await people.directly('annotate', 'namespace', 'judged', 'unused=1')
  await made('copied', container(), container({ name: 'd' }))
  const from = { op: 'add', path: '/metadata/annotations', value: { image: 'evil.example/x:1' } }
  for (const op of ['copy', 'move']) {
    const body = [
      from,
      { op, from: '/metadata/annotations/image', path: '/spec/template/spec/containers/0/image' },
    ]
    denied(await patch(path('copied'), 'json-patch+json', body), /foreign image/)
  }
  // The limit of one container is taken away by a removal, which names nothing that a rule forbids.
  const remove = [{ op: 'remove', path: '/spec/template/spec/containers/1/resources/limits' }]
  denied(await patch(path('copied'), 'json-patch+json', remove), /memory needs a limit/)
  const merge = { spec: { template: { spec: { containers: [{ name: 'd', resources: null }] } } } }
  denied(await patch(path('copied'), 'strategic-merge-patch+json', merge), /memory needs a limit/)
  const harmless = [
    {
      op: 'copy',
      from: '/spec/template/spec/containers/0/image',
      path: '/spec/template/spec/containers/1/image',
    },
  ]
  assert.equal((await patch(path('copied'), 'json-patch+json', harmless)).status, 200)
})

test('an image that is changed by patch, by set image, by apply of one field, and in a pod template', async () => {
  await made('i', container())
  const set = await people.kubectl('alice', [
    'set',
    'image',
    'deployment/i',
    '-n',
    'judged',
    'c=evil.example/a:1',
  ])
  assert.notEqual(set.code, 0)
  assert.match(set.stderr, /foreign image.*people\/images/)
  const one = {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: 'i', namespace: 'judged' },
    spec: { template: { spec: { containers: [{ name: 'c', image: 'evil.example/a:1' }] } } },
  }
  const forced = path('i', '?fieldManager=me&force=true')
  denied(await patch(forced, 'apply-patch+yaml', one), /foreign image/)
  const fine = {
    ...one,
    spec: { template: { spec: { containers: [{ name: 'c', image: 'registry.example.com/b:1' }] } } },
  }
  assert.equal((await patch(forced, 'apply-patch+yaml', fine)).status, 200)
  assert.equal((await spec('i')).template.spec.containers[0].image, 'registry.example.com/b:1')
  // Nothing of it is there yet: apply makes it.
  const created = deployment('new', container({ image: 'evil.example/a:1' }))
  const target = path('new', '?fieldManager=me')
  denied(await patch(target, 'apply-patch+yaml', created), /foreign image/)
  assert.equal((await patch(target, 'apply-patch+yaml', deployment('new', container()))).status, 201)
})

test('kubectl scale, and a scale by PUT', async () => {
  await made('s', container())
  const four = await people.kubectl('alice', ['scale', 'deployment/s', '-n', 'judged', '--replicas=4'])
  assert.notEqual(four.code, 0)
  assert.match(four.stderr, /three are enough/)
  const three = await people.kubectl('alice', ['scale', 'deployment/s', '-n', 'judged', '--replicas=3'])
  assert.equal(three.code, 0, three.stderr)
  const jump = [{ op: 'replace', path: '/spec/replicas', value: 9 }]
  denied(await patch(path('s', '/scale'), 'json-patch+json', jump), /three are enough/)
  assert.equal((await spec('s')).replicas, 3)
})

test('a PUT that creates, and a change of what was before', async () => {
  const role = (resource: string) => ({
    apiVersion: 'rbac.authorization.k8s.io/v1',
    kind: 'Role',
    metadata: { name: 'r', namespace: 'judged' },
    rules: [{ apiGroups: [''], resources: [resource], verbs: ['get'] }],
  })
  const put = (resource: string) =>
    people.request('alice', '/apis/rbac.authorization.k8s.io/v1/namespaces/judged/roles/r', {
      method: 'PUT',
      body: role(resource),
    })
  denied(await put('secrets'), /no secrets by roles/)
  assert.equal((await put('pods')).status, 201)
  assert.equal((await put('services')).status, 200)

  const map = (owner: string, more = {}) => ({
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name: 'm', namespace: 'judged' },
    data: { owner, ...more },
  })
  const maps = '/api/v1/namespaces/judged/configmaps'
  assert.equal((await people.request('alice', maps, { method: 'POST', body: map('alice') })).status, 201)
  assert.equal((await patch(`${maps}/m`, 'merge-patch+json', { data: { a: '1' } })).status, 200)
  denied(await patch(`${maps}/m`, 'merge-patch+json', { data: { owner: 'bob' } }), /the owner stays/)
  denied(await people.request('alice', `${maps}/m`, { method: 'PUT', body: map('bob') }), /the owner stays/)
  const same = await people.request('alice', `${maps}/m`, { method: 'PUT', body: map('alice', { b: '2' }) })
  assert.equal(same.status, 200, same.body)
})

test('what the cluster refuses is refused in its own words, and nothing is sent for real', async () => {
  await made('bad', container())
  const answer = await patch(path('bad'), 'merge-patch+json', { spec: { replicas: -1 } })
  assert.equal(answer.status, 422, answer.body)
  assert.match(answer.body, /must be greater than or equal to 0/)
  const missing = await patch(path('nowhere'), 'merge-patch+json', { spec: { replicas: 1 } })
  assert.equal(missing.status, 404, missing.body)
})

test('many patches of one object at once: each is judged on the version that it is written to', {
  timeout: 60_000,
}, async () => {
  await made('busy', container())
  const answers = await Promise.all(
    Array.from({ length: 6 }, (_, i) =>
      patch(path('busy'), 'merge-patch+json', { metadata: { labels: { [`l${i}`]: 'x' } } }),
    ),
  )
  for (const { status, body } of answers) assert.equal(status, 200, body)
  const { labels } = JSON.parse(
    await people.directly('get', 'deployment', 'busy', '-n', 'judged', '-o', 'json'),
  ).metadata
  assert.equal(Object.keys(labels ?? {}).length, answers.length)
})

test('the trail says what was judged, and what a patch costs with such a rule', async t => {
  await made('cost', container())
  await people.kubectl(
    'alice',
    ['create', '-n', 'free', '-f', '-'],
    JSON.stringify({ ...deployment('cost', container()), metadata: { name: 'cost' } }),
  )
  const free = '/apis/apps/v1/namespaces/free/deployments/cost'
  const times = async (target: string) => {
    const all: number[] = []
    for (let i = 0; i < 20; i++) {
      const began = performance.now()
      const { status, body } = await patch(target, 'merge-patch+json', {
        metadata: { labels: { n: `${i}` } },
      })
      all.push(performance.now() - began)
      assert.equal(status, 200, body)
    }
    return all.sort((a, b) => a - b)[10]!
  }
  t.diagnostic(`a patch without such a rule: ${(await times(free)).toFixed(1)} ms at the median`)
  t.diagnostic(`a patch with one: ${(await times(path('cost'))).toFixed(1)} ms`)
  const token = await people.token('bob')
  const found = await expectStatus(200, people.up, '/v1/audit/entries?kind=k8s.request&limit=5', { token })
  const row = found.json.items.find(
    (i: { head: { action?: { namespace?: string } } }) => i.head.action?.namespace === 'judged',
  )
  assert.equal(row.head.action.body.result, true)
  assert.deepEqual(row.head.action.images, ['registry.example.com/a:1'])
})
