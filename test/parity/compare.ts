import type { ParsedRequest, RequestInfo } from '../../src/kubernetes/request/contract.ts'
import type { OracleAnswer, OracleReading } from './oracle.ts'

const fields = [
  'isResource',
  'verb',
  'apiPrefix',
  'apiGroup',
  'apiVersion',
  'namespace',
  'resource',
  'subresource',
  'name',
  'path',
  'fieldSelector',
  'labelSelector',
] as const satisfies readonly (keyof RequestInfo)[]

/** What the oracle sees otherwise than we do in a request that we accept; empty when we agree. */
export function disagreements(ours: ParsedRequest, theirs: OracleAnswer): string[] {
  if (theirs.refused !== undefined) return [`the oracle refuses it: ${theirs.refused}`]
  const found: string[] = []
  for (const field of fields) {
    if (ours.info[field] !== theirs[field])
      found.push(
        `${field}: ours ${JSON.stringify(ours.info[field])}, oracle ${JSON.stringify(theirs[field])}`,
      )
  }
  if ((ours.upgrade ?? '') !== theirs.upgrade)
    found.push(`upgrade: ours ${ours.upgrade}, oracle ${theirs.upgrade}`)
  // Logs that are not followed end by themselves: the one deliberate difference.
  const unfollowedLog = ours.info.subresource === 'log' && !ours.longRunning
  if (ours.longRunning !== theirs.longRunning && !unfollowedLog)
    found.push(`longRunning: ours ${ours.longRunning}`)
  return [...found, ...queryDisagreements(ours, theirs)]
}

/** Every parameter, with all its values in order: nothing that was judged may be dropped upstream, or the reverse. */
function queryDisagreements(ours: ParsedRequest, theirs: OracleReading): string[] {
  const values = new Map<string, string[]>()
  for (const [name, value] of ours.query) values.set(name, [...(values.get(name) ?? []), value])
  const mine = JSON.stringify([...values].sort(byName))
  const other = JSON.stringify(Object.entries(theirs.query).sort(byName))
  return mine === other ? [] : [`query: ours ${mine}, oracle ${other}`]
}

function byName([one]: readonly [string, unknown], [other]: readonly [string, unknown]): number {
  return one < other ? -1 : one > other ? 1 : 0
}

/**
 * Node skips empty lines before the request line and several spaces in it (RFC 9112, 2.2 and 3, let it); Go refuses
 * both. Nobody can see them in the strings that Node hands over, and as every request is rebuilt, what is judged
 * and sent on is the request without them: so that is what the oracle is asked about.
 */
export function withPlainRequestLine(bytes: Buffer): Buffer {
  const text = bytes.toString('latin1')
  const plain = text.replace(/^[\r\n]*([A-Z]+) +([^ \r\n]+) +(HTTP\/)/, '$1 $2 $3')
  return plain === text ? bytes : Buffer.from(plain, 'latin1')
}

/** What would be sent on for an accepted request, as bytes: nothing of the caller's own. */
export function rebuilt(request: ParsedRequest): Buffer {
  const lines = [`${request.method} ${request.target} HTTP/1.1`, 'Host: upstream.example']
  for (const [name, value] of request.headers) if (name !== 'content-length') lines.push(`${name}: ${value}`)
  if (request.upgrade !== null) lines.push('Connection: Upgrade', `Upgrade: ${request.upgrade}`)
  return Buffer.from(`${lines.join('\r\n')}\r\n\r\n`, 'latin1')
}
