import { Refusal } from '../errors/refusal.ts'
import { withoutTables } from '../kubernetes/negotiation/accept.ts'
import type { Committed } from './exchange.ts'
import type { Gateway } from './gateway.ts'

/** A column may show any field under any name: of kinds whose fields an operator hides there are no tables. */
export function acceptFor(gateway: Gateway, x: Committed): string {
  if (x.answerKind === null || !x.accept.includes('as=Table')) return x.accept
  const rules = gateway.masking().for({
    connection: x.connection.name,
    principal: x.principal,
    namespace: x.action.namespace,
    direction: 'response',
    now: gateway.now(),
  })
  if (!rules.hasOwnFields(x.answerKind.group, x.answerKind.kind)) return x.accept
  const accept = withoutTables(x.accept)
  if (accept === null) throw new Refusal('not-acceptable', { check: 'accept', detail: NO_TABLES })
  return accept
}

const NO_TABLES =
  'fields of this kind are masked by a rule of its own, so there are no tables of it; ask for JSON'
