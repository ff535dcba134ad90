import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { Refusal } from '../../errors/refusal.ts'
import type { ParsedRequest } from '../request/contract.ts'
import { parseRequest } from '../request/parse.ts'
import { rewriteAccept, withoutTables } from './accept.ts'
import { checkAnswer } from './answer.ts'
import { answerHeadersToForward, requestHeadersToForward } from './headers.ts'

function request(target: string, method = 'GET', headers: readonly string[] = []): ParsedRequest {
  const parsed = parseRequest({ method, target, rawHeaders: ['Host', 'localhost', ...headers] })
  if (parsed.refused) assert.fail(`${target}: ${parsed.check}`)
  return parsed
}

const PODS = request('/api/v1/namespaces/a/pods')
const LOG = request('/api/v1/namespaces/a/pods/p/log')
const PROXY = request('/api/v1/namespaces/a/services/s/proxy/index.html')
const APIS = request('/apis')
const OPENAPI = request('/openapi/v2')
const METRICS = request('/metrics')
const KEYS = request('/openid/v1/jwks')

function accept(value: string | undefined, parsed = PODS): string {
  const result = rewriteAccept(value, parsed)
  return typeof result === 'string' ? result : `${result.code} ${result.check}`
}

describe('Accept, rewritten', () => {
  it('keeps what kubectl sends', () => {
    const table =
      'application/json;as=Table;v=v1;g=meta.k8s.io,application/json;as=Table;v=v1beta1;g=meta.k8s.io,application/json'
    assert.equal(accept(table), table)
    const discovery =
      'application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList;profile=nopeer,application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,application/json'
    assert.equal(accept(discovery, APIS), discovery)
    assert.equal(accept('application/json, */*'), 'application/json')
  })

  it('62: turns protobuf, CBOR, YAML and wildcards into JSON, parameters or not', () => {
    assert.equal(accept('application/vnd.kubernetes.protobuf,application/json'), 'application/json')
    assert.equal(
      accept(
        'application/vnd.kubernetes.protobuf;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1,application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1,application/json',
      ),
      'application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1,application/json',
    )
    for (const form of [
      'application/vnd.kubernetes.protobuf;q=0.9',
      'Application/VND.Kubernetes.Protobuf;q=0.9',
      '*/*;q=0.9',
      'application/*;q=0.9',
      'application/cbor;q=0.9',
      'application/yaml;q=0.9;charset=utf-8',
    ]) {
      assert.equal(accept(form), 'application/json;q=0.9', form)
    }
  })

  it('keeps the order and the q values of what it keeps', () => {
    assert.equal(
      accept('text/html, application/json;q=0.5, application/yaml;q=0.8, image/*'),
      'application/json;q=0.5,application/json;q=0.8',
    )
    assert.equal(accept('application/json;q=0, */*;q=0.1'), 'application/json;q=0.1')
    assert.equal(accept('application/json;q=abc'), 'application/json')
  })

  it('answers 406 where nothing that can be checked is acceptable', () => {
    for (const value of [
      'text/html',
      'image/png,text/*',
      'application/json;q=0',
      'application/json;as=Nonsense',
      'application/json;as=Table"',
      ',',
      `${'text/html,'.repeat(100)}`,
    ]) {
      assert.equal(accept(value), 'not-acceptable accept', value)
    }
  })

  it('takes JSON where the caller did not say', () => {
    assert.equal(accept(undefined), 'application/json')
    assert.equal(accept(''), 'application/json')
    assert.equal(accept('text/plain', LOG), 'application/json')
    assert.equal(accept(undefined, METRICS), 'text/plain')
    assert.equal(
      accept(
        'application/vnd.google.protobuf;proto=x;q=0.9,application/openmetrics-text;version=1.0.0;q=0.5,*/*;q=0.1',
        METRICS,
      ),
      'application/openmetrics-text;q=0.5,text/plain;q=0.1',
    )
  })

  it('lets OpenAPI alone be protobuf, in its own types', () => {
    const type = 'application/com.github.proto-openapi.spec.v2@v1.0+protobuf'
    assert.equal(accept(type, OPENAPI), type)
    assert.equal(accept(`${type}, */*`, OPENAPI), `${type},application/json`)
    assert.equal(accept(type, PODS), 'not-acceptable accept')
  })

  it('property: whatever is sent, every clause that goes on is JSON', () => {
    const word = fc.constantFrom(
      'application/json',
      'application/vnd.kubernetes.protobuf',
      '*/*',
      'text/html',
      'application/cbor',
      ';',
      ',',
      'as=Table',
      'q=0.3',
      'g=meta.k8s.io',
      ' ',
      '"',
      '=',
      'v=v1',
      '\t',
    )
    fc.assert(
      fc.property(fc.array(word, { maxLength: 14 }), words => {
        const result = rewriteAccept(words.join(''), PODS)
        if (typeof result !== 'string') return
        for (const clause of result.split(','))
          assert.match(clause, /^application\/json(?:;[a-z]+=[A-Za-z0-9._-]+)*$/)
        assert.equal(rewriteAccept(result, PODS), result)
      }),
      { numRuns: 2000 },
    )
  })
})

function verdict(parsed: ParsedRequest, status: number, headers: readonly string[]): string {
  try {
    checkAnswer(parsed, status, headers)
    return 'passed'
  } catch (error) {
    if (!(error instanceof Refusal)) throw error
    assert.equal(error.code, 'upstream-answer-refused')
    return error.check ?? ''
  }
}

const JSON_TYPE = ['content-type', 'application/json']

describe('the head of an answer', () => {
  it('62: passes JSON and nothing else for resources', () => {
    assert.equal(verdict(PODS, 200, JSON_TYPE), 'passed')
    assert.equal(verdict(PODS, 200, ['content-type', 'application/json;stream=watch']), 'passed')
    for (const type of [
      'application/vnd.kubernetes.protobuf',
      'application/vnd.kubernetes.protobuf;stream=watch',
      'application/cbor',
      'application/yaml',
      'text/plain',
      'text/html',
      'application/jsonx',
      '',
    ]) {
      assert.equal(verdict(PODS, 200, ['content-type', type]), 'answer-content-type', type)
    }
    assert.equal(verdict(PODS, 200, []), 'answer-content-type')
    assert.equal(verdict(PODS, 200, [...JSON_TYPE, ...JSON_TYPE]), 'answer-content-type')
    assert.equal(verdict(PODS, 503, ['content-type', 'text/plain; charset=utf-8']), 'passed')
    assert.equal(verdict(request('/api/v1/namespaces/a/pods/p', 'DELETE'), 204, []), 'passed')
  })

  it('passes the forms that other paths give', () => {
    assert.equal(verdict(LOG, 200, ['content-type', 'text/plain']), 'passed')
    assert.equal(verdict(LOG, 404, JSON_TYPE), 'passed')
    assert.equal(verdict(LOG, 200, ['content-type', 'application/octet-stream']), 'answer-content-type')
    assert.equal(
      verdict(OPENAPI, 200, ['content-type', 'application/com.github.proto-openapi.spec.v2@v1.0+protobuf']),
      'passed',
    )
    assert.equal(
      verdict(request('/openapi/v3'), 200, ['content-type', 'text/plain; charset=utf-8']),
      'passed',
    )
    assert.equal(accept('*/*', KEYS), 'application/jwk-set+json,application/json')
    assert.equal(verdict(APIS, 304, ['etag', '"x"']), 'passed')
    assert.equal(
      verdict(APIS, 200, [
        'content-type',
        'application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList',
      ]),
      'passed',
    )
    assert.equal(
      verdict(METRICS, 200, ['content-type', 'text/plain; version=0.0.4; charset=utf-8']),
      'passed',
    )
    assert.equal(verdict(KEYS, 200, ['content-type', 'application/jwk-set+json']), 'passed')
    assert.equal(verdict(PROXY, 200, ['content-type', 'text/html']), 'passed')
  })

  it('D50: refuses every redirect', () => {
    for (const status of [300, 301, 302, 303, 307, 308]) {
      assert.equal(
        verdict(PODS, status, [...JSON_TYPE, 'location', 'https://attacker.example/']),
        'answer-redirect',
      )
      assert.equal(verdict(PROXY, status, []), 'answer-redirect')
    }
    assert.equal(verdict(APIS, 304, ['location', '/x']), 'answer-redirect')
  })

  it('D56: refuses a compressed answer, twice compressed or of an unknown coding', () => {
    for (const coding of ['gzip', 'gzip, gzip', 'br', 'zstd', 'deflate', 'identity, gzip']) {
      assert.equal(
        verdict(PODS, 200, [...JSON_TYPE, 'content-encoding', coding]),
        'answer-content-encoding',
        coding,
      )
      assert.equal(verdict(PROXY, 200, ['content-encoding', coding]), 'answer-content-encoding', coding)
    }
    assert.equal(verdict(PODS, 200, [...JSON_TYPE, 'content-encoding', 'identity']), 'passed')
  })

  it('D57: refuses a part of a document, and never asks for one', () => {
    assert.equal(verdict(LOG, 206, ['content-type', 'text/plain']), 'answer-part')
    const ranged = request('/api/v1/namespaces/a/pods/p/log', 'GET', [
      'Range',
      'bytes=5-9',
      'If-Range',
      '"x"',
    ])
    assert.deepEqual(requestHeadersToForward(ranged, 'application/json', { bytes: null, mediaType: '' }), [
      'accept',
      'application/json',
      'accept-encoding',
      'identity',
    ])
  })

  it('reads no body in the answer to HEAD, whatever its type would be', () => {
    assert.equal(checkAnswer(request('/api/v1/namespaces/a/pods', 'HEAD'), 405, JSON_TYPE), 'nothing')
    assert.equal(checkAnswer(PODS, 405, JSON_TYPE), 'json')
  })

  it("refuses statuses that are no answer, and a 401 that is the agent's", () => {
    assert.equal(verdict(PODS, 101, []), 'answer-status')
    assert.equal(verdict(PODS, 600, JSON_TYPE), 'answer-status')
    assert.equal(verdict(PODS, 401, JSON_TYPE), 'answer-401')
    assert.equal(verdict(PROXY, 401, ['content-type', 'text/html']), 'passed')
  })
})

describe('tables', () => {
  it('are left out of what is asked for, and nothing else', () => {
    const table = 'application/json;as=Table;v=v1;g=meta.k8s.io'
    assert.equal(
      withoutTables(`${table},application/json;v=v1beta1;as=Table,application/json`),
      'application/json',
    )
    assert.equal(withoutTables(`application/json;q=0.5,${table};q=1`), 'application/json;q=0.5')
    assert.equal(withoutTables(table), null)
    const metadata = 'application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io'
    assert.equal(withoutTables(metadata), metadata)
  })
})

describe('headers', () => {
  it('sends on what a request needs and no identity', () => {
    const parsed = request('/api/v1/namespaces/a/pods', 'POST', [
      'Content-Type',
      'application/json',
      'User-Agent',
      'kubectl/v1.36',
      'Authorization',
      'Bearer x',
      'Cookie',
      'a=b',
      'X-Forwarded-For',
      '1.2.3.4',
      'X-Remote-User',
      'root',
      'Audit-ID',
      'mine',
      'Accept-Encoding',
      'gzip, br',
      'TE',
      'trailers',
      'If-None-Match',
      '"1"',
    ])
    assert.deepEqual(
      requestHeadersToForward(parsed, 'application/json', {
        bytes: Buffer.from('{}'),
        mediaType: 'application/json',
      }),
      [
        'accept',
        'application/json',
        'accept-encoding',
        'identity',
        'content-type',
        'application/json',
        'user-agent',
        'kubectl/v1.36',
      ],
    )
  })

  it('revalidates discovery and OpenAPI', () => {
    const parsed = request('/apis', 'GET', ['If-None-Match', '"abc"'])
    assert.ok(
      requestHeadersToForward(parsed, 'application/json', { bytes: null, mediaType: '' }).includes('"abc"'),
    )
  })

  it('passes on what a client reads in an answer, and drops the rest', () => {
    const upstream = [
      'content-type',
      'application/json',
      'etag',
      '"1"',
      'warning',
      '299 - "old"',
      'retry-after',
      '1',
      'audit-id',
      'theirs',
      'set-cookie',
      'a=b',
      'www-authenticate',
      'Basic',
      'location',
      '/x',
      'connection',
      'close',
      'transfer-encoding',
      'chunked',
      'content-length',
      '5',
      'x-kubernetes-pf-flowschema-uid',
      'u',
      'cache-control',
      'no-cache, private',
      'trailer',
      'x',
      'last-modified',
      'now',
      'vary',
      'Accept',
      'expires',
      'a\u0000b',
    ]
    assert.deepEqual(answerHeadersToForward(upstream, 'id'), [
      'audit-id',
      'id',
      'content-type',
      'application/json',
      'etag',
      '"1"',
      'retry-after',
      '1',
      'x-kubernetes-pf-flowschema-uid',
      'u',
      'cache-control',
      'no-cache, private',
      'last-modified',
      'now',
      'vary',
      'Accept',
      'warning',
      '299 - "old"',
    ])
  })
})
