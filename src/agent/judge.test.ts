import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { Refusal } from '../errors/refusal.ts'
import type { SessionDescriptor, UpstreamCall } from '../tunnel/contract.ts'
import { type Ceiling, compileCeiling, lowestCeiling, noCeiling } from './ceiling/ceiling.ts'
import { type CeilingSpec, ceilingSchema } from './ceiling/schema.ts'
import type { IdentityRules } from './identity-headers.ts'
import { type JudgedCall, judge } from './judge.ts'
import { alice, callOf, own, SESSION } from './testing/calls.ts'
import { valuesOf } from './testing/stub-api-server.ts'

const principal: IdentityRules = { upstreamIdentity: 'principal', serviceAccounts: true }

function judged(changes: Partial<UpstreamCall>, rules = principal, ceiling: Ceiling = noCeiling): JudgedCall {
  return judge(callOf(changes), rules, ceiling)
}

function check(changes: Partial<UpstreamCall>, rules = principal, ceiling: Ceiling = noCeiling): string {
  try {
    judged(changes, rules, ceiling)
    return 'allowed'
  } catch (error) {
    if (error instanceof Refusal) return `${error.code} ${error.check}`
    throw error
  }
}

function as(changes: Partial<SessionDescriptor>, rules = principal): string {
  return check({ identity: { ...alice, ...changes } }, rules)
}

describe('headers that came with a call', () => {
  test('C35: impersonation fields in any spelling are dropped, ours are the only ones', () => {
    const spellings = [
      'Impersonate-User',
      'impersonate-user',
      'IMPERSONATE-GROUP',
      'Impersonate_User',
      'Impersonate-Uid',
    ]
    const { headers } = judged({
      headers: [...spellings, 'Impersonate-Extra-Scopes', 'Impersonate-Future'].flatMap(name => [
        name,
        'system:admin',
      ]),
    })
    assert.deepEqual(valuesOf(headers, 'impersonate-user'), [alice.user])
    assert.deepEqual(valuesOf(headers, 'impersonate-group'), alice.groups)
    assert.ok(!headers.includes('system:admin'))
  })

  test('C36: Connection cannot name a field away, because no Connection passes', () => {
    const { headers } = judged({
      headers: ['connection', 'Impersonate-User, Authorization', 'keep-alive', '1'],
    })
    assert.deepEqual(valuesOf(headers, 'connection'), [])
    assert.deepEqual(valuesOf(headers, 'impersonate-user'), [alice.user])
  })

  test('C37: X-Remote-*, X-Forwarded-*, Forwarded and client certificates in headers are dropped', () => {
    const names = [
      'X-Remote-User',
      'X-Remote-Group',
      'X-Remote-Extra-a',
      'X-Forwarded-For',
      'X-Real-Ip',
      'Forwarded',
    ]
    const more = [
      'X-Client-Cert',
      'X-Forwarded-Client-Cert',
      'Cookie',
      'Host',
      'Audit-ID',
      'Proxy-Authorization',
    ]
    const { headers } = judged({ headers: [...names, ...more].flatMap(name => [name, 'evil']) })
    assert.ok(!headers.includes('evil'))
  })

  test('C40, C45: no credential passes through, and each call carries its own identity only', () => {
    const first = judged({ headers: ['authorization', 'Bearer stolen'] })
    assert.ok(!first.headers.join().includes('stolen'))
    const second = judged({ identity: { ...alice, user: 'sallyport:local:bob', groups: [] } })
    assert.ok(!second.headers.join().includes('alice'))
    assert.deepEqual(valuesOf(second.headers, 'impersonate-group'), [])
  })

  test('a value that could end a line is refused, not cleaned', () => {
    for (const value of [
      'a\r\nImpersonate-User: x',
      'a\nb',
      'a\0',
      'a\u0085',
      'ä',
      '\u{1F600}',
      'a\u2028b',
    ]) {
      assert.match(check({ headers: ['user-agent', value] }), /^request-ambiguous agent\/header-/)
    }
  })

  test('a repeated field is refused', () => {
    assert.match(check({ headers: ['accept', 'a/b', 'Accept', 'c/d'] }), /repeated/)
  })

  test('whatever a descriptor holds, no header value ever has a line break or a character outside Latin-1', () => {
    const text = fc.oneof(
      fc.string(),
      fc.string({ unit: 'binary' }),
      fc.constantFrom('\r\n', 'a\r\nb: c', '\u0100'),
    )
    fc.assert(
      fc.property(text, text, text, text, text, (user, group, extra, header, audit) => {
        let result: JudgedCall
        try {
          result = judged({
            headers: ['user-agent', header, header, user],
            auditId: audit,
            identity: {
              ...alice,
              user: `sallyport:${user}`,
              groups: [`sallyport:${group}`],
              extra: [[`sallyport.dev/${extra}`, user]],
            },
          })
        } catch (error) {
          assert.ok(error instanceof Refusal)
          return
        }
        for (let i = 0; i < result.headers.length; i += 2) {
          assert.match(result.headers[i]!, /^[a-z0-9.%F_-]+$/)
          assert.match(result.headers[i + 1]!, /^[\x20-\x7e\x80-\xff]*$/)
        }
      }),
      { numRuns: 500 },
    )
  })
})

describe('identity', () => {
  test('names in other scripts travel as UTF-8', () => {
    const { headers } = judged({
      identity: { ...alice, user: 'sallyport:corp:jürgen', groups: ['sallyport:größe'] },
    })
    const user = valuesOf(headers, 'impersonate-user')[0]!
    assert.equal(Buffer.from(user, 'latin1').toString('utf8'), 'sallyport:corp:jürgen')
  })

  test('only names with our prefix, and service accounts under their own', () => {
    assert.equal(as({}), 'allowed')
    assert.equal(as({ user: 'system:serviceaccount:ci:deployer', groups: [] }), 'allowed')
    const refused = [
      'system:admin',
      'system:kube-controller-manager',
      'system:node:n1',
      'system:serviceaccount:ci',
      'system:serviceaccount:ci:',
      'system:serviceaccount::x',
      'system:serviceaccount:ci:a:b',
      'system:serviceaccount:CI:a',
      'system:serviceaccounts',
      'kubernetes-admin',
      'admin',
      '',
      'sallyport:',
      'Sallyport:x',
      ' sallyport:x',
      'sallyport',
      `sallyport:s:${SESSION}`,
    ]
    for (const user of refused) {
      assert.equal(as({ user, groups: [] }), 'denied-by-agent agent/identity-user', user)
    }
  })

  test('C42: no system: group, and no group without our prefix', () => {
    for (const group of [
      'system:masters',
      'system:authenticated',
      'system:nodes',
      'masters',
      '',
      'sallyport:',
      'SALLYPORT:x',
    ]) {
      assert.equal(as({ groups: ['sallyport:devs', group] }), 'denied-by-agent agent/identity-groups', group)
    }
  })

  test('a service account goes without groups, and not at all where they are not served', () => {
    const user = 'system:serviceaccount:ci:deployer'
    assert.equal(as({ user }), 'denied-by-agent agent/identity-groups')
    const rules: IdentityRules = { upstreamIdentity: 'principal', serviceAccounts: false }
    assert.equal(as({ user, groups: [] }, rules), 'denied-by-agent agent/identity-service-account')
  })

  test('a call in another mode than the connection has is refused, whichever it is', () => {
    for (const mode of ['principal', 'session', 'serviceaccount'] as const) {
      for (const other of ['principal', 'session', 'serviceaccount'] as const) {
        if (mode === other) continue
        const rules: IdentityRules = { upstreamIdentity: mode, serviceAccounts: true }
        assert.equal(as({ mode: other }, rules), 'denied-by-agent agent/identity-mode')
      }
    }
  })

  test('mode session: the session itself and nothing else', () => {
    const rules: IdentityRules = { upstreamIdentity: 'session', serviceAccounts: true }
    const session: Partial<SessionDescriptor> = {
      mode: 'session',
      user: `sallyport:s:${SESSION}`,
      groups: [],
    }
    assert.equal(as(session, rules), 'allowed')
    const other = `s-${'b'.repeat(26)}`
    for (const user of [
      'sallyport:local:alice',
      `sallyport:s:${other}`,
      'system:serviceaccount:ci:deployer',
    ]) {
      assert.equal(as({ ...session, user }, rules), 'denied-by-agent agent/identity-user')
    }
    assert.match(as({ ...session, groups: ['sallyport:devs'] }, rules), /groups/)
    assert.match(as({ ...session, sessionId: 'x', user: 'sallyport:s:x' }, rules), /session-id/)
  })

  test('mode serviceaccount: the session itself, and no impersonation at all', () => {
    const rules: IdentityRules = { upstreamIdentity: 'serviceaccount', serviceAccounts: true }
    const identity = { ...alice, mode: 'serviceaccount' as const, user: `sallyport:s:${SESSION}`, groups: [] }
    const { headers, account } = judged({ identity }, rules)
    assert.equal(account, SESSION)
    assert.ok(!headers.some(name => name.startsWith('impersonate')))
    for (const wrong of [
      { user: 'sallyport:local:alice' },
      { user: 'system:serviceaccount:ci:deployer' },
      { groups: ['sallyport:devs'] },
      { sessionId: '../x', user: 'sallyport:s:../x' },
    ]) {
      assert.match(as({ ...identity, ...wrong }, rules), /^denied-by-agent agent\/identity-/)
    }
  })

  test('other modes bring no account of a session', () => {
    assert.equal(judged({}).account, undefined)
  })

  test('extras without our prefix are refused', () => {
    for (const key of [
      'scopes',
      'authentication.kubernetes.io/node-name',
      'sallyport.dev/',
      'sallyport.dev/A',
      'sallyport.dev/a b',
      'sallyport.dev/%41',
    ]) {
      assert.match(as({ extra: [[key, 'v']] }), /extra-key/, key)
    }
  })

  test('floods of groups and extras, and endless names, are refused', () => {
    assert.match(as({ groups: Array.from({ length: 1_001 }, (_, i) => `sallyport:${i}`) }), /groups/)
    assert.match(
      as({ extra: Array.from({ length: 33 }, (_, i) => [`sallyport.dev/${i}`, 'v'] as const) }),
      /extra/,
    )
    assert.match(as({ user: `sallyport:${'x'.repeat(2_000)}` }), /user/)
    assert.equal(as({ groups: Array.from({ length: 1_000 }, (_, i) => `sallyport:${i}`) }), 'allowed')
  })

  test('characters that hide or reorder text are refused', () => {
    for (const trick of ['\u202eadmin', 'a\u200bb', 'a\u00a0', '\ud800', 'a\u0000', ' ', 'x ', 'x\t']) {
      assert.match(as({ user: `sallyport:${trick}` }), /identity-user/, JSON.stringify(trick))
    }
  })
})

describe("the gateway's own calls", () => {
  const review = { method: 'POST', headers: ['content-type', 'application/json'], body: Buffer.from('{}') }
  const tokenreviews = '/apis/authentication.k8s.io/v1/tokenreviews'
  const accessreviews = '/apis/authorization.k8s.io/v1/subjectaccessreviews'

  test('the fixed list', () => {
    assert.equal(
      check({ ...review, target: tokenreviews, identity: { ...own, purpose: 'tokenreview' } }),
      'allowed',
    )
    assert.equal(
      check({ ...review, target: accessreviews, identity: { ...own, purpose: 'accessreview' } }),
      'allowed',
    )
    const roots = [
      '/api',
      '/api/v1',
      '/apis',
      '/apis/apps',
      '/apis/apps/v1',
      '/openapi/v2',
      '/openapi/v3',
      '/version',
    ]
    for (const target of [...roots, '/openapi/v3/apis/apps/v1?hash=AB12', '/apis?timeout=32s']) {
      assert.equal(check({ target, identity: { ...own, purpose: 'discovery' } }), 'allowed', target)
    }
    const checks = { ...own, purpose: 'checks' } as const
    assert.equal(check({ target: '/sallyport/checks', identity: checks }), 'allowed')
    for (const target of ['/sallyport', '/sallyport/checks/x', '/sallyport/checks?x=1', '/api'])
      assert.notEqual(check({ target, identity: checks }), 'allowed', target)
    for (const target of ['/openid/v1/jwks', '/.well-known/openid-configuration']) {
      assert.equal(check({ target, identity: { ...own, purpose: 'jwks' } }), 'allowed', target)
    }
    const services = '/apis/apiregistration.k8s.io/v1/apiservices'
    const apiservice = { ...own, purpose: 'apiservice' } as const
    assert.equal(check({ target: `${services}/v1.example.com`, identity: apiservice }), 'allowed')
    for (const target of [
      services,
      `${services}/v1.example.com/status`,
      `${services}/v1.example.com?watch=true`,
      services.replace('v1', 'v1beta1'),
      '/apis/apiregistration.k8s.io/v1/watch/apiservices/v1.example.com',
      '/api/v1/namespaces/a/secrets/v1.example.com',
      '/apis/apiextensions.k8s.io/v1/customresourcedefinitions/v1.example.com',
    ])
      assert.notEqual(check({ target, identity: apiservice }), 'allowed', target)
    assert.ok(
      !judged({ target: '/api', identity: { ...own, purpose: 'discovery' } }).headers.some(h =>
        h.startsWith('impersonate'),
      ),
    )
  })

  test('nothing else, under no purpose: a stolen gateway reads no object with the agent credential', () => {
    const targets = [
      '/api/v1/secrets',
      '/api/v1/namespaces/kube-system/secrets/x',
      '/api/v1/nodes',
      '/apis/apps/v1/deployments',
      '/apis/authentication.k8s.io/v1/tokenreviews',
      '/apis/authentication.k8s.io/v1beta1/tokenreviews',
      '/apis/authorization.k8s.io/v1/selfsubjectaccessreviews',
      '/api/v1/namespaces/d/serviceaccounts/x/token',
      '/metrics',
      '/logs/',
      '/healthz',
      '/debug/pprof',
      '/openid/v1/jwks?x=1',
      '/apis/a/b/c/d',
      '/api/v1/watch/secrets',
    ]
    for (const target of targets) {
      for (const purpose of [
        'tokenreview',
        'discovery',
        'accessreview',
        'jwks',
        'apiservice',
        'checks',
        undefined,
      ] as const) {
        for (const method of ['GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'HEAD']) {
          const identity = purpose === undefined ? own : { ...own, purpose }
          const body = method === 'GET' || method === 'HEAD' ? null : Buffer.from('{}')
          const result = check({ target, method, identity, body, headers: review.headers })
          const expected = target === tokenreviews && purpose === 'tokenreview' && method === 'POST'
          assert.equal(result === 'allowed', expected, `${method} ${target} ${purpose}: ${result}`)
        }
      }
    }
  })

  test('session-end: one service account of a session, where there are such, and nothing else', () => {
    const accounts = '/api/v1/namespaces/sallyport-sessions/serviceaccounts'
    const rules: IdentityRules = { upstreamIdentity: 'serviceaccount', serviceAccounts: false }
    const identity = { ...own, purpose: 'session-end' as const }
    const good = { identity, method: 'DELETE', target: `${accounts}/${SESSION}`, headers: [] }
    assert.equal(judged(good, rules).ends, SESSION)
    assert.match(check(good), /denied-by-agent/, 'in another mode')
    for (const wrong of [
      { target: accounts },
      { target: `${accounts}/default` },
      { target: `${accounts}/${SESSION}/token` },
      { target: `${accounts}/${SESSION}?dryRun=All` },
      { target: `/api/v1/namespaces/sallyport-system/serviceaccounts/${SESSION}` },
      { target: `/api/v1/namespaces/kube-system/serviceaccounts/${SESSION}` },
      { target: `/api/v1/namespaces/sallyport-sessions/secrets/${SESSION}` },
      { method: 'GET' },
      { method: 'PUT', body: Buffer.from('{}') },
      { body: Buffer.from('{}') },
      { identity: { ...identity, user: 'sallyport:x' } },
    ]) {
      assert.match(
        check({ ...good, ...wrong }, rules),
        /^(denied-by-agent|request-ambiguous)/,
        JSON.stringify(wrong),
      )
    }
  })

  test('no identity, no other type, no parameters, no large body', () => {
    const good = { ...review, target: tokenreviews, identity: { ...own, purpose: 'tokenreview' as const } }
    for (const identity of [
      { ...good.identity, user: 'sallyport:x' },
      { ...good.identity, groups: ['sallyport:x'] },
      { ...good.identity, extra: [['sallyport.dev/a', 'b']] as const },
    ]) {
      assert.match(check({ ...good, identity }), /denied-by-agent/)
    }
    assert.match(check({ ...good, headers: ['content-type', 'application/yaml'] }), /denied-by-agent/)
    assert.match(check({ ...good, target: `${tokenreviews}?dryRun=All` }), /denied-by-agent/)
    assert.match(check({ ...good, body: Buffer.alloc(100_000) }), /denied-by-agent/)
    assert.match(check({ ...good, body: null }), /denied-by-agent/)
    assert.match(
      check({ target: '/api', identity: { ...own, purpose: 'discovery' }, body: Buffer.from('x') }),
      /agent\/body/,
    )
  })
})

describe('the target', () => {
  test('a target with two readings, or not in its one canonical form, is refused', () => {
    for (const target of [
      '/api/v1/namespaces/d/pods/p/exec/',
      '/api/v1/namespaces/d/pods/p%2Fexec',
      '/api/v1/namespaces/d/%70ods',
      '//evil/api/v1/secrets',
      '/api/v1/namespaces/d/pods/../secrets',
      'http://other/api/v1/pods',
      '/api/v1/pods HTTP/1.1\r\nX: y',
      '/api/v1/pods#x',
      '',
    ]) {
      assert.match(
        check({ target }),
        /^(request-ambiguous|method-not-allowed|upgrade-unsupported) agent\//,
        target,
      )
    }
    assert.match(check({ method: 'TRACE' }), /agent\//)
    assert.match(check({ method: 'get' }), /agent\//)
  })

  test('an audit id that is no id is refused', () => {
    for (const auditId of ['', 'a b', 'x'.repeat(65), 'a\r\nb']) assert.match(check({ auditId }), /audit-id/)
  })

  test('a GET with a body is refused', () => {
    assert.match(check({ body: Buffer.from('x') }), /agent\/body/)
  })
})

describe('the ceiling', () => {
  const under = (spec: CeilingSpec, method: string, target: string): boolean =>
    check({ method, target, body: null }, principal, compileCeiling(ceilingSchema.parse(spec))) === 'allowed'

  test('readOnly: get, list, watch and self reviews; nothing that changes or opens a stream', () => {
    const spec = { readOnly: true }
    assert.ok(under(spec, 'GET', '/api/v1/namespaces/d/pods'))
    assert.ok(under(spec, 'GET', '/api/v1/pods?watch=true'))
    assert.ok(under(spec, 'GET', '/api/v1/namespaces/d/pods/p/log'))
    assert.ok(under(spec, 'POST', '/apis/authorization.k8s.io/v1/selfsubjectaccessreviews'))
    assert.ok(under(spec, 'GET', '/apis'))
    for (const method of ['POST', 'PUT', 'PATCH', 'DELETE'])
      assert.ok(!under(spec, method, '/api/v1/namespaces/d/pods/p'))
    assert.ok(!under(spec, 'DELETE', '/api/v1/namespaces/d/pods'))
    assert.ok(!under(spec, 'GET', '/api/v1/namespaces/d/pods/p/exec?command=sh'))
    assert.ok(!under(spec, 'GET', '/api/v1/nodes/n/proxy/exec'))
    assert.ok(!under(spec, 'GET', '/api/v1/namespaces/d/services/s/proxy/'))
    assert.ok(!under(spec, 'POST', '/apis/authorization.k8s.io/v1/subjectaccessreviews'))
  })

  test('noExec: no stream into a container by any method, no debug container', () => {
    const spec = { noExec: true }
    for (const sub of ['exec', 'attach', 'portforward', 'proxy', 'proxy/x', 'ephemeralcontainers']) {
      for (const method of ['GET', 'POST', 'PUT', 'PATCH']) {
        assert.ok(!under(spec, method, `/api/v1/namespaces/d/pods/p/${sub}`), `${method} ${sub}`)
      }
    }
    assert.ok(under(spec, 'GET', '/api/v1/namespaces/d/pods/p/log'))
    assert.ok(under(spec, 'DELETE', '/api/v1/namespaces/d/pods/p'))
  })

  test('namespaces: those only; over all of them, and cluster-wide, only with clusterScoped', () => {
    const spec = { namespaces: ['a', 'b'] }
    assert.ok(under(spec, 'GET', '/api/v1/namespaces/a/pods'))
    assert.ok(under(spec, 'GET', '/api/v1/namespaces/b'))
    assert.ok(!under(spec, 'GET', '/api/v1/namespaces/c/pods'))
    assert.ok(!under(spec, 'GET', '/api/v1/namespaces/c'))
    assert.ok(!under(spec, 'GET', '/api/v1/pods'))
    assert.ok(!under(spec, 'GET', '/api/v1/nodes'))
    assert.ok(!under(spec, 'GET', '/api/v1/namespaces'))
    assert.ok(under({ ...spec, clusterScoped: true }, 'GET', '/api/v1/nodes'))
    assert.ok(!under({ ...spec, clusterScoped: true }, 'GET', '/api/v1/namespaces/c/pods'))
    assert.ok(under(spec, 'GET', '/version'))
  })

  test('verbs and resources', () => {
    assert.ok(under({ verbs: ['get'] }, 'GET', '/api/v1/namespaces/d/pods/p'))
    assert.ok(!under({ verbs: ['get'] }, 'GET', '/api/v1/namespaces/d/pods'))
    assert.ok(!under({ verbs: ['get'] }, 'GET', '/api/v1/namespaces/d/pods/p/attach'))
    const spec = { resources: ['pods', 'deployments.apps', '*.batch', 'services/*'] }
    assert.ok(under(spec, 'GET', '/api/v1/namespaces/d/pods'))
    assert.ok(!under(spec, 'GET', '/api/v1/namespaces/d/pods/p/log'))
    assert.ok(under(spec, 'GET', '/apis/apps/v1/namespaces/d/deployments'))
    assert.ok(!under(spec, 'GET', '/apis/apps/v1/namespaces/d/statefulsets'))
    assert.ok(under(spec, 'GET', '/apis/batch/v1/cronjobs'))
    assert.ok(!under(spec, 'GET', '/apis/metrics.k8s.io/v1/pods'))
    assert.ok(under(spec, 'GET', '/api/v1/namespaces/d/services/s/status'))
    assert.ok(!under({ deniedResources: ['secrets'] }, 'GET', '/api/v1/namespaces/d/secrets/s'))
    assert.ok(under({ deniedResources: ['secrets'] }, 'GET', '/api/v1/namespaces/d/configmaps/s'))
    assert.ok(under({ resources: ['*'], deniedResources: ['*/exec'] }, 'GET', '/api/v1/namespaces/d/pods/p'))
    assert.ok(
      !under({ deniedResources: ['*/token'] }, 'POST', '/api/v1/namespaces/d/serviceaccounts/s/token'),
    )
  })

  test('other paths must be named', () => {
    assert.ok(!under({}, 'GET', '/metrics'))
    assert.ok(under({ nonResourcePaths: ['/metrics'] }, 'GET', '/metrics'))
    assert.ok(under({ nonResourcePaths: ['/debug/*'] }, 'GET', '/debug/pprof'))
    assert.ok(!under({ nonResourcePaths: ['/metrics'] }, 'GET', '/metrics/cadvisor'))
    assert.ok(!under({}, 'POST', '/version'))
  })

  test('of two ceilings the lower holds', () => {
    const both = lowestCeiling([compileCeiling({ readOnly: true }), compileCeiling({ namespaces: ['a'] })])
    const result = (method: string, target: string) => check({ method, target }, principal, both)
    assert.equal(result('GET', '/api/v1/namespaces/a/pods'), 'allowed')
    assert.equal(result('DELETE', '/api/v1/namespaces/a/pods'), 'denied-by-agent agent/ceiling')
    assert.equal(result('GET', '/api/v1/namespaces/b/pods'), 'denied-by-agent agent/ceiling')
  })

  test('the schema refuses what it does not know: a typo must not widen', () => {
    for (const spec of [
      { readonly: true },
      { namespaces: [] },
      { verbs: ['GET'] },
      { resources: ['Pods'] },
      { namespaces: ['*'] },
    ]) {
      assert.equal(ceilingSchema.safeParse(spec).success, false, JSON.stringify(spec))
    }
  })
})
