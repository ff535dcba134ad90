import type { ConnectionCheck } from '../../api/services.ts'
import type { Connection } from '../../connections/connection.ts'
import { Refusal } from '../../errors/refusal.ts'
import { askVersion, type BindablePlace, checkUpstream } from '../../tunnel/calls/check-upstream.ts'
import { fetchDiscovery } from '../../tunnel/calls/fetch-document.ts'
import { reviewToken } from '../../tunnel/calls/review-token.ts'
import type { RecordedLink } from '../../tunnel/contract.ts'
import type { AgentRegistry } from '../../tunnel/registry.ts'
import { newCallId } from '../call-id.ts'
import type { OwnCalls } from '../own-calls.ts'

export interface ConnectionChecksParts {
  readonly registry: AgentRegistry
  readonly ownCalls: Pick<OwnCalls, 'through' | 'made'>
  now(): number
}

/** Milliseconds between the clocks of gateway and cluster: tokens of service accounts are judged by both. */
const NOTABLE = 30_000

/**
 * The way to one cluster, step by step: agent, reach and credential, clock, discovery, the reviews that service accounts
 * need, then what the agent itself sees of rights and locks. Stops where nothing later can work. The gateway has no
 * credential: whatever is asked of the cluster, the agent asks.
 */
export async function checkConnection(
  parts: ConnectionChecksParts,
  connection: Connection,
): Promise<ConnectionCheck[]> {
  const { name } = connection
  const checks = agentChecks(parts, connection)
  if (!checks.some(c => c.check === 'agent' && c.level === 'ok')) return checks
  const link = parts.ownCalls.through(parts.registry.linkFor(connection))
  const sentAt = parts.now()
  try {
    const { version, date, auditId } = await askVersion(link, name)
    checks.push({
      check: 'reach',
      level: 'ok',
      text: `the API server answers, ${version}; TLS and credential are good`,
    })
    checks.push(clockCheck(date, sentAt, parts.now()))
    checks.push(
      auditId === undefined
        ? {
            check: 'audit-id',
            level: 'warning',
            text: 'the API server names no Audit-ID: it keeps no audit log',
          }
        : { check: 'audit-id', level: 'ok', text: 'the API server names an Audit-ID for each request' },
    )
  } catch (error) {
    checks.push(reachFailure(error, link.name))
    return checks
  }
  checks.push(await step('discovery', 'discovery works', () => fetchDiscovery(link, name, '/apis')))
  if (connection.serviceAccounts.enabled) {
    const ask = () => reviewToken(link, name, 'not-a-token')
    const cure = `sallyport agent manifests -c ${name} | kubectl apply -f -`
    checks.push(
      await step('tokenreviews', 'tokens of service accounts can be reviewed (tokenreviews)', ask, cure),
    )
  }
  try {
    const { findings, requests, mayBind } = await checkUpstream(unrecorded(parts, connection), name)
    for (const { id, at, milliseconds, status, method, target, as } of requests) {
      const call = { connection: name, purpose: 'checks', method, target, agent: link.name }
      await parts.ownCalls.made(as === undefined ? call : { ...call, as }, { id, at, milliseconds, status })
    }
    for (const { check, level, text, advice } of findings) {
      checks.push({
        check,
        level: level === 'danger' ? 'failed' : level,
        text,
        ...(advice === undefined ? {} : { cure: advice }),
      })
    }
    checks.push(...mappingChecks(connection, mayBind, link.name))
  } catch (error) {
    const text = `the agent does not look for itself: ${wordsOf(error)}`
    checks.push({ check: 'rights', level: 'warning', text, cure: `upgrade the agent ${link.name}` })
  }
  return checks
}

/** Whether the agent can make the bindings that the connection maps. */
function mappingChecks(
  { name, bindings, upstreamIdentity }: Connection,
  mayBind: readonly BindablePlace[] | undefined,
  agent: string,
): ConnectionCheck[] {
  if (bindings === undefined || upstreamIdentity === 'principal') return []
  const check = 'binder/mapping'
  const cure = `sallyport agent manifests -f FILE -c ${name}, and binder and mayBind in the configuration of agent ${agent}`
  if (mayBind === undefined) {
    const text = `the connection maps roles, and the agent ${agent} has no binder: no session gets any`
    return [{ check, level: 'failed', text, cure }]
  }
  const missing = bindings.flatMap(({ kind, role, namespaces }) =>
    (namespaces ?? [''])
      .filter(place => !mayBind.some(one => covers(one, kind, role, place)))
      .map(place => `${kind} ${role} ${place === '' ? 'in the whole cluster' : `in ${place}`}`),
  )
  if (missing.length === 0) {
    return [{ check, level: 'ok', text: 'the agent may make all bindings that the connection maps' }]
  }
  const text = `the agent ${agent} may not bind ${[...new Set(missing)].slice(0, 5).join(', ')}`
  return [{ check, level: 'failed', text, cure }]
}

function covers(one: BindablePlace, kind: string, role: string, place: string): boolean {
  return one.kind === kind && one.name === role && (one.namespace === '*' || one.namespace === place)
}

/** For the one call that no API server sees: what the agent then asks of it is recorded request by request. */
function unrecorded({ registry, now }: ConnectionChecksParts, connection: Connection): RecordedLink {
  const link = registry.linkFor(connection)
  return {
    recorded: true,
    name: link.name,
    connected: link.connected,
    dispatch: (call, handler) => link.dispatch({ ...call, auditId: newCallId(now()) }, handler),
    close: () => link.close(),
  }
}

function agentChecks({ registry }: ConnectionChecksParts, connection: Connection): ConnectionCheck[] {
  const status = new Map(registry.status().map(a => [a.name, a.connected]))
  const connected = connection.agents.filter(name => status.get(name) === true)
  const away = connection.agents.filter(name => !connected.includes(name))
  const cureOf = (name: string): string =>
    name === 'embedded' ? 'sallyport up' : `sallyport agent token ${name}`
  const checks: ConnectionCheck[] = []
  if (connected.length > 0)
    checks.push({ check: 'agent', level: 'ok', text: `connected: ${connected.join(', ')}` })
  if (away.length > 0) {
    const level = connected.length > 0 ? 'warning' : 'failed'
    checks.push({
      check: connected.length > 0 ? 'agent-away' : 'agent',
      level,
      text: `not connected: ${away.join(', ')}; start it, or enrol it first`,
      cure: cureOf(away[0]!),
    })
  }
  return checks
}

async function step(
  check: string,
  text: string,
  ask: () => Promise<unknown>,
  cure?: string,
): Promise<ConnectionCheck> {
  try {
    await ask()
    return { check, level: 'ok', text }
  } catch (error) {
    const words = `${check}: ${wordsOf(error)}`
    return { check, level: 'failed', text: words, ...(cure === undefined ? {} : { cure }) }
  }
}

function reachFailure(error: unknown, agent: string): ConnectionCheck {
  const cure = `look at the server, its CA and the credential in the configuration of agent ${agent}, then: sallyport agent check --config FILE`
  return {
    check: 'reach',
    level: 'failed',
    text: `the agent ${agent} gets no answer: ${wordsOf(error)}`,
    cure,
  }
}

function clockCheck(date: string | undefined, sentAt: number, receivedAt: number): ConnectionCheck {
  const theirs = Date.parse(date ?? '')
  if (Number.isNaN(theirs)) return { check: 'clock', level: 'note', text: 'the API server sends no Date' }
  const apart = theirs + 500 - (sentAt + receivedAt) / 2
  const text = `the clock of the cluster is ${Math.round(Math.abs(apart) / 1000)} s ${apart > 0 ? 'ahead of' : 'behind'} the gateway`
  return Math.abs(apart) < NOTABLE
    ? { check: 'clock', level: 'ok', text }
    : { check: 'clock', level: 'failed', text, cure: 'timedatectl set-ntp true' }
}

/** Code and detail of a refusal. What the agent says of the upstream never holds a credential. */
function wordsOf(error: unknown): string {
  if (!(error instanceof Refusal)) return 'it failed'
  return error.check === undefined ? error.message : `${error.message} [${error.check}]`
}
