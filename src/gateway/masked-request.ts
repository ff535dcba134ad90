import type { Masked } from '../masking/json/json-masker.ts'
import { maskRequest } from '../masking/request/mask-request.ts'
import type { Classified, RequestBody } from './exchange.ts'
import type { Gateway } from './gateway.ts'
import { maskRulesFor } from './mask-rules.ts'

/** The body of a request as the trail shows it; undefined when it cannot be read, and must be kept sealed. */
export function maskedRequest(
  gateway: Gateway,
  x: Classified,
  { bytes, mediaType }: RequestBody = x.body,
): Masked | undefined {
  if (bytes === null) return undefined
  const isObject = x.action.body !== null
  if (!isObject && !/^application\/(?:[a-z0-9.+-]+\+)?json\b/i.test(mediaType)) return undefined
  const rules = maskRulesFor(gateway, x, 'request')
  const context = (isObject ? x.answerKind : null) ?? { group: '', kind: '' }
  return maskRequest(gateway.maskEngine(rules), bytes, context, x.action.body?.form ?? 'object') ?? undefined
}

/** How many masked places a request's body names. Worked out when asked for, where bodies are not recorded. */
export function maskedPlaces(gateway: Gateway, x: Classified): number {
  const { requestBody } = x.progress
  if (requestBody === undefined) return 0
  const masked = requestBody.masked ?? maskedRequest(gateway, x, requestBody)
  if (masked === undefined) return 0
  x.progress.requestBody = { ...requestBody, masked }
  return masked.fields.length
}
