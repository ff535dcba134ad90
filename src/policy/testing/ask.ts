import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseDocuments } from '../../documents/parse.ts'
import { formatProblem } from '../../documents/problem.ts'
import type { PolicyDocument } from '../../documents/schema/policy.ts'
import type { Principal } from '../../identity/principal.ts'
import type { KubernetesAction } from '../../kubernetes/action.ts'
import { compilePolicies } from '../compile.ts'
import type { ClientFacts, Decision } from '../decision.ts'
import { risksOf } from '../risk.ts'
import { standIn } from '../stand-in.ts'

/** Rules in YAML flow style, one a line: `name effect {match} [when]`. */
export function policies(...rules: string[]): PolicyDocument[] {
  const text = rules.map(rule => {
    const [, name, effect, match, when] = /^(\S+) (\S+) (\{.*?\})(?: when (.*))?$/.exec(rule)!
    const condition = when === undefined ? '' : `, when: ${JSON.stringify(when)}`
    return `    - {name: ${name}, effect: ${effect}, match: ${match}${condition}}`
  })
  const head = 'apiVersion: sallyport.dev/v1\nkind: Policy\nmetadata: {name: p}\nspec:\n  rules:\n'
  const parsed = parseDocuments([{ file: 'p.yaml', text: head + text.join('\n') }])
  assert.deepEqual(parsed.problems.map(formatProblem), [])
  return parsed.documents.map(d => d.document as PolicyDocument)
}

export const alice: Principal = {
  issuer: 'https://issuer.example.com',
  subject: '1',
  kind: 'person',
  username: 'corp:alice',
  groups: ['corp:dev'],
  authentication: { method: 'oidc', provider: 'corp', validUntil: 0, credentialDigest: '' },
}

export function account(name: string, connection = 'prod'): Principal {
  return {
    ...alice,
    kind: 'serviceaccount',
    username: `system:serviceaccount:${name}`,
    groups: [],
    serviceAccount: { connection, namespace: name.split(':')[0]!, name: name.split(':')[1]! },
  }
}

export interface More {
  readonly principal?: Principal
  readonly connection?: string
  readonly body?: Partial<NonNullable<KubernetesAction['body']>>
  readonly as?: Partial<NonNullable<KubernetesAction['impersonate']>>
  readonly namespaced?: boolean
  readonly now?: number
  readonly dryRun?: boolean
  readonly client?: Partial<ClientFacts>
}

/** `get pods ns/name`, `list apps/deployments -/-`; `-` is nothing. */
export function ask(text: string, more: More = {}): KubernetesAction {
  const [verb, what, where = '-/-'] = text.split(' ') as [string, string, string?]
  const isResource = !what.startsWith('/')
  const parts = isResource ? what.split('/') : []
  const subresource = KNOWN.has(parts.at(-1) ?? '') && parts.length > 1 ? parts.pop()! : ''
  const [namespace, name] = where.split('/').map(w => (w === '-' ? '' : w)) as [string, string]
  const facts = {
    verb,
    isResource,
    apiGroup: parts.length > 1 ? parts[0]! : '',
    apiVersion: 'v1',
    resource: parts.at(-1) ?? '',
    subresource,
    namespace,
    name,
    path: isResource ? '' : what,
    body:
      more.body === undefined
        ? null
        : { apiVersion: '', kind: '', name: '', namespace: '', form: 'object', object: {}, ...more.body },
    impersonate: more.as === undefined ? null : { user: '', groups: [], uid: '', extra: [], ...more.as },
  }
  const risks = risksOf(facts)
  return {
    ...facts,
    protocol: 'k8s',
    query: {
      fieldSelector: '',
      labelSelector: '',
      dryRun: more.dryRun ?? false,
      follow: false,
      container: '',
      command: [],
    },
    risk: risks[0] ?? 'none',
    risks,
    ...(more.namespaced === undefined ? {} : { namespaced: more.namespaced }),
    hasSideEffect: false,
    longRunning: false,
  }
}

const KNOWN = new Set([
  'console',
  'log',
  'exec',
  'proxy',
  'scale',
  'status',
  'eviction',
  'binding',
  'finalize',
  'token',
  'resize',
  'ephemeralcontainers',
  'approval',
  'attach',
  'portforward',
])

export function decide(documents: PolicyDocument[], text: string, more: More = {}): Decision {
  const circumstances = {
    ...standIn(more.principal ?? alice, more.connection ?? 'prod', more.now ?? 0),
    ...(more.client === undefined
      ? {}
      : { client: { address: '', userAgent: '', command: '', ...more.client } }),
  }
  return compilePolicies(documents).decide(ask(text, more), circumstances)
}

export const ALL = 'principals: {users: ["*"]}'
export const EVERYTHING = `everything allow {${ALL}, verbs: ["*"], apiGroups: ["*"], resources: ["*"], riskClasses: ["*"]}`

/** [request, effect] for one set of rules. */
export function table(
  title: string,
  rules: string[],
  rows: readonly (readonly [string, string, More?])[],
): void {
  const documents = policies(...rules)
  for (const [request, effect, more] of rows) {
    test(`${title}: ${request}${more === undefined ? '' : ` ${JSON.stringify(more).slice(0, 90)}`} -> ${effect}`, () => {
      assert.equal(decide(documents, request, more).effect, effect)
    })
  }
}

export const STAR = `star allow {${ALL}, verbs: ["*"], apiGroups: ["*"], resources: ["*"]}`
