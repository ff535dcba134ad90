import { gunzipSync } from 'node:zlib'
import { BODY_LIMITS } from '../json/read-json.ts'
import { type RefusedBody, refuseBody } from './contract.ts'

/** A body may grow to this many times its size; text of manifests compresses to a tenth, rarely to a fiftieth. */
const LARGEST_RATIO = 100
/** Below this size any ratio is harmless. */
const HARMLESS = 64 * 1024

/** Unpacks a gzip body (RFC 1952) within the limits of a plain one. Synchronous: the result is bounded to 3 MiB. */
export function inflate(bytes: Uint8Array): Uint8Array | RefusedBody {
  const limit = Math.min(BODY_LIMITS.maximumBytes, Math.max(HARMLESS, bytes.length * LARGEST_RATIO))
  try {
    return gunzipSync(bytes, { maxOutputLength: limit })
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE') {
      return refuseBody('gzip-too-large', 'the body unpacks to more than is allowed', 'request-too-large')
    }
    return refuseBody('gzip-syntax', 'the body is not the gzip that Content-Encoding says it is')
  }
}
