import type { RuleMatch } from '../../documents/schema/policy.ts'
import type { ClientFacts } from '../decision.ts'
import { compileGlobList, type GlobList } from '../glob.ts'
import { AddressRanges } from './addresses.ts'

export interface ClientMatch {
  readonly addresses: AddressRanges | null
  readonly userAgents: GlobList | null
  readonly commands: GlobList | null
}

export function compileClient(spec: RuleMatch['client']): ClientMatch | null {
  if (spec === undefined) return null
  return {
    addresses: spec.addresses === undefined ? null : new AddressRanges(spec.addresses),
    userAgents: spec.userAgents === undefined ? null : compileGlobList(spec.userAgents),
    commands: spec.commands === undefined ? null : compileGlobList(spec.commands),
  }
}

/** Null: the rule looks at something that this caller did not tell, and the rest fits. */
export function matchesClient(match: ClientMatch, client: ClientFacts | undefined): boolean | null {
  if (client === undefined) return null
  let known = true
  if (match.addresses !== null) {
    const inside = match.addresses.has(client.address)
    if (inside === false) return false
    if (inside === null) known = false
  }
  if (match.userAgents !== null) {
    if (client.userAgent === '') known = false
    else if (!hasProduct(match.userAgents, client.userAgent)) return false
  }
  if (match.commands !== null) {
    if (client.command === '') known = false
    else if (!match.commands.has(client.command)) return false
  }
  return known ? true : null
}

/** The first product of a User-Agent (RFC 9110, 10.1.5), by its name or with its version: `kubectl`, `kubectl/v1.36.0`. */
function hasProduct(list: GlobList, userAgent: string): boolean {
  const space = userAgent.indexOf(' ')
  const product = space < 0 ? userAgent : userAgent.slice(0, space)
  const slash = product.indexOf('/')
  return list.has(product) || (slash > 0 && list.has(product.slice(0, slash)))
}
