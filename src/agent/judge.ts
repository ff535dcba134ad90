import { Refusal } from '../errors/refusal.ts'
import { parseRequest } from '../kubernetes/request/parse.ts'
import type { UpstreamCall } from '../tunnel/contract.ts'
import type { Ceiling } from './ceiling/ceiling.ts'
import { type IdentityRules, pushIdentityHeaders } from './identity-headers.ts'
import { checkOwnCall } from './own-calls.ts'
import { allowedHeaders } from './request-headers.ts'

export interface JudgedCall {
  readonly method: string
  /** Rebuilt by this agent's own parser. */
  readonly target: string
  /** Flat: identity first, then the allowed rest. Authorization comes later, from the credential. */
  readonly headers: string[]
  /** The answer may come from something behind the API server, whose 401 is its own. */
  readonly passUnauthorized: boolean
  /** Session under whose own service account it must go, because nothing in the headers says who it is. */
  readonly account?: string
  /** Session whose service account this call of the gateway ends. */
  readonly ends?: string
}

const AUDIT_ID = /^[A-Za-z0-9-]{1,64}$/

/**
 * The agent's own look at a call, whatever the gateway thought of it: one reading of the target, the operator's
 * ceiling, identity within the connection's mode. Throws Refusals.
 */
export function judge(call: UpstreamCall, rules: IdentityRules, ceiling: Ceiling): JudgedCall {
  const kept = allowedHeaders(call.headers)
  const parsed = parseRequest({ method: call.method, target: call.target, rawHeaders: kept })
  if (parsed.refused)
    throw new Refusal(parsed.code, { check: `agent/${parsed.check}`, detail: parsed.detail })
  if (parsed.target !== call.target) {
    throw new Refusal('request-ambiguous', { check: 'agent/target-not-canonical' })
  }
  if (parsed.upgrade !== null) throw new Refusal('upgrade-unsupported', { check: 'agent/upgrade' })
  if (!AUDIT_ID.test(call.auditId)) {
    throw new Refusal('request-ambiguous', { check: 'agent/audit-id', detail: 'the audit id is malformed' })
  }
  if (call.body !== null && (parsed.method === 'GET' || parsed.method === 'HEAD')) {
    throw new Refusal('request-ambiguous', { check: 'agent/body', detail: `a ${parsed.method} with a body` })
  }
  const headers: string[] = []
  let ends: string | undefined
  if (call.identity.mode === 'agent') {
    ends = checkOwnCall(call, parsed, rules)
  } else {
    const reason = ceiling.refuses(parsed)
    if (reason !== undefined) throw new Refusal('denied-by-agent', { check: 'agent/ceiling', detail: reason })
    pushIdentityHeaders(headers, call.identity, rules)
  }
  headers.push('audit-id', call.auditId)
  for (const field of kept) headers.push(field)
  return {
    method: parsed.method,
    target: parsed.target,
    headers,
    passUnauthorized: parsed.info.subresource === 'proxy',
    ...(call.identity.mode === 'serviceaccount' ? { account: call.identity.sessionId } : {}),
    ...(ends === undefined ? {} : { ends }),
  }
}
