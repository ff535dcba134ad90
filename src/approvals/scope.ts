import type { KubernetesAction } from '../kubernetes/action.ts'
import { covers } from '../policy/covers.ts'
import type { Circumstances, Decision } from '../policy/decision.ts'
import { describedAction } from '../policy/described-action.ts'
import { compileRule, type Rule } from '../policy/rule.ts'

/** What somebody asks for ahead, in the words of RBAC. Empty lists: all. Verbs are always named. */
export interface GrantScope {
  readonly verbs: readonly string[]
  /** `resource` or `resource/subresource`, with `.group` behind the resource for all but the core group. */
  readonly resources: readonly string[]
  readonly namespaces: readonly string[]
  readonly names: readonly string[]
}

export interface ScopeJudgement {
  /** Of the rules that hold something in it; empty: nothing in it needs an approval. */
  readonly held: readonly Decision[]
  /** What policy does not allow to anybody with this approval. */
  readonly denied: readonly { readonly action: KubernetesAction; readonly decision: Decision }[]
}

/**
 * Every action of a scope, judged as if it were made now. Where all resources are meant those count that some hold rule
 * names: what is not looked at here is not lifted, it is only held again.
 */
export function judgeScope(
  scope: GrantScope,
  rules: readonly Rule[],
  decide: (action: KubernetesAction) => Decision,
): ScopeJudgement {
  const held: Decision[] = []
  const denied: { action: KubernetesAction; decision: Decision }[] = []
  const resources = scope.resources.length > 0 ? scope.resources.map(splitResource) : namedIn(rules)
  for (const verb of scope.verbs) {
    for (const { group, resource, subresource } of resources) {
      for (const namespace of orNone(scope.namespaces)) {
        for (const name of orNone(scope.names)) {
          const said = { verb, path: '', group, resource, subresource, namespace, name }
          const action = describedAction(said)
          const decision = decide(action)
          if (decision.effect === 'hold') held.push(decision)
          else if (decision.effect === 'deny' && scope.resources.length > 0) denied.push({ action, decision })
        }
      }
    }
  }
  return { held, denied }
}

const compiled = new WeakMap<GrantScope, Rule[]>()

/** Whether a request is wholly within a scope, by the same measure as an allow rule's. */
export function isWithin(scope: GrantScope, action: KubernetesAction, circumstances: Circumstances): boolean {
  let rules = compiled.get(scope)
  if (rules === undefined) {
    rules = rulesOf(scope)
    compiled.set(scope, rules)
  }
  return rules.some(rule => covers(rule, action, circumstances))
}

/** One a group, because RBAC's groups and resources are crossed. */
function rulesOf({ verbs, resources, namespaces, names }: GrantScope): Rule[] {
  const wanted = resources.length === 0 ? [null] : resources.map(splitResource)
  return wanted.map(one => {
    const what =
      one === null
        ? { apiGroups: ['*'], resources: ['*'] }
        : {
            apiGroups: [one.group],
            resources: [one.subresource === '' ? one.resource : `${one.resource}/${one.subresource}`],
          }
    const match = {
      principals: { users: ['*'] },
      verbs: [...verbs],
      ...what,
      ...(namespaces.length === 0 ? {} : { namespaces: [...namespaces] }),
      ...(names.length === 0 ? {} : { resourceNames: [...names] }),
      riskClasses: ['*' as const],
    }
    return compileRule('grant', { name: 'scope', effect: 'allow', match }, null, '')
  })
}

/** `deployments.apps/scale` */
function splitResource(text: string): { group: string; resource: string; subresource: string } {
  const [whole = '', subresource = ''] = text.split('/')
  const dot = whole.indexOf('.')
  return dot < 0
    ? { group: '', resource: whole, subresource }
    : { group: whole.slice(dot + 1), resource: whole.slice(0, dot), subresource }
}

function namedIn(rules: readonly Rule[]): { group: string; resource: string; subresource: string }[] {
  const found: { group: string; resource: string; subresource: string }[] = []
  for (const rule of rules) {
    if (rule.effect !== 'hold' || rule.resources === null) continue
    const groups = rule.apiGroups === null || rule.apiGroups.any ? [''] : [...rule.apiGroups.set]
    for (const name of rule.resources.exact) {
      const [resource = '', subresource = ''] = name.split('/')
      for (const group of groups) found.push({ group, resource, subresource })
    }
  }
  return found
}

function orNone(list: readonly string[]): readonly string[] {
  return list.length === 0 ? [''] : list
}

/** `delete, patch configmaps in payments` */
export function scopeWords({ verbs, resources, namespaces, names }: GrantScope): string {
  const what = resources.length === 0 ? 'all resources' : resources.join(', ')
  const which = names.length === 0 ? '' : ` named ${names.join(', ')}`
  const where = namespaces.length === 0 ? '' : ` in ${namespaces.join(', ')}`
  return `${verbs.join(', ')} ${what}${which}${where}`
}
