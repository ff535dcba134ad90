import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import fc from 'fast-check'
import type { ParsedRequest, RefusedRequest } from './contract.ts'
import { parseRequest } from './parse.ts'
import { queryFacts } from './queryfacts.ts'
import { requestRefusals } from './refusals.ts'

function parse(
  target: string,
  rawHeaders: readonly string[] = [],
  method = 'GET',
): ParsedRequest | RefusedRequest {
  return parseRequest({ method, target, rawHeaders })
}

function accepted(target: string, rawHeaders: readonly string[] = [], method = 'GET'): ParsedRequest {
  const result = parse(target, rawHeaders, method)
  if (result.refused) assert.fail(`${target} was refused: ${result.check}`)
  return result
}

function checkOf(target: string, rawHeaders: readonly string[] = []): string {
  const result = parse(target, rawHeaders)
  return result.refused ? result.check : 'accepted'
}

test('the verb follows from method, name and watch', () => {
  const verb = (method: string, target: string): string => accepted(target, [], method).info.verb
  assert.equal(verb('GET', '/api/v1/pods'), 'list')
  assert.equal(verb('GET', '/api/v1/namespaces/d/pods/p'), 'get')
  assert.equal(verb('GET', '/api/v1/namespaces/d/pods/p?watch=1'), 'get')
  assert.equal(verb('POST', '/api/v1/namespaces/d/pods'), 'create')
  assert.equal(verb('PUT', '/api/v1/namespaces/d/pods/p'), 'update')
  assert.equal(verb('PATCH', '/api/v1/namespaces/d/pods/p'), 'patch')
  assert.equal(verb('DELETE', '/api/v1/namespaces/d/pods/p'), 'delete')
  assert.equal(verb('DELETE', '/api/v1/namespaces/d/pods'), 'deletecollection')
  assert.equal(verb('DELETE', '/healthz'), 'delete')
})

test('namespaces are a resource, a scope, or the owner of status and finalize', () => {
  const where = (target: string): string[] => {
    const { info } = accepted(target)
    return [info.namespace, info.resource, info.name, info.subresource]
  }
  assert.deepEqual(where('/api/v1/namespaces'), ['', 'namespaces', '', ''])
  assert.deepEqual(where('/api/v1/namespaces/d'), ['d', 'namespaces', 'd', ''])
  assert.deepEqual(where('/api/v1/namespaces/d/finalize'), ['d', 'namespaces', 'd', 'finalize'])
  assert.deepEqual(where('/api/v1/namespaces/d/status'), ['d', 'namespaces', 'd', 'status'])
  assert.deepEqual(where('/api/v1/namespaces/d/pods'), ['d', 'pods', '', ''])
  assert.deepEqual(where('/api/v1/namespaces/namespaces/namespaces/namespaces'), [
    'namespaces',
    'namespaces',
    'namespaces',
    '',
  ])
  assert.deepEqual(where('/apis/g.dev/v1/namespaces/d/widgets/w/scale'), ['d', 'widgets', 'w', 'scale'])
})

test('below a subresource the core API has only proxied paths, an aggregated API may have more', () => {
  assert.equal(checkOf('/api/v1/namespaces/d/pods/p/exec/x'), 'path-too-deep')
  assert.equal(checkOf('/api/v1/namespaces/d/status/x/y'), 'path-too-deep')
  assert.equal(accepted('/api/v1/namespaces/d/pods/p/proxy/a/b').info.subresource, 'proxy')
  assert.equal(
    accepted('/apis/sub.example.dev/v1/namespaces/d/vms/v/portforward/22/tcp').info.subresource,
    'portforward',
  )
})

test('open-ended requests are those of kube-apiserver, but for logs that are not followed', () => {
  const open = (target: string): boolean => accepted(target).longRunning
  for (const sub of ['exec', 'attach', 'portforward', 'proxy', 'log?follow=true', 'log?follow'])
    assert.equal(open(`/api/v1/namespaces/d/pods/p/${sub}`), true, sub)
  for (const sub of ['log', 'log?follow=false', 'log?follow=0', 'status', 'eviction'])
    assert.equal(open(`/api/v1/namespaces/d/pods/p/${sub}`), false, sub)
  assert.equal(open('/api/v1/pods?watch=1'), true)
  assert.equal(open('/debug/pprof/profile'), true)
  assert.equal(open('/debug/pprof'), false)
})

test('query facts hold what policy may look at', () => {
  const facts = queryFacts(
    accepted('/api/v1/namespaces/d/pods/p/exec?command=a&container=c&command=b&command=a'),
  )
  assert.deepEqual(
    [facts.command, facts.container, facts.dryRun, facts.follow],
    [['a', 'b', 'a'], 'c', false, false],
  )
  assert.equal(queryFacts(accepted('/api/v1/pods?dryRun=All', [], 'DELETE')).dryRun, true)
  assert.equal(queryFacts(accepted('/api/v1/pods?dryRun=all', [], 'DELETE')).dryRun, false)
})

test('limits on target and parameters', () => {
  assert.equal(checkOf(`/api/v1/pods?x=${'y'.repeat(32 * 1024)}`), 'target-too-long')
  assert.equal(checkOf(`/api/v1/pods?${'a&'.repeat(4097)}`), 'query-too-many')
  assert.equal(checkOf(`/api/v1/pods?${'a&'.repeat(4096)}`), 'accepted')
})

test('headers are kept by name, once, and only with plain values', () => {
  assert.equal(checkOf('/api', ['Accept', 'a', 'accept', 'b']), 'header-repeated')
  assert.equal(checkOf('/api', ['Accept', 'a\nb']), 'header-value')
  assert.equal(checkOf('/api', ['Bad Name', 'x']), 'header-name')
  assert.equal(checkOf('/api', ['', 'x']), 'header-name')
  const spdy = [
    'Connection',
    'Upgrade',
    'Upgrade',
    'SPDY/3.1',
    'X-Stream-Protocol-Version',
    'v5.channel.k8s.io',
    'X-Stream-Protocol-Version',
    'v4.channel.k8s.io',
  ]
  const { headers } = accepted('/api/v1/namespaces/d/pods/p/exec', spdy, 'POST')
  assert.equal(headers.get('x-stream-protocol-version'), 'v5.channel.k8s.io, v4.channel.k8s.io')
})

test('a token in the sub-protocols does not reach the headers', () => {
  const protocols = 'base64url.bearer.authorization.k8s.io.c2VjcmV0, v5.channel.k8s.io'
  const websocket = ['Connection', 'Upgrade', 'Upgrade', 'websocket', 'Sec-WebSocket-Protocol', protocols]
  const { headers } = accepted('/api/v1/namespaces/d/pods/p/exec', websocket)
  assert.equal(headers.get('sec-websocket-protocol'), 'v5.channel.k8s.io')
})

test('a refusal never repeats what the request holds', () => {
  const secret = 'hunter2'
  const heads: [string, string[]][] = [
    [`/api//${secret}`, []],
    [`/api/v1/pods?watch=1&watch=${secret}`, []],
    ['/api', ['Authorization', `Bearer ${secret}`, 'Authorization', `Bearer ${secret}`]],
    ['/api', ['Connection', secret]],
    ['/api', ['Impersonate-X', secret]],
  ]
  for (const [target, rawHeaders] of heads) {
    const result = parse(target, rawHeaders)
    assert.ok(result.refused && !JSON.stringify(result).includes(secret), target)
  }
})

test('every written refusal has a stable name, one line of reason, and a test that names it', () => {
  const tests = ['parse.test.ts', 'part3.test.ts']
    .map(file => readFileSync(new URL(file, import.meta.url), 'utf8'))
    .join('')
  for (const [check, { reason }] of Object.entries(requestRefusals)) {
    assert.match(check, /^[a-z0-9]+(-[a-z0-9]+)*$/)
    assert.match(reason, /^[^\n]{20,140}$/)
    if (check !== 'http-syntax') assert.ok(tests.includes(`'${check}'`), `${check} is tested by name`)
  }
})

const segment = fc.string({
  unit: fc.constantFrom(...'abz09-._~:@ !$&\'()*+,;="<>[]^`{|}?#'),
  minLength: 1,
  maxLength: 8,
})
const path = fc.array(
  fc.oneof(segment, fc.constantFrom('api', 'apis', 'v1', 'namespaces', 'pods', 'exec', 'proxy')),
  { maxLength: 8 },
)
const word = fc.oneof(
  fc.string({ unit: 'grapheme', maxLength: 8 }),
  fc.constantFrom('watch', 'true', '0', 'metadata.name=x', '%', '+', '&='),
)
const parameters = fc.array(
  fc.tuple(fc.oneof(fc.constantFrom('watch', 'command', 'x', 'fieldSelector'), word), word),
  { maxLength: 5 },
)

test('property: what is sent on parses to the same request again', () => {
  fc.assert(
    fc.property(path, parameters, fc.boolean(), (segments, query, slash) => {
      const escaped = segments.map(part => encodeURIComponent(part)).join('/')
      const pairs = query
        .map(([name, value]) => `${encodeURIComponent(name)}=${encodeURIComponent(value)}`)
        .join('&')
      const first = parse(`/${escaped}${slash ? '/' : ''}?${pairs}`)
      if (first.refused) return
      assert.deepEqual(
        first.segments.filter(part => part !== ''),
        segments,
      )
      assert.deepEqual(first.query, query)
      const second = accepted(first.target)
      assert.deepEqual(second, first)
    }),
    { numRuns: 3000 },
  )
})

test('property: escaping any character of a path changes nothing', () => {
  fc.assert(
    fc.property(fc.array(fc.nat(40), { maxLength: 6 }), positions => {
      const plain = '/apis/apps/v1/namespaces/team-a/deployments/web.v1'
      const characters = [...plain]
      for (const at of positions) {
        if (plain[at + 1] === undefined || plain[at + 1] === '/') continue
        characters[at + 1] = `%${plain.charCodeAt(at + 1).toString(16)}`
      }
      assert.deepEqual(accepted(characters.join('')), accepted(plain))
    }),
  )
})

const byte = fc.integer({ min: 0, max: 255 }).map(code => String.fromCharCode(code))
const bytes = fc.string({ unit: byte, maxLength: 40 })
const pieces = fc.constantFrom(
  '/',
  'api',
  'v1',
  'namespaces',
  '%',
  '%2',
  '%2F',
  '%00',
  '%e9',
  '?',
  '&',
  '=',
  ';',
  'watch',
  '..',
  'exec',
  '+',
)
const target = fc.array(fc.oneof(pieces, pieces, bytes), { maxLength: 12 }).map(parts => parts.join(''))
const headerName = fc.oneof(
  bytes,
  fc.constantFrom(
    'Connection',
    'Upgrade',
    'Host',
    'Content-Type',
    'Content-Length',
    'Transfer-Encoding',
    'Authorization',
    'Impersonate-User',
    'Impersonate-Extra-a%2',
    'Sec-WebSocket-Protocol',
    'Expect',
  ),
)
const headerValue = fc.oneof(
  bytes,
  fc.constantFrom(
    'Upgrade',
    'websocket',
    'chunked',
    '0',
    '5',
    'application/json',
    'base64url.bearer.authorization.k8s.io.',
  ),
)

test('property: no bytes make the parser throw, and its answers are complete and stable', () => {
  fc.assert(
    fc.property(
      fc.oneof(fc.constantFrom('GET', 'POST', 'HEAD', 'DELETE'), bytes),
      fc.oneof(
        target,
        target.map(rest => `/${rest}`),
      ),
      fc.array(fc.tuple(headerName, headerValue), { maxLength: 5 }),
      (method, requestTarget, pairs) => {
        const head = { method, target: requestTarget, rawHeaders: pairs.flat() }
        const result = parseRequest(head)
        assert.deepEqual(parseRequest(head), result)
        if (result.refused) {
          assert.ok(Object.hasOwn(requestRefusals, result.check))
          return
        }
        assert.match(result.target, /^\/[!-~]*$/)
        assert.ok(!/[;#\\]|%(?:2F|5C|00)/.test(result.target.split('?')[0]!))
        const again = parseRequest({ method, target: result.target, rawHeaders: head.rawHeaders })
        assert.deepEqual(again, result)
      },
    ),
    { numRuns: 6000 },
  )
})
