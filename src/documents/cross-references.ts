import { parseDuration } from './duration.ts'
import type { ConfigDocument } from './kinds.ts'
import type { LocatedDocument } from './parse.ts'
import type { Problem } from './problem.ts'
import type { ConnectionDocument } from './schema/connection.ts'
import type { IdentityProviderDocument } from './schema/identity-provider.ts'
import { didYouMean } from './suggest.ts'
import { readablePath } from './validate-document.ts'
import type { Path } from './yaml-source.ts'

/** What only shows when all documents are looked at together: names that must exist, and names that must be unique. */
export function crossReferenceProblems(documents: readonly LocatedDocument[]): Problem[] {
  const problems: Problem[] = []
  const report: Report = (located, path, message, severity = 'error') => {
    problems.push({
      file: located.file,
      ...located.locate(path),
      path: readablePath(path),
      message,
      severity,
    })
  }
  const connections = documents.filter(isConnection)
  const providers = documents.filter(isProvider)
  const names = new Set(connections.map(c => c.document.metadata.name))
  uniqueHosts(connections, report)
  for (const connection of connections) checkConnection(connection, names, report)
  unique(providers, ['spec', 'oidc', 'issuer'], p => p.spec.oidc.issuer, report)
  separatePrefixes(providers, report)
  for (const located of documents) {
    if (located.document.kind === 'Policy') checkPolicyConnections(located, names, report)
    if (located.document.kind === 'MaskingRules') checkMaskedConnections(located, names, report)
  }
  return problems
}

type Report = (
  located: LocatedDocument<ConfigDocument>,
  path: Path,
  message: string,
  severity?: Problem['severity'],
) => void

function checkConnection(
  located: LocatedDocument<ConnectionDocument>,
  names: ReadonlySet<string>,
  report: Report,
): void {
  const { spec, metadata } = located.document
  const embedded = spec.agents.indexOf('embedded')
  if (embedded >= 0 && spec.kubernetes === undefined) {
    report(
      located,
      ['spec', 'agents', embedded],
      'the embedded agent needs spec.kubernetes: where its credential is',
    )
  }
  if (embedded < 0 && spec.kubernetes !== undefined) {
    report(
      located,
      ['spec', 'kubernetes'],
      'is read by the embedded agent only, and agents does not name it; other agents hold their own credentials',
    )
  }
  spec.serviceAccounts?.alsoFrom?.forEach((other, i) => {
    const path = ['spec', 'serviceAccounts', 'alsoFrom', i]
    if (other === metadata.name) report(located, path, 'names this connection itself')
    else if (!names.has(other)) {
      report(located, path, `there is no connection ${other}${didYouMean(other, names)}`)
    }
  })
  const idle = spec.session?.idle
  const maximum = spec.session?.maximum
  if (idle !== undefined && maximum !== undefined && parseDuration(idle)! > parseDuration(maximum)!) {
    report(located, ['spec', 'session', 'idle'], 'is longer than maximum')
  }
  checkBindings(located, report)
}

const SHORTEST_LEASE = 10_000
/** The agent gives no longer ones: `LONGEST_BINDING`. */
const LONGEST_LEASE = 900_000

function checkBindings(located: LocatedDocument<ConnectionDocument>, report: Report): void {
  const { bindings, upstreamIdentity, session, agents, kubernetes } = located.document.spec
  const lease = session?.lease === undefined ? undefined : parseDuration(session.lease)!
  if (lease !== undefined && (lease < SHORTEST_LEASE || lease > LONGEST_LEASE)) {
    report(located, ['spec', 'session', 'lease'], 'must be between 10s and 15m')
  }
  if (bindings === undefined) {
    if (lease !== undefined)
      report(located, ['spec', 'session', 'lease'], 'is of bindings, and there are none')
    if (kubernetes?.binder !== undefined) {
      report(located, ['spec', 'kubernetes', 'binder'], 'is for bindings, and there are none')
    }
    return
  }
  if (upstreamIdentity === undefined || upstreamIdentity === 'principal') {
    const message =
      'need upstreamIdentity session or serviceaccount: a binding is for a session, and with principal it is nobody of its own'
    report(located, ['spec', 'bindings'], message)
  }
  if (agents.includes('embedded') && kubernetes !== undefined && kubernetes.binder === undefined) {
    const message =
      'need spec.kubernetes.binder: a second credential for the embedded agent, of another identity than the first'
    report(located, ['spec', 'bindings'], message)
  }
  bindings.forEach((binding, i) => {
    binding.namespaces?.forEach((namespace, n) => {
      if (!/^(kube-|sallyport)/.test(namespace)) return
      const message = `who can change things in ${namespace} can usually become anybody in the cluster`
      report(located, ['spec', 'bindings', i, 'namespaces', n], message, 'warning')
    })
  })
}

function uniqueHosts(connections: readonly LocatedDocument<ConnectionDocument>[], report: Report): void {
  const owners = new Map<string, string>()
  for (const located of connections) {
    located.document.spec.hosts?.forEach((host, i) => {
      const owner = owners.get(host)
      if (owner === undefined) owners.set(host, located.document.metadata.name)
      else report(located, ['spec', 'hosts', i], `${host} already belongs to connection ${owner}`)
    })
  }
}

function unique(
  providers: readonly LocatedDocument<IdentityProviderDocument>[],
  path: Path,
  value: (p: IdentityProviderDocument) => string,
  report: Report,
): void {
  const owners = new Map<string, string>()
  for (const located of providers) {
    const text = value(located.document)
    const owner = owners.get(text)
    if (owner === undefined) owners.set(text, located.document.metadata.name)
    else report(located, path, `${text} already belongs to identity provider ${owner}`)
  }
}

/** `a:` beside `a:b:` would let the first issuer's user `b:x` be taken for the second one's user `x`. */
function separatePrefixes(
  providers: readonly LocatedDocument<IdentityProviderDocument>[],
  report: Report,
): void {
  providers.forEach((located, i) => {
    const { prefix } = located.document.spec.oidc
    for (const other of providers.slice(0, i)) {
      const taken = other.document.spec.oidc.prefix
      if (!prefix.startsWith(taken) && !taken.startsWith(prefix)) continue
      const message = `overlaps with ${taken} of identity provider ${other.document.metadata.name}`
      report(located, ['spec', 'oidc', 'prefix'], message)
    }
  })
}

/** A warning only: a policy may be there before the connection that it speaks of. */
function checkPolicyConnections(located: LocatedDocument, names: ReadonlySet<string>, report: Report): void {
  if (located.document.kind !== 'Policy') return
  located.document.spec.rules?.forEach((rule, r) => {
    rule.match.connections?.forEach((name, i) => {
      if (name.includes('*') || names.has(name)) return
      const message = `there is no connection ${name}${didYouMean(name, names)}`
      report(located, ['spec', 'rules', r, 'match', 'connections', i], message, 'warning')
    })
  })
}

/** Of masking rules and exemptions: a warning as well. */
function checkMaskedConnections(located: LocatedDocument, names: ReadonlySet<string>, report: Report): void {
  if (located.document.kind !== 'MaskingRules') return
  const { rules, exemptions } = located.document.spec
  const check = (connections: readonly string[] | undefined, path: Path): void => {
    connections?.forEach((name, i) => {
      if (name.includes('*') || names.has(name)) return
      report(located, [...path, i], `there is no connection ${name}${didYouMean(name, names)}`, 'warning')
    })
  }
  rules?.forEach((rule, i) => {
    check(rule.scope?.connections, ['spec', 'rules', i, 'scope', 'connections'])
  })
  exemptions?.forEach((exemption, i) => {
    check(exemption.connections, ['spec', 'exemptions', i, 'connections'])
  })
}

function isConnection(d: LocatedDocument): d is LocatedDocument<ConnectionDocument> {
  return d.document.kind === 'Connection'
}

function isProvider(d: LocatedDocument): d is LocatedDocument<IdentityProviderDocument> {
  return d.document.kind === 'IdentityProvider'
}
