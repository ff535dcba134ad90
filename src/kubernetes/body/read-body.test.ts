import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { gzipSync } from 'node:zlib'
import fc from 'fast-check'
import type { JudgedBody, RefusedBody } from './contract.ts'
import { readBody } from './read-body.ts'
import { entryOf, request } from './testing.ts'
import { LARGEST_YAML } from './yaml-to-json.ts'

const JSON_TYPE = 'application/json'
const CONFIGMAPS = '/api/v1/namespaces/a/configmaps'
const SECRETS = '/api/v1/namespaces/a/secrets'
const DEPLOYMENT = '/apis/apps/v1/namespaces/a/deployments/d'
const WIDGETS = '/apis/example.com/v1/namespaces/a/widgets'

function read(
  method: string,
  target: string,
  type: string | undefined,
  body: string | Uint8Array,
  more: readonly string[] = [],
): JudgedBody | RefusedBody {
  const parsed = request(method, target, type, more)
  return readBody(parsed, typeof body === 'string' ? Buffer.from(body) : body, entryOf(parsed))
}

function check(
  method: string,
  target: string,
  type: string | undefined,
  body: string | Uint8Array,
  more: readonly string[] = [],
): string {
  const result = read(method, target, type, body, more)
  return result.refused ? `${result.code} ${result.check}` : 'judged'
}

function judged(
  method: string,
  target: string,
  type: string | undefined,
  body: string | Uint8Array,
): JudgedBody {
  const result = read(method, target, type, body)
  if (result.refused) assert.fail(`${result.check}: ${result.detail}`)
  return result
}

const post = (body: string, target = CONFIGMAPS, type: string | undefined = JSON_TYPE): string =>
  check('POST', target, type, body)
const text = (body: JudgedBody): string => Buffer.from(body.bytes ?? []).toString()

describe('request bodies', () => {
  it('sends on the very bytes of plain JSON, with facts beside them', () => {
    const bytes = Buffer.from(
      '{ "kind":"ConfigMap","apiVersion":"v1",\n "metadata":{"name":"c","uid":9007199254740993},"data":{"a":"1","A":"2"}}',
    )
    const body = judged('POST', CONFIGMAPS, JSON_TYPE, bytes)
    assert.equal(body.bytes, bytes)
    assert.equal(body.mediaType, JSON_TYPE)
    const { object, ...facts } = body.facts!
    assert.deepEqual(facts, {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      name: 'c',
      namespace: 'a',
      form: 'object',
    })
    assert.equal(Object.getPrototypeOf(object), null)
    assert.equal((object as { metadata: { uid: unknown } }).metadata.uid, 9007199254740993n)
  })

  it('an empty body is no body, and fills what a body leaves out from the URL', () => {
    assert.deepEqual(read('POST', CONFIGMAPS, JSON_TYPE, ''), {
      refused: false,
      bytes: null,
      mediaType: '',
      facts: null,
    })
    const facts = judged('POST', CONFIGMAPS, undefined, '{"metadata":{"generateName":"c-"}}').facts!
    assert.deepEqual(
      [facts.apiVersion, facts.kind, facts.name, facts.namespace],
      ['v1', 'ConfigMap', 'c-*', 'a'],
    )
  })

  it('D58: duplicate keys are refused, also by escape, in YAML, and a map that would merge', () => {
    assert.equal(post('{"kind":"ConfigMap","kind":"Secret"}'), 'request-ambiguous json-duplicate-key')
    assert.equal(post('{"data":{"k":"1"},"data":{"j":"2"}}'), 'request-ambiguous json-duplicate-key')
    assert.equal(post('{"data":{},"d\\u0061ta":{}}'), 'request-ambiguous json-duplicate-key')
    assert.equal(
      post('data: {k: x}\ndata: {j: y}\n', CONFIGMAPS, 'application/yaml'),
      'request-ambiguous yaml-duplicate-key',
    )
    assert.equal(
      check('PATCH', `${CONFIGMAPS}/c`, 'application/apply-patch+yaml', '{"data":{},"data":{}}'),
      'request-ambiguous json-duplicate-key',
    )
  })

  it('D58: a case variant of a known field is refused, with its twin or without', () => {
    const variants: [string, string][] = [
      [CONFIGMAPS, '{"Data":{"a":"b"}}'],
      [CONFIGMAPS, '{"data":{},"DATA":{}}'],
      [CONFIGMAPS, '{"Kind":"Secret"}'],
      [CONFIGMAPS, '{"apiversion":"v1"}'],
      [CONFIGMAPS, '{"metadata":{"Name":"x"}}'],
      [CONFIGMAPS, '{"metadata":{"ownerReferences":[{},{"Uid":"x"}]}}'],
      [SECRETS, '{"stringdata":{"a":"b"}}'],
      ['/api/v1/namespaces/a/pods', '{"spec":{"containers":[{"envfrom":[]}]}}'],
      ['/api/v1/namespaces/a/pods', '{"spec":{"volumes":[{"name":"v","Secret":{}}]}}'],
      ['/api/v1/namespaces/a/pods', '{"spec":{"volumes":[{"hostpath":{}}]}}'],
      ['/apis/apps/v1/namespaces/a/deployments', '{"spec":{"template":{"spec":{"ServiceAccountName":"x"}}}}'],
      [WIDGETS, '{"Metadata":{}}'],
      [WIDGETS, '{"metadata":{"nameSpace":"b"}}'],
    ]
    for (const [target, body] of variants)
      assert.equal(post(body, target), 'request-ambiguous json-case-variant', body)
    assert.equal(
      check('PATCH', DEPLOYMENT, 'application/merge-patch+json', '{"Spec":{}}'),
      'request-ambiguous json-case-variant',
    )
    assert.equal(
      check('PATCH', DEPLOYMENT, 'application/strategic-merge-patch+json', '{"spec":{"Replicas":1}}'),
      'request-ambiguous json-case-variant',
    )
    assert.equal(
      check('DELETE', DEPLOYMENT, JSON_TYPE, '{"dryrun":["All"]}'),
      'request-ambiguous json-case-variant',
    )
  })

  it('61, D58: look-alike letters do not make a field', () => {
    assert.equal(post('{"\u212aind":"Secret"}'), 'request-ambiguous json-case-variant')
    assert.equal(post('{"\\u212aind":"Secret"}'), 'request-ambiguous json-case-variant')
    assert.equal(post('{"\u017fpec":{}}', '/api/v1/namespaces/a/pods'), 'request-ambiguous json-case-variant')
  })

  it('names in maps and in custom resources are their owners’ affair', () => {
    const fine: [string, string][] = [
      [
        CONFIGMAPS,
        '{"metadata":{"labels":{"Name":"x","name":"y","KIND":"z"},"annotations":{"Data":"x","data":"y"}},"data":{"spec":"1","Spec":"2"}}',
      ],
      [SECRETS, '{"data":{"Metadata":"YQ==","metadata":"YQ=="}}'],
      [
        '/api/v1/namespaces/a/pods',
        '{"spec":{"nodeSelector":{"Name":"x","name":"y"},"containers":[{"resources":{"limits":{"Memory":"1","memory":"1"}}}]}}',
      ],
      [WIDGETS, '{"spec":{"Containers":[],"containers":[],"Name":"x"},"Status":{}}'],
    ]
    for (const [target, body] of fine) assert.equal(post(body, target), 'judged', body)
  })

  it('D59: __proto__ and constructor pollute nothing', () => {
    const body = judged(
      'POST',
      WIDGETS,
      JSON_TYPE,
      '{"spec":{"__proto__":{"admin":true},"constructor":{"prototype":{"x":1}}},"metadata":{"annotations":{"__proto__":"y"}}}',
    )
    const object = body.facts!.object as { spec: Record<string, unknown> }
    assert.deepEqual(Object.keys(object.spec), ['__proto__', 'constructor'])
    assert.equal(({} as Record<string, unknown>).admin, undefined)
    assert.equal(({} as Record<string, unknown>).x, undefined)
  })

  it('D60: a body is read as the type that it declares, or refused', () => {
    assert.equal(post('kind: ConfigMap\n'), 'request-ambiguous json-syntax')
    assert.equal(post('k8s\0'), 'request-ambiguous json-syntax')
    assert.equal(
      check('POST', CONFIGMAPS, 'application/vnd.kubernetes.protobuf', '{"kind":"ConfigMap"}'),
      'request-ambiguous protobuf-envelope',
    )
    for (const type of [
      'text/plain',
      'application/cbor',
      'application/merge-patch+json',
      'application/json-seq',
      'multipart/form-data',
    ]) {
      assert.equal(check('POST', CONFIGMAPS, type, '{}'), 'media-type-unsupported content-type', type)
    }
    for (const type of [
      undefined,
      'application/json',
      'application/yaml',
      'application/apply-patch+cbor',
      'application/vnd.kubernetes.protobuf',
    ]) {
      assert.equal(
        check('PATCH', DEPLOYMENT, type, '{}'),
        'media-type-unsupported content-type',
        String(type),
      )
    }
    // Without a type upstream reads JSON; it is told so.
    assert.equal(judged('POST', CONFIGMAPS, undefined, '{}').mediaType, JSON_TYPE)
  })

  it('D61: bytes that are not UTF-8, and byte order marks, are refused in every form', () => {
    for (const type of ['application/json', 'application/yaml']) {
      assert.match(
        check('POST', CONFIGMAPS, type, Buffer.from([0x7b, 0x22, 0xc0, 0xaf, 0x22, 0x7d])),
        /^request-ambiguous (json|yaml)-not-utf8$/,
      )
      assert.match(
        check('POST', CONFIGMAPS, type, Buffer.from('\ufeff{}')),
        /^request-ambiguous (json|yaml)-byte-order-mark$/,
      )
      assert.match(
        check('POST', CONFIGMAPS, type, Buffer.from('{"kind":"ConfigMap"}', 'utf16le')),
        /^request-ambiguous /,
      )
    }
  })

  it('D55: size, depth, and operations of a patch are bounded', () => {
    assert.equal(
      check('POST', CONFIGMAPS, JSON_TYPE, new Uint8Array(3 * 1024 * 1024 + 1)),
      'request-too-large body-too-large',
    )
    assert.equal(post(`{"a":${'['.repeat(300)}${']'.repeat(300)}}`), 'request-too-large json-depth')
    const operations = (n: number): string => JSON.stringify(new Array(n).fill({ op: 'remove', path: '/a' }))
    assert.equal(check('PATCH', DEPLOYMENT, 'application/json-patch+json', operations(1000)), 'judged')
    assert.equal(
      check('PATCH', DEPLOYMENT, 'application/json-patch+json', operations(1001)),
      'request-too-large json-patch-length',
    )
    assert.equal(
      post(`a: "${'x'.repeat(LARGEST_YAML)}"`, CONFIGMAPS, 'application/yaml'),
      'request-too-large yaml-too-large',
    )
    assert.equal(
      post(`${'['.repeat(5000)}`, CONFIGMAPS, 'application/yaml').split(' ')[0],
      'request-ambiguous',
    )
    assert.equal(
      post(`a: ${'['.repeat(250)}${']'.repeat(250)}`, CONFIGMAPS, 'application/yaml'),
      'request-too-large yaml-depth',
    )
  })

  it('D55: YAML anchors, aliases, merge keys, tags and several documents are refused', () => {
    const bombs: [string, string][] = [
      ['a: &a [x]\nb: [*a, *a]\n', 'yaml-anchor'],
      ['b: *a\n', 'yaml-alias'],
      ['a: {<<: {b: c}}\n', 'yaml-merge'],
      ['a: !!binary aGk=\n', 'yaml-tag'],
      ['!!map {a: b}\n', 'yaml-tag'],
      ['%YAML 1.1\n---\na: b\n', 'yaml-directive'],
      ['%TAG ! tag:x,2000:\n---\na: b\n', 'yaml-directive'],
      ['kind: ConfigMap\n---\nkind: Secret\n', 'yaml-documents'],
      ['', ''],
      ['# nothing\n', 'yaml-empty'],
      ['? [a]\n: b\n', 'yaml-key'],
      ['yes: x\n', 'yaml-key'],
      ['a: 0777\n', 'yaml-scalar'],
      ['a: .inf\n', 'yaml-scalar'],
      ['- a\n', 'body-not-object'],
    ]
    for (const [yaml, expected] of bombs) {
      assert.equal(
        post(yaml, CONFIGMAPS, 'application/yaml'),
        expected === '' ? 'judged' : `request-ambiguous ${expected}`,
        yaml,
      )
    }
  })

  it('YAML goes on as JSON, read as upstream reads it', () => {
    const yaml =
      'kind: ConfigMap\nmetadata:\n  name: c\n  generation: 9007199254740993\ndata:\n  on-off: "on"\n  date: 2001-01-01\n  text: |\n    a\n    b\nimmutable: yes\n'
    const body = judged('POST', CONFIGMAPS, 'application/yaml', yaml)
    assert.equal(body.mediaType, JSON_TYPE)
    assert.equal(
      text(body),
      '{"kind":"ConfigMap","metadata":{"name":"c","generation":9007199254740993},"data":{"on-off":"on","date":"2001-01-01","text":"a\\nb\\n"},"immutable":true}',
    )
  })

  it('an apply patch in JSON keeps its bytes, one in YAML becomes JSON under the same type', () => {
    const type = 'application/apply-patch+yaml'
    const json = '{"apiVersion":"apps/v1","kind":"Deployment","metadata":{"name":"d"},"spec":{"replicas":2}}'
    const kept = judged('PATCH', DEPLOYMENT, type, json)
    assert.equal(text(kept), json)
    assert.deepEqual(
      [kept.mediaType, kept.facts?.form, kept.facts?.kind],
      [type, 'apply-patch', 'Deployment'],
    )
    const yaml = judged(
      'PATCH',
      DEPLOYMENT,
      type,
      'apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: d}\n',
    )
    assert.equal(text(yaml), '{"apiVersion":"apps/v1","kind":"Deployment","metadata":{"name":"d"}}')
    assert.equal(yaml.mediaType, type)
  })

  it('an apply patch holds no character that ends a line for a YAML reader', () => {
    const body = judged(
      'PATCH',
      DEPLOYMENT,
      'application/apply-patch+yaml',
      '{"metadata":{"annotations":{"a":"x\u2028y\u0085z\u2029é😀"}}}',
    )
    assert.equal(text(body), '{"metadata":{"annotations":{"a":"x\\u2028y\\u0085z\\u2029é😀"}}}')
  })

  it('protobuf goes on as JSON', () => {
    const raw = [0x0a, 0x03, 0x0a, 0x01, 0x63]
    const type = [0x0a, 0x02, 0x76, 0x31, 0x12, 0x09, ...Buffer.from('ConfigMap')]
    const envelope = (t: number[]): Uint8Array =>
      Uint8Array.from([0x6b, 0x38, 0x73, 0, 0x0a, t.length, ...t, 0x12, raw.length, ...raw])
    const body = judged('POST', CONFIGMAPS, 'application/vnd.kubernetes.protobuf', envelope(type))
    assert.equal(text(body), '{"kind":"ConfigMap","apiVersion":"v1","metadata":{"name":"c"}}')
    assert.equal(body.mediaType, JSON_TYPE)
    assert.equal(
      check('POST', SECRETS, 'application/vnd.kubernetes.protobuf', envelope(type)),
      'request-ambiguous body-kind',
    )
    assert.equal(
      text(judged('POST', CONFIGMAPS, 'application/vnd.kubernetes.protobuf', envelope([]))),
      '{"metadata":{"name":"c"}}',
    )
    assert.equal(
      check('POST', WIDGETS, 'application/vnd.kubernetes.protobuf', envelope([])),
      'media-type-unsupported protobuf-unknown-kind',
    )
  })

  it('D56: gzip is unpacked within limits and never sent on', () => {
    const gzip = ['Content-Encoding', 'gzip']
    const result = read('POST', CONFIGMAPS, JSON_TYPE, gzipSync('{"kind":"ConfigMap"}'), gzip)
    assert.equal(!result.refused && text(result), '{"kind":"ConfigMap"}')
    assert.equal(
      check('POST', CONFIGMAPS, JSON_TYPE, gzipSync(Buffer.alloc(64 * 1024 * 1024, ' ')), gzip),
      'request-too-large gzip-too-large',
    )
    assert.equal(
      check('POST', CONFIGMAPS, JSON_TYPE, gzipSync(Buffer.alloc(2 * 1024 * 1024, ' ')), gzip),
      'request-too-large gzip-too-large',
    )
    assert.equal(
      check('POST', CONFIGMAPS, JSON_TYPE, '{"kind":"ConfigMap"}', gzip),
      'request-ambiguous gzip-syntax',
    )
    assert.equal(
      check('POST', CONFIGMAPS, JSON_TYPE, gzipSync(gzipSync('{}')), gzip),
      'request-ambiguous json-not-utf8',
    )
    assert.equal(
      check('POST', CONFIGMAPS, JSON_TYPE, gzipSync('{"kind":"Secret"}'), gzip),
      'request-ambiguous body-kind',
    )
  })

  it('a body is of the kind, version, name and namespace that the URL says', () => {
    assert.equal(post('{"kind":"Secret"}'), 'request-ambiguous body-kind')
    assert.equal(post('{"kind":"configmap"}'), 'request-ambiguous body-kind')
    assert.equal(post('{"apiVersion":"v2"}'), 'request-ambiguous body-api-version')
    assert.equal(post('{"apiVersion":"/v1"}'), 'request-ambiguous body-api-version')
    assert.equal(post('{"metadata":{"namespace":"b"}}'), 'request-ambiguous body-namespace')
    assert.equal(
      check('PUT', `${CONFIGMAPS}/c`, JSON_TYPE, '{"metadata":{"name":"d"}}'),
      'request-ambiguous body-name',
    )
    assert.equal(
      check('PATCH', DEPLOYMENT, 'application/apply-patch+yaml', '{"metadata":{"name":"e"}}'),
      'request-ambiguous body-name',
    )
    assert.equal(post('{"kind":1}'), 'request-ambiguous body-type')
    assert.equal(post('{"metadata":[]}'), 'request-ambiguous body-type')
    assert.equal(post('{"metadata":{"name":{}}}'), 'request-ambiguous body-type')
    for (const body of ['[]', 'null', '"x"', '1'])
      assert.equal(post(body), 'request-ambiguous body-not-object', body)
  })

  it('takes what upstream takes: a namespace on cluster objects, nulls, unknown kinds', () => {
    assert.equal(
      post('{"metadata":{"namespace":"x","name":"r"}}', '/apis/rbac.authorization.k8s.io/v1/clusterroles'),
      'judged',
    )
    assert.equal(check('PUT', '/api/v1/namespaces/a', JSON_TYPE, '{"metadata":{"name":"a"}}'), 'judged')
    assert.equal(post('{"kind":null,"metadata":null}'), 'judged')
    const unknown = '/apis/new.example/v1/namespaces/a/things'
    assert.equal(post('{"apiVersion":"new.example/v1","kind":"Thing"}', unknown), 'judged')
    assert.equal(post('{"apiVersion":"v1","kind":"Secret"}', unknown), 'request-ambiguous body-api-version')
  })

  it('B30: subresources take their own kinds', () => {
    const pod = '/api/v1/namespaces/a/pods/p'
    assert.equal(
      post('{"apiVersion":"policy/v1","kind":"Eviction","metadata":{"name":"p"}}', `${pod}/eviction`),
      'judged',
    )
    assert.equal(
      post('{"apiVersion":"policy/v1beta1","kind":"Eviction","metadata":{"name":"p"}}', `${pod}/eviction`),
      'judged',
    )
    assert.equal(
      post('{"apiVersion":"policy/v1","kind":"Eviction","metadata":{"name":"q"}}', `${pod}/eviction`),
      'request-ambiguous body-name',
    )
    assert.equal(post('{"apiVersion":"v1","kind":"Pod"}', `${pod}/binding`), 'request-ambiguous body-kind')
    assert.equal(
      check(
        'PUT',
        `${DEPLOYMENT}/scale`,
        JSON_TYPE,
        '{"apiVersion":"autoscaling/v1","kind":"Scale","spec":{"replicas":0}}',
      ),
      'judged',
    )
    assert.equal(
      check('PUT', `${DEPLOYMENT}/scale`, JSON_TYPE, '{"apiVersion":"apps/v1","kind":"Deployment"}'),
      'request-ambiguous body-kind',
    )
    assert.equal(
      post('{"spec":{"audiences":["x"]}}', '/api/v1/namespaces/a/serviceaccounts/s/token'),
      'judged',
    )
  })

  it('B23: an ephemeral container is seen in the body', () => {
    const patch = '{"spec":{"ephemeralContainers":[{"name":"d","image":"busybox"}]}}'
    const body = judged(
      'PATCH',
      '/api/v1/namespaces/a/pods/p/ephemeralcontainers',
      'application/strategic-merge-patch+json',
      patch,
    )
    assert.equal(
      (body.facts!.object as { spec: { ephemeralContainers: { image: string }[] } }).spec
        .ephemeralContainers[0]?.image,
      'busybox',
    )
    assert.equal(body.facts?.kind, 'Pod')
  })

  it('B31: the options of a delete are read', () => {
    const body = judged(
      'DELETE',
      SECRETS,
      JSON_TYPE,
      '{"kind":"DeleteOptions","apiVersion":"v1","dryRun":["All"]}',
    )
    assert.equal(body.facts?.kind, 'DeleteOptions')
    assert.equal(
      judged('DELETE', DEPLOYMENT, JSON_TYPE, '{"apiVersion":"apps/v1","kind":"DeleteOptions"}').facts?.name,
      'd',
    )
    assert.equal(check('DELETE', SECRETS, JSON_TYPE, '{"kind":"Secret"}'), 'request-ambiguous body-kind')
  })

  it('a JSON patch has complete operations and no hidden members', () => {
    const patch = (body: string): string => check('PATCH', DEPLOYMENT, 'application/json-patch+json', body)
    assert.equal(
      patch(
        '[{"op":"test","path":"/metadata/name","value":"d"},{"op":"copy","from":"/data/a","path":"/metadata/labels/x"},{"op":"remove","path":"/a~1b~0c"},{"op":"add","path":"","value":null}]',
      ),
      'judged',
    )
    for (const bad of [
      '{}',
      '[1]',
      '[{}]',
      '[{"op":"Add","path":"/a","value":1}]',
      '[{"op":"add","path":"/a"}]',
      '[{"op":"copy","path":"/a"}]',
      '[{"op":"move","path":"/a","from":1}]',
      '[{"op":"add","path":"a","value":1}]',
      '[{"op":"add","path":"/a~2","value":1}]',
      '[{"op":"add","path":"/a","value":1,"from":"/b"}]',
      '[{"op":"remove","path":"/a","Path":"/b"}]',
      '[{"op":"__proto__","path":"/a"}]',
    ]) {
      assert.equal(patch(bad), 'request-ambiguous json-patch', bad)
    }
    const body = judged(
      'PATCH',
      DEPLOYMENT,
      'application/json-patch+json',
      '[{"op":"copy","from":"/data/a","path":"/b"}]',
    )
    assert.deepEqual(
      [body.facts?.form, body.facts?.name, body.facts?.kind],
      ['json-patch', 'd', 'Deployment'],
    )
    assert.equal((body.facts!.object as { from: string }[])[0]?.from, '/data/a')
  })

  it('a merge patch cannot claim to be of another kind', () => {
    const body = judged(
      'PATCH',
      `${SECRETS}/s`,
      'application/merge-patch+json',
      '{"kind":"ConfigMap","metadata":{"name":"other"}}',
    )
    assert.deepEqual([body.facts?.kind, body.facts?.name, body.facts?.apiVersion], ['Secret', 's', 'v1'])
  })

  it('51, B20: bodies stand where bodies belong; behind a proxy they are the other program’s', () => {
    const parsed = request('GET', CONFIGMAPS)
    assert.equal((readBody(parsed, Buffer.from('{}'), undefined) as RefusedBody).check, 'unexpected-body')
    assert.equal(
      check('POST', '/api/v1/namespaces/a/pods/p/exec?command=id', JSON_TYPE, '{}'),
      'request-ambiguous unexpected-body',
    )
    assert.equal(check('POST', '/healthz', JSON_TYPE, '{}'), 'request-ambiguous unexpected-body')
    const proxied = read(
      'POST',
      '/api/v1/namespaces/a/services/s/proxy/login',
      'application/x-www-form-urlencoded',
      'a=b',
    )
    assert.equal(!proxied.refused && proxied.mediaType, 'application/x-www-form-urlencoded')
    assert.equal(!proxied.refused && proxied.facts, null)
  })

  it('property: any bytes of any type are judged or refused; what is judged is one JSON reading', () => {
    const types = fc.constantFrom(
      'application/json',
      'application/yaml',
      'application/vnd.kubernetes.protobuf',
      undefined,
    )
    const bodies = fc.oneof(
      fc.uint8Array({ maxLength: 60 }),
      fc.string({ unit: 'binary', maxLength: 40 }).map(s => Buffer.from(s)),
      fc.jsonValue({ maxDepth: 3 }).map(v => Buffer.from(JSON.stringify(v))),
      fc
        .array(
          fc.constantFrom(
            'kind',
            ': ',
            'ConfigMap',
            '\n',
            '- ',
            '{',
            '}',
            '"',
            '&a ',
            '*a',
            '!!str ',
            '|',
            '  ',
            'Data',
            ',',
            '[',
            ']',
            '# x',
            "'",
            '---\n',
          ),
          { maxLength: 14 },
        )
        .map(words => Buffer.from(words.join(''))),
    )
    let kept = 0
    fc.assert(
      fc.property(types, bodies, (type, body) => {
        const result = read('POST', CONFIGMAPS, type, body)
        if (result.refused || result.bytes === null) return
        kept++
        assert.deepEqual(
          JSON.parse(
            JSON.stringify(result.facts?.object, (_key, v) => (typeof v === 'bigint' ? Number(v) : v)),
          ),
          JSON.parse(text(result)),
        )
      }),
      { numRuns: 3000 },
    )
    assert.ok(kept > 50)
  })
})
