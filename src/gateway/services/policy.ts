import type { PolicyServices } from '../../api/services.ts'
import type { Documents } from '../../documents/documents.ts'
import type { KubernetesAction } from '../../kubernetes/action.ts'
import { checkPolicies } from '../../policy/check/check-policies.ts'
import type { CompiledPolicies } from '../../policy/compile.ts'
import { describedAction } from '../../policy/described-action.ts'
import type { ConsideredRule } from '../../policy/explain.ts'
import { runPolicyTests } from '../../policy/testing/run-policy-tests.ts'
import type { Directory } from '../directory.ts'
import { ownSession } from './own-circumstances.ts'
import { unknownConnection } from './unknown-connection.ts'

export interface PolicyServicesParts {
  readonly directory: Directory
  readonly documents: Documents
  policies(): CompiledPolicies
  now(): number
}

export function policyServices(parts: PolicyServicesParts): PolicyServices {
  return {
    check: sources => checkPolicies(sources),
    test: sources => runPolicyTests(sources, parts.documents.current().ofKind('Policy')),
    async explain(principal, { connection: name, action: asked }) {
      const connection = parts.directory.byName(name)
      if (connection === undefined) throw unknownConnection(name)
      const session = { ...ownSession(principal, parts.now()), connection: name }
      const action = describedAction(asked)
      const { effect, rules, reason, policyDigest, considered } = parts
        .policies()
        .explain(action, { session, connection, now: parts.now() })
      return { effect, rules, reason, policyDigest, considered, notes: notesOn(action, considered) }
    },
  }
}

/** What a decision about the request itself would see, and this one cannot. */
function notesOn(action: KubernetesAction, considered: readonly ConsideredRule[]): string[] {
  const notes: string[] = []
  if (['create', 'update', 'patch'].includes(action.verb))
    notes.push('judged without a body: risk classes and conditions that look at it may decide otherwise')
  const failed = considered.filter(c => c.why.includes('its condition failed')).map(c => c.rule)
  if (failed.length > 0)
    notes.push(`a condition asks for something that is not known here: ${failed.join(', ')}`)
  return notes
}
