import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { KubernetesAction } from '../../kubernetes/action.ts'
import type { Circumstances } from '../decision.ts'
import { compileCondition } from './compile-condition.ts'
import { Facts } from './facts.ts'

const circumstances: Circumstances = {
  session: {
    id: 's-1',
    connection: 'prod',
    opened: 'explicitly',
    openedAt: Date.UTC(2026, 0, 5, 8),
    expiresAt: Date.UTC(2026, 0, 5, 20),
    principal: {
      issuer: 'https://issuer.example.com',
      subject: '1',
      kind: 'person',
      username: 'corp:alice',
      groups: ['corp:dev', 'corp:oncall'],
      email: 'alice@example.com',
      authentication: { method: 'oidc', provider: 'corp', validUntil: 0, credentialDigest: '' },
    },
  },
  connection: {
    name: 'prod',
    kind: 'kubernetes',
    hosts: [],
    agents: ['embedded'],
    upstreamIdentity: 'principal',
    groupMappings: [],
    serviceAccounts: { enabled: true, alsoFrom: [], audiences: [] },
    capture: 'full',
    session: { idle: 1, maximum: 1 },
  },
  // A Monday.
  now: Date.UTC(2026, 0, 5, 9, 30),
}

function action(object?: unknown): KubernetesAction {
  return {
    protocol: 'k8s',
    verb: 'create',
    isResource: true,
    apiGroup: 'apps',
    apiVersion: 'v1',
    resource: 'deployments',
    subresource: '',
    namespace: 'team-a',
    name: '',
    path: '/apis/apps/v1/namespaces/team-a/deployments',
    query: { fieldSelector: '', labelSelector: '', dryRun: false, follow: false, container: '', command: [] },
    body:
      object === undefined
        ? null
        : {
            apiVersion: 'apps/v1',
            kind: 'Deployment',
            name: 'x',
            namespace: 'team-a',
            form: 'object',
            object,
          },
    impersonate: null,
    risk: 'none',
    hasSideEffect: true,
    longRunning: false,
  }
}

function evaluate(source: string, object?: unknown): unknown {
  const compiled = compileCondition(source)
  if ('errors' in compiled) assert.fail(`${source}: ${JSON.stringify(compiled.errors)}`)
  return compiled.condition.evaluate(new Facts(action(object), circumstances))
}

function errorOf(source: string): string {
  const compiled = compileCondition(source)
  if (!('errors' in compiled)) assert.fail(`${source} compiles`)
  const e = compiled.errors[0]!
  return `${e.line}:${e.column} ${e.message}`
}

const object = {
  metadata: { name: 'web', labels: { app: 'web', constructor: 'x' }, annotations: { 'a/b': '"q" \\ ü😀' } },
  spec: {
    replicas: 3,
    big: 9007199254740993n,
    fraction: 0.5,
    containers: [
      { name: 'a', image: 'registry.example.com/a:1', ports: [80, 443] },
      { name: 'b', image: 'docker.io/b:2', ports: [] },
    ],
  },
}

for (const source of [
  'principal.username == "corp:alice"',
  '"corp:dev" in principal.groups',
  'principal.groups.exists(g, g.startsWith("corp:"))',
  'principal.email.endsWith("@example.com")',
  'principal.displayName == ""',
  '!has(principal.serviceAccount)',
  'action.verb == "create" && action.apiGroup == "apps"',
  'action.namespace.matches("^team-[a-z]+$")',
  'now.getHours() >= 9 && now.getHours() < 17 && now.getDayOfWeek() == 1',
  'now.getHours("Europe/Berlin") == 10',
  'now - session.openedAt < duration("2h")',
  'now < session.expiresAt',
  'connection.name == "prod"',
  'has(action.body) && action.body.kind == "Deployment"',
  'action.body.object.spec.replicas == 3',
  'action.body.object.spec.replicas + 1 == 4',
  'action.body.object.spec.replicas > 2 && action.body.object.spec.replicas <= 3',
  'action.body.object.spec.big == 9007199254740993',
  'action.body.object.spec.big != 9007199254740992',
  'action.body.object.spec.fraction < 1.0',
  'action.body.object.spec.containers.all(c, c.image.contains(":"))',
  'action.body.object.spec.containers.exists(c, c.image.startsWith("docker.io/"))',
  'action.body.object.spec.containers.map(c, c.name).join(",") == "a,b"',
  'size(action.body.object.spec.containers.filter(c, 443 in c.ports)) == 1',
  'action.body.object.spec.containers.exists_one(c, c.ports.exists(p, p == 80))',
  'action.body.object.metadata.labels["constructor"] == "x"',
  'action.body.object.metadata.annotations["a/b"] == "\\"q\\" \\\\ ü😀"',
  '!has(action.body.object.spec.hostNetwork) || !action.body.object.spec.hostNetwork',
  '!("toString" in action.body.object.metadata.labels)',
  'action.risks == [] && action.risk == "none"',
  '"ABC".lowerAscii() == "abc" && "\u212a".lowerAscii() == "\u212a"',
  'action.body.object.spec.containers.all(c, size(c.name) == 1 ? true : false)',
]) {
  test(`true: ${source}`, () => assert.equal(evaluate(source, object), true))
}

for (const [source, expected] of [
  ['action.body.object.spec.nothing == 1', /no such key: nothing/],
  ['action.body.object.spec.replicas.x == 1', /./],
  ['action.body.object.spec.replicas', /neither true nor false/],
  ['action.body.object.metadata.labels.toString == "x"', /no such key/],
  ['action.body.object.__proto__ == null', /no such key/],
  ['action.body.object.spec.containers[7].name == "x"', /index out of bounds/],
  ['action.body.object.spec.replicas + "x" == "3x"', /no such overload/],
  ['1 / (action.body.object.spec.replicas - 3) == 1', /division by zero/],
  ['principal.serviceAccount.name == "x"', /no such key: serviceAccount/],
  ['duration(action.body.object.metadata.name) > duration("1s")', /duration\(\) needs/],
] as const) {
  test(`an error, not an answer: ${source}`, () => {
    const result = evaluate(source, object) as { error: string }
    assert.match(result.error, expected)
  })
}

test('without a body its facts are absent', () => {
  assert.equal(evaluate('has(action.body)'), false)
  assert.match((evaluate('action.body.kind == "Pod"') as { error: string }).error, /no such key: body/)
})

for (const [source, expected] of [
  ['principal.usrname == "x"', /^1:11 no such key: usrname/],
  ['action.verb ==', /^1:15 unexpected token/],
  ['action.verb == "get" &&\n  foo == 1', /^2:3 unknown variable: foo/],
  ['action.verb', /^1:1 must be true or false, and is of type string/],
  ['action.verb == 1', /no such overload/],
  ['action.verb.matches("(a)\\\\1")', /^1:21 the pattern back-references are not supported/],
  ['action.verb.matches("(?=a)")', /look-around/],
  ['action.verb.matches(principal.username)', /must be a text in quotes/],
  ['cel.bind(x, 1, x == 1)', /there is no function bind|is not supported|unknown/],
  ['b"x".json() == {}', /there is no function json/],
  ['[1].all(a, [1].all(b, [1].all(c, [1].all(d, true))))', /^1:.* nested deeper/],
  ['principal.constructor == "x"', /no such key/],
  [`${'('.repeat(60)}true${')'.repeat(60)}`, /exceeded maxDepth/],
  [`true${' || true'.repeat(600)}`, /longer than|exceeded maxAstNodes/],
  ['', /./],
] as const) {
  test(`refused when it is read: ${source.slice(0, 60)}`, () => assert.match(errorOf(source), expected))
}

test('work is bounded: nested loops over a large body end in an error, soon', () => {
  const items = Array.from({ length: 20_000 }, (_, i) => ({ name: `n${i}`, text: 'x'.repeat(50) }))
  const body = { items, text: 'y'.repeat(1_000_000), words: items.map(i => i.name) }
  for (const source of [
    'action.body.object.items.all(a, action.body.object.items.exists(b, b.name == a.name + "!") || true)',
    'action.body.object.items.all(a, !action.body.object.text.contains(a.text))',
    'action.body.object.items.all(a, !(a.text in action.body.object.words))',
    'action.body.object.text.matches("(y*)*z")',
    '[action.body.object.text].map(a, a + a).map(a, a + a).map(a, a + a).map(a, a + a).map(a, a + a) == []',
  ]) {
    // CPU time: the machine may be busy with other things.
    const started = process.cpuUsage()
    const result = evaluate(source, body) as { error: string }
    const { user, system } = process.cpuUsage(started)
    assert.match(result.error, /too much work/, source)
    assert.ok((user + system) / 1000 < 1500, source)
  }
  assert.equal(
    evaluate('action.body.object.items.all(a, a.name.startsWith("n"))', { items: items.slice(0, 2000) }),
    true,
  )
})

test('a body with hostile keys changes nothing for anybody', () => {
  const hostile = JSON.parse(
    '{"__proto__": {"admin": true}, "constructor": {"name": "Map"}, "spec": {"x": 1}}',
  )
  assert.equal(evaluate('action.body.object.spec.x == 1', hostile), true)
  assert.equal(evaluate('has(action.body.object.admin)', hostile), false)
  assert.equal(({} as Record<string, unknown>).admin, undefined)
})

test('any text compiles or is refused with a place; any result is a boolean or an error', () => {
  const value = fc.constantFrom(
    'action.verb',
    'principal.username',
    'action.body.object.x',
    'action.body.object.x[0]',
    '"a"',
    '1',
    '1.5',
    '2u',
    'null',
    'now',
    'principal.groups',
    'has(action.body)',
    'action.name.size()',
    'duration("1s")',
    '{"a": 1}',
    '[1, 2]',
    'oops',
    '"a" + "b"',
    'action.name.matches("a+$")',
    'principal.groups.exists(x, x == "a")',
    'action.body.object.x.all(x, x.y)',
    'true',
  )
  const operator = fc.constantFrom(
    ' == ',
    ' != ',
    ' in ',
    ' && ',
    ' || ',
    ' + ',
    ' < ',
    ' ? true : ',
    ' . ',
    ' ( ',
  )
  const expression = fc.tuple(value, operator, value, operator, value).map(parts => parts.join(''))
  let compiled = 0
  fc.assert(
    fc.property(
      fc.oneof(
        fc.string(),
        value,
        expression,
        fc.tuple(value, operator, value).map(p => p.join('')),
      ),
      source => {
        const result = compileCondition(source)
        if ('errors' in result) {
          assert.ok(result.errors[0]!.line >= 1 && result.errors[0]!.column >= 1)
          return
        }
        compiled++
        const answer = result.condition.evaluate(new Facts(action({ x: ['a'] }), circumstances))
        assert.ok(typeof answer === 'boolean' || answer.error !== '')
      },
    ),
    { numRuns: 3000 },
  )
  assert.ok(compiled > 200, String(compiled))
})
