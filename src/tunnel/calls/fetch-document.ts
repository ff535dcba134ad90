import { Refusal } from '../../errors/refusal.ts'
import type { RecordedLink, SessionDescriptor } from '../contract.ts'
import { collect, headerOf } from './collect.ts'
import { ownCall } from './own-call.ts'

export interface FetchedDocument {
  /** 200, or 304 when `etag` still holds; then `body` is empty. */
  readonly status: 200 | 304
  readonly mediaType: string
  readonly etag: string | undefined
  readonly body: Buffer
}

/** The aggregated form first (KEP-3352), the plain lists of older API servers else. */
const DISCOVERY_ACCEPT =
  'application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,' +
  'application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList,application/json'
const DISCOVERY_LIMIT = 32 * 1024 * 1024
const KEYS_LIMIT = 1024 * 1024

/** `/api`, `/apis`, `/apis/GROUP/VERSION`, `/version`, `/openapi/…` under the agent's own credential. */
export function fetchDiscovery(
  link: RecordedLink,
  connection: string,
  path: string,
  etag?: string,
): Promise<FetchedDocument> {
  const headers = ['accept', DISCOVERY_ACCEPT, ...(etag === undefined ? [] : ['if-none-match', etag])]
  return fetchDocument(link, connection, 'discovery', path, headers, DISCOVERY_LIMIT)
}

/** The service-account issuer's discovery document and keys of the cluster (OpenID Connect Discovery, RFC 7517). */
export function fetchJwks(link: RecordedLink, connection: string): Promise<FetchedDocument> {
  const accept = ['accept', 'application/jwk-set+json, application/json']
  return fetchDocument(link, connection, 'jwks', '/openid/v1/jwks', accept, KEYS_LIMIT)
}

export function fetchIssuer(link: RecordedLink, connection: string): Promise<FetchedDocument> {
  const path = '/.well-known/openid-configuration'
  return fetchDocument(link, connection, 'jwks', path, ['accept', 'application/json'], KEYS_LIMIT)
}

/** The APIService of a group version, which says who serves it. Rejects also when there is none, or no right to read it. */
export function fetchApiService(
  link: RecordedLink,
  connection: string,
  name: string,
): Promise<FetchedDocument> {
  const path = `/apis/apiregistration.k8s.io/v1/apiservices/${name}`
  return fetchDocument(link, connection, 'apiservice', path, ['accept', 'application/json'], KEYS_LIMIT)
}

/** Rejects with a Refusal, also for any status but 200 and 304. */
async function fetchDocument(
  link: RecordedLink,
  connection: string,
  purpose: NonNullable<SessionDescriptor['purpose']>,
  target: string,
  headers: readonly string[],
  limit: number,
): Promise<FetchedDocument> {
  const call = ownCall(connection, purpose, { method: 'GET', target, headers, headTimeout: 30_000 })
  const { status, headers: fields, body } = await collect(link, call, limit)
  if (status !== 200 && status !== 304) {
    throw new Refusal('upstream-answer-refused', {
      check: purpose,
      detail: `the upstream answered ${status}`,
    })
  }
  return {
    status,
    mediaType: headerOf(fields, 'content-type') ?? '',
    etag: headerOf(fields, 'etag'),
    body,
  }
}
