import assert from 'node:assert/strict'
import type { NewEntry } from '../../src/audit/entry.ts'
import { type Rig, UPSTREAM_TOKEN } from './harness.ts'
import { headersOf, type UpstreamRequest } from './upstream.ts'

/** Every header field that may ever reach an upstream, with what its value must look like. */
const PERMITTED: Readonly<Record<string, RegExp>> = {
  host: /^127\.0\.0\.1:\d+$/,
  connection: /^(keep-alive|close)$/,
  authorization: new RegExp(`^Bearer ${UPSTREAM_TOKEN}$`),
  'audit-id': /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/,
  'impersonate-user': /^sallyport:local:[a-z]+$/,
  'impersonate-group': /^sallyport:[a-z]+$/,
  'impersonate-extra-sallyport.dev%2fsession': /^s-[a-z2-7]{26}$/,
  'impersonate-extra-sallyport.dev%2fprincipal': /^local:[a-z]+$/,
  accept: /^[\x20-\x7e]+$/,
  'accept-encoding': /^identity$/,
  'content-type': /^application\/[a-z+.-]+$/,
  'content-length': /^\d+$/,
  'user-agent': /^[\t\x20-\x7e]*$/,
  'kubectl-command': /^[\t\x20-\x7e]*$/,
  'kubectl-session': /^[\t\x20-\x7e]*$/,
  'if-none-match': /^[\t\x20-\x7e]*$/,
  'if-modified-since': /^[\t\x20-\x7e]*$/,
}
const REPEATABLE = new Set(['impersonate-group'])

/** What may stand in the head of a request to the upstream, and nothing beside it. */
export function assertCleanHead(request: UpstreamRequest): void {
  const seen = new Set<string>()
  // Behind a proxy subresource there is no Kubernetes API: the type of a body there is anybody's.
  const proxied = request.target.includes('/proxy')
  for (const [received, value] of request.headers) {
    const name = received.toLowerCase()
    const permitted = name === 'content-type' && proxied ? /^[\t\x20-\x7e]*$/ : PERMITTED[name]
    assert.match(value, permitted ?? /^(?!)$/, `${received} reached the upstream:\n${request.raw}`)
    assert.ok(!seen.has(name) || REPEATABLE.has(name), `${received} twice:\n${request.raw}`)
    seen.add(name)
  }
  for (const name of ['host', 'authorization', 'audit-id', 'impersonate-user'])
    assert.ok(seen.has(name), `${name} is missing`)
  assert.match(request.target, /^\/[A-Za-z0-9._~!$&'()*+,;=:@%/?-]*$/)
}

/** Intent and outcome of each call, as the log got them. */
export function callsOf(entries: readonly NewEntry[]): Map<string, { intent: NewEntry; outcome?: NewEntry }> {
  const calls = new Map<string, { intent: NewEntry; outcome?: NewEntry }>()
  for (const entry of entries) {
    if (entry.kind !== 'k8s.request') continue
    if (entry.phase === 'intent') {
      assert.ok(!calls.has(entry.call), 'two intents of one call')
      calls.set(entry.call, { intent: entry })
    } else if (entry.phase === 'outcome') {
      const call = calls.get(entry.call)
      assert.ok(call !== undefined && call.outcome === undefined, 'an outcome that follows no intent')
      call.outcome = entry
    }
  }
  return calls
}

/** Whether the log has the outcome of all that it has the intent of: a client that hung up does not wait for it. */
export function allEnded(rig: Pick<Rig, 'entries'>): boolean {
  return [...callsOf(rig.entries).values()].every(
    ({ intent, outcome }) => intent.effect !== 'allow' || outcome !== undefined,
  )
}

/**
 * Whatever the upstream got was allowed, is in the log under its Audit-ID, and is what the log says: method, target,
 * resource as a second reader of the path finds it, and body.
 */
export function assertRecordedAsSent(rig: Pick<Rig, 'entries' | 'upstream'>): void {
  const calls = callsOf(rig.entries)
  const ids = new Set<string>()
  for (const request of rig.upstream.requests) {
    assertCleanHead(request)
    const id = headersOf(request, 'audit-id')[0]!
    assert.ok(!ids.has(id), `one call was sent twice: ${id}`)
    ids.add(id)
    const call = calls.get(id)
    assert.ok(call !== undefined, `nothing is recorded of\n${request.raw}`)
    const { intent, outcome } = call
    assert.equal(intent.effect, 'allow')
    assert.ok(outcome !== undefined, `no outcome of ${request.method} ${request.target}`)
    const { head } = intent
    assert.equal(head.request?.method, request.method)
    const read = secondReading(request.method, request.target)
    const action = head.action as Record<string, unknown>
    for (const [name, value] of Object.entries(read))
      assert.equal(action[name] ?? '', value, `${name} of ${request.method} ${request.target}`)
    const recorded = Buffer.concat((intent.request?.chunks ?? []) as Uint8Array[])
    assert.ok(recorded.equals(request.body), `another body than the recorded one:\n${request.raw}`)
  }
}

/** The path as a reader sees it who knows nothing but the documented shape of Kubernetes URLs. */
function secondReading(method: string, target: string): Record<string, string> {
  const mark = target.indexOf('?')
  const path = mark < 0 ? target : target.slice(0, mark)
  const query = new URLSearchParams(mark < 0 ? '' : target.slice(mark + 1))
  const segments = path.split('/').slice(1).map(decodeURIComponent)
  const core = segments[0] === 'api' && segments.length > 2
  const named = segments[0] === 'apis' && segments.length > 3
  if ((!core && !named) || segments[core ? 2 : 3] === '') return { path }
  const apiGroup = core ? '' : segments[1]!
  let rest = segments.slice(core ? 2 : 3)
  let namespace = ''
  if (rest[0] === 'namespaces' && rest.length > 2 && !(apiGroup === '' && isOfNamespace(rest[2]!))) {
    namespace = rest[1]!
    rest = rest.slice(2)
  }
  const [resource = '', name = '', subresource = ''] = rest
  // What the log calls the namespace of a Namespace is the namespace itself, as RBAC does.
  if (resource === 'namespaces') namespace = name
  const facts = { apiGroup, resource, name, subresource, namespace }
  const selected = /^metadata\.name==?([^,]*)$/.exec(query.get('fieldSelector') ?? '')
  // Only what reads takes its name from the selector.
  if (name === '' && selected !== null && /^(GET|HEAD)$/.test(method)) return { ...facts, name: selected[1]! }
  return facts
}

function isOfNamespace(segment: string): boolean {
  return segment === 'status' || segment === 'finalize'
}
