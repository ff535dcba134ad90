import type { AuditRow } from '../../audit/search/contract.ts'
import type { ShownPart } from '../decision.ts'
import { mayCreate } from '../effects.ts'

/** One thing that was done and answered: what a rule, and a Role, has to allow. */
export interface Observed {
  readonly connection: string
  readonly apiGroup: string
  readonly resource: string
  readonly subresource: string
  /** `''`: in no namespace, or in all of them. */
  readonly namespace: string
  readonly verb: string
  readonly risks: readonly string[]
  /** What the cluster asks for as well: an apply that made something is a create. */
  readonly created: boolean
  /** What policy asks for as well: an apply could have made something. */
  readonly mayCreate: boolean
  readonly mayDelete: boolean
  /** Only this of it was shown. */
  readonly part?: readonly ShownPart[]
}

export interface ObservedPath {
  readonly connection: string
  readonly verb: string
  readonly path: string
}

export interface Observations {
  readonly resources: readonly Observed[]
  readonly paths: readonly ObservedPath[]
  /** Calls that count; others were refused or failed for want of a right. */
  readonly calls: number
  /** What was done and cannot be told from the trail alone. */
  readonly notes: readonly string[]
}

/** Takes rows of the trail one after the other; what is the same is kept once. */
export class Observer {
  readonly #resources = new Map<string, Observed>()
  readonly #paths = new Map<string, ObservedPath>()
  readonly #notes = new Set<string>()
  #calls = 0

  /** What got through counts: allowed, sent on, and not refused by the cluster. */
  add({ head }: AuditRow): void {
    const { action, decision, result, connection, upstream } = head
    const code = result?.code ?? 0
    if (action === undefined || connection === undefined || decision === undefined) return
    if (decision.effect === 'deny' || upstream === undefined || head.error !== undefined) return
    if (code === 0 || code === 401 || code === 403 || code >= 500) return
    this.#calls += 1
    if (action.impersonate !== undefined) {
      this.#notes.add(
        'calls with --as are left out: they need a rule with impersonate, and the right to impersonate',
      )
      return
    }
    const text = (name: string): string => (typeof action[name] === 'string' ? (action[name] as string) : '')
    const verb = text('verb')
    if (text('resource') === '') {
      const seen = { connection, verb, path: text('path') }
      this.#paths.set(JSON.stringify(seen), seen)
      return
    }
    const risk = text('risk')
    const risks = Array.isArray(action.risks) ? action.risks.map(String) : risk === '' ? [] : [risk]
    if (risks.includes('rbac') && verb !== 'delete' && verb !== 'deletecollection') {
      this.#notes.add(
        'roles or bindings were written: the cluster wants the rights in them as well, or escalate and bind',
      )
    }
    const form = (action.body as { readonly form?: unknown } | undefined)?.form
    const target = {
      apiGroup: text('apiGroup'),
      resource: text('resource'),
      subresource: text('subresource'),
      verb,
    }
    const creates = mayCreate({ ...target, body: typeof form === 'string' ? { form } : null })
    const seen: Observed = {
      ...target,
      connection,
      namespace: text('namespace'),
      risks,
      created: creates && code === 201,
      mayCreate: creates,
      mayDelete: risks.includes('owner-change'),
      ...(decision.part === undefined ? {} : { part: decision.part }),
    }
    this.#resources.set(JSON.stringify(seen), seen)
  }

  seen(): Observations {
    return {
      resources: [...this.#resources.values()],
      paths: [...this.#paths.values()],
      calls: this.#calls,
      notes: [...this.#notes],
    }
  }
}
