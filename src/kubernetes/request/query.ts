import { isPrintableAscii, isRefusedInTarget } from './characters.ts'
import type { RefusedRequest } from './contract.ts'
import { encodeQueryPart, percentDecode } from './percent.ts'
import { refuse } from './refusals.ts'

/** Decoded, in order, repeated names kept. */
export type Query = readonly (readonly [name: string, value: string])[]

export const noQuery: Query = []

const MOST_PARAMETERS = 4096

/**
 * `raw` is what follows the first `?`. Reads as Go's `url.ParseQuery` does, but refuses what that drops silently:
 * upstream would then act on fewer parameters than were judged. Empty pairs (`a=1&&b=2`) mean nothing and vanish.
 */
export function parseQuery(raw: string): Query | RefusedRequest {
  for (let index = 0; index < raw.length; index++) {
    const code = raw.charCodeAt(index)
    if (code === 0x3b) return refuse('query-semicolon')
    if (isRefusedInTarget(code)) return refuse('target-character')
  }
  const query: (readonly [string, string])[] = []
  for (let start = 0; start < raw.length; ) {
    const next = raw.indexOf('&', start)
    const end = next < 0 ? raw.length : next
    if (end > start) {
      const equals = raw.indexOf('=', start)
      const nameEnd = equals < 0 || equals > end ? end : equals
      const name = percentDecode(raw.slice(start, nameEnd), true)
      if (typeof name !== 'string') return name
      if (name === '' || !isPrintableAscii(name)) return refuse('query-name')
      const value = nameEnd === end ? '' : percentDecode(raw.slice(nameEnd + 1, end), true)
      if (typeof value !== 'string') return value
      if (value.includes('\0')) return refuse('control-byte')
      if (query.length === MOST_PARAMETERS) return refuse('query-too-many')
      query.push([name, value])
    }
    start = end + 1
  }
  return query
}

/** With its `?`, or empty when there are no parameters. Parsing it again gives `query`. */
export function encodeQuery(query: Query): string {
  let encoded = ''
  for (const [name, value] of query) {
    encoded += `${encoded === '' ? '?' : '&'}${encodeQueryPart(name)}=${encodeQueryPart(value)}`
  }
  return encoded
}

/** The first value, as every reader in kube-apiserver takes it; undefined when the parameter is absent. */
export function parameter(query: Query, name: string): string | undefined {
  for (const pair of query) if (pair[0] === name) return pair[1]
  return undefined
}

/**
 * apimachinery's reading of a boolean parameter (`Convert_Slice_string_To_bool`): present means true, whatever
 * the value and even when empty, except `0` and `false` in any case.
 */
export function isSwitchedOn(query: Query, name: string): boolean {
  const value = parameter(query, name)
  return value !== undefined && value !== '0' && value.toLowerCase() !== 'false'
}
