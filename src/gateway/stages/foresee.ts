import type { Classified } from '../exchange.ts'
import type { Gateway } from '../gateway.ts'
import { lookAhead } from '../result-of-write.ts'

/**
 * A patch says a part of what will be. Where a rule that could decide it looks at the body, what would come of it is asked for
 * first, and that is what is judged. Undefined: nobody needs to look.
 */
export function foresee(gateway: Gateway, x: Classified): Promise<Classified> | undefined {
  return lookAhead(gateway, x)
}
