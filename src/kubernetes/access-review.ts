import type { KubernetesAction } from './action.ts'

const READS: ReadonlySet<string> = new Set(['get', 'list', 'watch'])

/** A SelfSubjectAccessReview being created: the question behind `kubectl auth can-i`. */
export function isAccessReview(action: KubernetesAction): boolean {
  return (
    action.isResource &&
    action.verb === 'create' &&
    action.apiGroup === 'authorization.k8s.io' &&
    action.resource === 'selfsubjectaccessreviews'
  )
}

/** A SelfSubjectRulesReview being created: `kubectl auth can-i --list`. */
export function isRulesReview(action: KubernetesAction): boolean {
  return (
    action.isResource &&
    action.verb === 'create' &&
    action.apiGroup === 'authorization.k8s.io' &&
    action.resource === 'selfsubjectrulesreviews'
  )
}

/** Lists of words, of each rule. */
type Words = Readonly<Record<string, readonly string[]>>

export interface RulesReviewStatus {
  readonly resourceRules: readonly (Words & { readonly verbs: readonly string[] })[]
  readonly nonResourceRules: readonly (Words & { readonly verbs: readonly string[] })[]
  readonly incomplete: boolean
  readonly evaluationError?: string
}

/**
 * The status of an answered SelfSubjectRulesReview (k8s.io/api authorization/v1 SubjectRulesReviewStatus); undefined when it
 * has another form.
 */
export function rulesStatusOf(review: unknown): RulesReviewStatus | undefined {
  const status = field(review, 'status')
  const resourceRules = rulesIn(field(status, 'resourceRules'))
  const nonResourceRules = rulesIn(field(status, 'nonResourceRules'))
  if (status === undefined || resourceRules === undefined || nonResourceRules === undefined) return undefined
  const error = field(status, 'evaluationError')
  return {
    resourceRules,
    nonResourceRules,
    incomplete: field(status, 'incomplete') !== false,
    ...(typeof error === 'string' ? { evaluationError: error } : {}),
  }
}

function rulesIn(list: unknown): RulesReviewStatus['resourceRules'] | undefined {
  if (list === undefined) return []
  if (!Array.isArray(list)) return undefined
  const rules: (Words & { verbs: readonly string[] })[] = []
  for (const rule of list as unknown[]) {
    if (typeof rule !== 'object' || rule === null) return undefined
    const words: Record<string, readonly string[]> = {}
    for (const [name, value] of Object.entries(rule)) {
      if (value === null) continue
      if (!Array.isArray(value) || !value.every(word => typeof word === 'string')) return undefined
      words[name] = value
    }
    rules.push({ ...words, verbs: words.verbs ?? [] })
  }
  return rules
}

/**
 * The action that a review asks about (k8s.io/api authorization/v1 SelfSubjectAccessReviewSpec), without body, query
 * and risks: those are not known before it is done. Undefined when the spec is none: then the cluster says what is wrong.
 */
export function actionAskedAbout(object: unknown): Omit<KubernetesAction, 'risk'> | undefined {
  const spec = field(object, 'spec')
  const resource = field(spec, 'resourceAttributes')
  const path = field(spec, 'nonResourceAttributes')
  if ((resource === undefined) === (path === undefined)) return undefined
  const attributes = resource ?? path
  const text = (name: string): string => {
    const value = field(attributes, name)
    return typeof value === 'string' ? value : ''
  }
  const verb = text('verb')
  const [apiGroup, kind, name] = [text('group'), text('resource'), text('name')]
  return {
    protocol: 'k8s',
    verb,
    isResource: resource !== undefined,
    apiGroup,
    apiVersion: text('version'),
    resource: kind,
    subresource: text('subresource'),
    namespace: namespaceOfAction(apiGroup, kind, text('namespace'), name),
    name,
    path: path === undefined ? '' : text('path'),
    query: { fieldSelector: '', labelSelector: '', dryRun: false, follow: false, container: '', command: [] },
    body: null,
    impersonate: null,
    hasSideEffect: !READS.has(verb),
    longRunning: verb === 'watch',
  }
}

/**
 * The namespace that the request itself would be in. One about a Namespace is in that very namespace, whatever the
 * question says: kubectl puts there the namespace of its context (apiserver pkg/endpoints/request requestinfo.go).
 */
export function namespaceOfAction(
  apiGroup: string,
  resource: string,
  namespace: string,
  name: string,
): string {
  return apiGroup === '' && resource === 'namespaces' ? name : namespace
}

/** Asked with `*`: about every verb, resource or group at once. */
export function isAllNames(object: unknown): boolean {
  const asked = actionAskedAbout(object)
  return asked !== undefined && [asked.verb, asked.resource, asked.apiGroup].includes('*')
}

function field(value: unknown, name: string): unknown {
  if (typeof value !== 'object' || value === null || !Object.hasOwn(value, name)) return undefined
  return (value as Record<string, unknown>)[name] ?? undefined
}
