/** A request on its way to becoming bytes; every part is raw, as it will stand on the wire. */
export interface Draft {
  method: string
  path: string
  /** Raw `name=value` pairs; null for a target without `?`. */
  query: string[] | null
  version: string
  headers: [name: string, value: string][]
  body: string
}

/** Characters become bytes one to one. */
export function toBytes(draft: Draft): Buffer {
  const target = draft.query === null ? draft.path : `${draft.path}?${draft.query.join('&')}`
  const headers = draft.headers.map(([name, value]) => `${name}: ${value}\r\n`).join('')
  return Buffer.from(`${draft.method} ${target} ${draft.version}\r\n${headers}\r\n${draft.body}`, 'latin1')
}

export function simpleDraft(method: string, target: string, headers: [string, string][] = []): Draft {
  const mark = target.indexOf('?')
  return {
    method,
    path: mark < 0 ? target : target.slice(0, mark),
    query: mark < 0 ? null : target.slice(mark + 1).split('&'),
    version: 'HTTP/1.1',
    headers: [['Host', 'cluster.example'], ...headers],
    body: '',
  }
}
