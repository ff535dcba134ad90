import type { ParsedRequest, RequestInfo } from '../../kubernetes/request/contract.ts'
import type { CeilingSpec } from './schema.ts'

/** What the agent's operator allows at most. No gateway and no policy can widen it. */
export interface Ceiling {
  /** Undefined when the ceiling allows it, else a sentence that a caller may read. */
  refuses(parsed: ParsedRequest): string | undefined
}

const READS: ReadonlySet<string> = new Set(['get', 'list', 'watch'])
/** Subresources that open a stream into a container or an address in the cluster, whatever the HTTP method says. */
const STREAMS: ReadonlySet<string> = new Set(['exec', 'attach', 'portforward', 'proxy'])
/** Asking what oneself may do changes nothing; kubectl does it with POST. */
const SELF_REVIEWS: ReadonlySet<string> = new Set([
  'authorization.k8s.io/selfsubjectaccessreviews',
  'authorization.k8s.io/selfsubjectrulesreviews',
  'authentication.k8s.io/selfsubjectreviews',
])
const ALWAYS_READABLE: ReadonlySet<string> = new Set([
  'api',
  'apis',
  'openapi',
  'version',
  'healthz',
  'livez',
  'readyz',
])

export const noCeiling: Ceiling = { refuses: () => undefined }

/** A ceiling of several: what any of them refuses is refused. */
export function lowestCeiling(ceilings: readonly Ceiling[]): Ceiling {
  return {
    refuses(parsed) {
      for (const ceiling of ceilings) {
        const reason = ceiling.refuses(parsed)
        if (reason !== undefined) return reason
      }
      return undefined
    },
  }
}

export function compileCeiling(spec: CeilingSpec): Ceiling {
  const namespaces = spec.namespaces === undefined ? undefined : new Set(spec.namespaces)
  const verbs = spec.verbs === undefined ? undefined : new Set<string>(spec.verbs)
  const resources = spec.resources?.map(compileResource)
  const denied = (spec.deniedResources ?? []).map(compileDenied)
  const paths = spec.nonResourcePaths ?? []

  return {
    refuses(parsed) {
      const { info } = parsed
      const self = SELF_REVIEWS.has(`${info.apiGroup}/${info.resource}`) && info.subresource === ''
      const verb = effectiveVerb(info)
      if (spec.readOnly && !READS.has(verb) && !self) return 'this agent only reads'
      if (verbs !== undefined && !verbs.has(verb) && !self)
        return `this agent does not allow the verb ${verb}`
      if (!info.isResource) {
        return isAllowedPath(parsed, paths) ? undefined : 'this agent does not allow this path'
      }
      if (spec.noExec && opensStream(info)) {
        return 'this agent allows no exec, attach, port-forward, proxy or debug container'
      }
      if (denied.some(matches => matches(info))) return 'this agent denies this resource'
      if (self) return undefined
      if (resources !== undefined && !resources.some(matches => matches(info))) {
        return 'this agent does not allow this resource'
      }
      if (namespaces === undefined) return undefined
      if (info.namespace === '') {
        return spec.clusterScoped === true ? undefined : 'this agent allows named namespaces only'
      }
      return namespaces.has(info.namespace) ? undefined : 'this agent does not allow this namespace'
    },
  }
}

/** exec over WebSocket is a GET; nothing that opens a stream counts as a read. */
function effectiveVerb(info: RequestInfo): string {
  return info.isResource && STREAMS.has(info.subresource) ? 'create' : info.verb
}

function opensStream(info: RequestInfo): boolean {
  return STREAMS.has(info.subresource) || info.subresource === 'ephemeralcontainers'
}

/** `pods`, `pods/log`, `deployments.apps`, `*.apps`, `*`. A plain name does not cover subresources; `pods/*` does. */
function compileResource(pattern: string): (info: RequestInfo) => boolean {
  const slash = pattern.indexOf('/')
  const subresource = slash < 0 ? '' : pattern.slice(slash + 1)
  const full = slash < 0 ? pattern : pattern.slice(0, slash)
  const dot = full.indexOf('.')
  const resource = dot < 0 ? full : full.slice(0, dot)
  const anything = full === '*' && slash < 0
  const group = full === '*' ? '*' : dot < 0 ? '' : full.slice(dot + 1)
  return info =>
    anything ||
    ((resource === '*' || resource === info.resource) &&
      (group === '*' || group === info.apiGroup) &&
      (subresource === '*' || subresource === info.subresource))
}

/** What is denied is denied with everything below it: without `nodes` there is no `nodes/proxy` either. */
function compileDenied(pattern: string): (info: RequestInfo) => boolean {
  return compileResource(pattern.includes('/') ? pattern : `${pattern}/*`)
}

function isAllowedPath(parsed: ParsedRequest, paths: readonly string[]): boolean {
  if (READS.has(parsed.info.verb) && ALWAYS_READABLE.has(parsed.segments[0] ?? '')) return true
  const { path } = parsed.info
  return paths.some(one => (one.endsWith('*') ? path.startsWith(one.slice(0, -1)) : path === one))
}
