import type { JSONWebKeySet } from 'jose'
import { Refusal } from '../errors/refusal.ts'
import type { ReviewToken } from '../identity/serviceaccount/token-review.ts'
import { readBody } from '../kubernetes/body/read-body.ts'
import { buildAction } from '../kubernetes/classify.ts'
import { createDiscovery, type Discovery } from '../kubernetes/discovery/discovery.ts'
import type { DiscoveryEntry } from '../kubernetes/discovery/entry.ts'
import { scopeFault } from '../kubernetes/discovery/scope.ts'
import { rewriteAccept } from '../kubernetes/negotiation/accept.ts'
import type { ParsedRequest, RefusedRequest } from '../kubernetes/request/contract.ts'
import { parseRequest } from '../kubernetes/request/parse.ts'
import { risksOf } from '../policy/risk.ts'
import { fetchDiscovery, fetchJwks } from '../tunnel/calls/fetch-document.ts'
import { reviewToken } from '../tunnel/calls/review-token.ts'
import type { RecordedLink } from '../tunnel/contract.ts'
import type { AgentRegistry } from '../tunnel/registry.ts'
import type { Directory } from './directory.ts'
import type { Classified, InSession } from './exchange.ts'
import type { Limits } from './gateway.ts'
import type { OwnCalls } from './own-calls.ts'
import { createLocalGroups, type LocalGroups } from './services/local-groups.ts'

/** What the pipeline and the authenticator need of a Kubernetes connection. */
export interface KubernetesSide extends LocalGroups {
  classify(x: InSession): Promise<Classified>
  readonly reviewToken: ReviewToken
  clusterKeys(connection: string): Promise<JSONWebKeySet>
}

export interface KubernetesSideOptions {
  readonly registry: AgentRegistry
  readonly directory: Directory
  readonly ownCalls: OwnCalls
  readonly limits: Pick<Limits, 'requestBody' | 'requestBodyTime'>
}

/** Joins parser, bodies, negotiation and discovery into the classifier of Kubernetes connections. */
export function createKubernetesSide(options: KubernetesSideOptions): KubernetesSide {
  const { registry, directory, ownCalls, limits } = options
  const discoveries = new Map<string, Discovery>()

  function linkTo(name: string): RecordedLink {
    const connection = directory.byName(name)
    if (connection === undefined) throw new Refusal('connection-unknown', { check: 'connection-name' })
    return ownCalls.through(registry.linkFor(connection))
  }

  function discoveryOf(name: string): Discovery {
    let discovery = discoveries.get(name)
    if (discovery === undefined) {
      discovery = createDiscovery({
        fetch: async path => fetchDiscovery(linkTo(name), name, path),
      })
      discoveries.set(name, discovery)
    }
    return discovery
  }

  return {
    ...createLocalGroups(linkTo),
    async classify(x) {
      const { caller } = x
      const { httpVersion } = caller
      const head = { method: caller.method, target: x.target, rawHeaders: caller.rawHeaders }
      const parsed = parseRequest(httpVersion === undefined ? head : { ...head, httpVersion })
      if (parsed.refused) throw refusalOf(parsed)
      if (parsed.upgrade !== null) throw new Refusal('upgrade-unsupported', { check: parsed.upgrade })
      const accept = rewriteAccept(parsed.headers.get('accept'), parsed)
      if (typeof accept !== 'string') throw refusalOf(accept)

      const { info } = parsed
      const bytes = await caller.readBody(limits.requestBody, limits.requestBodyTime)
      // Kept for the record of a refusal; sealed, because nobody has read it yet.
      x.progress.requestBody = { bytes, mediaType: parsed.headers.get('content-type') ?? '' }
      const entry = info.isResource
        ? await discoveryOf(x.connection.name).lookup(info.apiGroup, info.apiVersion, info.resource)
        : undefined
      // What the cluster does not have is answered by the cluster: 404 is not ours to guess.
      const fault = entry === undefined ? null : scopeFault(info, entry)
      if (fault !== null) throw refusalOf(fault)
      const body = readBody(parsed, bytes, entry)
      if (body.refused) throw refusalOf(body)
      return Object.assign(x, {
        parsed,
        accept,
        body: { bytes: body.bytes, mediaType: body.mediaType },
        action: buildAction(parsed, body.facts, entry, risksOf),
        answerKind: answerKindOf(parsed, entry),
      })
    },
    async reviewToken(connection, token, audiences) {
      const result = await reviewToken(linkTo(connection), connection, token, audiences)
      if (!result.authenticated) return { authenticated: false, error: result.error }
      return {
        authenticated: true,
        user: {
          username: result.username,
          uid: result.uid,
          groups: result.groups,
          extra: Object.fromEntries(result.extra),
        },
        audiences: result.audiences,
      }
    },
    async clusterKeys(connection) {
      const document = await fetchJwks(linkTo(connection), connection)
      return JSON.parse(document.body.toString('utf8')) as JSONWebKeySet
    },
  }
}

/** Of what the URL takes and gives: the resource's own kind, or that of its subresource. */
function answerKindOf({ info }: ParsedRequest, entry: DiscoveryEntry | undefined): Classified['answerKind'] {
  if (entry === undefined) return null
  const kind = info.subresource === '' ? entry.kind : entry.subresources.get(info.subresource)?.kind
  if (kind === undefined) return null
  const slash = kind.apiVersion.indexOf('/')
  return { group: slash < 0 ? '' : kind.apiVersion.slice(0, slash), kind: kind.kind }
}

function refusalOf(r: Pick<RefusedRequest, 'code' | 'check' | 'detail'>): Refusal {
  return new Refusal(r.code, { check: r.check, detail: r.detail })
}
