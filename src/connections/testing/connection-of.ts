import { compileBindingRule, type WrittenBindingRule } from '../binding-rule.ts'
import type { Connection } from '../connection.ts'

/** A connection whose sessions get roles of their own by these rules. For tests. */
export function connectionOf(
  bindings: readonly WrittenBindingRule[],
  changes: Partial<Connection> = {},
): Connection {
  return {
    name: 'prod',
    kind: 'kubernetes',
    hosts: [],
    agents: ['far'],
    upstreamIdentity: 'session',
    groupMappings: [],
    serviceAccounts: { enabled: false, alsoFrom: [], audiences: [] },
    capture: 'full',
    session: { idle: 1, maximum: 1 },
    bindings: bindings.map(compileBindingRule),
    ...changes,
  }
}
