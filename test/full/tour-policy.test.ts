import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { parseAllDocuments, stringify as toYaml } from 'yaml'
import { writeKubeconfig } from '../../testbed/kubeconfig.ts'
import { runKubectl } from '../../testbed/run-kubectl.ts'
import { type Cluster, startCluster } from '../../testbed/start-cluster.ts'
import { expectStatus, signInAsAdmin } from '../e2e/call.ts'
import { type Direct, directly } from '../e2e/direct.ts'
import { normalise } from '../e2e/normalise.ts'
import { type Ran, runProgram, sallyport, startUp, type Up } from '../e2e/rig.ts'
import { type Step, tour } from '../e2e/tour.ts'

/**
 * The tour of unchanged kubectl, gone by somebody with rights of his own: what replay says of it under other policies is what
 * then happens, and what suggest says is enough for it, and no word of that too much.
 */
let cluster: Cluster
let up: Up
let admin: string
let direct: Direct
let home: string
let kubeconfig: string
/** The recorded tour: when it was, what it did, what came of it. */
let recorded: { since: string; until: string; calls: readonly Call[]; walked: ReadonlyMap<string, Ran> }

const API = 'sallyport.dev/v1'
const RBAC = 'rbac.authorization.k8s.io/v1'
/** One of the two that the table of normalised fields knows. */
const NAMESPACE = 'tour-gateway'
const USER = 'system:serviceaccount:shop:walker'
const principals = { serviceAccounts: ['demo/shop:walker'] }
const subject = { kind: 'ServiceAccount', name: 'walker', namespace: 'shop' }

const stringify = (document: object): string => toYaml(document, { aliasDuplicateObjects: false })

function policyOf(name: string, rules: readonly object[]): object {
  return { apiVersion: API, kind: 'Policy', metadata: { name }, spec: { rules } }
}

/** All that the tour needs, and more. */
const everything = [
  {
    name: 'objects',
    effect: 'allow',
    match: { principals, verbs: ['*'], apiGroups: ['*'], resources: ['*'], riskClasses: ['*'] },
  },
  { name: 'paths', effect: 'allow', match: { principals, verbs: ['get'], nonResourceURLs: ['*'] } },
]

before(
  async () => {
    cluster = await startCluster()
    direct = directly(cluster.kubeconfig)
    home = mkdtempSync(join(tmpdir(), 'sallyport-tour-policy-'))
    const config = join(home, 'config')
    mkdirSync(config)
    const documents = [
      {
        apiVersion: API,
        kind: 'Connection',
        metadata: { name: 'demo' },
        spec: { agents: ['embedded'], kubernetes: { kubeconfig: cluster.agentKubeconfig } },
      },
      policyOf('administrators', [
        {
          name: 'all',
          effect: 'allow',
          match: { principals: { groups: ['local:admins'] }, admin: { verbs: ['*'] } },
        },
      ]),
    ]
    writeFileSync(join(config, 'config.yaml'), documents.map(stringify).join('---\n'))
    up = await startUp({ configDir: config, dataDir: join(home, 'data') })
    admin = await signInAsAdmin(up)
    await kubectlDirectly('create', 'namespace', 'shop')
    await kubectlDirectly('create', 'serviceaccount', 'walker', '-n', 'shop')
    await kubectlDirectly(
      'create',
      'clusterrolebinding',
      'everything',
      '--clusterrole=cluster-admin',
      `--user=${USER}`,
    )
    const token = (await kubectlDirectly('-n', 'shop', 'create', 'token', 'walker', '--duration=4h')).trim()
    kubeconfig = join(home, 'walker')
    const ca = readFileSync(up.caFile, 'utf8')
    writeKubeconfig(kubeconfig, { server: `${up.url}/k/demo`, ca, user: { token } })
    await apply(policyOf('walker', everything))
    await freshNamespace()
    const since = new Date(Date.now() - 1).toISOString()
    const walked = await walk()
    const until = new Date(Date.now() + 1).toISOString()
    recorded = { since, until, walked, calls: await callsOf(since, until) }
  },
  { timeout: 900_000 },
)
after(async () => {
  await up?.stop()
  await cluster?.stop()
  if (home !== undefined) rmSync(home, { recursive: true, force: true })
})

async function kubectlDirectly(...args: string[]): Promise<string> {
  const { stdout } = await runKubectl(cluster, args)
  return stdout
}

async function apply(...documents: readonly object[]): Promise<void> {
  const sources = [{ file: 'test', text: documents.map(stringify).join('---\n') }]
  await expectStatus(200, up, '/v1/documents/apply', { method: 'POST', token: admin, body: { sources } })
}

/** As it was before the tour; what the cluster puts into each namespace is there. */
async function freshNamespace(): Promise<void> {
  await kubectlDirectly('delete', 'crd', `widgets.${NAMESPACE}.example.com`, '--ignore-not-found')
  await kubectlDirectly('delete', 'namespace', NAMESPACE, '--ignore-not-found')
  await kubectlDirectly('create', 'namespace', NAMESPACE)
  for (const thing of ['configmap/kube-root-ca.crt', 'serviceaccount/default'])
    await kubectlDirectly('wait', thing, '-n', NAMESPACE, '--for=create', '--timeout=60s')
}

/** What each step came to, by its name. */
async function walk(): Promise<Map<string, Ran>> {
  const own = (text: string): string => text.replaceAll('NAMESPACE', NAMESPACE)
  const kubectl = (step: readonly string[], stdin?: string, env: Step['env'] = {}): Promise<Ran> =>
    runProgram(cluster.kubectl, ['--kubeconfig', kubeconfig, '--namespace', NAMESPACE, ...step], {
      env: { HOME: home, KUBECONFIG: '', ...env },
      ...(stdin === undefined ? {} : { stdin }),
    })
  const walked = new Map<string, Ran>()
  for (const step of tour) {
    const read = step.from === undefined ? step.stdin : (await kubectl(step.from)).stdout
    const isArgument = step.args.includes('OUTPUT')
    const args = step.args.map(arg => (arg === 'OUTPUT' ? read! : own(arg)))
    const stdin = read === undefined || isArgument ? undefined : own(read)
    walked.set(step.name, await kubectl(args, stdin, step.env))
  }
  return walked
}

interface Call {
  readonly call: string
  readonly complete: boolean
  readonly head: {
    readonly request: { readonly method: string; readonly uri: string }
    readonly action?: Readonly<Record<string, unknown>>
    readonly decision?: { readonly effect: string; readonly part?: unknown }
    readonly result?: { readonly code: number }
  }
}

async function callsOf(since: string, until: string): Promise<readonly Call[]> {
  const args = ['audit', 'search', '--kind', 'k8s.request', '--since', since, '--until', until]
  const found = await sallyport([...args, '--limit', '0', '-o', 'json', '--gateway', up.url], {
    env: { SALLYPORT_TOKEN: admin, SALLYPORT_CA_FILE: up.caFile },
  })
  assert.equal(found.code, 0, found.stderr)
  return (JSON.parse(found.stdout) as { items: Call[] }).items.filter(
    call => call.head.decision !== undefined,
  )
}

interface Replay {
  readonly judged: number
  readonly changes: readonly { readonly call: string; readonly after: { readonly effect: string } }[]
  readonly notJudged: readonly unknown[]
}

async function replay(since: string, until: string, ...policies: readonly object[]): Promise<Replay> {
  const body = { since, until, sources: policies.map((p, i) => ({ file: `${i}`, text: stringify(p) })) }
  const { json } = await expectStatus(200, up, '/v1/policy/replay', { method: 'POST', token: admin, body })
  return json
}

/** What was asked for, without what differs each time that the same is asked for. */
function whatOf({ head: { request, action } }: Call): string {
  const [path, query = ''] = request.uri.split('?') as [string, string?]
  const asked = query
    .split('&')
    .filter(pair => !/^(?:resourceVersion|timeout|timeoutSeconds|continue)=/.test(pair))
    // Terms of a selector come in any order.
    .map(pair => pair.replace(/(?<==).*/, terms => terms.split('%2C').sort().join()))
  const { form, kind } = (action?.body ?? {}) as { form?: string; kind?: string }
  return normalise([request.method, path, asked.sort().join('&'), form, kind].join(' '))
}

const effectOf = ({ head: { decision } }: Call): string =>
  decision!.effect === 'allow' && decision!.part !== undefined ? 'allow in part' : decision!.effect

const candidates: readonly (readonly [string, readonly object[]])[] = [
  [
    'one namespace, of which lists show the part',
    [
      {
        name: 'own',
        effect: 'allow',
        filter: true,
        match: {
          principals,
          verbs: ['*'],
          apiGroups: ['*'],
          resources: ['*'],
          namespaces: [NAMESPACE],
          riskClasses: ['*'],
        },
      },
    ],
  ],
  [
    'no deletes, no images from elsewhere, no server-side apply of kubectl apply, no secrets but by name',
    [
      ...everything,
      { name: 'no-delete', effect: 'deny', match: { principals, verbs: ['delete', 'deletecollection'] } },
      {
        name: 'images',
        effect: 'deny',
        match: {
          principals,
          resources: ['pods'],
          verbs: ['create'],
          images: { notFrom: ['registry.example.com/*'] },
        },
      },
      {
        name: 'form',
        effect: 'deny',
        match: { principals, resources: ['configmaps'], verbs: ['patch'] },
        when: 'action.body.form == "apply"',
      },
      { name: 'lists', effect: 'deny', match: { principals, resources: ['secrets'], verbs: ['list'] } },
    ],
  ],
]

for (const [name, rules] of candidates) {
  test(`replay of the tour predicts what then happens: ${name}`, { timeout: 600_000 }, async t => {
    const candidate = policyOf('walker', rules)
    const report = await replay(recorded.since, recorded.until, candidate)
    assert.deepEqual(report.notJudged, [])
    assert.equal(report.judged, recorded.calls.length)
    const changed = new Map(report.changes.map(c => [c.call, c.after.effect]))
    assert.ok(changed.size > 5, `${changed.size} changes`)
    const predicted = new Map<string, Set<string>>()
    for (const call of recorded.calls) {
      const effects = predicted.get(whatOf(call)) ?? new Set()
      predicted.set(whatOf(call), effects.add(changed.get(call.call) ?? effectOf(call)))
    }
    for (const [what, effects] of predicted) assert.equal(effects.size, 1, `${what}: ${[...effects]}`)
    await freshNamespace()
    await apply(candidate)
    const since = new Date(Date.now() - 1).toISOString()
    await walk()
    const until = new Date(Date.now() + 1).toISOString()
    const then = await callsOf(since, until)
    let known = 0
    const others = new Set<string>()
    for (const call of then) {
      const [effect] = predicted.get(whatOf(call)) ?? []
      if (effect === undefined) {
        others.add(whatOf(call))
        continue
      }
      known += 1
      assert.equal(effectOf(call), effect, whatOf(call))
    }
    // kubectl asks for other things where it is refused; nobody could have predicted those.
    t.diagnostic(
      `${known} calls as predicted, ${others.size} that were not in the tour: ${[...others].join(', ')}`,
    )
    assert.ok(known > 150, `${known} calls of the recorded tour`)
    assert.ok(others.size < known / 10, [...others].join('\n'))
    // What was recorded now is what these policies say, to the last call.
    assert.deepEqual((await replay(since, until)).changes, [])
  })
}

interface RoleRule {
  readonly verbs: string[]
  readonly resources?: string[]
  readonly nonResourceURLs?: string[]
  readonly apiGroups?: string[]
}

interface Role {
  readonly kind: 'Role' | 'ClusterRole'
  readonly metadata: { readonly name: string; readonly namespace?: string }
  readonly rules: readonly RoleRule[]
}

/** Asks about rights, and has none to use for it. */
const ABOUT_RIGHTS = ['auth can-i --list', 'auth can-i', 'auth can-i for another']

test('with the suggested policy and roles the tour is the same, and each permission is used', {
  timeout: 900_000,
}, async t => {
  const { since, until } = recorded
  const asked = ['policy', 'suggest', '--principal', USER, '--since', since, '--until', until]
  const printed = await sallyport([...asked, '--gateway', up.url], {
    env: { SALLYPORT_TOKEN: admin, SALLYPORT_CA_FILE: up.caFile },
  })
  assert.equal(printed.code, 0, printed.stderr)
  const documents = parseAllDocuments(printed.stdout).map(d => d.toJS())
  const policy = documents.find(d => d.kind === 'Policy')
  const roles = documents.filter(d => d.kind !== 'Policy') as Role[]

  // From now on these are all the rights there are.
  await freshNamespace()
  await kubectlDirectly('delete', 'clusterrolebinding', 'everything')
  for (const role of roles) await bind(role)
  await expectStatus(200, up, '/v1/documents/Policy/walker', { method: 'DELETE', token: admin })
  await apply(policy)
  await until30(async () => (await mayI({ verb: 'get', resource: 'pods' }, 'log')) === true, 'the new rights')
  const walked = await walk()
  for (const [step, { code, stdout, stderr }] of walked) {
    if (ABOUT_RIGHTS.includes(step)) continue
    const then = recorded.walked.get(step)!
    assert.equal(code, then.code, `${step}: ${stderr}`)
    assert.equal(normalise(stdout), normalise(then.stdout), step)
  }

  // One word of the policy less: the engine says which of the recorded calls would not pass.
  let words = 0
  for (const [r, rule] of policy.spec.rules.entries()) {
    for (const field of ['verbs', 'resources', 'riskClasses', 'namespaces', 'nonResourceURLs'] as const) {
      for (const word of rule.match[field] ?? []) {
        words += 1
        const less = structuredClone(policy)
        const kept = less.spec.rules[r].match[field].filter((w: string) => w !== word)
        if (kept.length > 0) less.spec.rules[r].match[field] = kept
        else if (field === 'riskClasses') delete less.spec.rules[r].match[field]
        else less.spec.rules.splice(r, 1)
        const report = await replay(since, until, less)
        assert.ok(
          report.changes.some(change => change.after.effect === 'deny'),
          `${rule.name} needs no ${field} ${word}`,
        )
      }
    }
  }

  // One permission less of the roles: the API server says no to something that was done.
  let permissions = 0
  const done = new Set(recorded.calls.flatMap(rightsOf))
  for (const role of roles) {
    for (const [r, rule] of role.rules.entries()) {
      for (const thing of rule.resources ?? rule.nonResourceURLs ?? []) {
        for (const verb of rule.verbs) {
          permissions += 1
          const right = rightText(verb, rule.apiGroups?.[0], thing, role.metadata.namespace ?? '')
          assert.ok(done.has(right), `nothing of the tour needs ${right}`)
          await put(role, without(role.rules, r, thing, verb))
          const [resource, subresource = ''] = thing.split('/') as [string, string?]
          const asks =
            rule.resources === undefined
              ? { verb, path: thing }
              : {
                  verb,
                  group: rule.apiGroups![0]!,
                  resource,
                  ...(role.metadata.namespace === undefined ? {} : { namespace: NAMESPACE }),
                }
          await until30(async () => !(await mayI(asks, subresource)), `no ${right}`)
        }
      }
    }
    await put(role, role.rules)
  }
  t.diagnostic(`${words} words of the policy, ${permissions} permissions of the roles`)
  assert.ok(words > 60 && permissions > 40, `${words} words, ${permissions} permissions`)

  // And kubectl itself with one less: what needs it fails, and what does not goes on.
  const own = roles.find(role => role.metadata.namespace === NAMESPACE)!
  const r = own.rules.findIndex(rule => rule.resources?.includes('pods/log'))
  await freshNamespace()
  await bind(own)
  await put(own, without(own.rules, r, 'pods/log', 'get'))
  await until30(async () => !(await mayI({ verb: 'get', resource: 'pods' }, 'log')), 'no logs')
  const less = await walk()
  const differ = [...less].filter(
    ([step, { code }]) => !ABOUT_RIGHTS.includes(step) && code !== recorded.walked.get(step)!.code,
  )
  assert.deepEqual(
    differ.map(([step]) => step),
    ['logs', 'logs -f'],
  )
})

function pathOf({ kind, metadata: { namespace } }: Role): string {
  return kind === 'ClusterRole' ? `/apis/${RBAC}/clusterroles` : `/apis/${RBAC}/namespaces/${namespace}/roles`
}

async function bind(role: Role): Promise<void> {
  const roles = pathOf(role)
  assert.equal((await direct(roles, { method: 'POST', body: role })).status, 201)
  const roleRef = { apiGroup: 'rbac.authorization.k8s.io', kind: role.kind, name: role.metadata.name }
  const body = { metadata: { name: role.metadata.name }, roleRef, subjects: [subject] }
  const bindings = roles.replace(/roles$/, 'rolebindings')
  assert.equal((await direct(bindings, { method: 'POST', body })).status, 201)
}

async function put(role: Role, rules: readonly RoleRule[]): Promise<void> {
  const body = { ...role, rules }
  assert.equal((await direct(`${pathOf(role)}/${role.metadata.name}`, { method: 'PUT', body })).status, 200)
}

/** The rules without one verb on one thing. */
function without(rules: readonly RoleRule[], r: number, thing: string, verb: string): RoleRule[] {
  const rule = rules[r]!
  const field = rule.resources === undefined ? 'nonResourceURLs' : 'resources'
  const others = rule[field]!.filter(one => one !== thing)
  const verbs = rule.verbs.filter(one => one !== verb)
  return [
    ...rules.filter((_, i) => i !== r),
    ...(others.length === 0 ? [] : [{ ...rule, [field]: others }]),
    ...(verbs.length === 0 ? [] : [{ ...rule, [field]: [thing], verbs }]),
  ]
}

function rightText(verb: string, group: string | undefined, thing: string, namespace: string): string {
  return `${verb} ${group ?? 'path'} ${thing} ${namespace}`
}

/** What a call needs of the cluster, in its namespace or in all of them. */
function rightsOf({ head: { action, result } }: Call): string[] {
  const text = (name: string): string => (typeof action?.[name] === 'string' ? (action[name] as string) : '')
  if (action === undefined) return []
  if (text('resource') === '') return [rightText(text('verb'), undefined, text('path'), '')]
  const thing = text('subresource') === '' ? text('resource') : `${text('resource')}/${text('subresource')}`
  const { form } = (action.body ?? {}) as { form?: string }
  const verbs = form === 'apply' && result?.code === 201 ? [text('verb'), 'create'] : [text('verb')]
  return verbs.map(verb => rightText(verb, text('apiGroup'), thing, text('namespace')))
}

interface Asked {
  readonly verb: string
  readonly path?: string
  readonly group?: string
  readonly resource?: string
  readonly namespace?: string
}

/** What the authorizer of the API server says. */
async function mayI({ path, verb, ...resource }: Asked, subresource: string): Promise<boolean> {
  const groups = ['system:serviceaccounts', 'system:serviceaccounts:shop', 'system:authenticated']
  const attributes =
    path === undefined
      ? { resourceAttributes: { namespace: NAMESPACE, ...resource, verb, subresource } }
      : { nonResourceAttributes: { path, verb } }
  const body = {
    apiVersion: 'authorization.k8s.io/v1',
    kind: 'SubjectAccessReview',
    spec: { user: USER, groups, ...attributes },
  }
  const { json } = await direct('/apis/authorization.k8s.io/v1/subjectaccessreviews', {
    method: 'POST',
    body,
  })
  return json.status.allowed === true
}

/** The API server's own view of roles follows within moments. */
async function until30(holds: () => Promise<boolean>, what: string): Promise<void> {
  const deadline = Date.now() + 30_000
  while (!(await holds())) {
    assert.ok(Date.now() < deadline, `${what}: not within 30 s`)
    await sleep(20)
  }
}
