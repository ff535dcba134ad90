import type { PolicyRule } from '../../documents/schema/policy.ts'
import type { KubernetesAction } from '../../kubernetes/action.ts'
import { compileCondition } from '../condition/compile-condition.ts'
import { Facts } from '../condition/facts.ts'
import { standIn } from '../stand-in.ts'

/**
 * A condition that fails, or says the same, on a request as full of facts as one can be without knowing its body. Such
 * a rule always or never applies, which is rarely what was meant.
 */
export function failingCondition(rule: PolicyRule): string | undefined {
  if (rule.when === undefined) return undefined
  const compiled = compileCondition(rule.when)
  if ('errors' in compiled) return undefined
  if (/^\s*(true|false)\s*$/.test(rule.when)) return `the condition is always ${rule.when.trim()}`
  // What depends on a body cannot be tried without one.
  if (rule.when.includes('body')) return undefined
  const result = compiled.condition.evaluate(new Facts(sample, circumstances))
  if (typeof result === 'boolean') return undefined
  // Absent parts are a matter of the request.
  if (/no such key: (serviceAccount|impersonate)/.test(result.error)) return undefined
  const effect = rule.effect === 'allow' ? 'not met: the rule covers nothing' : 'met'
  return `the condition always fails (${result.error}), which counts as ${effect}`
}

const sample: KubernetesAction = {
  protocol: 'k8s',
  verb: 'get',
  isResource: true,
  apiGroup: '',
  apiVersion: 'v1',
  resource: 'pods',
  subresource: '',
  namespace: 'default',
  name: 'sample',
  path: '/api/v1/namespaces/default/pods/sample',
  query: {
    fieldSelector: '',
    labelSelector: '',
    dryRun: false,
    follow: false,
    container: '',
    command: ['sh'],
  },
  body: null,
  impersonate: { user: 'sample', groups: ['sample'], uid: 'sample', extra: [] },
  risk: 'none',
  risks: ['impersonate'],
  hasSideEffect: false,
  longRunning: false,
}

const circumstances = standIn(
  {
    issuer: 'https://sample.invalid',
    subject: 'sample',
    kind: 'person',
    username: 'sample:person',
    groups: ['sample:group'],
    displayName: 'Sample',
    email: 'sample@sample.invalid',
    authentication: { method: 'oidc', provider: 'sample', validUntil: 0, credentialDigest: '' },
    serviceAccount: { connection: 'sample', namespace: 'default', name: 'sample' },
  },
  'sample',
  Date.UTC(2026, 0, 5, 12),
)
