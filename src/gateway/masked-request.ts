import type { Masked } from '../masking/json/json-masker.ts'
import { maskRequest } from '../masking/request/mask-request.ts'
import type { Classified } from './exchange.ts'
import type { Gateway } from './gateway.ts'
import { maskRulesFor } from './mask-rules.ts'

/** The body of a request as the trail shows it; undefined when it cannot be read, and must be kept sealed. */
export function maskedRequest(gateway: Gateway, x: Classified): Masked | undefined {
  const { bytes, mediaType } = x.body
  if (bytes === null) return undefined
  const isObject = x.action.body !== null
  if (!isObject && !/^application\/(?:[a-z0-9.+-]+\+)?json\b/i.test(mediaType)) return undefined
  const rules = maskRulesFor(gateway, x, 'request')
  const context = (isObject ? x.answerKind : null) ?? { group: '', kind: '' }
  return maskRequest(gateway.maskEngine(rules), bytes, context, x.action.body?.form ?? 'object') ?? undefined
}
