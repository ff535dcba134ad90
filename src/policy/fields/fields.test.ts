import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { parseDocuments } from '../../documents/parse.ts'
import { account, alice, decide, EVERYTHING, type More, policies, table } from '../testing/ask.ts'
import { AddressRanges, parseRange } from './addresses.ts'
import { fullImageName } from './images.ts'

const ALLOW =
  'principals: {users: ["*"]}, verbs: ["*"], apiGroups: ["*"], resources: ["*"], riskClasses: ["*"]'
const HOME = 'images: {from: ["registry.example.com/*"]}'
const AWAY = 'images: {notFrom: ["registry.example.com/*"]}'

function pod(...images: unknown[]): More {
  return { body: { object: { spec: { containers: images.map(image => ({ name: 'c', image })) } } } }
}

table(
  'an allow rule with images covers what has no other',
  [`a allow {${ALLOW}, ${HOME}}`],
  [
    ['create pods a/-', 'allow', pod('registry.example.com/web:2')],
    ['create pods a/-', 'allow', pod('REGISTRY.example.com/web:2')],
    ['create pods a/-', 'deny', pod('registry.example.com/web:2', 'nginx')],
    ['create pods a/-', 'deny', pod('registry.example.com.evil.example/web')],
    ['create pods a/-', 'deny', pod('evil.example/registry.example.com/web')],
    ['create pods a/-', 'deny', pod({ repository: 'registry.example.com/web' })],
    ['create pods a/-', 'deny', pod(7)],
    ['create configmaps a/-', 'allow', { body: { object: { data: { image: 'nginx' } } } }],
    // A read has no body, and neither has a delete.
    ['get pods a/p', 'deny'],
    ['delete pods a/p', 'deny'],
    ['create pods/exec a/p', 'deny'],
  ],
)

table(
  'a deny rule with images counts when one is there, or could be',
  [EVERYTHING, `d deny {${AWAY}}`],
  [
    ['create pods a/-', 'allow', pod('registry.example.com/web:2')],
    ['create pods a/-', 'deny', pod('registry.example.com/web:2', 'docker.io/library/nginx')],
    ['create pods a/-', 'deny', pod('nginx')],
    ['create pods a/-', 'deny', pod('evil.example/registry.example.com/web')],
    // At any depth, in whatever kind of object.
    [
      'create batch/cronjobs a/-',
      'deny',
      {
        body: {
          object: {
            spec: {
              jobTemplate: { spec: { template: { spec: { initContainers: [{ image: 'busybox' }] } } } },
            },
          },
        },
      },
    ],
    [
      'update example.com/widgets a/w',
      'deny',
      { body: { object: { spec: { runner: { image: 'busybox' } } } } },
    ],
    [
      'create pods a/-',
      'deny',
      { body: { object: { spec: { volumes: [{ image: { reference: 'quay.io/data:1' } }] } } } },
    ],
    [
      'create pods a/-',
      'allow',
      { body: { object: { spec: { volumes: [{ image: { reference: 'registry.example.com/data:1' } }] } } } },
    ],
    [
      'create pods a/-',
      'allow',
      { body: { object: { metadata: { labels: { image: 'nginx' } }, spec: {} } } },
    ],
    // What looks like a label and is none is looked at.
    ['create pods a/-', 'deny', { body: { object: { labels: { x: { image: 'nginx' } } } } }],
    [
      'patch pods a/p',
      'deny',
      {
        body: {
          form: 'strategic-merge-patch',
          object: { spec: { containers: [{ name: 'c', image: 'nginx' }] } },
        },
      },
    ],
    [
      'patch pods a/p',
      'allow',
      { body: { form: 'merge-patch', object: { metadata: { labels: { a: 'b' } } } } },
    ],
    [
      'patch pods a/p',
      'deny',
      {
        body: {
          form: 'json-patch',
          object: [{ op: 'replace', path: '/spec/containers/0/image', value: 'nginx' }],
        },
      },
    ],
    [
      'patch pods a/p',
      'deny',
      {
        body: {
          form: 'json-patch',
          object: [{ op: 'copy', from: '/metadata/annotations/x', path: '/spec/containers/0/image' }],
        },
      },
    ],
    [
      'patch pods a/p',
      'deny',
      {
        body: {
          form: 'json-patch',
          object: [{ op: 'move', from: '/metadata/annotations/x', path: '/spec/containers/0' }],
        },
      },
    ],
    ['create pods a/-', 'deny', { body: { object: null } }],
    // In doubt it counts: a rule that says no verb is also about reads, which have no images to show.
    ['get pods a/p', 'deny'],
  ],
)

table(
  'images, for verbs that have a body',
  [EVERYTHING, `d deny {verbs: [create, update, patch], ${AWAY}}`],
  [
    ['get pods a/p', 'allow'],
    ['delete pods a/p', 'allow'],
    ['create pods a/-', 'deny', pod('nginx')],
    [
      'patch pods a/p',
      'deny',
      { body: { form: 'apply-patch', object: { spec: { containers: [{ image: 'nginx' }] } } } },
    ],
  ],
)

test('a short image name is the long one, and without a tag it is the latest', () => {
  for (const [short, full] of [
    ['nginx', 'docker.io/library/nginx:latest'],
    ['nginx:1', 'docker.io/library/nginx:1'],
    ['corp/web', 'docker.io/corp/web:latest'],
    ['index.docker.io/nginx', 'docker.io/library/nginx:latest'],
    ['localhost/web', 'localhost/web:latest'],
    ['localhost:5000/web', 'localhost:5000/web:latest'],
    ['Quay.IO/a/b@sha256:00', 'quay.io/a/b@sha256:00'],
  ] as const) {
    assert.equal(fullImageName(short), full)
  }
})

table(
  'a pattern without a tag is every tag',
  [EVERYTHING, 'd deny {verbs: [create], images: {from: ["docker.io/library/nginx"]}}'],
  [
    ['create pods a/-', 'deny', pod('nginx')],
    ['create pods a/-', 'deny', pod('nginx:1.2')],
    ['create pods a/-', 'deny', pod('docker.io/nginx@sha256:00')],
    ['create pods a/-', 'allow', pod('nginx-exporter')],
  ],
)

table(
  'a star of a pattern stays on its side of the registry',
  [EVERYTHING, 'd deny {verbs: [create], images: {notFrom: ["*.example.com/team/*"]}}'],
  [
    ['create pods a/-', 'allow', pod('eu.example.com/team/web')],
    ['create pods a/-', 'deny', pod('evil.example/x.example.com/team/web')],
    ['create pods a/-', 'deny', pod('eu.example.com/other/web')],
  ],
)

table(
  'dry runs',
  [`a allow {${ALLOW}}`, 'h hold {principals: {users: ["*"]}, verbs: [delete], dryRun: false}'],
  [
    ['delete pods a/p', 'hold'],
    ['delete pods a/p', 'allow', { dryRun: true }],
  ],
)
table(
  'only dry runs',
  [`a allow {${ALLOW}, dryRun: true}`],
  [
    ['create pods a/-', 'deny', pod('nginx')],
    ['create pods a/-', 'allow', { ...pod('nginx'), dryRun: true }],
    ['get pods a/p', 'deny'],
  ],
)

const at = (text: string): More => ({ now: Date.parse(text) })
table(
  'a window in a zone',
  [
    EVERYTHING,
    'd deny {time: {outside: [{days: [mon, tue, wed, thu, fri], hours: "08:00-18:00", zone: Europe/Berlin}]}}',
  ],
  [
    // 2026-01-05 is a Monday; Berlin is at +1 in winter and at +2 in summer.
    ['get pods a/p', 'deny', at('2026-01-05T06:59:59Z')],
    ['get pods a/p', 'allow', at('2026-01-05T07:00:00Z')],
    ['get pods a/p', 'allow', at('2026-01-05T16:59:59Z')],
    ['get pods a/p', 'deny', at('2026-01-05T17:00:00Z')],
    ['get pods a/p', 'allow', at('2026-07-06T06:00:00Z')],
    ['get pods a/p', 'deny', at('2026-07-06T05:59:00Z')],
    ['get pods a/p', 'deny', at('2026-01-04T10:00:00Z')],
    ['get pods a/p', 'allow', at('2026-01-09T16:00:00Z')],
    ['get pods a/p', 'deny', at('2026-01-09T23:30:00Z')],
  ],
)
table(
  'a window over midnight belongs to the day on which it begins',
  [`a allow {${ALLOW}, time: {within: [{days: [sun], hours: "22:00-06:00"}]}}`],
  [
    ['get pods a/p', 'allow', at('2026-01-04T22:00:00Z')],
    ['get pods a/p', 'allow', at('2026-01-05T05:59:00Z')],
    ['get pods a/p', 'deny', at('2026-01-05T06:00:00Z')],
    ['get pods a/p', 'deny', at('2026-01-05T22:30:00Z')],
    ['get pods a/p', 'deny', at('2026-01-04T05:00:00Z')],
  ],
)
table(
  'whole days, and times about Sallyport itself',
  [EVERYTHING, 'd deny {time: {within: [{days: [sat, sun]}]}}'],
  [
    ['get pods a/p', 'deny', at('2026-01-03T00:00:00Z')],
    ['get pods a/p', 'deny', at('2026-01-04T23:59:59Z')],
    ['get pods a/p', 'allow', at('2026-01-05T00:00:00Z')],
  ],
)

const from = (address: string): More => ({ client: { address } })
table(
  'addresses',
  [`a allow {${ALLOW}, client: {addresses: [10.0.0.0/8, "2001:db8::/33"]}}`],
  [
    ['get pods a/p', 'allow', from('10.255.0.1')],
    ['get pods a/p', 'allow', from('::ffff:10.1.2.3')],
    ['get pods a/p', 'allow', from('::ffff:a01:203')],
    ['get pods a/p', 'deny', from('11.0.0.1')],
    ['get pods a/p', 'allow', from('2001:db8:7fff::1')],
    ['get pods a/p', 'deny', from('2001:db8:8000::1')],
    // What is not known covers nothing.
    ['get pods a/p', 'deny', from('')],
    ['get pods a/p', 'deny', from('unix')],
    ['get pods a/p', 'deny'],
  ],
)
table(
  'a deny rule on what is not known counts',
  [EVERYTHING, 'd deny {client: {addresses: [10.0.0.0/8]}}', 'u deny {client: {userAgents: [curl]}}'],
  [
    ['get pods a/p', 'deny', { client: { address: '10.1.1.1', userAgent: 'kubectl/v1.36.0' } }],
    [
      'get pods a/p',
      'allow',
      { client: { address: '11.1.1.1', userAgent: 'kubectl/v1.36.0 (linux/amd64)' } },
    ],
    ['get pods a/p', 'deny', { client: { address: '11.1.1.1', userAgent: 'curl/8.5.0' } }],
    ['get pods a/p', 'deny', { client: { address: '11.1.1.1' } }],
    ['get pods a/p', 'deny', { client: { userAgent: 'kubectl/v1.36.0' } }],
    ['get pods a/p', 'deny'],
  ],
)
table(
  'what kubectl says that it runs',
  [
    `a allow {${ALLOW}, client: {userAgents: ["kubectl/v1.3*"], commands: ["kubectl get", "kubectl rollout *"]}}`,
  ],
  [
    ['get pods a/p', 'allow', { client: { userAgent: 'kubectl/v1.36.0 (linux)', command: 'kubectl get' } }],
    [
      'get pods a/p',
      'allow',
      { client: { userAgent: 'kubectl/v1.36.0', command: 'kubectl rollout status' } },
    ],
    ['get pods a/p', 'deny', { client: { userAgent: 'kubectl/v1.36.0', command: 'kubectl delete' } }],
    ['get pods a/p', 'deny', { client: { userAgent: 'kubectl/v1.36.0' } }],
    ['get pods a/p', 'deny', { client: { userAgent: 'mykubectl/v1.36.0', command: 'kubectl get' } }],
  ],
)

test('an address is in a range when its bits are, whatever way it is written', () => {
  const word = fc.integer({ min: 0, max: 0xffff })
  fc.assert(
    fc.property(
      fc.array(word, { minLength: 8, maxLength: 8 }),
      fc.integer({ min: 0, max: 128 }),
      fc.integer({ min: 0, max: 127 }),
      (words, bits, flipped) => {
        const kept = words.map((w, i) => w & ~(0xffff >> Math.min(16, Math.max(0, bits - i * 16))) & 0xffff)
        const text = (list: number[]): string => list.map(w => w.toString(16)).join(':')
        const range = new AddressRanges([`${text(kept)}/${bits}`])
        assert.equal(range.has(text(words)), true)
        const other = words.map((w, i) => (i === flipped >> 4 ? w ^ (0x8000 >> (flipped & 15)) : w))
        assert.equal(range.has(text(other)), flipped >= bits)
      },
    ),
  )
  for (const bad of [
    '10.0.0.0/33',
    '10.1.2.3/8',
    '::1/129',
    '1.2.3',
    '10.0.0.0/8/8',
    'fe80::1%eth0',
    '::/-1',
    '10.0.0.0/',
    '',
  ]) {
    assert.equal(parseRange(bad), undefined, bad)
  }
})

const withClaims = (claims: Record<string, string[]>): More => ({ principal: { ...alice, claims } })
const local: More = {
  principal: { ...alice, issuer: 'local', username: 'local:admin', groups: ['local:admins'] },
}
table(
  'an allow rule for claims',
  [
    `a allow {${ALLOW.replace('users: ["*"]', 'users: ["*"], claims: {repository: ["corp/shop", "corp/web-*"], environment: [production]}')}}`,
  ],
  [
    ['get pods a/p', 'allow', withClaims({ repository: ['corp/shop'], environment: ['production'] })],
    ['get pods a/p', 'allow', withClaims({ repository: ['x/y', 'corp/web-1'], environment: ['production'] })],
    ['get pods a/p', 'deny', withClaims({ repository: ['corp/shop'], environment: [] })],
    ['get pods a/p', 'deny', withClaims({ repository: ['corp/shop'] })],
    ['get pods a/p', 'deny', withClaims({ repository: ['corp/other'], environment: ['production'] })],
    ['get pods a/p', 'deny'],
    ['get pods a/p', 'deny', local],
  ],
)
table(
  'a deny rule for claims counts when a claim is not known',
  [EVERYTHING, 'd deny {principals: {claims: {employment: [contractor]}}}'],
  [
    ['get pods a/p', 'deny', withClaims({ employment: ['contractor'] })],
    ['get pods a/p', 'allow', withClaims({ employment: ['staff'] })],
    ['get pods a/p', 'allow', withClaims({ employment: [] })],
    ['get pods a/p', 'deny', withClaims({ other: ['x'] })],
    ['get pods a/p', 'deny', withClaims({})],
    ['get pods a/p', 'deny'],
    // These credentials have no claims.
    ['get pods a/p', 'allow', local],
    ['get pods a/p', 'allow', { principal: account('a:a') }],
  ],
)
table(
  'of whom somebody acts as no claims are known',
  [
    EVERYTHING,
    `as allow {${ALLOW}, impersonate: {users: [bob]}}`,
    'd deny {principals: {claims: {employment: [contractor]}}}',
  ],
  [
    ['get pods a/p', 'deny', { ...withClaims({ employment: ['staff'] }), as: { user: 'bob' } }],
    ['get pods a/p', 'allow', withClaims({ employment: ['staff'] })],
  ],
)
table(
  'the name of a claim is no name of an object',
  [EVERYTHING, 'd deny {principals: {claims: {constructor: ["*"]}}}'],
  [
    ['get pods a/p', 'allow', withClaims({ constructor: [] } as never)],
    ['get pods a/p', 'deny', withClaims({})],
  ],
)
table(
  'conditions see claims, the client and images',
  [
    `c allow {${ALLOW}} when principal.claims["team"].exists(t, t == "shop")`,
    `u allow {${ALLOW}} when client.userAgent.startsWith("kubectl/") && client.address == "10.0.0.1"`,
    `i allow {${ALLOW}} when action.images.all(i, i.startsWith("registry.example.com/")) && size(action.images) > 0`,
  ],
  [
    ['get pods a/p', 'allow', withClaims({ team: ['shop'] })],
    ['get pods a/p', 'deny', withClaims({ team: [] })],
    ['get pods a/p', 'deny', withClaims({})],
    ['get pods a/p', 'allow', { client: { userAgent: 'kubectl/v1', address: '10.0.0.1' } }],
    ['get pods a/p', 'deny', { client: { userAgent: 'kubectl/v1', address: '10.0.0.2' } }],
    ['create pods a/-', 'allow', pod('registry.example.com/a')],
    ['create pods a/-', 'deny', pod('a')],
  ],
)

test('the reason names the field that stands in the way', () => {
  const rules = policies(`a allow {${ALLOW}, time: {within: [{hours: "08:00-18:00"}]}}`)
  const { reason } = decide(rules, 'get pods a/p', at('2026-01-05T20:00:00Z'))
  assert.match(reason, /rule p\/a would if it had another time \(it holds within 08:00-18:00 UTC\)/)
})

for (const [match, message] of [
  ['{images: {from: [nginx]}}', /must begin with a registry/],
  ['{images: {from: ["registry.example.com*/x"]}}', /a star in the registry/],
  ['{images: {}}', /either from or notFrom/],
  ['{time: {within: [{hours: "25:00-26:00"}]}}', /from-to/],
  ['{time: {within: [{hours: "08:00-08:00"}]}}', /begins when it ends/],
  ['{time: {within: [{zone: Europe/Nowhere, hours: "08:00-09:00"}]}}', /no time zone/],
  ['{time: {within: [{zone: UTC}]}}', /days or hours/],
  ['{time: {}}', /either within or outside/],
  ['{client: {addresses: [10.0.0.1/8]}}', /without bits behind its prefix/],
  ['{client: {}}', /must say something/],
  ['{principals: {claims: {}}}', /must name a claim/],
  ['{admin: {verbs: ["*"]}, dryRun: true}', /cannot stand beside admin/],
  ['{nonResourceURLs: ["/x"], images: {from: ["docker.io/*"]}}', /cannot stand beside nonResourceURLs/],
] as const) {
  test(`refused when it is read: ${match}`, () => {
    const text = `apiVersion: sallyport.dev/v1\nkind: Policy\nmetadata: {name: p}\nspec:\n  rules:\n    - {name: r, effect: deny, match: ${match}}\n`
    assert.match(
      parseDocuments([{ file: 'p', text }])
        .problems.map(p => p.message)
        .join('\n'),
      message,
    )
  })
}
