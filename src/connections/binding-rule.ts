import { Environment } from '@marcbachmann/cel-js'
import type { Principal } from '../identity/principal.ts'
import {
  type Condition,
  type ConditionError,
  compileCondition,
} from '../policy/condition/compile-condition.ts'
import { ConnectionView, type Facts, PrincipalView, ServiceAccountView } from '../policy/condition/facts.ts'
import { registerFunctions } from '../policy/condition/functions.ts'
import { compileSubjects, type Subjects } from '../policy/subjects.ts'
import type { Connection } from './connection.ts'

/** Who gets which role where, for as long as a session lives. */
export interface BindingRule {
  readonly kind: 'ClusterRole' | 'Role'
  readonly role: string
  /** Null: in the whole cluster. */
  readonly namespaces: readonly string[] | null
  /** `connection`: the one that the rule belongs to. A condition that has no answer is a no. */
  includes(principal: Principal, connection: Connection, now: number): boolean
}

/** A role in a place; namespace '' is the whole cluster. */
export interface RoleThere {
  readonly kind: 'ClusterRole' | 'Role'
  readonly name: string
  readonly namespace: string
}

/** As an operator writes it. Of `group`, `principals` and `when` all that are there must hold. */
export interface WrittenBindingRule {
  readonly group?: string | undefined
  readonly principals?: Parameters<typeof compileSubjects>[0]
  readonly when?: string | undefined
  readonly clusterRole?: string | undefined
  readonly role?: string | undefined
  readonly namespaces?: readonly string[] | undefined
  readonly clusterWide?: true | undefined
}

/** Throws an Error when the condition is none; `bindingConditionErrors` says where. */
export function compileBindingRule(written: WrittenBindingRule): BindingRule {
  const { group, principals, when, clusterRole, role, namespaces } = written
  const subjects: Subjects | null = principals === undefined ? null : compileSubjects(principals)
  let condition: Condition | null = null
  if (when !== undefined) {
    const compiled = compileCondition(when)
    if ('errors' in compiled) throw new Error(`binding: ${compiled.errors[0]?.message ?? 'bad condition'}`)
    condition = compiled.condition
  }
  // Whom nothing names is nobody, whatever a schema let through.
  const namesSomebody = group !== undefined || subjects !== null || condition !== null
  return {
    kind: clusterRole === undefined ? 'Role' : 'ClusterRole',
    role: clusterRole ?? role ?? '',
    namespaces: namespaces ?? null,
    includes(principal, connection, now) {
      if (!namesSomebody) return false
      if (group !== undefined && !principal.groups.includes(group)) return false
      if (subjects !== null && !subjects.includes(principal, connection.name)) return false
      if (condition === null) return true
      const facts: Pick<Facts, 'principal' | 'connection' | 'now'> = {
        principal: new PrincipalView(principal),
        connection: new ConnectionView(connection),
        now: new Date(now),
      }
      return condition.evaluate(facts as Facts) === true
    },
  }
}

/** The roles that a principal gets now, each once, in one order. */
export function rolesOf(connection: Connection, principal: Principal, now: number): RoleThere[] {
  const roles = new Map<string, RoleThere>()
  for (const rule of connection.bindings ?? []) {
    if (!rule.includes(principal, connection, now)) continue
    for (const namespace of rule.namespaces ?? ['']) {
      const there = { kind: rule.kind, name: rule.role, namespace }
      roles.set(`${namespace}/${rule.kind}/${rule.role}`, there)
    }
  }
  return [...roles].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, there]) => there)
}

/** What is wrong with a condition of a binding: it may look at principal, connection and now; there is no action yet. */
export function bindingConditionErrors(source: string): readonly ConditionError[] {
  const compiled = compileCondition(source)
  if ('errors' in compiled) return compiled.errors
  try {
    const checked = environment().parse(source).check()
    if (checked.valid) return []
    return [{ line: 1, column: 1, message: firstLine(checked.error) }]
  } catch (error) {
    return [{ line: 1, column: 1, message: firstLine(error) }]
  }
}

let made: Environment | undefined

function environment(): Environment {
  if (made !== undefined) return made
  made = new Environment()
  for (const [name, ctor] of [
    ['ServiceAccount', ServiceAccountView],
    ['Principal', PrincipalView],
    ['Connection', ConnectionView],
  ] as const) {
    made.registerType(name, { ctor: ctor as never, fields: ctor.fields })
  }
  made.registerVariable('principal', 'Principal')
  made.registerVariable('connection', 'Connection')
  made.registerVariable('now', 'google.protobuf.Timestamp')
  registerFunctions(made)
  return made
}

function firstLine(error: unknown): string {
  const { summary, message } = error as { summary?: string; message?: string }
  const line = String(summary ?? message ?? 'unknown error')
    .split('\n')[0]!
    .slice(0, 120)
  return `${line.charAt(0).toLowerCase()}${line.slice(1)} (a binding knows principal, connection and now)`
}
