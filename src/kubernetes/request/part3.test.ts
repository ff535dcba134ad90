/**
 * The known bypasses of Kubernetes proxies that the request parser decides, each under its number: A paths,
 * C identity, D the HTTP layer. The same tricks as raw bytes, against a Go oracle: test/parity.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ParsedRequest, RefusedRequest, RequestHead } from './contract.ts'
import { singleCredential } from './credential.ts'
import { parseRequest } from './parse.ts'
import { queryFacts } from './queryfacts.ts'

const PODS = '/api/v1/namespaces/d/pods'
const EXEC = `${PODS}/p/exec`
const WEBSOCKET = [
  'Connection',
  'Upgrade',
  'Upgrade',
  'websocket',
  'Sec-WebSocket-Key',
  'a2V5',
  'Sec-WebSocket-Version',
  '13',
]

function parse(target: string, rawHeaders: string[] = [], method = 'GET'): ParsedRequest | RefusedRequest {
  return parseRequest({
    method,
    target,
    rawHeaders: ['Host', 'cluster.example', ...rawHeaders],
  } satisfies RequestHead)
}

function accepted(target: string, rawHeaders: string[] = [], method = 'GET'): ParsedRequest {
  const result = parse(target, rawHeaders, method)
  if (result.refused) assert.fail(`${method} ${target} was refused: ${result.check}`)
  return result
}

function refusedAs(check: string, target: string, rawHeaders: string[] = [], method = 'GET'): void {
  const result = parse(target, rawHeaders, method)
  assert.equal(
    result.refused ? result.check : 'accepted',
    check,
    `${method} ${JSON.stringify(target)} ${rawHeaders}`,
  )
}

test('A1 a trailing slash on a resource path is refused, never repaired', () => {
  refusedAs('trailing-slash', `${EXEC}/`, [], 'POST')
  refusedAs('empty-segment', `${EXEC}//`, [], 'POST')
  refusedAs('trailing-slash', `${PODS}/`)
  refusedAs('trailing-slash', '/apis/apps/v1/deployments/')
  refusedAs('trailing-slash', '/apis/example.dev/v1/widgets/w/proxy/')
})

test('A1 a trailing slash stays where clients need it: discovery paths and below a proxy', () => {
  for (const target of ['/api/', '/apis/', '/apis/apps/', '/apis/apps/v1/', '/api/v1/', '/version/']) {
    const { info, target: sent } = accepted(target)
    assert.equal(info.isResource, false)
    assert.equal(info.path, target)
    assert.equal(sent, target)
  }
  const proxied = accepted('/api/v1/namespaces/d/services/https:web:443/proxy/static/')
  assert.deepEqual(
    [proxied.info.name, proxied.info.subresource, proxied.info.path, proxied.target],
    [
      'https:web:443',
      'proxy',
      '/api/v1/namespaces/d/services/https:web:443/proxy/static/',
      proxied.info.path,
    ],
  )
})

test('A2 a separator, control byte or look-alike letter inside a segment is refused', () => {
  refusedAs('encoded-slash', `${PODS}/p%2Fexec`)
  refusedAs('encoded-slash', '/api/v1/namespaces/d%2fpods/p/exec')
  refusedAs('backslash', `${PODS}/p%5Cexec`)
  refusedAs('control-byte', `${PODS}/p%00`)
  refusedAs('control-byte', `${PODS}/p%7f`)
  refusedAs('dot-segment', `${PODS}/%2e%2E/exec`)
  refusedAs('dot-segment', `${PODS}/.%2e`)
  refusedAs('non-ascii', `${PODS}/caf%C3%A9`)
  refusedAs('target-character', `${PODS}/caf\u00e9`)
  refusedAs('double-encoding', `${PODS}/p%252Fexec`)
  refusedAs('double-encoding', `${PODS}/p%25`)
})

test('A3 escapes are decoded once, and what is sent on is written anew', () => {
  const escaped = accepted(`${PODS}/p/%65xec?command=ls`)
  assert.equal(escaped.info.subresource, 'exec')
  assert.equal(escaped.target, `${EXEC}?command=ls`)
  assert.equal(accepted('/api/v1/namespaces/d/%73ecrets').info.resource, 'secrets')
  assert.equal(
    accepted('/apis/rbac.authorization.k8s.io/v1/clusterroles/system%3Anode').target.endsWith('/system:node'),
    true,
  )
})

test('A4 no path can name another host', () => {
  refusedAs('empty-segment', '//evil/api/v1/secrets')
  refusedAs('empty-segment', '//evil')
  refusedAs('backslash', '/\\evil/api/v1/secrets')
})

test('A5 dot segments are refused below a proxy as well, so nobody resolves them', () => {
  refusedAs('dot-segment', `${PODS}/p/proxy/%2e%2e/exec`)
  refusedAs('dot-segment', `${PODS}/p/proxy/../exec`)
  refusedAs('dot-segment', `${PODS}/p/proxy/a/.`)
})

test('A6 backslash, tab, CR and LF in a path are refused', () => {
  refusedAs('backslash', '/api/v1\\pods')
  for (const raw of ['\t', '\r', '\n', ' ', '\0', '\x7f']) refusedAs('target-character', `/api/v1/po${raw}ds`)
  refusedAs('control-byte', '/api/v1/pods%0d%0aX:%20y')
  refusedAs('target-character', '/api/v1/pods#fragment')
  refusedAs('target-character', '/api/v1/pods?x=#fragment')
})

test('A7 only a target that begins with a slash is taken', () => {
  for (const target of [
    'http://other/api/v1/pods',
    'HTTPS://other/api',
    'api/v1/pods',
    '*',
    '',
    '?watch=1',
    'other:443',
  ])
    refusedAs('target-form', target)
})

test('A8 a namespace or name of dots is refused', () => {
  refusedAs('dot-segment', '/api/v1/namespaces/../secrets')
  refusedAs('dot-segment', '/api/v1/namespaces/%2e/secrets')
  refusedAs('dot-segment', '/apis/example.dev/v1/namespaces/d/widgets/..')
})

test('A9 an empty namespace is refused, since upstream it would mean all of them', () => {
  refusedAs('empty-segment', '/api/v1/namespaces//secrets')
  refusedAs('empty-segment', '/api//v1/secrets')
})

test('A10 the deprecated watch prefix is refused', () => {
  refusedAs('legacy-prefix', '/api/v1/watch/namespaces/d/secrets')
  refusedAs('legacy-prefix', '/api/v1/watch/namespaces/d/secrets/s')
  refusedAs('legacy-prefix', '/apis/apps/v1/%77atch/deployments')
})

test('A11 the deprecated proxy prefix is refused', () => {
  refusedAs('legacy-prefix', '/api/v1/proxy/namespaces/d/pods/p')
  refusedAs('legacy-prefix', '/api/v1/proxy')
})

test('A12 watch is read as upstream reads it, in every spelling', () => {
  for (const query of [
    'watch',
    'watch=',
    'watch=1',
    'watch=yes',
    '%77atch=1',
    'watch=00',
    'watch=no',
    'watch=true&watch=true',
  ]) {
    const { info, longRunning } = accepted(`${PODS}?${query}`)
    assert.deepEqual([info.verb, longRunning], ['watch', true], query)
  }
  for (const query of ['watch=0', 'watch=false', 'watch=FALSE', 'Watch=true', 'limit=1', ''])
    assert.equal(accepted(`${PODS}?${query}`).info.verb, 'list', query)
  assert.equal(accepted(`${PODS}?watch`).target, `${PODS}?watch=`)
  refusedAs('query-repeated', `${PODS}?watch=true&watch=false`)
  refusedAs('query-repeated', `${PODS}?watch=0&limit=1&w%61tch=1`)
  refusedAs('query-value', `${PODS}?watch=fal%C5%BFe`)
  // Go drops these parameters silently.
  refusedAs('query-semicolon', `${PODS}?a=b;watch=1`)
  refusedAs('bad-escape', `${PODS}?watch=%zz`)
})

test('A13 a field selector on metadata.name gives the name', () => {
  const name = (query: string): string => accepted(`${PODS}?${query}`).info.name
  assert.equal(name('fieldSelector=metadata.name%3Dx'), 'x')
  assert.equal(name('fieldSelector=metadata.name%3D%3Dx&watch=1'), 'x')
  assert.equal(name('fieldSelector=metadata.name=b,metadata.name=a'), 'a')
  assert.equal(name('fieldSelector=metadata.name!=x'), '')
  assert.equal(name('fieldSelector=metadata.name=..'), '')
  assert.equal(name('fieldSelector=metadata.name=a/b'), '')
  assert.equal(name('fieldSelector=metadata.name=x&limit=many'), '')
  assert.equal(name('fieldSelector=metadata.name=x&labelSelector=app%20in%20(a,b)'), 'x')
  refusedAs('selector-unreadable', `${PODS}?fieldSelector=metadata.name=x&labelSelector=a%3Db%3Dc`)
  assert.equal(accepted(`${PODS}?fieldSelector=metadata.name=x`, [], 'DELETE').info.name, '')
})

test('A14 group and version are those of the path; two names of one kind stay apart here', () => {
  const { info } = accepted('/apis/extensions/v1beta1/namespaces/d/deployments')
  assert.deepEqual([info.apiGroup, info.apiVersion, info.resource], ['extensions', 'v1beta1', 'deployments'])
})

test('A15 scope is that of the path, for discovery to check', () => {
  assert.equal(accepted('/apis/example.dev/v1/namespaces/d/gadgets/g').info.namespace, 'd')
  assert.equal(accepted('/apis/example.dev/v1/gadgets/g').info.namespace, '')
})

test('A16 HEAD has the verb of GET', () => {
  assert.equal(accepted('/api/v1/namespaces/d/secrets/s', [], 'HEAD').info.verb, 'get')
  assert.equal(accepted('/api/v1/namespaces/d/secrets', [], 'HEAD').info.verb, 'list')
})

test('A17 other methods, and headers that would change the method, are refused', () => {
  for (const method of ['CONNECT', 'TRACE', 'OPTIONS', 'get', 'Post', 'PROPFIND', '', 'GET '])
    refusedAs('method', PODS, [], method)
  for (const name of ['X-HTTP-Method-Override', 'x-http-method', 'X-Method-Override'])
    refusedAs('method-override', PODS, [name, 'DELETE'], 'POST')
})

test('A18 a path outside of resources is never taken for a resource', () => {
  for (const target of [
    '/debug/pprof/heap',
    '/logs/',
    '/metrics',
    '/configz',
    '/openapi/v2',
    '/healthz',
    '/',
    '/.well-known/x',
    '/unknown/v1/pods/p',
    '/API/v1/pods',
  ])
    assert.deepEqual([accepted(target).info.isResource, accepted(target).info.verb], [false, 'get'], target)
})

test('C35 impersonation is read whole, in any case, or refused', () => {
  const headers = [
    'IMPERSONATE-USER',
    'jane',
    'Impersonate-Group',
    'a',
    'impersonate-group',
    'b',
    'Impersonate-Uid',
    '7',
    'Impersonate-Extra-Acme%2fTeam',
    'x',
  ]
  assert.deepEqual(accepted(PODS, headers).impersonate, {
    user: 'jane',
    groups: ['a', 'b'],
    uid: '7',
    extra: [['acme/team', 'x']],
  })
  assert.equal(accepted(PODS).impersonate, null)
  refusedAs('impersonate-unknown', PODS, ['Impersonate_User', 'jane'])
  refusedAs('impersonate-unknown', PODS, ['Impersonate-User', 'jane', 'Impersonate-Pod', 'p'])
  refusedAs('impersonate-unknown', PODS, ['Impersonate', 'jane'])
  refusedAs('impersonate-repeated', PODS, ['Impersonate-User', 'a', 'impersonate-user', 'a'])
  refusedAs('impersonate-repeated', PODS, [
    'Impersonate-User',
    'a',
    'Impersonate-Uid',
    '1',
    'Impersonate-Uid',
    '1',
  ])
  refusedAs('impersonate-without-user', PODS, ['Impersonate-Group', 'system:masters'])
  refusedAs('impersonate-without-user', PODS, ['Impersonate-Extra-a', 'b'])
  refusedAs('impersonate-value', PODS, ['Impersonate-User', ''])
  refusedAs('impersonate-value', PODS, ['Impersonate-User', 'j\u00e4ne'])
  refusedAs('impersonate-value', PODS, ['Impersonate-User', 'j', 'Impersonate-Extra-%zz', 'x'])
})

test('C36 Connection cannot name a header to delete, and is never copied', () => {
  for (const value of ['Impersonate-User', 'close, Authorization', 'keep-alive,X-Remote-User', 'TE'])
    refusedAs('connection-token', PODS, ['Connection', value])
  refusedAs('connection-token', PODS, ['Connection', 'close', 'Connection', 'Impersonate-User'])
  assert.equal(accepted(PODS, ['Connection', 'keep-alive, Close']).headers.has('connection'), false)
})

test('C37 identity that a front proxy would assert is left behind', () => {
  const asserted = [
    'X-Remote-User',
    'admin',
    'X-Remote-Group',
    'system:masters',
    'X-Remote-Extra-a',
    'b',
    'X-Forwarded-For',
    '1.2.3.4',
    'Forwarded',
    'for=x',
    'X-Client-Cert',
    'y',
    'X_Remote_User',
    'admin',
    'X-Real-Ip',
    '1.2.3.4',
    'Audit-ID',
    'mine',
    'Cookie',
    'a=b',
    'Authorization',
    'Bearer t',
    'Proxy-Authorization',
    'Basic x',
  ]
  assert.deepEqual([...accepted(PODS, ['Accept', '*/*', ...asserted]).headers], [['accept', '*/*']])
})

test('C39 there is exactly one credential, in exactly one place', () => {
  refusedAs('credential-ambiguous', PODS, ['Authorization', 'Bearer a', 'authorization', 'Bearer a'])
  const token = 'base64url.bearer.authorization.k8s.io.YQ'
  refusedAs('credential-ambiguous', EXEC, [
    ...WEBSOCKET,
    'Authorization',
    'Bearer a',
    'Sec-WebSocket-Protocol',
    `${token}, v5.channel.k8s.io`,
  ])
  refusedAs('credential-ambiguous', EXEC, [
    ...WEBSOCKET,
    'Sec-WebSocket-Protocol',
    token,
    'Sec-WebSocket-Protocol',
    `v4.channel.k8s.io,${token}`,
  ])
  assert.deepEqual(singleCredential(['authorization', 'bEARER abc.d-e_f~+/=']), {
    kind: 'bearer',
    token: 'abc.d-e_f~+/=',
    place: 'authorization',
  })
  for (const value of [
    'Bearer\tx',
    'Bearer  x',
    'Bearer',
    'Bearer ',
    'Basic eA==',
    'Bearer a b',
    'Bearer a, Bearer b',
    '',
  ])
    assert.equal(singleCredential(['Authorization', value]).kind, 'malformed', value)
})

test('D47 an upgrade has one spelling; what only looks like one is refused', () => {
  for (const connection of ['keep-alive, xupgradex', 'up-grade, upgrade2', '"Upgrade"', 'Upgrade;q=1'])
    refusedAs('connection-token', EXEC, ['Connection', connection, 'Upgrade', 'websocket'])
  refusedAs('upgrade-mismatch', EXEC, ['Upgrade', 'websocket'])
  refusedAs('upgrade-mismatch', EXEC, ['Connection', 'Upgrade'])
  refusedAs('upgrade-mismatch', EXEC, ['Sec-WebSocket-Key', 'a2V5'])
  refusedAs('upgrade-unknown', EXEC, ['Connection', 'Upgrade', 'Upgrade', 'websocket, SPDY/3.1'])
  refusedAs('upgrade-unknown', EXEC, ['Connection', 'Upgrade', 'Upgrade', 'websocket', 'Upgrade', 'SPDY/3.1'])
  refusedAs('upgrade-method', EXEC, WEBSOCKET, 'POST')
  refusedAs('upgrade-method', EXEC, ['Connection', 'Upgrade', 'Upgrade', 'SPDY/3.1'], 'PUT')
  refusedAs(
    'unexpected-body',
    EXEC,
    ['Connection', 'Upgrade', 'Upgrade', 'SPDY/3.1', 'Content-Length', '3'],
    'POST',
  )
  assert.equal(accepted(EXEC, WEBSOCKET).upgrade, 'websocket')
  assert.equal(
    accepted(EXEC, ['connection', 'keep-alive, UPGRADE', 'upgrade', 'spdy/3.1'], 'POST').upgrade,
    'SPDY/3.1',
  )
})

test('D48 h2c is refused', () => {
  refusedAs('upgrade-unknown', PODS, ['Connection', 'Upgrade', 'Upgrade', 'h2c'])
  refusedAs('connection-token', PODS, [
    'Connection',
    'Upgrade, HTTP2-Settings',
    'Upgrade',
    'h2c',
    'HTTP2-Settings',
    'AAMA',
  ])
})

test('D51 a body has one length, one coding, and a method that has a body', () => {
  refusedAs('length-conflict', PODS, ['Content-Length', '5', 'Transfer-Encoding', 'chunked'], 'POST')
  refusedAs('content-length', PODS, ['Content-Length', '5', 'content-length', '5'], 'POST')
  for (const length of ['+5', '-1', '5, 5', '0x5', '', ' '])
    refusedAs('content-length', PODS, ['Content-Length', length], 'POST')
  for (const coding of ['xchunked', 'gzip, chunked', 'identity', 'chunked;x', ''])
    refusedAs('transfer-encoding', PODS, ['Transfer-Encoding', coding], 'POST')
  refusedAs(
    'transfer-encoding',
    PODS,
    ['Transfer-Encoding', 'chunked', 'Transfer-Encoding', 'chunked'],
    'POST',
  )
  refusedAs('unexpected-body', PODS, ['Content-Length', '5'])
  refusedAs('unexpected-body', PODS, ['Transfer-Encoding', 'chunked'], 'HEAD')
  assert.equal(accepted(PODS, ['Content-Length', '0']).refused, false)
  refusedAs('host-repeated', PODS, ['host', 'other.example'])
  const bad = parseRequest({ method: 'GET', target: PODS, rawHeaders: ['Host', 'a/b'] })
  assert.equal(bad.refused && bad.check, 'host-value')
})

test('D52 Expect is 100-continue or refused; trailers and TE are left behind', () => {
  refusedAs('expect', PODS, ['Expect', '200-ok'], 'POST')
  refusedAs('expect', PODS, ['Expect', '100-continue', 'Expect', '100-continue'], 'POST')
  const { headers } = accepted(
    PODS,
    [
      'Expect',
      '100-Continue',
      'Trailer',
      'Impersonate-User',
      'TE',
      'trailers',
      'Transfer-Encoding',
      'chunked',
    ],
    'POST',
  )
  assert.deepEqual([...headers], [])
})

test('D53 a :path of HTTP/2 goes through the same checks, and a request line may not claim HTTP/2', () => {
  refusedAs('target-form', 'cluster.example/api')
  refusedAs('target-character', '/api/v1/pods\u00ff')
  const claimed = parseRequest({ method: 'GET', target: PODS, rawHeaders: [], httpVersion: '2.0' })
  assert.equal(claimed.refused && claimed.check, 'http-version')
})

test('D56 one content coding that can be undone within limits, or none', () => {
  for (const coding of ['gzip, gzip', 'br', 'zstd', 'deflate', 'x-gzip', ''])
    refusedAs('content-encoding', PODS, ['Content-Encoding', coding], 'POST')
  refusedAs('content-encoding', PODS, ['Content-Encoding', 'gzip', 'Content-Encoding', 'gzip'], 'POST')
  assert.equal(accepted(PODS, ['Content-Encoding', 'GZIP'], 'POST').headers.get('content-encoding'), 'gzip')
})

test('D57 Range is left behind', () => {
  assert.deepEqual([...accepted(`${PODS}/p/log`, ['Range', 'bytes=0-9', 'If-Range', 'x']).headers], [])
})

test('D60 a body declares one type, in one way', () => {
  const type = (value: string): string | undefined =>
    accepted(PODS, ['Content-Type', value], 'POST').headers.get('content-type')
  assert.equal(type('application/json'), 'application/json')
  assert.equal(type('Application/JSON; charset="UTF-8"'), 'application/json')
  assert.equal(type('application/apply-patch+yaml'), 'application/apply-patch+yaml')
  for (const value of [
    'application/json; charset=utf-16',
    'application/json, application/yaml',
    'application/json; x=y',
    'json',
    '',
  ])
    refusedAs('content-type', PODS, ['Content-Type', value], 'POST')
  refusedAs(
    'content-type',
    PODS,
    ['Content-Type', 'application/json', 'content-type', 'application/json'],
    'POST',
  )
  const form = 'multipart/form-data; boundary=xyz'
  assert.equal(
    accepted('/api/v1/namespaces/d/services/s/proxy/', ['Content-Type', form], 'POST').headers.get(
      'content-type',
    ),
    form,
  )
})

test('D61 names are ASCII and parameters are UTF-8 without NUL', () => {
  refusedAs('non-ascii', `${PODS}/%E2%84%AA`)
  refusedAs('non-ascii', `${PODS}/a%E2%80%AEb`)
  refusedAs('bad-utf8', `${PODS}/%C0%AF`)
  refusedAs('non-ascii', `${PODS}?fieldSelector=metadata.name%3D%E2%84%AA`)
  refusedAs('bad-utf8', `${PODS}?labelSelector=%FF`)
  refusedAs('control-byte', `${PODS}?labelSelector=a%00`)
  refusedAs('control-byte', `${PODS}?labelSelector=a%0A`)
  refusedAs('control-byte', `${EXEC}?command=a%00`, WEBSOCKET)
  refusedAs('query-name', `${PODS}?%C3%A9=1`)
  const { command } = queryFacts(
    accepted(`${EXEC}?command=sh&command=-c&command=echo+%C3%A9%0A&command=-c`, WEBSOCKET),
  )
  assert.deepEqual(command, ['sh', '-c', 'echo \u00e9\n', '-c'])
})
