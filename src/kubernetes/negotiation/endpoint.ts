import type { ParsedRequest } from '../request/contract.ts'

/**
 * What kind of answer a path gives. `proxied`: whatever the program behind a proxy subresource says. `openapi`: the
 * two schema documents, which alone may come as protobuf (they hold no object). `text`: metrics, health and other
 * pages outside of the resource API.
 */
export type Endpoint = 'resource' | 'log' | 'proxied' | 'discovery' | 'openapi' | 'keys' | 'text'

const DISCOVERY = new Set(['api', 'apis', 'version'])

export function endpointOf({ info, segments }: ParsedRequest): Endpoint {
  if (info.isResource) {
    if (info.subresource === 'proxy') return 'proxied'
    return info.resource === 'pods' && info.subresource === 'log' && info.apiGroup === '' ? 'log' : 'resource'
  }
  const root = segments[0] ?? ''
  if (root === '' || DISCOVERY.has(root)) return 'discovery'
  if (root === 'openapi') return 'openapi'
  return root === 'openid' || root === '.well-known' ? 'keys' : 'text'
}
