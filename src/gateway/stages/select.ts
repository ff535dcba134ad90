import { Refusal } from '../../errors/refusal.ts'
import { maskedSelector } from '../../masking/request/masked-selector.ts'
import type { Decided } from '../exchange.ts'
import type { Gateway } from '../gateway.ts'
import { maskRulesFor } from '../mask-rules.ts'

/**
 * A selector that compares a value which the caller does not see would tell whether a guess is right: by what is listed,
 * by what a watch shows, by what is deleted. It is refused before anything is asked.
 */
export function checkSelectors(gateway: Gateway, x: Decided): Decided {
  const { fieldSelector, labelSelector } = x.action.query
  if (fieldSelector === '' && labelSelector === '') return x
  const { group, kind } = x.answerKind ?? { group: '', kind: '' }
  const engine = gateway.maskEngine(maskRulesFor(gateway, x, 'response'))
  const masked = maskedSelector(engine, group, kind, fieldSelector, labelSelector)
  if (masked === null) return x
  throw new Refusal('masked-selector', {
    check: `${masked.by}-selector`,
    detail: `${masked.by} ${masked.name.slice(0, 100)}`,
  })
}
