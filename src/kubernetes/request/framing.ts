import type { ParsedRequest, RefusedRequest } from './contract.ts'
import { bodyMediaType } from './mediatype.ts'
import { refuse } from './refusals.ts'

/**
 * How the body is delimited and declared; null when there is one reading. Leaves `content-type` in its plain form
 * and removes what only the HTTP layer needs. With `passesThrough` the body belongs to the program behind a proxy
 * subresource and its type is left as it is.
 */
export function framingFault(
  method: ParsedRequest['method'],
  isUpgrade: boolean,
  passesThrough: boolean,
  headers: Map<string, string>,
): RefusedRequest | null {
  const expect = headers.get('expect')
  if (expect !== undefined) {
    if (expect.toLowerCase() !== '100-continue') return refuse('expect')
    headers.delete('expect')
  }
  const length = headers.get('content-length')
  if (length !== undefined && !/^[0-9]{1,15}$/.test(length)) return refuse('content-length')
  const transferEncoding = headers.get('transfer-encoding')
  if (transferEncoding !== undefined) {
    if (transferEncoding.toLowerCase() !== 'chunked') return refuse('transfer-encoding')
    if (length !== undefined) return refuse('length-conflict')
    headers.delete('transfer-encoding')
  }
  const hasBody = transferEncoding !== undefined || (length !== undefined && Number(length) > 0)
  if (hasBody && (isUpgrade || method === 'GET' || method === 'HEAD')) return refuse('unexpected-body')

  const encoding = headers.get('content-encoding')
  if (encoding !== undefined) {
    const coding = encoding.toLowerCase()
    if (coding !== 'identity' && coding !== 'gzip') return refuse('content-encoding')
    headers.set('content-encoding', coding)
  }
  const type = headers.get('content-type')
  if (type !== undefined && !passesThrough) {
    const mediaType = bodyMediaType(type)
    if (mediaType === null) return refuse('content-type')
    headers.set('content-type', mediaType)
  }
  return null
}
