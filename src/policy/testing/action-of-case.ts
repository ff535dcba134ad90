import type { BodyFacts, KubernetesAction, QueryFacts } from '../../kubernetes/action.ts'
import { parseRequest } from '../../kubernetes/request/parse.ts'
import { queryFacts } from '../../kubernetes/request/queryfacts.ts'
import type { Action } from '../decision.ts'
import { risksOf } from '../risk.ts'
import type { PolicyTestCase } from './schema.ts'

/** The action that a test case describes, or why it describes none. */
export function actionOfCase(test: PolicyTestCase): { action: Action } | { problem: string } {
  if (test.admin !== undefined) {
    const { verb, resource = '', name = '' } = test.admin
    return { action: { protocol: 'admin', verb, resource, name } }
  }
  const found = test.request === undefined ? actionOfWords(test) : actionOfRequest(test, test.request)
  if (test.before === undefined || 'problem' in found) return found
  const { verb } = found.action
  if (verb === 'update' || verb === 'patch') return found
  return { problem: `before is looked at for update and patch; this is a ${verb}` }
}

type Target = Pick<
  KubernetesAction,
  | 'verb'
  | 'isResource'
  | 'apiGroup'
  | 'apiVersion'
  | 'resource'
  | 'subresource'
  | 'namespace'
  | 'name'
  | 'path'
  | 'query'
  | 'longRunning'
>

function actionOfWords(test: PolicyTestCase): { action: Action } | { problem: string } {
  const words = test.action!
  const [resource = '', subresource = ''] = (words.resource ?? '').split('/')
  if ((resource === '') === (words.path === undefined)) {
    return { problem: 'an action has either a resource or a path' }
  }
  const query: QueryFacts = {
    fieldSelector: words.fieldSelector ?? '',
    labelSelector: words.labelSelector ?? '',
    dryRun: words.dryRun ?? false,
    follow: false,
    container: '',
    command: words.command ?? [],
  }
  return {
    action: complete(test, {
      verb: words.verb,
      isResource: resource !== '',
      apiGroup: words.apiGroup ?? '',
      apiVersion: words.apiVersion ?? 'v1',
      resource,
      subresource,
      namespace: words.namespace ?? '',
      name: words.name ?? '',
      path: words.path ?? '',
      query,
      longRunning: words.verb === 'watch',
    }),
  }
}

function actionOfRequest(test: PolicyTestCase, line: string): { action: Action } | { problem: string } {
  const found = /^([A-Z]+) (\/\S*)$/.exec(line)
  if (found === null) return { problem: 'a request is METHOD /path, such as GET /api/v1/pods' }
  const rawHeaders = ['Host', 'localhost']
  if (test.body !== undefined) {
    rawHeaders.push('Content-Type', MEDIA_TYPES[test.body.form ?? 'object'])
  }
  const parsed = parseRequest({ method: found[1]!, target: found[2]!, rawHeaders })
  if (parsed.refused) return { problem: `refused before policy: ${parsed.check}: ${parsed.detail}` }
  const { info } = parsed
  // exec and its like have one verb, whatever the method.
  const upgrades = info.resource === 'pods' && UPGRADES.has(info.subresource)
  const verb = upgrades ? 'create' : info.verb
  return {
    action: complete(test, { ...info, verb, query: queryFacts(parsed), longRunning: parsed.longRunning }),
  }
}

const UPGRADES: ReadonlySet<string> = new Set(['exec', 'attach', 'portforward'])

const MEDIA_TYPES = {
  object: 'application/json',
  'json-patch': 'application/json-patch+json',
  'merge-patch': 'application/merge-patch+json',
  'strategic-merge-patch': 'application/strategic-merge-patch+json',
  'apply-patch': 'application/apply-patch+yaml',
} as const

function complete(test: PolicyTestCase, target: Target): KubernetesAction {
  const asked = test.impersonate
  const facts = {
    verb: target.verb,
    isResource: target.isResource,
    apiGroup: target.apiGroup,
    apiVersion: target.apiVersion,
    resource: target.resource,
    subresource: target.subresource,
    namespace: target.namespace,
    name: target.name,
    path: target.path,
    query: target.query,
    longRunning: target.longRunning,
    body: bodyOf(test, target),
    ...(test.before === undefined ? {} : { before: test.before }),
    impersonate:
      asked === undefined
        ? null
        : {
            user: asked.user,
            groups: asked.groups ?? [],
            uid: asked.uid ?? '',
            extra: Object.entries(asked.extra ?? {}).flatMap(([key, values]) =>
              values.map(value => [key, value] as const),
            ),
          },
  }
  const risks = risksOf(facts)
  return {
    ...facts,
    protocol: 'k8s',
    risk: risks[0] ?? 'none',
    risks,
    hasSideEffect: !['get', 'list', 'watch', 'head'].includes(target.verb),
  }
}

function bodyOf(test: PolicyTestCase, target: Target): BodyFacts | null {
  if (test.body === undefined) return null
  const { object, name, kind, apiVersion, form } = test.body
  const top = typeof object === 'object' && object !== null ? (object as Record<string, unknown>) : {}
  const metadata = (top.metadata ?? {}) as Record<string, unknown>
  const generated = typeof metadata.generateName === 'string' ? `${metadata.generateName}*` : ''
  return {
    apiVersion: apiVersion ?? String(top.apiVersion ?? ''),
    kind: kind ?? String(top.kind ?? ''),
    name: name ?? (typeof metadata.name === 'string' ? metadata.name : generated),
    namespace: target.namespace,
    form: form ?? 'object',
    object: object ?? Object.create(null),
  }
}
