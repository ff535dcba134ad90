import { type CapturedBody, DELTA_FIELDS } from '../entry.ts'

const RULE = /^[a-z0-9-]{1,24}$/
const FINGERPRINT = /^[A-Za-z0-9_.:-]{1,64}$/

/** Whether the delta of a body can be written: places in order and inside the body, names that may stand in the log. */
export function isDelta(body: CapturedBody): boolean {
  const { delta } = body
  if (delta === undefined) return true
  if (body.keyClass !== 'shown' || !Array.isArray(delta.fields)) return false
  const { fields } = delta
  if (fields.length > DELTA_FIELDS) return false
  let length = 0
  for (const chunk of body.chunks) length += chunk.length
  let end = 0
  for (const field of fields) {
    if (!Number.isSafeInteger(field.at) || !Number.isSafeInteger(field.length)) return false
    if (field.at < end || field.length < 0) return false
    end = field.at + field.length
    if (end > length || typeof field.pointer !== 'string') return false
    if (typeof field.rule !== 'string' || !RULE.test(field.rule)) return false
    if (field.keep !== 'raw' && field.keep !== 'fingerprint' && field.keep !== 'none') return false
    if (field.keep === 'raw' && !(field.original instanceof Uint8Array)) return false
    if (field.fingerprint !== undefined && !FINGERPRINT.test(field.fingerprint)) return false
  }
  return true
}
