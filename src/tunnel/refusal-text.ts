import { catalogue, type ErrorCode } from '../errors/catalogue.ts'
import { Refusal } from '../errors/refusal.ts'

const CHECK = /^[a-z0-9][a-z0-9/._-]{0,79}$/
const LONGEST_DETAIL = 300

/** What of a Refusal crosses the tunnel: never its cause. */
export function encodeRefusal(refusal: Refusal): string {
  const { code, check, detail, retryAfter } = refusal
  return JSON.stringify({ code, check, detail: detail?.slice(0, LONGEST_DETAIL), retryAfter })
}

/**
 * Reads it back. The agent is in another network and may be in other hands: only codes of the catalogue, only
 * harmless characters, only so much of it.
 */
export function decodeRefusal(text: string): Refusal {
  let fields: Record<string, unknown> = {}
  try {
    const parsed: unknown = JSON.parse(text)
    if (typeof parsed === 'object' && parsed !== null) fields = parsed as Record<string, unknown>
  } catch {
    // Falls through to the code below.
  }
  const { code, check, detail, retryAfter } = fields
  if (typeof code !== 'string' || !Object.hasOwn(catalogue, code)) {
    return new Refusal('upstream-answer-refused', {
      check: 'tunnel-protocol',
      detail: 'the agent reported an error that this gateway does not know',
    })
  }
  return new Refusal(code as ErrorCode, {
    ...(typeof check === 'string' && CHECK.test(check) ? { check } : {}),
    ...(typeof detail === 'string' ? { detail: harmless(detail) } : {}),
    ...(typeof retryAfter === 'number' && retryAfter >= 0 && retryAfter <= 3_600
      ? { retryAfter: Math.ceil(retryAfter) }
      : {}),
  })
}

function harmless(text: string): string {
  return text.slice(0, LONGEST_DETAIL).replace(/[^\x20-\x7e]/g, '?')
}
