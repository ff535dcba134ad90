import { Refusal } from '../errors/refusal.ts'

/**
 * What may travel from the gateway to an upstream. Everything else is dropped, so no field that an API server (or a
 * proxy before it) takes for identity can come this way: Authorization, Impersonate-*, X-Remote-*, X-Forwarded-*,
 * Forwarded, Cookie, Audit-ID, Connection and whatever is invented next.
 */
const allowed: ReadonlySet<string> = new Set([
  'accept',
  'accept-encoding',
  'content-type',
  'if-match',
  'if-modified-since',
  'if-none-match',
  'kubectl-command',
  'kubectl-session',
  'traceparent',
  'tracestate',
  'user-agent',
])

/** RFC 9110 5.5 without obs-text: nothing that ends a line or that two readers decode differently. */
const FIELD_VALUE = /^[\t\x20-\x7e]*$/

/** The allowed fields of a flat list, lower-case names, each at most once. Throws Refusal `request-ambiguous`. */
export function allowedHeaders(headers: readonly string[]): string[] {
  const kept: string[] = []
  for (let i = 0; i + 1 < headers.length; i += 2) {
    const name = headers[i]!.toLowerCase()
    if (!allowed.has(name)) continue
    const value = headers[i + 1]!
    if (!FIELD_VALUE.test(value)) throw ambiguous('header-value', name)
    for (let k = 0; k < kept.length; k += 2) if (kept[k] === name) throw ambiguous('header-repeated', name)
    kept.push(name, value)
  }
  return kept
}

function ambiguous(check: string, name: string): Refusal {
  return new Refusal('request-ambiguous', { check: `agent/${check}`, detail: `header ${name}` })
}
