import type { ActiveRules, MaskDirection } from '../masking/contract.ts'
import type { CompiledMasking } from '../masking/rules/compile.ts'
import type { Classified } from './exchange.ts'
import type { Gateway } from './gateway.ts'

/** The masking rules that hold for this exchange in one direction. */
export function maskRulesFor(gateway: Gateway, x: Classified, direction: MaskDirection): ActiveRules {
  return maskRulesAt(gateway.masking(), x, direction, gateway.now())
}

export function maskRulesAt(
  masking: CompiledMasking,
  x: Classified,
  direction: MaskDirection,
  now: number,
): ActiveRules {
  return masking.for({
    connection: x.connection.name,
    principal: x.principal,
    namespace: x.action.namespace,
    direction,
    now,
  })
}
