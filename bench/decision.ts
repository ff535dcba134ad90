/**
 * What a decision costs: `node bench/decision.ts [rules] [conditions] [decisions]`. Rules as a large company might have
 * them (teams with namespaces of their own, guard rails for all, conditions on both), requests of all kinds. Percentiles
 * are of single decisions on the wall clock; the mean is CPU time, which other work on the machine disturbs least.
 */
import { API_VERSION } from '../src/brand.ts'
import type { PolicyDocument, PolicyRule } from '../src/documents/schema/policy.ts'
import type { Principal } from '../src/identity/principal.ts'
import type { KubernetesAction } from '../src/kubernetes/action.ts'
import { compilePolicies } from '../src/policy/compile.ts'
import type { Circumstances } from '../src/policy/decision.ts'
import { risksOf } from '../src/policy/risk.ts'
import { standIn } from '../src/policy/stand-in.ts'

const [ruleCount, conditionCount, decisions] = [500, 50, 200_000].map((usual, i) =>
  Number(process.argv[2 + i] ?? usual),
) as [number, number, number]

const KINDS = [
  ['', 'pods'],
  ['', 'configmaps'],
  ['', 'secrets'],
  ['', 'services'],
  ['apps', 'deployments'],
  ['batch', 'jobs'],
] as const
const CONDITIONS = [
  'action.namespace.startsWith("team-") && !action.name.startsWith("kube-")',
  'principal.groups.exists(g, g.endsWith(":oncall"))',
  'now.getHours() >= 6 && now.getHours() < 22',
  'has(action.body) && action.body.kind == "Job"',
  'action.name.matches("^(canary|debug)-[a-z0-9]+$")',
]

function rules(): PolicyRule[] {
  const list: PolicyRule[] = []
  for (let i = 0; list.length < ruleCount; i++) {
    const team = `team-${i % 60}`
    const [, resource] = KINDS[i % KINDS.length]!
    const effect = i % 10 === 9 ? 'deny' : i % 10 === 8 ? 'hold' : i % 50 === 7 ? 'limit' : 'allow'
    const every = Math.max(1, Math.floor(ruleCount / conditionCount))
    list.push({
      name: `r${i}`,
      effect,
      match: {
        principals: effect === 'deny' ? { groups: [`corp:other-${i}`] } : { groups: [`corp:${team}`] },
        namespaces: [team, `${team}-*`],
        verbs: i % 3 === 0 ? ['get', 'list', 'watch'] : ['create', 'update', 'patch', 'delete'],
        apiGroups: ['', 'apps', 'batch'],
        resources: effect === 'allow' ? KINDS.map(([, kind]) => kind) : [resource],
        ...(effect === 'allow' ? { riskClasses: ['secret-read'] } : {}),
        ...(i % 25 === 3 ? { time: { within: [{ hours: '00:00-24:00', zone: 'Europe/Berlin' }] } } : {}),
        ...(i % 25 === 4 ? { client: { addresses: ['10.0.0.0/8', '127.0.0.0/8'] } } : {}),
        ...(i % 25 === 11 ? { dryRun: false } : {}),
      },
      ...(effect === 'limit' ? { limit: { count: 1000, per: '1m' } } : {}),
      ...(i % every === 0 ? { when: CONDITIONS[(i / every) % CONDITIONS.length]! } : {}),
    } as PolicyRule)
  }
  return list
}

const document: PolicyDocument = {
  apiVersion: API_VERSION,
  kind: 'Policy',
  metadata: { name: 'bench' },
  spec: { rules: rules() },
}
const compiled = compilePolicies([document])

function principal(n: number): Principal {
  return {
    issuer: 'https://issuer.example.com',
    subject: `${n}`,
    kind: 'person',
    username: `corp:user-${n}`,
    groups: [`corp:team-${n % 60}`, 'corp:everybody', ...(n % 7 === 0 ? ['corp:oncall'] : [])],
    authentication: { method: 'oidc', provider: 'corp', validUntil: 0, credentialDigest: '' },
  }
}

const VERBS = ['get', 'list', 'watch', 'create', 'patch', 'delete']
const asked = Array.from({ length: 720 }, (_, i): [KubernetesAction, Circumstances] => {
  const [apiGroup, resource] = KINDS[i % KINDS.length]!
  const verb = VERBS[Math.floor(i / KINDS.length) % VERBS.length]!
  const writes = verb === 'create' || verb === 'patch'
  const facts = {
    verb,
    isResource: true,
    apiGroup,
    apiVersion: 'v1',
    resource,
    subresource: '',
    namespace: `team-${i % 60}`,
    name: verb === 'list' || verb === 'create' ? '' : `canary-${i}`,
    path: '',
    body: writes
      ? {
          apiVersion: 'v1',
          kind: 'Job',
          name: 'x',
          namespace: '',
          form: verb === 'create' ? 'object' : 'merge-patch',
          object: { spec: { template: { spec: { containers: [{ image: 'registry.example.com/a:1' }] } } } },
        }
      : null,
    impersonate: null,
  }
  const risks = risksOf(facts)
  const action: KubernetesAction = {
    ...facts,
    protocol: 'k8s',
    query: { fieldSelector: '', labelSelector: '', dryRun: false, follow: false, container: '', command: [] },
    risk: risks[0] ?? 'none',
    risks,
    hasSideEffect: writes,
    longRunning: false,
  }
  const client = { address: '10.1.2.3', userAgent: 'kubectl/v1.36.0', command: 'kubectl get' }
  // Most ask for what is their own.
  const who = principal(i % 12 === 11 ? i + 7 : i)
  return [action, { ...standIn(who, 'prod', Date.UTC(2026, 0, 5, 12) + i * 1000), client }]
})

const effects = new Map<string, number>()
const spans = new Float64Array(decisions)
for (let i = 0; i < 20_000; i++) decide(i)
const used = process.cpuUsage()
for (let i = 0; i < decisions; i++) decide(i)
const { user, system } = process.cpuUsage(used)
for (let i = 0; i < decisions; i++) {
  const from = process.hrtime.bigint()
  const { effect } = decide(i)
  spans[i] = Number(process.hrtime.bigint() - from) / 1000
  effects.set(effect, (effects.get(effect) ?? 0) + 1)
}
spans.sort()
const at = (share: number): string => `${spans[Math.floor(decisions * share)]!.toFixed(1)} µs`
console.log(
  `${compiled.rules.length} rules, ${compiled.rules.filter(r => r.condition !== null).length} conditions`,
)
console.log([...effects].map(([effect, count]) => `${effect} ${count}`).join(', '))
console.log(`p50 ${at(0.5)}, p99 ${at(0.99)}, p99.9 ${at(0.999)}`)
console.log(`CPU ${((user + system) / decisions).toFixed(2)} µs a decision`)

function decide(i: number): { readonly effect: string } {
  const [action, circumstances] = asked[i % asked.length]!
  return compiled.decide(action, circumstances)
}
