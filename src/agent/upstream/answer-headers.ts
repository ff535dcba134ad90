/**
 * Fields of an answer that belong to one connection (RFC 9110 7.6.1), and Alt-Svc, which would send a client past
 * the gateway.
 */
const dropped: ReadonlySet<string> = new Set([
  'alt-svc',
  'connection',
  'keep-alive',
  'proxy-authenticate',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
])

/** Flat name, value list with lower-case names; hop-by-hop fields and those that Connection names are left out. */
export function flattenAnswerHeaders(
  fields: Readonly<Record<string, string | string[] | undefined>>,
): string[] {
  const named = namedByConnection(fields.connection)
  const flat: string[] = []
  for (const name in fields) {
    if (dropped.has(name) || named?.has(name)) continue
    const value = fields[name]
    if (typeof value === 'string') flat.push(name, value)
    else if (value !== undefined) for (const one of value) flat.push(name, one)
  }
  return flat
}

function namedByConnection(value: string | string[] | undefined): Set<string> | undefined {
  if (value === undefined || value === 'keep-alive' || value === 'close') return undefined
  const list = typeof value === 'string' ? value : value.join(',')
  return new Set(list.split(',').map(token => token.trim().toLowerCase()))
}
