import { isPlainInPath, isRefusedInTarget } from './characters.ts'
import type { RefusedRequest } from './contract.ts'
import { encodeSegment, percentDecode } from './percent.ts'
import { refuse } from './refusals.ts'

export interface ParsedPath {
  readonly refused: false
  /** Decoded. An empty last one stands for a trailing slash; the root path has none. */
  readonly segments: readonly string[]
  readonly trailingSlash: boolean
  /** Decoded, what kube-apiserver calls `URL.Path`. */
  readonly path: string
  /** Escaped again from `segments`: the only path that is sent on. */
  readonly canonical: string
}

/** `raw` is the request-target up to the query. Splits first and decodes then, once. */
export function parsePath(raw: string): ParsedPath | RefusedRequest {
  if (raw.charCodeAt(0) !== 0x2f) return refuse('target-form')
  const segments: string[] = []
  let plain = true
  let start = 1
  let plainSegment = true
  for (let index = 1; index <= raw.length; index++) {
    const code = index === raw.length ? 0x2f : raw.charCodeAt(index)
    if (code !== 0x2f) {
      if (isPlainInPath(code)) continue
      if (isRefusedInTarget(code)) return refuse('target-character')
      plainSegment = false
      continue
    }
    const segment = plainSegment ? raw.slice(start, index) : percentDecode(raw.slice(start, index), false)
    if (typeof segment !== 'string') return segment
    if (segment === '' && index !== raw.length) return refuse('empty-segment')
    const fault = segmentFault(segment, plainSegment)
    if (fault !== null) return fault
    segments.push(segment)
    plain &&= plainSegment
    plainSegment = true
    start = index + 1
  }
  if (raw.length === 1) segments.length = 0
  return {
    refused: false,
    segments,
    trailingSlash: raw.length > 1 && segments[segments.length - 1] === '',
    path: plain ? raw : `/${segments.join('/')}`,
    canonical: plain ? raw : `/${segments.map(encodeSegment).join('/')}`,
  }
}

/** What no segment may be, whatever it names. A plain segment can only be a dot segment. */
function segmentFault(segment: string, plain: boolean): RefusedRequest | null {
  if (segment === '.' || segment === '..') return refuse('dot-segment')
  if (plain) return null
  for (let index = 0; index < segment.length; index++) {
    const code = segment.charCodeAt(index)
    if (code === 0x2f) return refuse('encoded-slash')
    if (code === 0x25) return refuse('double-encoding')
    if (code === 0x5c) return refuse('backslash')
    if (code < 0x20 || code === 0x7f) return refuse('control-byte')
    if (code > 0x7f) return refuse('non-ascii')
  }
  return null
}
