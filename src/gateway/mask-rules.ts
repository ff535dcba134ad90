import type { ActiveRules, MaskDirection } from '../masking/contract.ts'
import type { Classified } from './exchange.ts'
import type { Gateway } from './gateway.ts'

/** The masking rules that hold for this exchange in one direction. */
export function maskRulesFor(gateway: Gateway, x: Classified, direction: MaskDirection): ActiveRules {
  return gateway.masking().for({
    connection: x.connection.name,
    principal: x.principal,
    namespace: x.action.namespace,
    direction,
    now: gateway.now(),
  })
}
